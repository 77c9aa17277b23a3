"""The hunt: bad calls, mutated files and laws, a short one as tests and a long one by name."""
