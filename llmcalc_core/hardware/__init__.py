"""Devices: what they compute, hold and move, their catalogue, and how a name finds one."""
