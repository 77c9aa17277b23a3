"""Predicted values with their bands."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A predicted value and its 80 % band; memory has none (NaN)."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One figure for each metric of a case, and what they rest on."""

    figures: tuple[Figure, ...]
    basis: str
