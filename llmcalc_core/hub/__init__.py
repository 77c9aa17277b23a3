"""Models by name, and the reader of a Hugging Face ``config.json``, by maker."""
