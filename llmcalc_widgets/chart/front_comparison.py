"""Fronts side by side: how much more one reaches than the other, in numbers and words."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

from llmcalc_widgets.chart.axes import Quantity, Values
from llmcalc_widgets.chart.legend import drawing
from llmcalc_widgets.chart.palette import RIVAL_COLOURS
from llmcalc_widgets.chart.scene import Scene
from llmcalc_widgets.text.units import number

_SHORT = 16
"""Characters of a name that stays in one line, beside its mark."""

_LINE = '<path d="M0 9H7V3H14" fill="none" stroke="{colour}" stroke-width="2.4"/>'
_SAME = 0.0005


@dataclass(frozen=True, kw_only=True, eq=False)
class Rival:
    """A front beside the present one.

    Attributes
    ----------
    name : str
        What stands at its line.
    kind : str
        The trait that it is in, 'pins' or 'compared'.
    at : int
        Its place there.
    words : str
        In what its settings differ from the present ones.
    scene : Scene or None
        Its plans along the present axes; None where there is none.
    trouble : str
        Why there is none.
    """

    name: str
    kind: str
    at: int
    words: str
    scene: Scene | None
    trouble: str


def reached(scene: Scene, across: Values) -> Values:
    """Give the best value up that a front reaches at values across; NaN where it reaches none."""
    x, y = (figures[scene.front] for figures in scene.figures)
    x_axis, y_axis = scene.axes
    meets = x[None] <= across[:, None] if x_axis.small else x[None] >= across[:, None]
    worst = np.inf if y_axis.small else -np.inf
    offered = np.where(meets, y[None], worst)
    best = offered.min(axis=1) if y_axis.small else offered.max(axis=1)
    return np.where(np.isfinite(best), best, np.nan)


def ratio_words(rival: Scene, present: Scene) -> str:
    """Say how much of the quantity up a front reaches, as a multiple of the present front.

    Both are taken where each reaches something: at every value across of a plan on either front.
    """
    x_axis, _ = present.axes
    across = np.unique(np.concatenate([one.figures[0][one.front] for one in (rival, present)]))
    ratios = reached(rival, across) / reached(present, across)
    ratios = ratios[np.isfinite(ratios)]
    if not len(ratios):
        return f"no {x_axis.noun} in common"
    low, middle, high = (float(one) for one in np.quantile(ratios, [0, 0.5, 1]))
    if max(abs(low - 1), abs(high - 1)) < _SAME:
        return "the same"
    span = "" if high - low < _SAME else f" ({number(low)} to {number(high)})"
    return f"{number(middle)} times{span} at the same {x_axis.noun}"


def rivalry(rivals: tuple[Rival, ...], present: Scene) -> str:
    """Write the table of rivals in HTML; empty if there are none."""
    if not rivals:
        return ""
    y_axis = present.axes[1]
    heads = ("Front", "Differs in", f"Best {y_axis.noun}", "Beside the present front")
    rows = [_row("present", "", _best(present, y_axis), "")]
    for place, rival in enumerate(rivals):
        mark = drawing(_LINE.format(colour=rival_colour(place)), 14)
        words = escape(rival.words)
        if rival.scene is None or not len(rival.scene.front):
            rows.append(_row(_named(mark, rival.name), words, "", _why_not(rival)))
            continue
        beside = ratio_words(rival.scene, present) if len(present.front) else ""
        best = _best(rival.scene, y_axis)
        rows.append(_row(_named(mark, rival.name), words, best, beside))
    titles = "".join(f'<th scope="col">{title}</th>' for title in heads)
    return (
        '<table class="llmcalc-rivals"><caption>Fronts beside each other</caption>'
        f"<thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def rival_colour(place: int) -> str:
    """Give the colour of the rival at a place."""
    return RIVAL_COLOURS[place % len(RIVAL_COLOURS)]


def _named(mark: str, name: str) -> str:
    words = f"{mark}{escape(name)}"
    return f'<span class="llmcalc-rival">{words}</span>' if len(name) <= _SHORT else words


def _row(name: str, *cells: str) -> str:
    return (
        f'<tr><th scope="row">{name}</th>' + "".join(f"<td>{one}</td>" for one in cells) + "</tr>"
    )


def _best(scene: Scene, axis: Quantity) -> str:
    if not len(scene.front):
        return "no plan"
    values = scene.figures[1][scene.front]
    return axis.words(float(values.min() if axis.small else values.max()))


def _why_not(rival: Rival) -> str:
    return escape(rival.trouble) or "no plan fits and keeps the limits"
