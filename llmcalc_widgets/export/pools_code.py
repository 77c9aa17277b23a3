"""A question about separate pools written in Python."""

from __future__ import annotations

from typing import Any

from llmcalc_core import Hardware, ModelConfig, Precision
from llmcalc_widgets.export.request_code import (
    call,
    expression,
    hardware_name,
    model_name,
    precision_name,
)
from llmcalc_widgets.settings.pools import PoolRequest


def pools_call(target: str, request: PoolRequest) -> list[str]:
    """Write the call of ``explore_disaggregated`` that asks for a request."""
    given = request.arguments()
    names = ("model", "prefill_hardware")
    return call(
        f"{target}explore_disaggregated",
        [
            *(_named(given.pop(name)) for name in names),
            *(f"{name}={_named(value)}" for name, value in given.items()),
        ],
    )


def _named(value: Any) -> str:  # noqa: ANN401 - a type each
    """Write a value, by the name that the catalogue has for it where it has one."""
    if isinstance(value, ModelConfig):
        return expression(model_name(value) or value)
    if isinstance(value, Hardware):
        return expression(hardware_name(value) or value)
    if isinstance(value, Precision):
        return expression(precision_name(value) or value)
    if isinstance(value, tuple) and len(value) == 1:
        return expression(value[0])
    return expression(value)
