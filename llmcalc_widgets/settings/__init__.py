"""What can be set: one entry per setting, its check, its control, and the request it makes."""
