"""Continuous batching over time: steps, the prefills between them, and the queue."""
