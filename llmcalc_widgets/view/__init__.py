"""Evaluation to chart and details; the views write only the selection."""
