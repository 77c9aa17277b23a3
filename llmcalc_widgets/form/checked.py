"""Settings one by one: each value in its canonical form, or an error that says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

from llmcalc_core import EvaluationRequest
from llmcalc_widgets.form.canonical import canonical_hardware, canonical_model, canonical_precision
from llmcalc_widgets.form.settings import DEFAULTS, LIMITS, OPTIONAL, to_request
from llmcalc_widgets.form.techniques import PRICES, TECHNIQUES, checked_price, checked_technique

MOST_TOKENS = 10_000_000
MOST_BATCH = 65_536
MOST_WIDTH = 1024
"""Beyond these a figure is a slip of the pen, not a workload."""

_LIMITS = {
    "input_tokens": MOST_TOKENS,
    "output_tokens": MOST_TOKENS,
    "batch_min": MOST_BATCH,
    "batch_max": MOST_BATCH,
    "context_parallel_max": MOST_WIDTH,
}
_TUPLES = {
    "devices_min": "devices",
    "devices": "devices",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "batch_min": "batches",
    "batch_max": "batches",
    "context_parallel_max": "context_parallel",
}


def checked(name: str, value: Any) -> Any:  # noqa: ANN401 - each setting has its own type
    """Return a setting's value in its canonical form.

    Parameters
    ----------
    name : str
        A key of :class:`~llmcalc_widgets.form.settings.SettingValues`.
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
    if name in OPTIONAL and value is None:
        return None
    check = _CHECKS.get(name)
    return _checked_field(name, value) if check is None else check(value)


@cache
def _any_request() -> EvaluationRequest:
    """Make some valid request, to check one field at a time in."""
    return to_request(DEFAULTS)


def _checked_field(name: str, value: Any) -> Any:  # noqa: ANN401
    field = "phase" if name == "stage" else name
    try:
        return getattr(replace(_any_request(), **{field: value}), field)
    except ValueError as error:
        raise ValueError(str(error).replace(field, name, 1)) from None


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


def _checked_limit(name: str, value: Any) -> float:  # noqa: ANN401
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    try:
        replace(_any_request(), ttft_limit_s=value / 1e3 if number else value)
    except ValueError:
        msg = f"{name} must be a number above 0 [ms] or None, got {value!r}"
        raise ValueError(msg) from None
    return float(value)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    **{name: partial(checked_technique, name) for name in TECHNIQUES},
    **{name: partial(checked_price, name) for name in PRICES},
    **{name: partial(_checked_limit, name) for name in LIMITS},
    **{name: partial(_checked_number, name) for name in _TUPLES},
    "model": canonical_model,
    "hardware": canonical_hardware,
    "precision": canonical_precision,
}
