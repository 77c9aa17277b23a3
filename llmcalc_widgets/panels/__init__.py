"""What stands beside and below the chart: plans in figures, why, bars, pages of planners."""
