"""LLM inference performance: latency, throughput and memory of every plan, as arrays."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

# This function has the name of its room: bound once the room is imported, the name stays its own.
from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.deprecation import warn_renamed

if TYPE_CHECKING:
    from llmcalc_core.api.calibrate import Calibration, calibrate
    from llmcalc_core.api.comparison import METRICS, compare_hardware
    from llmcalc_core.api.description import describe, parameters_by_part
    from llmcalc_core.api.disaggregated import explore_disaggregated
    from llmcalc_core.api.end_to_end import estimate_end_to_end_performance
    from llmcalc_core.api.estimates import estimate_decode_performance, estimate_prefill_performance
    from llmcalc_core.api.explain import explain
    from llmcalc_core.api.explore import explore
    from llmcalc_core.api.images import image_work
    from llmcalc_core.api.load_curve import load_curve
    from llmcalc_core.api.make_request import make_request
    from llmcalc_core.api.memory_budget import memory_budget
    from llmcalc_core.api.plans import (
        get_best_parallelization_strategy,
        get_minimum_system_size,
        get_pareto_optimal_performance,
        get_various_parallelization,
    )
    from llmcalc_core.api.sensitivity import largest_that_fits, sensitivity
    from llmcalc_core.api.serving import estimate_serving_performance
    from llmcalc_core.api.simulate import Simulation, simulate
    from llmcalc_core.api.slo import IN_FLIGHT, find_slo_plan, slo_plans, slo_replicas
    from llmcalc_core.deploy.benchmark_files import read_benchmark
    from llmcalc_core.deploy.commands import launch
    from llmcalc_core.deploy.server import Launch, NotRunnableError
    from llmcalc_core.engines import (
        DEFAULT_ENGINE,
        ENGINES,
        Engine,
        find_engine,
        release_of,
        versions_of,
    )
    from llmcalc_core.hardware.catalogue import hardware_sources, list_hardware
    from llmcalc_core.hardware.device import Hardware
    from llmcalc_core.hardware.find import find_hardware, load_hardware
    from llmcalc_core.hardware.guide import HARDWARE_CONFIGS, get_hardware_config
    from llmcalc_core.hub.models import find_model, list_models, model_from_hub
    from llmcalc_core.model.config import ModelConfig
    from llmcalc_core.model.vision import VisionTower
    from llmcalc_core.planning.columns import MEMORY_COLUMNS, TIME_COLUMNS
    from llmcalc_core.planning.cost import COST_COLUMNS
    from llmcalc_core.planning.evaluation import Evaluation, evaluate, evaluate_cases
    from llmcalc_core.planning.feasibility import DoesNotFitError
    from llmcalc_core.planning.pareto import OBJECTIVES, pareto_mask
    from llmcalc_core.planning.request import PHASES, EvaluationRequest
    from llmcalc_core.planning.verdict import LIMITS
    from llmcalc_core.precision import (
        CHECKPOINT,
        PRECISIONS,
        Precision,
        asked_precision,
        gguf_precision,
        parse_precision,
    )
    from llmcalc_core.simulation.steps import Cancelled
    from llmcalc_core.spreadsheets import csv_text
    from llmcalc_core.workload.conversations import draw_conversations
    from llmcalc_core.workload.lengths import FixedLengths, LognormalLengths, UniformLengths
    from llmcalc_core.workload.requests import Requests
    from llmcalc_core.workload.techniques import Techniques

__all__ = [
    "CHECKPOINT",
    "COST_COLUMNS",
    "DEFAULT_ENGINE",
    "ENGINES",
    "HARDWARE_CONFIGS",
    "IN_FLIGHT",
    "LIMITS",
    "MEMORY_COLUMNS",
    "METRICS",
    "OBJECTIVES",
    "PHASES",
    "PRECISIONS",
    "TIME_COLUMNS",
    "Calibration",
    "Cancelled",
    "DoesNotFitError",
    "Engine",
    "Evaluation",
    "EvaluationRequest",
    "FixedLengths",
    "Hardware",
    "Launch",
    "LognormalLengths",
    "Model",
    "ModelConfig",
    "NotRunnableError",
    "Precision",
    "Requests",
    "Simulation",
    "Techniques",
    "UniformLengths",
    "VisionTower",
    "architecture",
    "asked_precision",
    "calibrate",
    "compare_hardware",
    "csv_text",
    "describe",
    "draw_conversations",
    "estimate_decode_performance",
    "estimate_end_to_end_performance",
    "estimate_prefill_performance",
    "estimate_serving_performance",
    "evaluate",
    "evaluate_cases",
    "explain",
    "explore",
    "explore_disaggregated",
    "find_engine",
    "find_hardware",
    "find_model",
    "find_slo_plan",
    "get_best_parallelization_strategy",
    "get_hardware_config",
    "get_minimum_system_size",
    "get_pareto_optimal_performance",
    "get_various_parallelization",
    "gguf_precision",
    "hardware_sources",
    "image_work",
    "largest_that_fits",
    "launch",
    "list_hardware",
    "list_models",
    "load_curve",
    "load_hardware",
    "make_request",
    "memory_budget",
    "model_from_hub",
    "parameters_by_part",
    "pareto_mask",
    "parse_precision",
    "read_benchmark",
    "release_of",
    "sensitivity",
    "simulate",
    "slo_plans",
    "slo_replicas",
    "versions_of",
]

_HOMES = {
    "api.calibrate": ("Calibration", "calibrate"),
    "api.comparison": ("METRICS", "compare_hardware"),
    "api.description": ("describe", "parameters_by_part"),
    "api.disaggregated": ("explore_disaggregated",),
    "api.end_to_end": ("estimate_end_to_end_performance",),
    "api.estimates": ("estimate_decode_performance", "estimate_prefill_performance"),
    "api.explain": ("explain",),
    "api.explore": ("explore",),
    "api.images": ("image_work",),
    "api.make_request": ("make_request",),
    "api.memory_budget": ("memory_budget",),
    "api.plans": (
        "get_best_parallelization_strategy",
        "get_minimum_system_size",
        "get_pareto_optimal_performance",
        "get_various_parallelization",
    ),
    "api.sensitivity": ("largest_that_fits", "sensitivity"),
    "api.serving": ("estimate_serving_performance",),
    "api.load_curve": ("load_curve",),
    "api.simulate": ("Simulation", "simulate"),
    "api.slo": ("IN_FLIGHT", "find_slo_plan", "slo_plans", "slo_replicas"),
    "engines": (
        "DEFAULT_ENGINE",
        "ENGINES",
        "Engine",
        "find_engine",
        "release_of",
        "versions_of",
    ),
    "deploy.benchmark_files": ("read_benchmark",),
    "deploy.commands": ("launch",),
    "deploy.server": ("Launch", "NotRunnableError"),
    "hardware.catalogue": ("hardware_sources", "list_hardware"),
    "hardware.device": ("Hardware",),
    "hardware.find": ("find_hardware", "load_hardware"),
    "hardware.guide": ("HARDWARE_CONFIGS", "get_hardware_config"),
    "hub.models": ("find_model", "list_models", "model_from_hub"),
    "model.config": ("ModelConfig",),
    "model.vision": ("VisionTower",),
    "planning.verdict": ("LIMITS",),
    "planning.columns": ("MEMORY_COLUMNS", "TIME_COLUMNS"),
    "planning.cost": ("COST_COLUMNS",),
    "planning.evaluation": ("Evaluation", "evaluate", "evaluate_cases"),
    "planning.feasibility": ("DoesNotFitError",),
    "planning.pareto": ("OBJECTIVES", "pareto_mask"),
    "planning.request": ("PHASES", "EvaluationRequest"),
    "precision": (
        "CHECKPOINT",
        "PRECISIONS",
        "Precision",
        "asked_precision",
        "gguf_precision",
        "parse_precision",
    ),
    "simulation.steps": ("Cancelled",),
    "spreadsheets": ("csv_text",),
    "workload.conversations": ("draw_conversations",),
    "workload.lengths": ("FixedLengths", "LognormalLengths", "UniformLengths"),
    "workload.requests": ("Requests",),
    "workload.techniques": ("Techniques",),
}
"""Where the public names are, by module; each is imported when it is first asked for."""

_RENAMED = {"STAGES": "PHASES"}
"""Names of 0.1.0, and what they are called now."""

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:  # a checker of types sees the imports above, and misses what is not there

    def __getattr__(name: str) -> object:
        """Import a public name when it is first asked for, with no more than it needs.

        Raises
        ------
        AttributeError
            If there is no such name.
        """
        if name in _RENAMED:
            warn_renamed(name, _RENAMED[name], level=3)
            return __getattr__(_RENAMED[name])
        if name not in _HOME_OF:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Name what there is, imported or not."""
    return sorted({*globals(), *__all__})
