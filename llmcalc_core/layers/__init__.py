"""Kinds of layer, each with its work, its weights and its cache or state."""
