"""Notebook front end of the calculator: a form, a chart and the plan it leads to."""

from __future__ import annotations

from importlib.util import find_spec

if _missing := [name for name in ("anywidget", "bqplot", "ipywidgets") if find_spec(name) is None]:
    _msg = f"llmcalc_widgets needs {', '.join(_missing)}: pip install 'llmcalc-planner[widgets]'"
    raise ImportError(_msg)

from llmcalc_widgets.apps.hardware_comparer import HardwareComparer
from llmcalc_widgets.apps.memory_planner import MemoryPlanner
from llmcalc_widgets.apps.pareto_explorer import ParetoExplorer
from llmcalc_widgets.apps.pool_planner import PoolPlanner
from llmcalc_widgets.apps.slo_finder import SloFinder
from llmcalc_widgets.apps.what_if import WhatIf
from llmcalc_widgets.apps.workbench import Workbench
from llmcalc_widgets.chart.measured import MeasuredChart

__all__ = [
    "HardwareComparer",
    "MeasuredChart",
    "MemoryPlanner",
    "ParetoExplorer",
    "PoolPlanner",
    "SloFinder",
    "WhatIf",
    "Workbench",
]
