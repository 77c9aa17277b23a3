"""Which plans there are, which fit, which are on the Pareto front, which is best."""
