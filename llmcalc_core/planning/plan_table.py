"""Plans as a table: layouts, and the replicas of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.engines import Engine
from llmcalc_core.planning.layouts import no_plan, plans
from llmcalc_core.planning.legality import can_lay_out
from llmcalc_core.workload.layout import Layout


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanTable:
    """Plans as a table: the layouts that occur, which of them each has, and how many replicas."""

    layouts: tuple[Layout, ...]
    layout: NDArray[np.intp]
    replicas: NDArray[np.int32]


@lru_cache(maxsize=64)
def plan_table(
    model: Model, devices: tuple[int, ...], contexts: tuple[int, ...], engine: Engine
) -> PlanTable:
    """Give the plans on any of the device counts.

    Parameters
    ----------
    model : Model
        What is laid out.
    devices, contexts : tuple of int
        Devices in total, and context parallel widths to try.
    engine : Engine
        What serves: it may split layers alone.

    Returns
    -------
    PlanTable
        Those of the first number of devices first.

    Raises
    ------
    ValueError
        If no plan has the context parallel widths that are asked for.
    """
    found = tuple(
        plan
        for count in devices
        for plan in plans(model, count, contexts)
        if can_lay_out(engine, plan.layout)
    )
    if not found:
        raise no_plan(model, devices, contexts)
    position: dict[Layout, int] = {}
    places = [position.setdefault(plan.layout, len(position)) for plan in found]
    return PlanTable(
        layouts=tuple(position),
        layout=np.array(places, dtype=np.intp),
        replicas=np.array([plan.replicas for plan in found], dtype=np.int32),
    )
