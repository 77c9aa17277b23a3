"""The live Pareto chart: a view of an evaluation, its marks, and what is selected in it."""
