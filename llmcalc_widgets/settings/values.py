"""Models, devices and precisions in one form, however they are given, and what each is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from llmcalc_core import (
    CHECKPOINT,
    Hardware,
    ModelConfig,
    Precision,
    asked_precision,
    find_hardware,
    find_model,
    list_hardware,
    list_models,
    parse_precision,
)

Model = str | PathLike[str] | Mapping[str, Any] | ModelConfig
"""A model, however it is given."""

Device = str | Mapping[str, Any] | Hardware
"""A device, however it is given."""


def canonical_model(_: str, value: Any) -> str | ModelConfig:  # noqa: ANN401
    """Give a model, by its catalogue name where it has one.

    Raises
    ------
    ValueError
        For an unknown one, with the nearest.

    Examples
    --------
    >>> canonical_model("model", "meta-llama/Llama-2-70b-hf")
    'llama2_70b'
    """
    config = find_model(value)
    if isinstance(value, str):
        if value in list_models():
            return value
        for name in list_models():
            if find_model(name) is config:
                return name
    return config


def canonical_hardware(_: str, value: Any) -> str | Hardware:  # noqa: ANN401
    """Give a device, by its catalogue name where it has one.

    Raises
    ------
    ValueError
        For an unknown one, with the nearest.

    Examples
    --------
    >>> canonical_hardware("hardware", "h100")
    'H100_80GB'
    """
    hardware = find_hardware(value)
    if hardware.name in list_hardware() and find_hardware(hardware.name) == hardware:
        return hardware.name
    return hardware


def canonical_devices(name: str, value: Device | Sequence[Device]) -> tuple[str | Hardware, ...]:
    """Give several devices, each once; a single one may be given as itself.

    Raises
    ------
    ValueError
        For none, or an unknown one.

    Examples
    --------
    >>> canonical_devices("hardware", ["h100", "H100_80GB", "T4"])
    ('H100_80GB', 'T4')
    """
    several: Sequence[Any] = value if isinstance(value, (list, tuple)) else (value,)
    if not several:
        msg = f"{name} must be one device or more, got none"
        raise ValueError(msg)
    return tuple(dict.fromkeys(canonical_hardware(name, one) for one in several))


def canonical_precision(_: str, value: str | Precision) -> str | Precision:
    """Give number formats, by their label where it says all of them.

    Raises
    ------
    ValueError
        For an unknown one, with the nearest.

    Examples
    --------
    >>> canonical_precision("precision", "fp8")
    'fp8'
    """
    precision = asked_precision(value)
    if precision is None:
        return CHECKPOINT
    try:
        return precision.label if parse_precision(precision.label) == precision else precision
    except ValueError:
        return precision


def name_of(value: object) -> str:
    """Name a model, a device or another value of a setting.

    Examples
    --------
    >>> name_of("H100_80GB"), name_of(None), name_of(1024), name_of(True)
    ('H100_80GB', 'none', '1,024', 'yes')
    """
    if isinstance(value, Hardware):
        return value.name
    if isinstance(value, ModelConfig):
        return value.model or "unnamed"
    if isinstance(value, Precision):
        return value.label
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return f"{value:,.10g}"
    return "none" if value is None else str(value)


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


def rates_between(low: float | None, high: float) -> tuple[float, ...]:
    """Both ends, and the doubles of the low one between; the high one alone without a low one.

    Examples
    --------
    >>> rates_between(0.5, 3.0), rates_between(None, 3.0)
    ((0.5, 1.0, 2.0, 3.0), (3.0,))
    """
    if low is None:
        return (high,)
    steps = [low]
    while 2 * steps[-1] < high:
        steps.append(2 * steps[-1])
    return tuple(dict.fromkeys([*steps, high]))
