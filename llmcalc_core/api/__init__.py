"""The guide's functions: its arguments in, its column names and keys out.

Latencies are in milliseconds and throughputs in tokens per second, as in the guide; the native
functions (:mod:`llmcalc_core.planning`), and those that say why a plan of theirs is as it is, use
SI units throughout.
"""

from llmcalc_core.api.calibrate import Calibration, calibrate
from llmcalc_core.api.comparison import METRICS, compare_hardware
from llmcalc_core.api.description import describe, parameters_by_part
from llmcalc_core.api.disaggregated import explore_disaggregated
from llmcalc_core.api.end_to_end import estimate_end_to_end_performance
from llmcalc_core.api.estimates import estimate_decode_performance, estimate_prefill_performance
from llmcalc_core.api.explain import explain
from llmcalc_core.api.images import image_work
from llmcalc_core.api.plans import (
    get_best_parallelization_strategy,
    get_minimum_system_size,
    get_pareto_optimal_performance,
    get_various_parallelization,
)
from llmcalc_core.api.sensitivity import largest_that_fits, sensitivity
from llmcalc_core.api.serving import estimate_serving_performance
from llmcalc_core.api.slo import IN_FLIGHT, find_slo_plan, slo_plans

__all__ = [
    "IN_FLIGHT",
    "METRICS",
    "Calibration",
    "calibrate",
    "compare_hardware",
    "describe",
    "estimate_decode_performance",
    "estimate_end_to_end_performance",
    "estimate_prefill_performance",
    "estimate_serving_performance",
    "explain",
    "explore_disaggregated",
    "find_slo_plan",
    "get_best_parallelization_strategy",
    "get_minimum_system_size",
    "get_pareto_optimal_performance",
    "get_various_parallelization",
    "image_work",
    "largest_that_fits",
    "parameters_by_part",
    "sensitivity",
    "slo_plans",
]
