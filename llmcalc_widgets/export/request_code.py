"""A request written in Python: as a call of ``explore``, in a program that can be run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from llmcalc_core import (
    CHECKPOINT,
    PRECISIONS,
    EvaluationRequest,
    Hardware,
    ModelConfig,
    Precision,
    Techniques,
    find_hardware,
    find_model,
    list_hardware,
    list_models,
    parse_precision,
)
from llmcalc_widgets.settings.load import LoadQuestion
from llmcalc_widgets.settings.registry import DEFAULTS

_ARGUMENTS = {"batches": "batch", "precisions": "precision", "request_rates": "request_rate"}
"""Fields of a request that :func:`llmcalc_core.explore` calls otherwise."""

_ALWAYS = ("devices", "phase", "engine", "input_tokens", "output_tokens", "batches", "precisions")
"""Fields that are written even where they are the default: they are the question."""


_TERMS = ("price_per_hour", "power_watts")
"""What a device costs and draws, which :func:`llmcalc_core.explore` takes beside it."""


_LOAD_DEFAULTS = {"pp": 1, "ep": 1, "memory_fraction": DEFAULTS["memory_fraction"]}
"""What is left out of a call of :func:`llmcalc_core.load_curve` where it is this."""

_OF_REPLICAS = ("devices=", "phase=", "batch=", "exact_batch=")
"""Arguments of ``explore`` that :func:`llmcalc_core.find_slo_plan` has otherwise, or by itself."""

_IMPORTS = (
    "Hardware", "ModelConfig", "Precision", "compare_hardware", "explore",
    "explore_disaggregated", "find_hardware", "find_model", "find_slo_plan",
    "load_curve", "pareto_mask", "slo_plans",
)  # fmt: skip


def arguments_of(request: EvaluationRequest) -> list[str]:
    """Write the arguments that ask for a request.

    Examples
    --------
    >>> from llmcalc_core import make_request
    >>> arguments_of(make_request("llama2_7b", "A100_80GB", 2, batch=[1, 8]))[:3]
    ['"llama2_7b"', '"A100_80GB"', 'devices=2']
    """
    return [*_named(request), *settings_of(request)]


def _named(request: EvaluationRequest) -> list[str]:
    """Write the models and the hardware, by name where the catalogue has them."""
    models = tuple(model_name(model) or model for model in request.models)
    devices = tuple(hardware_name(device) or device for device in request.hardware)
    terms: list[str] = []
    if len(devices) == 1 and isinstance(devices[0], Hardware):
        devices, terms = _with_terms(devices[0])
    return [_one_or_list(models), _one_or_list(devices), *terms]


def _with_terms(hardware: Hardware) -> tuple[tuple[str | Hardware], list[str]]:
    """Write a device of the catalogue that only costs or draws something else by its name."""
    if hardware.name not in list_hardware():
        return (hardware,), []
    listed = find_hardware(hardware.name)
    own = {name: getattr(hardware, name) for name in _TERMS}
    changed = {name: value for name, value in own.items() if value != getattr(listed, name)}
    if None in changed.values() or listed.replace(**changed) != hardware:
        return (hardware,), []
    return (hardware.name,), [f"{name}={expression(value)}" for name, value in changed.items()]


def settings_of(request: EvaluationRequest) -> list[str]:
    """Write every other argument that is part of the question or not the default."""
    written: list[str] = []
    for field in fields(request):
        value = getattr(request, field.name)
        if field.name in {"models", "hardware"} or (
            field.name == "batches" and request.request_rates
        ):
            continue
        if field.name == "techniques":
            written += _techniques(value)
        elif field.name in _ALWAYS or value != field.default:
            name = _ARGUMENTS.get(field.name, field.name)
            written.append(f"{name}={_one_or_list(_spelled(field.name, value))}")
    return written


def _spelled(name: str, value: Any) -> Any:  # noqa: ANN401 - fields differ in type
    """Spell precisions by their name where they have one."""
    if name != "precisions":
        return value
    return tuple(CHECKPOINT if one is None else precision_name(one) or one for one in value)


def _techniques(techniques: tuple[Techniques, ...]) -> list[str]:
    """Write the techniques' fields that any of them uses, each with its values."""
    written: list[str] = []
    for field in fields(Techniques):
        values = tuple(dict.fromkeys(getattr(one, field.name) for one in techniques))
        if values != (getattr(Techniques(), field.name),):
            if field.name == "draft_model":
                values = tuple((one and model_name(one)) or one for one in values)
            written.append(f"{field.name}={_one_or_list(values)}")
    return written


