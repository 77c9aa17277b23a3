"""``ModelConfig``: a decoder described by the numbers of its configuration file."""
