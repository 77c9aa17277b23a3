"""Requests larger than memory: evaluated part by part, here or on other machines, into one file."""
