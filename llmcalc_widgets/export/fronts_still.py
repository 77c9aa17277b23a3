"""A still of two fronts, before and after a change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmcalc_widgets.chart.figures import steps
from llmcalc_widgets.chart.scene import Scene
from llmcalc_widgets.chart.ticks import Ends
from llmcalc_widgets.export.still import FAINT, GRID, add_legend, add_title, open_sides
from llmcalc_widgets.panels.fronts import AFTER_COLOUR, ends_of

_PLACE = (0.085, 0.19, 0.9, 0.65)
_LOOKS: dict[str, dict[str, Any]] = {
    "before": {"color": FAINT, "ls": "--", "mfc": "white"},
    "after": {"color": AFTER_COLOUR, "ls": "-", "mfc": AFTER_COLOUR},
}


def paint_fronts(figure: Any, words: Sequence[str], before: Scene, after: Scene) -> None:  # noqa: ANN401 - matplotlib is optional
    """Draw both fronts on the same axes.

    Parameters
    ----------
    figure : Figure of matplotlib
        On which.
    words : sequence of str
        Lines above.
    before, after : Scene
        The same question of the original and of the edited device and model.
    """
    axes = figure.add_axes(_PLACE)
    ends = ends_of(before, after)
    handles = [
        handle
        for name, scene in (("before", before), ("after", after))
        for handle in _front(axes, ends, name, scene)
    ]
    sides = zip((axes.xaxis, axes.yaxis), ends, before.axes, strict=True)
    for axis, along, quantity in sides:
        places, labels = along.ticks()
        axis.set_ticks(places, list(labels.values()))
        axis.set_label_text(quantity.label, parse_math=False)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.grid(color=GRID, lw=0.8)
    open_sides(axes)
    add_title(figure, words)
    add_legend(figure, handles)


def _front(axes: Any, ends: tuple[Ends, Ends], name: str, scene: Scene) -> list[Any]:  # noqa: ANN401 - as above
    """Draw a front as steps with its plans, if it has any, and give what the legend names."""
    if not len(scene.front):
        return []
    across, up = (
        along.places(figures[scene.front])
        for along, figures in zip(ends, scene.figures, strict=True)
    )
    look = _LOOKS[name]
    axes.plot(*steps(across, up, level_first=scene.axes[0].small), lw=1.6, **look)
    (dots,) = axes.plot(across, up, marker="o", ms=6, label=name, **look)
    dots.set_linestyle("")
    best = scene.evaluation.recommended
    if best is None:
        return [dots]
    place = (
        along.places(figures[[best]]) for along, figures in zip(ends, scene.figures, strict=True)
    )
    diamond = axes.scatter(
        *place, 110, "none", marker="D", edgecolors=look["color"], lw=1.8,
        label=f"recommended {name}",
    )  # fmt: skip
    return [dots, diamond]
