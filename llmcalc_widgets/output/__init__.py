"""What comes out of the explorer: a table, code, files and a still picture."""
