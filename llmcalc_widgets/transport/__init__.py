"""What goes between kernel and page: messages in batches, and disposal."""
