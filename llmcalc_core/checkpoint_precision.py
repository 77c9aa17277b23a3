"""The types that a model's own checkpoint is stored in, and how they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from llmcalc_core.checks import one_of
from llmcalc_core.dtypes import PRECISIONS
from llmcalc_core.precision import Precision
from llmcalc_core.precision_names import parse_precision

CHECKPOINT = "checkpoint"
"""In place of a precision: the types that each model's own checkpoint is stored in."""


def asked_precision(bits: str | Precision) -> Precision | None:
    """Turn what was asked for into a ``Precision``; None is that of each model's checkpoint.

    Raises
    ------
    ValueError
        For a name that is not known, with the nearest one.

    Examples
    --------
    >>> asked_precision("checkpoint") is None, asked_precision("fp8").label
    (True, 'fp8')
    """
    if isinstance(bits, str) and bits.strip().casefold() == CHECKPOINT:
        return None
    try:
        return parse_precision(bits)
    except ValueError:
        one_of("bits", bits, (*PRECISIONS, CHECKPOINT))
        raise


def stored_precision(value: object) -> Precision | None:
    """Check what a checkpoint is stored in: a ``Precision``, a name, its fields, or None.

    Raises
    ------
    ValueError
        For anything else.

    Examples
    --------
    >>> stored_precision({"experts": "fp4", "scale_bits": 0.25}).expert_weight_bytes
    0.53125
    """
    if value is None or isinstance(value, Precision):
        return value
    if isinstance(value, str):
        return parse_precision(value)
    if isinstance(value, Mapping):
        known = [field.name for field in fields(Precision)]
        return Precision(**{one_of("precision", key, known): value[key] for key in value})
    msg = f"precision must be a Precision, a name, its fields or None, got {value!r}"
    raise ValueError(msg)
