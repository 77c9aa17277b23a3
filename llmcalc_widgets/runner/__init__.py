"""What computes: evaluations, load curves, and what replicas carry; each the last one asked."""
