"""Notebook front end of the calculator: a form, a chart and the plan it leads to."""

from __future__ import annotations

from llmcalc_widgets.apps.comparer import HardwareComparer
from llmcalc_widgets.apps.explorer import ParetoExplorer
from llmcalc_widgets.apps.finder import SloFinder
from llmcalc_widgets.apps.memory_planner import MemoryPlanner
from llmcalc_widgets.apps.what_if import WhatIf
from llmcalc_widgets.apps.workbench import Workbench
from llmcalc_widgets.chart.measured import MeasuredChart

__all__ = [
    "HardwareComparer",
    "MeasuredChart",
    "MemoryPlanner",
    "ParetoExplorer",
    "SloFinder",
    "WhatIf",
    "Workbench",
]
