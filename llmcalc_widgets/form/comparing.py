"""What can be typed to compare: a setting and its value, or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmcalc_core import PRECISIONS, list_hardware, list_models
from llmcalc_widgets.form.names import name_of
from llmcalc_widgets.form.numbers import typed_number
from llmcalc_widgets.form.settings import OPTIONAL
from llmcalc_widgets.form.techniques import TECHNIQUES
from llmcalc_widgets.form.workloads import WORKLOADS

TECHNIQUE_LABELS = {
    "prefix_hit_rate": "prefix hit rate",
    "prefill_chunk_tokens": "prefill chunk [tokens]",
    "speculative_tokens": "drafted tokens",
    "acceptance_rate": "acceptance rate",
    "draft_model": "draft model",
    "context_parallel_max": "context parallel to",
    "lora_adapters": "LoRA adapters",
    "lora_rank": "LoRA rank",
    "weights_offload": "weights offloaded",
    "weights_offload_gib": "weights offloaded [GiB]",
    "kv_offload": "KV cache offloaded",
    "offload_to_fit": "offload to fit",
}
_NAMED: dict[str, Callable[[], Sequence[str]]] = {
    "hardware": list_hardware,
    "model": list_models,
    "precision": lambda: PRECISIONS,
    "workload": lambda: tuple(WORKLOADS),
}
_USUAL: dict[str, Sequence[Any]] = {
    "prefix_hit_rate": (0, 0.25, 0.5, 0.75, 0.9),
    "prefill_chunk_tokens": (512, 1024, 2048, 4096, 8192, 16384),
    "speculative_tokens": (0, 1, 2, 3, 4, 6, 8),
    "acceptance_rate": (0.5, 0.6, 0.7, 0.8, 0.9),
    "context_parallel_max": (1, 2, 4, 8),
    "lora_adapters": (0, 8, 32, 128),
    "weights_offload": (0, 0.1, 0.25, 0.5),
    "weights_offload_gib": (0, 4, 8, 16, 32),
    "kv_offload": (0, 0.1, 0.25, 0.5),
    "offload_to_fit": (False, True),
}
_SEVERAL = "drafted tokens: 4; acceptance rate: 0.7"
_SETTINGS = {label: name for name, label in TECHNIQUE_LABELS.items()}
_WORDS = {"yes": True, "no": False, "none": None}


def offered() -> list[str]:
    """List what is usually compared."""
    named = [f"{kind}: {name}" for kind, names in _NAMED.items() for name in names()]
    usual = [
        f"{TECHNIQUE_LABELS[setting]}: {name_of(value)}"
        for setting, values in _USUAL.items()
        for value in values
    ]
    return [*named, *usual, _SEVERAL]


def typed_changes(text: str) -> Mapping[str, Any]:
    """Read the changes of settings that were typed; what names no setting is hardware.

    Examples
    --------
    >>> typed_changes("L4"), typed_changes("precision: fp8")
    ({'hardware': 'L4'}, {'precision': 'fp8'})
    >>> typed_changes("drafted tokens: 4; acceptance rate: 0.7")
    {'speculative_tokens': 4, 'acceptance_rate': 0.7}
    """
    return dict(_change(part) for part in text.split(";") if part.strip())


def _change(text: str) -> tuple[str, Any]:
    kind, _, value = (part.strip() for part in text.partition(":"))
    if kind in _NAMED:
        return kind, value
    setting = _SETTINGS.get(kind, kind)
    if setting not in TECHNIQUES:
        return "hardware", text.strip()
    if setting == "offload_to_fit" or setting in OPTIONAL:
        return setting, _WORDS.get(value, typed_number(value))
    return setting, typed_number(value)
