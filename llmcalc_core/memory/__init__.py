"""What a device holds, what goes to its host, and how many requests that lets in."""
