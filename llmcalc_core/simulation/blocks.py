"""Continuous batching of a large grid, some layouts at a time: their arrays stay in the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from math import prod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.costmodel.times import TimeByKind
from llmcalc_core.costmodel.utilisation import Utilisation
from llmcalc_core.parallel import in_threads
from llmcalc_core.simulation.serving import ServingTimes, serving_times

_ROWS = 2**16
"""Plans and workloads of a block: an array of them takes half a megabyte."""

Part = TypeVar("Part", TimeByKind, Utilisation)


def serving_times_in_blocks(case: Case) -> ServingTimes:
    """Time requests under continuous batching, as :func:`serving_times` does.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, grid and efficiency.

    Returns
    -------
    ServingTimes
        Without the times to first token of a burst and of even arrivals.
    """
    model, hardware, precision, grid, efficiency = case
    each = prod(grid.shape[1:])
    step = max(_ROWS // each, 1)
    if step >= len(grid.layouts):
        return serving_times(*case, further=False)
    starts = range(0, len(grid.layouts), step)

    def of_block(start: int) -> ServingTimes:
        """Time some of the layouts."""
        some = grid.of_layouts(slice(start, start + step))
        return serving_times(model, hardware, precision, some, efficiency, further=False)

    found = in_threads(of_block, starts)

    def joined(of: Callable[[ServingTimes], Any]) -> NDArray[Any]:
        """Put the values of the blocks one after the other."""
        first = np.asarray(of(found[0]))
        whole = np.empty(grid.shape, first.dtype)
        for start, one in zip(starts, found, strict=True):
            whole[start : start + step] = of(one)
        return whole

    nothing = np.asarray(np.nan)
    return replace(
        found[0],
        ttft_s=joined(lambda one: one.ttft_s),
        tpot_s=joined(lambda one: one.tpot_s),
        e2e_s=joined(lambda one: one.e2e_s),
        burst_ttft_s=nothing,
        steady_ttft_s=nothing,
        by_kind=_joined_parts(TimeByKind, lambda one: one.by_kind, joined),
        bound=joined(lambda one: one.bound),
        utilisation=_joined_parts(Utilisation, lambda one: one.utilisation, joined),
    )


def _joined_parts(
    kind: type[Part],
    of: Callable[[ServingTimes], Part],
    joined: Callable[[Callable[[ServingTimes], Any]], NDArray[Any]],
) -> Part:
    """Join the fields of a record of several blocks."""

    def named(name: str) -> NDArray[Any]:
        return joined(lambda one: getattr(of(one), name))

    return kind(**{field.name: named(field.name) for field in fields(kind)})
