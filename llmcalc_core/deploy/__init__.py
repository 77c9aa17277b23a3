"""From a plan to a server: the commands that start it, and the benchmark that verifies it."""
