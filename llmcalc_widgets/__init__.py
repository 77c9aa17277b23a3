"""Notebook front end of the calculator: a form, a chart and the plan it leads to."""

from __future__ import annotations

from llmcalc_widgets.apps.hardware_comparer import HardwareComparer
from llmcalc_widgets.apps.memory_planner import MemoryPlanner
from llmcalc_widgets.apps.pareto_explorer import ParetoExplorer
from llmcalc_widgets.apps.slo_finder import SloFinder
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
