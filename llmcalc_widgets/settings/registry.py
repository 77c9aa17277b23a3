"""The settings in the order of the form: what every widget is asked, and the request they make.

A new setting is an entry of one of the classes that :class:`SettingValues` joins: its traits,
checks, control, label, tooltip, configuration, words in comparisons and code follow from it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from llmcalc_core import EvaluationRequest, make_request
from llmcalc_widgets.settings.deployment import DeploymentValues, MemoryValues
from llmcalc_widgets.settings.presets import with_workload
from llmcalc_widgets.settings.renamed import renamed
from llmcalc_widgets.settings.setting import Values, settings_of
from llmcalc_widgets.settings.techniques import EngineValues, PriceValues, TechniqueValues
from llmcalc_widgets.settings.workload import WorkloadValues


class SettingValues(
    DeploymentValues,
    WorkloadValues,
    MemoryValues,
    TechniqueValues,
    EngineValues,
    PriceValues,
    total=False,
):
    """Everything that can be set of a question."""


SETTINGS = settings_of(SettingValues)
"""Every setting of a question by name, in the order of the form."""

DEFAULTS = {name: one.default for name, one in SETTINGS.items() if not one.alias}
"""What is asked where nothing is set."""

TECHNIQUES = tuple(name for name, one in SETTINGS.items() if one.group == "techniques")
PRICES = tuple(name for name, one in SETTINGS.items() if one.group == "prices")


_RATES = frozenset({"request_rate", "request_rate_min"})


def to_request(settings: Values) -> EvaluationRequest:
    """Make the request that checked settings ask for.

    Examples
    --------
    >>> from llmcalc_widgets.settings.registry import DEFAULTS
    >>> to_request({**DEFAULTS, "batch_min": 3, "batch_max": 10}).batches
    (3, 4, 8, 10)
    """
    arguments: dict[str, Any] = {}
    for setting in SETTINGS.values():
        arguments |= setting.arguments(settings)
    return make_request(**arguments)


def checked_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in their canonical form, those of a workload in its place.

    Raises
    ------
    ValueError
        For an unknown name or a value out of range.

    Examples
    --------
    >>> checked_settings({"devices": 16.0, "workload": "batch"})["devices"]
    16
    """
    try:
        given = renamed(values)
        check_names(given, SETTINGS)
    except TypeError as error:
        raise ValueError(str(error)) from None
    return {name: SETTINGS[name].checked(one) for name, one in in_full(given).items()}


def in_full(values: Mapping[str, Any]) -> dict[str, Any]:
    """Put the settings of a workload in its place; where a rate is given, load is given as one.

    Raises
    ------
    ValueError
        For an unknown workload.

    Examples
    --------
    >>> in_full({"request_rate": 20})
    {'request_rate': 20, 'load_as': 'request_rate'}
    """
    given = with_workload(values)
    implied = {"load_as": "request_rate"} if not _RATES.isdisjoint(given) else {}
    return {**given, **({} if "load_as" in given else implied)}


_CALLED = {
    "isl": "input_tokens", "input_len": "input_tokens", "prompt_tokens": "input_tokens",
    "osl": "output_tokens", "output_len": "output_tokens", "max_tokens": "output_tokens",
    "max_model_len": "input_tokens", "context_length": "input_tokens",
    "kv_cache_dtype": "precision", "dtype": "precision", "quantization": "precision",
    "bits": "precision", "gpu": "hardware", "device": "hardware", "system_name": "hardware",
    "gpus": "devices", "num_gpus": "devices", "world_size": "devices", "total_nodes": "devices",
    "concurrency": "batch_max", "max_concurrency": "batch_max", "batch": "batch_max",
    "batch_size": "batch_max", "qps": "request_rate", "rps": "request_rate",
    "gpu_memory_utilization": "memory_fraction", "mem_fraction_static": "memory_fraction",
    "free_gpu_memory_fraction": "memory_fraction", "max_running_requests": "max_num_seqs",
    "max_batch_size": "max_num_seqs", "max_num_batched_tokens": "prefill_chunk_tokens",
    "chunked_prefill_size": "prefill_chunk_tokens", "num_speculative_tokens": "speculative_tokens",
    "enable_prefix_caching": "prefix_hit_rate", "itl": "tpot_limit_ms", "backend": "engine",
}  # fmt: skip
"""What engines and benchmarks call settings."""

_FOUND = frozenset({
    "tp", "tp_size", "tensor_parallel", "tensor_parallel_size", "pp", "pp_size",
    "pipeline_parallel", "pipeline_parallel_size", "ep", "ep_size", "expert_parallel",
    "enable_expert_parallel", "dp", "dp_size", "data_parallel_size", "attention_dp", "replicas",
})  # fmt: skip
"""What is no setting of widgets, which find it."""


def check_names(
    names: Mapping[str, object], known: Collection[str], *, owner: str = "ParetoExplorer"
) -> None:
    """Refuse a keyword that is no setting.

    Raises
    ------
    TypeError
        With the nearest setting.
    """
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1, cutoff=0.6)
            meant = _CALLED.get(
                name.lower().lstrip("-").replace("-", "_"), close[0] if close else ""
            )
            hint = f"did you mean {meant!r}?" if meant in known else f"known: {', '.join(known)}"
            if name in _FOUND:
                hint = "every split of the devices is tried, and df has one row for each"
            msg = f"{owner} has no setting {name!r}; {hint}"
            raise TypeError(msg)
