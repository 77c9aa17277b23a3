"""Sums over the layers of a model: time by kind and by bound, kernels started."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.costmodel.timing import BOUNDS, KINDS, Timed
from llmcalc_core.formulas import Floats, Values


def time_of_model(timed: list[Timed], counts: Floats) -> tuple[list[Values], list[Values]]:
    """Sum the times of the whole model by kind and by bound [s]."""
    kinds: list[Values] = [0.0] * len(KINDS)
    bounds: list[Values] = [0.0] * len(BOUNDS)
    for group in sorted(timed, key=lambda group: group.seconds.size):
        held = counts[group.section]
        if group.link is not None:
            sent = _summed(held, group.seconds)
            kinds[2], bounds[group.link] = kinds[2] + sent, bounds[group.link] + sent
            continue
        present, masks = _by_kind(group.kinds)
        parts = _summed(masks * held, group.seconds)
        for kind, part in zip(present, parts, strict=True):
            kinds[kind] = kinds[kind] + part
        computing, waiting = _summed(held, group.computing), held @ group.floors
        busy = parts[0] if len(present) == 1 else parts.sum(axis=0)
        bounds[0] = bounds[0] + computing
        bounds[1] = bounds[1] + (busy - computing - waiting)
        bounds[3] = bounds[3] + waiting
    return kinds, bounds


@lru_cache(maxsize=64)
def _by_kind(kinds: tuple[int, ...]) -> tuple[tuple[int, ...], Floats]:
    """Give the kinds that occur, and for each a row of ones where it does."""
    present = tuple(sorted(set(kinds)))
    return present, np.array([[float(kind == own) for own in kinds] for kind in present])


def count_launches(timed: list[Timed], counts: Floats) -> Values:
    """Count the kernels of a whole pass, messages included."""
    started: Values = 0.0
    for group in timed:
        started = started + _summed(counts[group.section], group.launches)
    return started


def total(parts: list[Values]) -> Floats:
    """Sum parts of different shapes, the small ones first, those of one shape in place."""
    found: Values = np.float64(0.0)
    if any(isinstance(part, np.ndarray) for part in parts):
        parts = sorted(parts, key=lambda part: getattr(part, "size", 1))
    for part in parts:
        if isinstance(found, np.ndarray) and found.shape == np.shape(part):
            found += part
        else:
            found = found + part
    return cast("Floats", found)


def largest_bound(bounds: list[Values]) -> NDArray[np.intp]:
    """Give for each plan the position in ``BOUNDS`` of what takes the most time."""
    if all(isinstance(part, float) for part in bounds):
        return np.asarray(max(range(len(bounds)), key=bounds.__getitem__))
    largest, position = np.asarray(bounds[0]), np.asarray(0)
    for index, part in enumerate(bounds[1:], start=1):
        if isinstance(part, float) and not part:
            continue
        position = np.where(part > largest, index, position)
        largest = np.maximum(largest, part)
    return position


def _summed(weights: Floats, values: Floats) -> Floats:
    """Sum over the first axis of ``values`` with weights of shape (..., n)."""
    if values.ndim == 1:
        return cast("Floats", weights @ values)
    flat = weights @ values.reshape(len(values), -1)
    return np.asarray(flat).reshape((*weights.shape[:-1], *values.shape[1:]))
