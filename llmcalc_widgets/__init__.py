"""Notebook front end of the calculator: a form, a chart and the plan it leads to."""

from __future__ import annotations

from llmcalc_widgets.comparer import HardwareComparer
from llmcalc_widgets.explorer import ParetoExplorer
from llmcalc_widgets.finder import SloFinder
from llmcalc_widgets.planner import MemoryPlanner
from llmcalc_widgets.view.measured import MeasuredChart
from llmcalc_widgets.what_if import WhatIf
from llmcalc_widgets.workbench import Workbench

__all__ = [
    "HardwareComparer",
    "MeasuredChart",
    "MemoryPlanner",
    "ParetoExplorer",
    "SloFinder",
    "WhatIf",
    "Workbench",
]
