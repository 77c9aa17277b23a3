"""Peak rates of a device by type of data, and which of them a multiplication runs at."""

from __future__ import annotations

import math
from typing import Any

from llmcalc_core.checks import in_range, one_of
from llmcalc_core.dtypes import DATA_TYPES, WIDE_TYPES
from llmcalc_core.shown import shown

Rates = tuple[tuple[str, float], ...]

_LEAST, _USUAL = 1e6, 1e15
"""The least rate of a device, that of a microcontroller, and a usual one [FLOP/s]."""


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
        (
            one_of("flops", kind, tuple(DATA_TYPES)),
            in_range(f"flops of {kind}", rate, (_LEAST, math.inf), usual=_USUAL, unit="FLOP/s"),
        )
        for kind, rate in _pairs(flops)
    )
    if not any(kind in WIDE_TYPES for kind, _ in rates):
        *others, last = WIDE_TYPES
        msg = f"flops of {name} need a rate for {', '.join(others)} or {last}, got {shown(flops)}"
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
    if data_type in rates:
        return data_type, rates[data_type]
    known = DATA_TYPES[one_of("data_type", data_type, tuple(DATA_TYPES))]
    for kind in (*known.fallback, *DATA_TYPES):
        if kind in rates:
            return kind, rates[kind]
    msg = f"flops need a rate for one of {', '.join(DATA_TYPES)}, got {shown(flops)}"
    raise ValueError(msg)


def _pairs(flops: object) -> list[tuple[Any, Any]]:
    try:
        return list(dict(flops).items())  # type: ignore[call-overload]
    except (TypeError, ValueError):
        msg = f"flops must be a dict or pairs of type and rate [FLOP/s], got {shown(flops)}"
        raise ValueError(msg) from None
