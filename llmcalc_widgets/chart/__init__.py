"""The live Pareto chart: a scene of an evaluation, its marks, and what is pointed at."""
