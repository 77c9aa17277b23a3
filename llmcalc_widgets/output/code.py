"""The Python that gives the same table, front and plan as the explorer shows."""

from __future__ import annotations

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
from llmcalc_widgets.view.axes import Quantity
from llmcalc_widgets.view.scene import Scene

_ARGUMENTS = {"batches": "batch", "precisions": "precision"}
"""Fields of a request that :func:`llmcalc_core.explore` calls otherwise."""

_ALWAYS = ("devices", "stage", "engine", "input_tokens", "output_tokens", "batches", "precisions")
"""Fields that are written even where they are the default: they are the question."""


_TERMS = ("price_per_hour", "power_watts")
"""What a device costs and draws, which :func:`llmcalc_core.explore` takes beside it."""


def code_of(scene: Scene, selected: int | None) -> str:
    """Write the Python that gives ``df``, ``front`` and, where a plan is selected, ``selected``.

    Parameters
    ----------
    scene : Scene
        What is shown.
    selected : int or None
        Position of the selected plan in its frame.

    Returns
    -------
    str
        A program that needs llmcalc only.

    Examples
    --------
    >>> from llmcalc_core import evaluate, make_request
    >>> from llmcalc_widgets.view.scene import scene_of
    >>> request = make_request("llama2_7b", "A100_80GB", 2, batch=[1, 8], precision="fp8")
    >>> print(code_of(scene_of(evaluate(request), None, None), 3))
    from llmcalc_core import explore
    <BLANKLINE>
    df = explore(
        "llama2_7b",
        "A100_80GB",
        devices=2,
        stage="decode",
        engine="vllm",
        input_tokens=2000,
        output_tokens=256,
        batch=[1, 8],
        precision="fp8",
    )
    front = df[df["on_front"]].sort_values("tpot_s", kind="stable")
    selected = df.iloc[3]
    """
    call = [*_named(scene.evaluation.request), *_settings(scene.evaluation.request)]
    lines = ["df = explore(", *(f"    {argument}," for argument in call), ")", *_front(scene)]
    if selected is not None:
        lines.append(f"selected = df.iloc[{selected}]")
    body = "\n".join(lines)
    imported = [name for name in _IMPORTS if f"{name}(" in body]
    return f"from llmcalc_core import {', '.join(imported)}\n\n{body}"


_IMPORTS = ("Hardware", "ModelConfig", "Precision", "explore", "pareto_mask")


def _named(request: EvaluationRequest) -> list[str]:
    """Write the models and the hardware, by name where the catalogue has them."""
    models = tuple(_model_name(model) or model for model in request.models)
    devices = tuple(_hardware_name(device) or device for device in request.hardware)
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
    return (hardware.name,), [f"{name}={_expression(value)}" for name, value in changed.items()]


def _settings(request: EvaluationRequest) -> list[str]:
    """Write every other argument that is part of the question or not the default."""
    written: list[str] = []
    for field in fields(request):
        value = getattr(request, field.name)
        if field.name in {"models", "hardware"}:
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
    return tuple(CHECKPOINT if one is None else _precision_name(one) or one for one in value)


def _techniques(techniques: tuple[Techniques, ...]) -> list[str]:
    """Write the techniques' fields that any of them uses, each with its values."""
    written: list[str] = []
    for field in fields(Techniques):
        values = tuple(dict.fromkeys(getattr(one, field.name) for one in techniques))
        if values != (getattr(Techniques(), field.name),):
            if field.name == "draft_model":
                values = tuple((one and _model_name(one)) or one for one in values)
            written.append(f"{field.name}={_one_or_list(values)}")
    return written


def _front(scene: Scene) -> list[str]:
    """Write how the front is found: of the usual axes, ``explore`` has marked it."""
    across, up = scene.axes
    rising = "" if not across.inverse else "ascending=False, "
    order = f'.sort_values("{across.column}", {rising}kind="stable")'
    if scene.usual:
        return [f'front = df[df["on_front"]]{order}']
    cost, gain = _figure(across, small=True), _figure(up, small=False)
    return [
        'fits = df[df["rejected_for"] == ""]',
        f"cost, gain = {cost}, {gain}",
        f"front = fits[pareto_mask(cost.to_numpy(), gain.to_numpy())]{order}",
    ]


def _figure(axis: Quantity, *, small: bool) -> str:
    """Write a quantity as what is better if small, or if large."""
    column = f'fits["{axis.column}"]'
    return column if (axis.small != axis.inverse) == small else f"1 / {column}"


def _one_or_list(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, tuple):
        parts = [_expression(one) for one in value]
        return parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"
    return _expression(value)


def _expression(value: Any) -> str:  # noqa: ANN401
    """Write a value so that Python reads the same one."""
    if is_dataclass(value):
        given = (
            f"{field.name}={_expression(getattr(value, field.name))}"
            for field in fields(value)
            if getattr(value, field.name) != field.default
        )
        return f"{type(value).__name__}({', '.join(given)})"
    if isinstance(value, tuple):
        return _tuple(value)
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    """Quote a text as formatters do, where that is simple."""
    quoted = repr(value)
    return quoted if '"' in quoted else f'"{quoted[1:-1]}"'


def _tuple(values: tuple[Any, ...]) -> str:
    """Write a tuple, shorter where all in it are the same."""
    if len(values) > 1 and len(set(values)) == 1:
        return f"({_expression(values[0])},) * {len(values)}"
    return f"({', '.join(map(_expression, values))}{',' if len(values) == 1 else ''})"


def _precision_name(precision: Precision) -> str | None:
    named = precision.label in PRECISIONS and parse_precision(precision.label) == precision
    return precision.label if named else None


def _model_name(config: ModelConfig) -> str | None:
    return next((name for name in list_models() if find_model(name) == config), None)


def _hardware_name(hardware: Hardware) -> str | None:
    known = hardware.name in list_hardware() and find_hardware(hardware.name) == hardware
    return hardware.name if known else None
