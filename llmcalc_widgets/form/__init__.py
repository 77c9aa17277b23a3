"""Controls to request and back."""