def _one_or_list(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, tuple):
        parts = [expression(one) for one in value]
        return parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"
    return expression(value)


def expression(value: Any) -> str:  # noqa: ANN401
    """Write a value so that Python reads the same one."""
    if is_dataclass(value):
        given = (
            f"{field.name}={expression(getattr(value, field.name))}"
            for field in fields(value)
            if getattr(value, field.name) != field.default
        )
        return f"{type(value).__name__}({', '.join(given)})"
    if isinstance(value, tuple):
        return _tuple(value)
    return quoted(value) if isinstance(value, str) else repr(value)


def quoted(value: str) -> str:
    """Quote a text as formatters do, where that is simple."""
    quoted = repr(value)
    return quoted if '"' in quoted else f'"{quoted[1:-1]}"'


def _tuple(values: tuple[Any, ...]) -> str:
    """Write a tuple, shorter where all in it are the same."""
    if len(values) > 1 and len(set(values)) == 1:
        return f"({expression(values[0])},) * {len(values)}"
    return f"({', '.join(map(expression, values))}{',' if len(values) == 1 else ''})"


def precision_name(precision: Precision) -> str | None:
    """Give the name under which a precision is known, if it is."""
    named = precision.label in PRECISIONS and parse_precision(precision.label) == precision
    return precision.label if named else None


def model_name(config: ModelConfig) -> str | None:
    """Give the name under which the catalogue has a model, if it does."""
    return next((name for name in list_models() if find_model(name) == config), None)


def hardware_name(hardware: Hardware) -> str | None:
    """Give the name under which the catalogue has a device, if it does."""
    known = hardware.name in list_hardware() and find_hardware(hardware.name) == hardware
    return hardware.name if known else None


def program(lines: Sequence[str], *, imports: str = "") -> str:
    """Put the imports that a program needs before it; those of others as they are given.

    Examples
    --------
    >>> print(program(['find_model("llama2_7b")']))
    from llmcalc_core import find_model
    <BLANKLINE>
    find_model("llama2_7b")
    """
    body = "\n".join(lines)
    used = [name for name in _IMPORTS if re.search(rf"\b{name}\(", body)]
    return f"{imports}from llmcalc_core import {', '.join(used)}\n\n{body}"


def call(head: str, arguments: Sequence[str]) -> list[str]:
    """Write a call with an argument on each line; ``head`` is what stands before them.

    Examples
    --------
    >>> call("x = dict", ["a=1"])
    ['x = dict(', '    a=1,', ')']
    """
    return [f"{head}(", *(f"    {argument}," for argument in arguments), ")"]


def explore_call(target: str, request: EvaluationRequest) -> list[str]:
    """Write the call of ``explore`` that asks for a request; ``target`` stands before it."""
    return call(f"{target}explore", arguments_of(request))


def slo_call(target: str, request: EvaluationRequest, load: str, percentile: float) -> list[str]:
    """Write the call of ``find_slo_plan`` for a load; ``target`` stands before it."""
    model, devices, *terms = _named(request)
    asked = [one for one in settings_of(request) if not one.startswith(_OF_REPLICAS)]
    replicas = f"replica_devices={_one_or_list(request.devices)}"
    arguments = [model, devices, load, replicas, *terms, *asked, f"percentile={percentile!r}"]
    return call(f"{target}find_slo_plan", arguments)


def load_call(target: str, question: LoadQuestion) -> list[str]:
    """Write the call of ``load_curve`` that gives a load curve; ``target`` stands before it."""
    (device,), _ = _with_terms(question.hardware)
    given = question.arguments() | {"precision": _spelled("precisions", (question.precision,))}
    named = {name: value for name, value in given.items() if value != _LOAD_DEFAULTS.get(name)}
    return call(
        f"{target}load_curve",
        [
            expression(model_name(question.model) or question.model),
            expression(device),
            *(f"{name}={_one_or_list(value)}" for name, value in named.items()),
        ],
    )
