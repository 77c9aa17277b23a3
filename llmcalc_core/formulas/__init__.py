"""Formulas as functions of numbers: keyword-only, scalars or arrays that broadcast, SI units."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = float | NDArray[np.floating[Any]]
"""A number or an array of numbers, in the unit that a formula's docstring states."""

Floats = NDArray[np.floating[Any]]
"""An array of numbers."""
