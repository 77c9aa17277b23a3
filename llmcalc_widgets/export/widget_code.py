"""The Python that gives the same tables, fronts and plan as a widget shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmcalc_core import EvaluationRequest
from llmcalc_widgets.chart.axes import Quantity
from llmcalc_widgets.chart.compared_fronts import ComparedFront
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.export.request_code import (
    call,
    explore_call,
    expression,
    hardware_name,
    load_call,
    model_name,
    program,
    quoted,
    settings_of,
)
from llmcalc_widgets.settings.load import LoadQuestion

_BOTH = (
    'both = {"before": before, "after": after}',
    'both = pd.concat(both, names=["which", None])',
    'df = both.reset_index("which").reset_index(drop=True)',
)


def explorer_code(
    view: ChartView,
    selected: int | None,
    compared: Sequence[ComparedFront] = (),
    load: LoadQuestion | None = None,
) -> str:
    """Write the Python that gives ``df``, ``front`` and, where a plan is selected, ``selected``.

    Fronts that are drawn beside the present one are in ``fronts``, by their names, and all their
    plans in ``others``; a load curve is ``curve``.

    Parameters
    ----------
    view : ChartView
        What is shown.
    selected : int or None
        Position of the selected plan in its frame.
    compared : sequence of ComparedFront
        What is pinned and compared; those that are not drawn are left out.
    load : LoadQuestion, optional
        What the load curve is of that is shown.

    Returns
    -------
    str
        A program that needs llmcalc only.

    Examples
    --------
    >>> from llmcalc_core import evaluate, make_request
    >>> from llmcalc_widgets.chart.view import chart_view
    >>> request = make_request("llama2_7b", "A100_80GB", 2, batch=[1, 8], precision="fp8")
    >>> print(explorer_code(chart_view(evaluate(request), None, None), 3))
    from llmcalc_core import explore
    <BLANKLINE>
    df = explore(
        "llama2_7b",
        "A100_80GB",
        devices=2,
        phase="decode",
        engine="vllm",
        input_tokens=2000,
        output_tokens=256,
        batch=[1, 8],
        precision="fp8",
    )
    front = df[df["on_front"]].sort_values("tpot_s", kind="stable")
    selected = df.iloc[3]
    """
    lines = [*explore_call("df = ", view.evaluation.request), *_front(view, "df", "front")]
    if selected is not None:
        lines.append(f"selected = df.iloc[{selected}]")
    drawn = {name: other.view for name, other in _named(compared).items() if other.view is not None}
    if drawn:
        lines += _beside(drawn, view)
    if load is not None:
        lines += load_call("curve = ", load)
    return program(lines)


def _named(compared: Sequence[ComparedFront]) -> dict[str, ComparedFront]:
    """Give compared fronts by their names; a second one of a name also by what it is."""
    named: dict[str, ComparedFront] = {}
    for other in compared:
        named[f"{other.name} ({other.kind})" if other.name in named else other.name] = other
    return named


def _beside(drawn: dict[str, ChartView], present: ChartView) -> list[str]:
    """Write the plans and the fronts of what is drawn beside the present front."""
    lines = ["others = {"]
    for name, view in drawn.items():
        call = explore_call(f"{quoted(name)}: ", view.evaluation.request)
        lines += [*(f"    {line}" for line in call[:-1]), "    ),"]
    front = (f"    {line}" for line in _front(present, "other", "fronts[name]"))
    return [*lines, "}", "fronts = {}", "for name, other in others.items():", *front]


def _front(view: ChartView, frame: str, target: str) -> list[str]:
    """Write how the front is found: of the usual axes, ``explore`` has marked it."""
    across, up = view.axes
    rising = "" if not across.inverse else "ascending=False, "
    order = f'.sort_values("{across.column}", {rising}kind="stable")'
    if view.default_axes:
        return [f'{target} = {frame}[{frame}["on_front"]]{order}']
    cost, gain = _figure(across, small=True), _figure(up, small=False)
    return [
        f'fits = {frame}[{frame}["rejected_for"] == ""]',
        f"cost, gain = {cost}, {gain}",
        f"{target} = fits[pareto_mask(cost.to_numpy(), gain.to_numpy())]{order}",
    ]


def _figure(axis: Quantity, *, small: bool) -> str:
    """Write a quantity as what is better if small, or if large."""
    column = f'fits["{axis.column}"]'
    return column if (axis.small != axis.inverse) == small else f"1 / {column}"


def what_if_code(
    before: EvaluationRequest,
    after: EvaluationRequest,
    hardware_changes: Mapping[str, Any],
    model_changes: Mapping[str, Any],
) -> str:
    """Write the Python that gives ``hardware``, ``model``, ``before``, ``after`` and ``df``.

    Parameters
    ----------
    before, after : EvaluationRequest
        About the original and about the edited device and model.
    hardware_changes, model_changes : mapping
        What was edited of them, by the names of their fields.

    Returns
    -------
    str
        A program that needs llmcalc and pandas.
    """
    model, hardware = before.models[0], before.hardware[0]
    name = model_name(model)
    first = f"find_model({expression(name)})" if name else expression(model)
    second = hardware_name(hardware)
    device = f"find_hardware({expression(second)})" if second else expression(hardware)
    if model_changes:
        renamed = {"model": after.models[0].model, **model_changes}
        first = f"replace({first}, {_keywords(renamed)})"
    if hardware_changes:
        own = {name: getattr(after.hardware[0], name) for name in hardware_changes}
        device = f"{device}.replace({_keywords(own)})"
    lines = [
        f"hardware = {device}",
        f"model = {first}",
        *explore_call("before = ", before),
        *call("after = explore", ["model", "hardware", *settings_of(before)]),
        *_BOTH,
    ]
    standard = "from dataclasses import replace\n\n" if model_changes else ""
    return program(lines, imports=f"{standard}import pandas as pd\n\n")


def _keywords(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={expression(value)}" for name, value in values.items())
