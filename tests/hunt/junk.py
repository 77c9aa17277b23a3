"""Values that no argument means, of every kind that a notebook may hold."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


class Unfriendly:
    """An object of somebody else's, whose text is long."""

    def __repr__(self) -> str:
        return "Unfriendly" * 10_000


SCALARS: tuple[Any, ...] = (
    None, True, False, -1, 0, 0.5, 1.5, -0.0, 1e308, -1e308, 1e-308, 5e-324, 2**31, 2**63, 10**400,
    float("nan"), float("inf"), float("-inf"), 1 + 2j, Decimal("NaN"), Decimal("1e999"),
    Fraction(1, 3), np.int32(-4), np.int8(127), np.float32(4.5), np.float64("nan"), np.bool_(1),
    np.datetime64("2026-01-01"), datetime(2026, 1, 1, tzinfo=UTC), pd.NA, pd.NaT,
)  # fmt: skip
TEXTS: tuple[Any, ...] = (
    "", " ", "no", "8", "0.5", "nan", "x", "é\u202e", "\0", "\ud800", "a" * 10**6, "../" * 50,
    "http://localhost:9/x.csv", "<script>", "{0}%s", b"x", Path("nowhere"), Path(), "/", "[" * 5000,
)  # fmt: skip
COLLECTIONS: tuple[Callable[[], Any], ...] = (
    list, tuple, dict, set, lambda: [None], lambda: [True], lambda: ["8"], lambda: [[1]],
    lambda: [float("nan")], lambda: [1, "x"], lambda: [-1, 1], lambda: [2**63], lambda: {"a": 1},
    lambda: {1: "a"}, lambda: {1, 2}, lambda: [{}], lambda: list(range(10**5)),
    lambda: ["a"] * 10**5, lambda: range(10**12), itertools.count, lambda: iter([1]),
    lambda: np.array(4), lambda: np.array([1.5, 2.5]), lambda: np.array([]),
    lambda: np.array([[1, 2], [3, 4]]), lambda: np.array([object()]), lambda: np.zeros(10**6),
    lambda: pd.Series([1.0, None]), pd.DataFrame, lambda: pd.DataFrame({"a": [1, None]}),
    lambda: pd.DataFrame(np.zeros((300, 300))), lambda: pd.Index([1, 2]), lambda: {"a": [{}] * 999},
)  # fmt: skip
OBJECTS: tuple[Any, ...] = (
    object(), Unfriendly(), Unfriendly, int, len, lambda: 1, type, Ellipsis, NotImplemented,
    slice(3), np, memoryview(b"x"), ValueError("x"),
)  # fmt: skip


def kinds() -> list[Callable[[], Any]]:
    """Give a maker of each junk value: some are used up, or changed, by who takes them."""
    fixed = [*SCALARS, *TEXTS, *OBJECTS]
    return [*(lambda value=value: value for value in fixed), *COLLECTIONS]


def nested(depth: int) -> list[Any]:
    """Give a list of lists, so deep."""
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found
