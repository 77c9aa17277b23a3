"""Formulas as functions of numbers: keyword-only, scalars or arrays that broadcast, SI units."""
