"""What devices reach of their peaks, by operation, type and size, with sources."""
