"""Peak rates of a device by type of data, and which of them a multiplication runs at."""

from __future__ import annotations

from typing import Any

from llmcalc_core.checks import one_of, positive

Rates = tuple[tuple[str, float], ...]

DATA_TYPES = ("fp32", "tf32", "bf16", "fp16", "fp8", "int8", "fp4", "int4")

# Where a device lacks a type, it computes at the rate of the next one that it has: values are
# unpacked to that type first.
_FALLBACK = {
    "int4": ("int4", "int8", "bf16", "fp16", "fp32"),
    "fp4": ("fp4", "fp8", "bf16", "fp16", "fp32"),
    "int8": ("int8", "bf16", "fp16", "fp32"),
    "fp8": ("fp8", "bf16", "fp16", "fp32"),
    "bf16": ("bf16", "fp16", "fp32"),
    "fp16": ("fp16", "bf16", "fp32"),
    "tf32": ("tf32", "fp32"),
    "fp32": ("fp32",),
}


def checked_rates(name: str, flops: object) -> Rates:
    """Return rates by type [FLOP/s] as pairs, if they are rates.

    Raises
    ------
    ValueError
        For anything but a dict or pairs, an unknown type, a rate that is not above zero, or no
        rate at 16 or 32 bits.

    Examples
    --------
    >>> checked_rates("toy", {"bf16": 1e14})
    (('bf16', 100000000000000.0),)
    """
    rates = tuple(
        (one_of("flops", kind, DATA_TYPES), positive(f"flops of {kind}", rate, unit="FLOP/s"))
        for kind, rate in _pairs(flops)
    )
    if not any(kind in ("bf16", "fp16", "fp32") for kind, _ in rates):
        msg = f"flops of {name} need a rate for bf16, fp16 or fp32, got {flops!r}"
        raise ValueError(msg)
    return rates


def running_rate(flops: Rates, data_type: str) -> tuple[str, float]:
    """Give the type that a multiplication really runs in, and its rate [FLOP/s].

    Examples
    --------
    >>> running_rate((("bf16", 1e14),), "fp8")
    ('bf16', 100000000000000.0)
    """
    rates = dict(flops)
    for kind in _FALLBACK[data_type]:
        if kind in rates:
            return kind, rates[kind]
    widest = next(kind for kind in DATA_TYPES if kind in rates)
    return widest, rates[widest]


def _pairs(flops: object) -> list[tuple[Any, Any]]:
    try:
        return list(dict(flops).items())  # type: ignore[call-overload]
    except (TypeError, ValueError):
        msg = f"flops must be a dict or pairs of type and rate [FLOP/s], got {flops!r}"
        raise ValueError(msg) from None
