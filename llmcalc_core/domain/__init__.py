"""Frozen facts: model, precision, hardware, layout, request."""
