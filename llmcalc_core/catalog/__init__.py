"""Names to facts: models and hardware, each figure with its source."""
