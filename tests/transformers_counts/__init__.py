"""Reading of configurations held against the models of Hugging Face transformers."""
