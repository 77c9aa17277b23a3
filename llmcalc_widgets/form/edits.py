"""Copies of a device and of a model with some figures changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from llmcalc_core import Hardware, ModelConfig

Changes = Mapping[str, Any]

_EDITED = " (edited)"
_FLOPS = "flops"


def edited_hardware(hardware: Hardware, changes: Changes) -> Hardware:
    """Give a device with some figures changed.

    Parameters
    ----------
    hardware : Hardware
        The original.
    changes : mapping
        Fields of it, in their SI units; under ``flops`` a rate by type of data [FLOP/s], of those
        that change.

    Raises
    ------
    ValueError
        For an unknown field or a figure out of range.

    Examples
    --------
    >>> from llmcalc_core import find_hardware
    >>> edited_hardware(find_hardware("H100_80GB"), {"memory_bandwidth": 6e12}).name
    'H100_80GB (edited)'
    """
    own = dict(changes)
    if _FLOPS in own:
        if not isinstance(own[_FLOPS], Mapping):
            msg = f"flops must be a dict of rates by type of data [FLOP/s], got {own[_FLOPS]!r}"
            raise ValueError(msg)
        own[_FLOPS] = tuple((dict(hardware.flops) | dict(own[_FLOPS])).items())
    return hardware.replace(**own) if own else hardware


def edited_model(model: ModelConfig, changes: Changes) -> ModelConfig:
    """Give a model with some figures changed.

    Raises
    ------
    ValueError
        For an unknown field, one that differs between layers, or figures that contradict.

    Examples
    --------
    >>> from llmcalc_core import find_model
    >>> edited_model(find_model("llama2_70b"), {"num_decoder_layers": 40}).num_decoder_layers
    40
    """
    if not changes:
        return model
    for name in changes:
        if name in dict(model.per_layer):
            msg = f"{name} of {model.model} differs between layers and can't be one number"
            raise ValueError(msg)
    own = {field.name: getattr(model, field.name) for field in fields(model)}
    name = f"{model.model.removesuffix(_EDITED)}{_EDITED}"
    return ModelConfig.from_fields({**own, "model": name, **changes})
