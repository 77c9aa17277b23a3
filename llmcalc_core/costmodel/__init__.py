"""Work of a pass, time of the work, and how passes join into phases: the one time model."""
