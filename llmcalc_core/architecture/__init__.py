"""A model as its distinct layers and the order they come in; its parameters, its drafts."""
