"""Models, devices and precisions in one form, however they are given."""

from __future__ import annotations

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


def canonical_model(value: Any) -> str | ModelConfig:  # noqa: ANN401
    """Give a model, by its catalogue name where it has one.

    Raises
    ------
    ValueError
        For an unknown one, with the nearest.
    """
    config = find_model(value)
    if isinstance(value, str):
        if value in list_models():
            return value
        for name in list_models():
            if find_model(name) is config:
                return name
    return config


def canonical_hardware(value: Any) -> str | Hardware:  # noqa: ANN401
    """Give a device, by its catalogue name where it has one.

    Raises
    ------
    ValueError
        For an unknown one, with the nearest.
    """
    hardware = find_hardware(value)
    if hardware.name in list_hardware() and find_hardware(hardware.name) == hardware:
        return hardware.name
    return hardware


def canonical_precision(value: str | Precision) -> str | Precision:
    """Give number formats, by their label where it says all of them.

    Raises
    ------
    ValueError
        For an unknown one, with the nearest.
    """
    precision = asked_precision(value)
    if precision is None:
        return CHECKPOINT
    try:
        return precision.label if parse_precision(precision.label) == precision else precision
    except ValueError:
        return precision
