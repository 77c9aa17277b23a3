"""How a checkpoint says that it is quantised, and the precision of a model's parts that follows."""
