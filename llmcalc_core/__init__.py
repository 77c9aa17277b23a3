"""LLM inference performance: latency, throughput and memory of every plan, as arrays."""

from __future__ import annotations

from llmcalc_core.api import (
    IN_FLIGHT,
    METRICS,
    Calibration,
    calibrate,
    compare_hardware,
    describe,
    estimate_decode_performance,
    estimate_end_to_end_performance,
    estimate_prefill_performance,
    estimate_serving_performance,
    explain,
    explore_disaggregated,
    find_slo_plan,
    get_best_parallelization_strategy,
    get_minimum_system_size,
    get_pareto_optimal_performance,
    get_various_parallelization,
    image_work,
    largest_that_fits,
    parameters_by_part,
    sensitivity,
    slo_plans,
)
from llmcalc_core.api.explore import explore
from llmcalc_core.api.make_request import make_request
from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.engines import DEFAULT_ENGINE, ENGINES, Engine, find_engine
from llmcalc_core.hardware.catalogue import hardware_sources, list_hardware
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hardware.find import find_hardware, load_hardware
from llmcalc_core.hardware.guide import HARDWARE_CONFIGS, get_hardware_config
from llmcalc_core.hub.fetch import model_from_hub
from llmcalc_core.hub.models import find_model, list_models
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.model.vision import VisionTower
from llmcalc_core.planning.cost import COST_COLUMNS
from llmcalc_core.planning.evaluation import Evaluation, evaluate
from llmcalc_core.planning.feasibility import DoesNotFitError
from llmcalc_core.planning.pareto import pareto_mask
from llmcalc_core.planning.request import OBJECTIVES, STAGES, EvaluationRequest
from llmcalc_core.planning.table import MEMORY_COLUMNS, TIME_COLUMNS
from llmcalc_core.precision import (
    CHECKPOINT,
    PRECISIONS,
    Precision,
    asked_precision,
    parse_precision,
)
from llmcalc_core.workload.techniques import Techniques

__all__ = [
    "CHECKPOINT",
    "COST_COLUMNS",
    "DEFAULT_ENGINE",
    "ENGINES",
    "HARDWARE_CONFIGS",
    "IN_FLIGHT",
    "MEMORY_COLUMNS",
    "METRICS",
    "OBJECTIVES",
    "PRECISIONS",
    "STAGES",
    "TIME_COLUMNS",
    "Calibration",
    "DoesNotFitError",
    "Engine",
    "Evaluation",
    "EvaluationRequest",
    "Hardware",
    "Model",
    "ModelConfig",
    "Precision",
    "Techniques",
    "VisionTower",
    "architecture",
    "asked_precision",
    "calibrate",
    "compare_hardware",
    "describe",
    "estimate_decode_performance",
    "estimate_end_to_end_performance",
    "estimate_prefill_performance",
    "estimate_serving_performance",
    "evaluate",
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
    "hardware_sources",
    "image_work",
    "largest_that_fits",
    "list_hardware",
    "list_models",
    "load_hardware",
    "make_request",
    "model_from_hub",
    "parameters_by_part",
    "pareto_mask",
    "parse_precision",
    "sensitivity",
    "slo_plans",
]
