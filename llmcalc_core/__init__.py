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
from llmcalc_core.catalog.built_in_hardware import hardware_sources, list_hardware
from llmcalc_core.catalog.guide_hardware import HARDWARE_CONFIGS, get_hardware_config
from llmcalc_core.catalog.hardware import find_hardware, load_hardware
from llmcalc_core.catalog.hub import model_from_hub
from llmcalc_core.catalog.models import find_model, list_models
from llmcalc_core.domain.checkpoint import CHECKPOINT, asked_precision
from llmcalc_core.domain.config import ModelConfig
from llmcalc_core.domain.data_types import PRECISIONS
from llmcalc_core.domain.engine import ENGINES
from llmcalc_core.domain.hardware import Hardware
from llmcalc_core.domain.model import Model, architecture
from llmcalc_core.domain.precision import Precision
from llmcalc_core.domain.precision_names import parse_precision
from llmcalc_core.domain.request import OBJECTIVES, STAGES, EvaluationRequest
from llmcalc_core.domain.techniques import Techniques
from llmcalc_core.domain.vision import VisionTower
from llmcalc_core.evaluation import Evaluation, evaluate, explore, make_request
from llmcalc_core.search.cost import COST_COLUMNS
from llmcalc_core.search.feasibility import DoesNotFitError
from llmcalc_core.search.pareto import pareto_mask
from llmcalc_core.search.table import MEMORY_COLUMNS, TIME_COLUMNS

__all__ = [
    "CHECKPOINT",
    "COST_COLUMNS",
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
