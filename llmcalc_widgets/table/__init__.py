"""The table of plans: sorted, filtered and cut into pages."""
