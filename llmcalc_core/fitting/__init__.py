"""Fitting constants to measured runs: many unlike runs at once, and a robust least squares."""
