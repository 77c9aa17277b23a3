"""The widgets that a user names."""
