"""Many widgets opened and closed: none is left behind, and memory stays flat."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable

import ipywidgets
import pytest

from llmcalc_widgets import (
    HardwareComparer,
    MemoryPlanner,
    ParetoExplorer,
    PoolPlanner,
    SloFinder,
    WhatIf,
)

HALF = 8
LEFT_BLOCKS = 100
"""Blocks of memory that may be left of each of the second half: one that leaks holds thousands.

A few hundred in all come and go with what else the process does."""


def explorer() -> ParetoExplorer:
    made = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=1, batch_max=4)
    made.select(0)
    return made


def planner() -> MemoryPlanner:
    return MemoryPlanner(model="llama2_7b", hardware="A100_80GB", devices=1)


def comparer() -> HardwareComparer:
    return HardwareComparer(model="llama2_7b", hardware=["A100_80GB", "L4"], devices=1, batch_max=4)


def what_if() -> WhatIf:
    made = WhatIf(model="llama2_7b", hardware="A100_80GB", devices=1, batch_max=4)
    made.folds["model_changes"].reveal()
    made.hardware_changes = {"memory_bandwidth": 3e12}
    return made


def finder() -> SloFinder:
    made = SloFinder(model="llama2_7b", hardware="A100_80GB", devices=1)
    made.code.reveal()
    return made


def pools() -> PoolPlanner:
    made = PoolPlanner(model="llama2_7b", hardware="A100_80GB", devices=2)
    made.form.reveal("More settings")
    return made


@pytest.mark.parametrize("make", [explorer, planner, comparer, finder, pools, what_if])
def test_many_leave_nothing(make: Callable[[], ipywidgets.Widget]) -> None:
    registry = ipywidgets.widgets.widget._instances
    before = set(registry)
    for _ in range(HALF):
        make().close()
    gc.collect()
    held = sys.getallocatedblocks()
    for _ in range(HALF):
        make().close()
    gc.collect()
    left = sys.getallocatedblocks() - held
    assert set(registry) == before
    assert left < HALF * LEFT_BLOCKS


OPEN_AT_THE_END = """
from llmcalc_widgets import (
    HardwareComparer, MemoryPlanner, ParetoExplorer, PoolPlanner, SloFinder, WhatIf, Workbench
)
kinds = HardwareComparer, MemoryPlanner, ParetoExplorer, PoolPlanner, SloFinder, WhatIf, Workbench
widgets = [kind() for kind in kinds]
"""


def test_widgets_may_be_open_when_python_ends() -> None:
    ended = subprocess.run(  # noqa: S603 - the program is the constant above
        [sys.executable, "-c", OPEN_AT_THE_END], capture_output=True, text=True, check=True
    )
    assert ended.stderr == ""


def test_a_part_may_be_closed_before_the_whole() -> None:
    registry = ipywidgets.widgets.widget._instances
    before, explorer = set(registry), ParetoExplorer(model="llama2_7b", devices=2)
    explorer.chart.close()
    explorer.close()
    assert set(registry) <= before
