"""From a model, a device and a grid of plans to arrays of times and bytes."""
