"""Checks of numbers and names: each value in its canonical form, or an error that says the rule.

What the core knows a rule for is checked by it: a field of a request, of ``Techniques``, of a
device.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from numbers import Real
from typing import Any

from llmcalc_core import EvaluationRequest, Techniques, find_hardware, make_request, release_of

Check = Callable[[str, Any], Any]

_MATTERS_WITH: dict[str, dict[str, int]] = {
    "acceptance_rate": {"speculative_tokens": 1},
    "speculative_tokens": {"acceptance_rate": 1},
    "lora_rank": {"lora_adapters": 1},
}
"""Techniques of no account unless others are in use, which are while they are checked."""


def request_field(field: str) -> Check:
    """Make the check of what is a field of a request.

    Examples
    --------
    >>> request_field("engine")("engine", "TensorRT-LLM")
    'trtllm'
    >>> request_field("phase")("phase", "decoder")
    Traceback (most recent call last):
        ...
    ValueError: phase must be one of prefill, decode, serving, got 'decoder'; did you mean 'decode'?
    """

    def check(name: str, value: object) -> Any:  # noqa: ANN401 - each has its own type
        change: dict[str, Any] = {field: value}
        try:
            return getattr(replace(_any_request(), **change), field)
        except ValueError as error:
            raise ValueError(str(error).replace(field, name, 1)) from None

    return check


def check_release(name: str, value: object) -> str:
    """Return a release of an engine; which engine has it is a rule between settings.

    Raises
    ------
    ValueError
        For what begins with no number.

    Examples
    --------
    >>> check_release("engine_version", " 0.11 ")
    '0.11'
    """
    text = str(value).strip()
    if isinstance(value, str) and release_of(text) is not None:
        return text
    msg = f"{name} must be a release such as '0.11', or None for the newest, got {value!r}"
    raise ValueError(msg)


def whole(field: str, most: int | None = None) -> Check:
    """Make the check of a whole number, one of a field of a request.

    Parameters
    ----------
    field : str
        The field of a request that knows the rule.
    most : int, optional
        More is a slip of the pen, not a workload.

    Examples
    --------
    >>> whole("batches", 64)("batch_max", 16.0)
    16
    """

    def check(name: str, value: object) -> int:
        change: dict[str, Any] = {field: (value,)}
        try:
            number = int(getattr(replace(_any_request(), **change), field)[0])
        except ValueError as error:
            said = "batch" if field == "batches" else field
            raise ValueError(str(error).replace(said, name, 1)) from None
        return int(_at_most(name, number, most))

    return check


def check_milliseconds(name: str, value: Any) -> float:  # noqa: ANN401
    """Return a limit on a time.

    Raises
    ------
    ValueError
        For what is no number above zero.

    Examples
    --------
    >>> check_milliseconds("tpot_limit_ms", 30)
    30.0
    """
    return _above_zero(name, value, "[ms] or None")


def check_rate(name: str, value: Any) -> float:  # noqa: ANN401
    """Return a number of requests per second.

    Raises
    ------
    ValueError
        For what is no number above zero.

    Examples
    --------
    >>> check_rate("requests_per_s", 7)
    7.0
    """
    return _above_zero(name, value, "[requests/s]")


def check_bandwidth(name: str, value: Any) -> float:  # noqa: ANN401
    """Return a bandwidth in GB/s.

    Raises
    ------
    ValueError
        For anything but a number above zero.

    Examples
    --------
    >>> check_bandwidth("link_gb_per_s", 50)
    50.0
    """
    return _above_zero(name, value, "GB/s")


def technique(most: float | None = None) -> Check:
    """Make the check of a technique.

    Parameters
    ----------
    most : float, optional
        More is a slip of the pen.

    Examples
    --------
    >>> technique()("prefix_hit_rate", 1), technique(4096)("lora_rank", 8.0)
    (1.0, 8)
    """

    def check(name: str, value: object) -> Any:  # noqa: ANN401 - each has its own type
        used: dict[str, Any] = {**_MATTERS_WITH.get(name, {}), name: value}
        return _at_most(name, getattr(Techniques(**used), name), most)

    return check


def check_price(name: str, value: Any) -> float:  # noqa: ANN401
    """Return a price or a power of a device as a number.

    Raises
    ------
    ValueError
        For what is no number above zero.

    Examples
    --------
    >>> check_price("price_per_hour", 3)
    3.0
    """
    found = getattr(find_hardware("H100_80GB").replace(**{name: value}), name)
    if not found:
        msg = f"{name} must be above 0, got {value!r}; empty for the device's own"
        raise ValueError(msg)
    return float(found)


def one_of(names: Collection[str]) -> Check:
    """Make the check of a name.

    Examples
    --------
    >>> one_of(["batch", "input_tokens"])("axis", "batches")
    Traceback (most recent call last):
        ...
    ValueError: axis must be one of 'batch', 'input_tokens', got 'batches'; did you mean 'batch'?
    """

    def check(name: str, value: object) -> str:
        if isinstance(value, str) and value in names:
            return value
        close = get_close_matches(str(value), names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        known = ", ".join(map(repr, names))
        msg = f"{name} must be one of {known}, got {value!r}{hint}"
        raise ValueError(msg)

    return check


def check_text(name: str, value: object) -> str:
    """Return a text.

    Raises
    ------
    ValueError
        For anything else.
    """
    if isinstance(value, str):
        return value
    msg = f"{name} must be a text, got {value!r}"
    raise ValueError(msg)


@cache
def _any_request() -> EvaluationRequest:
    """Make some valid request, to check one field at a time in."""
    return make_request("llama2_7b", "H100_80GB", 1)


def _above_zero(name: str, value: Any, unit: str) -> float:  # noqa: ANN401
    number = isinstance(value, Real) and not isinstance(value, bool)
    if number and 0 < value < float("inf"):
        return float(value)
    msg = f"{name} must be a number above 0 {unit}, got {value!r}"
    raise ValueError(msg)


def _at_most(name: str, number: Any, most: float | None) -> Any:  # noqa: ANN401 - a type each
    if most is not None and number is not None and number > most:
        msg = f"{name} must be at most {most:,}, got {number:,}"
        raise ValueError(msg)
    return number
