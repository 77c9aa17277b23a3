"""A grid costs so many times what plain numpy takes; half as much again is a fault.

Both are counted in processor time of the same run, which neighbours on the machine disturb least,
and by turns, as what shares the memory's bandwidth comes and goes: the least time of each counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from llmcalc_core import explore

LENGTHS = {"output_tokens": [64 * step for step in range(1, 9)], "batch": [*range(1, 65)]}
GRIDS: dict[str, tuple[dict[str, Any], float]] = {
    "dense": (
        {"model": "llama2_70b", "devices": [8], "input_tokens": [*range(100, 4100, 200)]},
        3.0,
    ),
    "mixture": (
        {"model": "mixtral_8x7b", "devices": [8], "input_tokens": [*range(100, 1300, 200)]},
        3.2,
    ),
    "hybrid": (
        {"model": "jamba_v0_1", "devices": [8], "input_tokens": [*range(100, 1300, 200)]},
        3.4,
    ),
}
"""What is asked, and its ratio to the numpy workload per candidate, as measured on 2026-12-01."""

WORSE = 1.5
ROUNDS, PATIENCE = 5, 60
"""Turns that each takes at least; and at most, while the ratio is too large."""


def seconds(work: Callable[[], object]) -> float:
    """Give the processor time of one call [s]."""
    start = time.process_time()
    work()
    return time.process_time() - start


def columns(rows: int = 2**18) -> None:
    """Fill forty columns, as a frame has, with a product and a power each."""
    numbers = np.linspace(1.0, 2.0, rows)
    for column in np.empty((40, rows)):
        np.multiply(numbers, 1.1, out=column)
        np.sqrt(column, out=column)


@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_takes_no_more_than_it_did(name: str) -> None:
    asked, known = GRIDS[name]
    question = {**asked, **LENGTHS, "hardware": "H100_80GB"}
    rows = len(explore(**question))
    found, plain, ratio, turns = float("inf"), float("inf"), float("inf"), 0
    while turns < ROUNDS or (ratio >= WORSE * known and turns < PATIENCE):
        found = min(found, seconds(lambda: explore(**question)))
        plain = min(plain, seconds(columns))
        ratio, turns = (found / rows) / (plain / 2**18), turns + 1
    assert ratio < WORSE * known, f"{rows:,} candidates: {ratio:.2f} times plain numpy"
