"""The Python that gives the same table before and after a change of figures."""

from __future__ import annotations

from llmcalc_core import EvaluationRequest
from llmcalc_widgets.export.arguments import (
    expression,
    hardware_name,
    model_name,
    settings_of,
)
from llmcalc_widgets.export.programs import call, explore_call, program
from llmcalc_widgets.settings.figures import Changes, edited_hardware, edited_model

_BOTH = (
    'both = {"before": before, "after": after}',
    'both = pd.concat(both, names=["which", None])',
    'df = both.reset_index("which").reset_index(drop=True)',
)


def what_if_code(
    request: EvaluationRequest, hardware_changes: Changes, model_changes: Changes
) -> str:
    """Write the Python that gives ``hardware``, ``model``, ``before``, ``after`` and ``df``.

    Parameters
    ----------
    request : EvaluationRequest
        About the original device and model.
    hardware_changes, model_changes : mapping
        As :class:`~llmcalc_widgets.apps.what_if.WhatIf` has them.

    Returns
    -------
    str
        A program that needs llmcalc and pandas.
    """
    model, hardware = request.models[0], request.hardware[0]
    name = model_name(model)
    first = f"find_model({expression(name)})" if name else expression(model)
    second = hardware_name(hardware)
    device = f"find_hardware({expression(second)})" if second else expression(hardware)
    if model_changes:
        new_name = edited_model(model, model_changes).model
        first = f"replace({first}, {_keywords({'model': new_name, **model_changes})})"
    if hardware_changes:
        edited = edited_hardware(hardware, hardware_changes)
        own = {name: getattr(edited, name) for name in hardware_changes}
        device = f"{device}.replace({_keywords(own)})"
    lines = [
        f"hardware = {device}",
        f"model = {first}",
        *explore_call("before = ", request),
        *call("after = explore", ["model", "hardware", *settings_of(request)]),
        *_BOTH,
    ]
    standard = "from dataclasses import replace\n\n" if model_changes else ""
    return program(lines, imports=f"{standard}import pandas as pd\n\n")


def _keywords(values: Changes) -> str:
    return ", ".join(f"{name}={expression(value)}" for name, value in values.items())
