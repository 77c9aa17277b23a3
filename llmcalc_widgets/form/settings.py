"""What can be asked: the settings of the form, and the request that they make."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from os import PathLike
from typing import Any, TypedDict

from llmcalc_core import (
    CHECKPOINT,
    DEFAULT_ENGINE,
    EvaluationRequest,
    Hardware,
    ModelConfig,
    Precision,
    make_request,
)
from llmcalc_widgets.form.techniques import (
    DRAFTING,
    OFFLOADING,
    OPTIONAL_TECHNIQUES,
    PRICES,
    TECHNIQUES,
    PriceValues,
    TechniqueValues,
    check_drafting,
    check_offloading,
    technique_arguments,
)


class PlainValues(TypedDict, total=False):
    """What every question has."""

    model: str | PathLike[str] | Mapping[str, Any] | ModelConfig
    hardware: str | Mapping[str, Any] | Hardware
    devices: int
    devices_min: int | None
    stage: str
    engine: str
    input_tokens: int
    output_tokens: int
    batch_min: int
    batch_max: int
    precision: str | Precision
    memory_fraction: float
    tpot_limit_ms: float | None
    ttft_limit_ms: float | None


class SettingValues(PlainValues, TechniqueValues, PriceValues, total=False):
    """Everything the form can set."""


class InputValues(SettingValues, total=False):
    """Those, and the name that stands for some of them."""

    workload: str | None


DEFAULTS = SettingValues(
    model="llama2_70b",
    hardware="H100_80GB",
    devices=8,
    devices_min=None,
    stage="decode",
    engine=DEFAULT_ENGINE,
    input_tokens=2000,
    output_tokens=256,
    batch_min=1,
    batch_max=256,
    precision=CHECKPOINT,
    memory_fraction=0.9,
    tpot_limit_ms=None,
    ttft_limit_ms=None,
    **TECHNIQUES,
    **PRICES,
)

LIMITS = ("tpot_limit_ms", "ttft_limit_ms")
OPTIONAL = (*LIMITS, "devices_min", *OPTIONAL_TECHNIQUES)
RANGES = {"batch_min": "batch_max", "devices_min": "devices"}
"""Smallest numbers, and the largest ones that they may not exceed."""

TOGETHER = frozenset({*RANGES, *RANGES.values(), *DRAFTING, *OFFLOADING})
"""Settings that depend on each other."""


def check_together(settings: Mapping[str, Any]) -> None:
    """Check the settings that depend on each other.

    Raises
    ------
    ValueError
        If a smallest number is above its largest, nothing drafts what is to be drafted, or what is
        offloaded is said in two ways.
    """
    for least, most in RANGES.items():
        low, high = settings[least], settings[most]
        if low is not None and low > high:
            msg = f"{least} must be at most {most}, which is {high:,}, got {low:,}"
            raise ValueError(msg)
    check_drafting(settings)
    check_offloading(settings)


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
            close = get_close_matches(name, known, n=1, cutoff=0.4)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            msg = f"{owner} has no setting {name!r}; {hint}"
            raise TypeError(msg)


def to_request(settings: Mapping[str, Any]) -> EvaluationRequest:
    """Make the request that checked settings ask for.

    Examples
    --------
    >>> to_request({**DEFAULTS, "batch_min": 3, "batch_max": 10}).batches
    (3, 4, 8, 10)
    """
    limits = {name: _seconds(settings[name]) for name in LIMITS}
    prefill = settings["stage"] == "prefill"
    widest = settings["context_parallel_max"]
    return make_request(
        settings["model"],
        settings["hardware"],
        doublings(settings["devices_min"], settings["devices"]),
        phase=settings["stage"],
        engine=settings["engine"],
        input_tokens=settings["input_tokens"],
        output_tokens=settings["output_tokens"],
        batch=doublings(settings["batch_min"], settings["batch_max"]),
        precision=settings["precision"],
        memory_fraction=settings["memory_fraction"],
        tpot_limit_s=None if prefill else limits["tpot_limit_ms"],
        ttft_limit_s=limits["ttft_limit_ms"],
        context_parallel=None if widest is None else doublings(1, widest),
        price_per_hour=settings["price_per_hour"],
        power_watts=settings["power_watts"],
        **technique_arguments(settings),
    )


def doublings(low: int | None, high: int) -> tuple[int, ...]:
    """Both ends, and the powers of two between them; the high end alone where there is no low one.

    Examples
    --------
    >>> doublings(1, 8), doublings(6, 20), doublings(None, 6)
    ((1, 2, 4, 8), (6, 8, 16, 20), (6,))
    """
    if low is None:
        return (high,)
    between = (2**power for power in range(high.bit_length()))
    return tuple(sorted({low, high, *(size for size in between if low < size < high)}))


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1e3
