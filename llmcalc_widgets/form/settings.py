"""What can be asked: the settings of the form, checked one by one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from os import PathLike
from typing import Any, TypedDict

from llmcalc_core import (
    CHECKPOINT,
    EvaluationRequest,
    Hardware,
    ModelConfig,
    Precision,
    make_request,
)
from llmcalc_widgets.form.canonical import canonical_hardware, canonical_model, canonical_precision


class SettingValues(TypedDict, total=False):
    """Everything the form can set."""

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


class InputValues(SettingValues, total=False):
    """Those, and the name that stands for some of them."""

    workload: str | None


DEFAULTS = SettingValues(
    model="llama2_70b",
    hardware="H100_80GB",
    devices=8,
    devices_min=None,
    stage="decode",
    engine="vllm",
    input_tokens=2000,
    output_tokens=256,
    batch_min=1,
    batch_max=256,
    precision=CHECKPOINT,
    memory_fraction=0.9,
    tpot_limit_ms=None,
    ttft_limit_ms=None,
)

LIMITS = ("tpot_limit_ms", "ttft_limit_ms")
OPTIONAL = (*LIMITS, "devices_min")
RANGES = {"batch_min": "batch_max", "devices_min": "devices"}
"""Smallest numbers, and the largest ones that they may not exceed."""

MOST_TOKENS = 10_000_000
MOST_BATCH = 65_536
"""Beyond these a figure is a slip of the pen, not a workload."""

_LIMITS = {
    "input_tokens": MOST_TOKENS,
    "output_tokens": MOST_TOKENS,
    "batch_min": MOST_BATCH,
    "batch_max": MOST_BATCH,
}
_TUPLES = {
    "devices_min": "devices",
    "devices": "devices",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "batch_min": "batches",
    "batch_max": "batches",
}


def checked(name: str, value: Any) -> Any:  # noqa: ANN401 - each setting has its own type
    """Return a setting's value in its canonical form.

    Parameters
    ----------
    name : str
        A key of :class:`SettingValues`.
    value : object
        What was given.

    Returns
    -------
    object
        A catalogue name where there is one, a whole number as ``int``, and so on.

    Raises
    ------
    ValueError
        For an unknown name or a value out of range.

    Examples
    --------
    >>> checked("model", "meta-llama/Llama-2-70b-hf"), checked("devices", 16.0)
    ('llama2_70b', 16)
    """
    if name in _NAMED:
        return _NAMED[name](value)
    if name in OPTIONAL and value is None:
        return None
    if name in LIMITS:
        return _checked_limit(name, value)
    if name in _TUPLES:
        return _checked_number(name, value)
    return getattr(replace(_any_request(), **{name: value}), name)


def check_together(settings: Mapping[str, Any]) -> None:
    """Check the settings that depend on each other.

    Raises
    ------
    ValueError
        If a smallest number is above its largest.
    """
    for least, most in RANGES.items():
        low, high = settings[least], settings[most]
        if low is not None and low > high:
            msg = f"{least} must be at most {most}, which is {high:,}, got {low:,}"
            raise ValueError(msg)


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
    return make_request(
        settings["model"],
        settings["hardware"],
        doublings(settings["devices_min"], settings["devices"]),
        stage=settings["stage"],
        engine=settings["engine"],
        input_tokens=settings["input_tokens"],
        output_tokens=settings["output_tokens"],
        batch=doublings(settings["batch_min"], settings["batch_max"]),
        precision=settings["precision"],
        memory_fraction=settings["memory_fraction"],
        latency_limit_s=limits["ttft_limit_ms" if prefill else "tpot_limit_ms"],
        ttft_limit_s=None if prefill else limits["ttft_limit_ms"],
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


@cache
def _any_request() -> EvaluationRequest:
    """Make some valid request, to check one field at a time in."""
    return to_request(DEFAULTS)


def _checked_number(name: str, value: object) -> int:
    field = _TUPLES[name]
    change: dict[str, Any] = {field: (value,)}
    try:
        number = int(getattr(replace(_any_request(), **change), field)[0])
    except ValueError as error:
        raise ValueError(str(error).replace(field, name, 1)) from None
    most = _LIMITS.get(name, number)
    if number > most:
        msg = f"{name} must be at most {most:,}, got {number:,}"
        raise ValueError(msg)
    return number


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1e3


def _checked_limit(name: str, value: Any) -> float:  # noqa: ANN401
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    try:
        replace(_any_request(), latency_limit_s=value / 1e3 if number else value)
    except ValueError:
        msg = f"{name} must be a number above 0 [ms] or None, got {value!r}"
        raise ValueError(msg) from None
    return float(value)


_NAMED: dict[str, Callable[[Any], Any]] = {
    "model": canonical_model,
    "hardware": canonical_hardware,
    "precision": canonical_precision,
}
