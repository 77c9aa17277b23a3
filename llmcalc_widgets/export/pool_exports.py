"""What a planner of pools shows, as Python and as a still picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmcalc_core import Hardware, ModelConfig, Precision
from llmcalc_widgets.chart.curves import steps
from llmcalc_widgets.export.request_code import (
    call,
    expression,
    hardware_name,
    model_name,
    precision_name,
)
from llmcalc_widgets.export.stills import FAINT, GRID, INK, add_legend, add_title, open_sides
from llmcalc_widgets.panels.pools_page import ACROSS, KINDS, UP, ends_of, figures_of
from llmcalc_widgets.settings.pools import SEPARATE, PoolAnswer, PoolRequest

_PLACE = (0.085, 0.19, 0.89, 0.65)
_SEPARATE = "#0072B2"


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


def paint_pools(figure: Any, words: Sequence[str], answer: PoolAnswer) -> None:  # noqa: ANN401 - matplotlib is optional
    """Draw the fronts with two pools and with one on the same axes.

    Parameters
    ----------
    figure : Figure of matplotlib
        On which.
    words : sequence of str
        Lines above.
    answer : PoolAnswer
        What was found.
    """
    add_title(figure, words)
    ends = ends_of(answer)
    if ends is None:
        return
    axes = figure.add_axes(_PLACE)
    handles: list[Any] = []
    for serving, name in KINDS.items():
        times, gains = figures_of(answer.front(serving))
        if not len(times):
            continue
        across, up = ends[0].places(times), ends[1].places(gains)
        look = {"color": _SEPARATE if serving == SEPARATE else FAINT}
        line = "-" if serving == SEPARATE else "--"
        axes.plot(*steps(across, up, level_first=True), lw=1.6, ls=line, **look)
        handles += axes.plot(across, up, marker="o", ms=6, ls="", label=name, **look)
    for axis, along, label in zip((axes.xaxis, axes.yaxis), ends, (ACROSS, UP), strict=True):
        places, labels = along.ticks()
        axis.set_ticks(places, list(labels.values()))
        axis.set_label_text(label, parse_math=False, color=INK)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.grid(color=GRID, lw=0.8)
    open_sides(axes)
    add_legend(figure, handles)
