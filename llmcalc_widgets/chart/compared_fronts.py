"""Fronts beside the present one: as a table in words and numbers, and as lines of the figure."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
from bqplot import Lines

from llmcalc_widgets.chart.axes import Quantity, Values
from llmcalc_widgets.chart.curves import NO_CURVE, Curve, steps, together
from llmcalc_widgets.chart.legend import drawing
from llmcalc_widgets.chart.palette import COMPARED_COLOURS
from llmcalc_widgets.chart.plot import Plot
from llmcalc_widgets.chart.ticks import Ends
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.text.units import number

_SHORT = 16
"""Characters of a name that stays in one line, beside its mark."""

_LINE = '<path d="M0 9H7V3H14" fill="none" stroke="{colour}" stroke-width="2.4"/>'
_SAME = 0.0005


_UNSEEN: Curve = np.array([-1.0, -1.0]), np.array([-1.0, -1.0])
"""Beside a single plan, so that bqplot does not take the arrays for a number."""

_LONGEST = 14
"""Characters of a name in the chart."""

_NAME = np.array([0.23, 0.04])
"""Width and height of the longest name, as shares of the chart's."""

_EMPTY, _WIDTH = "\N{EM SPACE}", 0.6
"""An empty character as wide as the text is high, and how wide others are beside it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedFront:
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
    view : ChartView or None
        Its plans along the present axes; None where there is none.
    trouble : str
        Why there is none.
    """

    name: str
    kind: str
    at: int
    words: str
    view: ChartView | None
    trouble: str


def reached(view: ChartView, across: Values) -> Values:
    """Give the best value up that a front reaches at values across; NaN where it reaches none."""
    x, y = (values[view.front] for values in view.values)
    x_axis, y_axis = view.axes
    meets = x[None] <= across[:, None] if x_axis.small else x[None] >= across[:, None]
    worst = np.inf if y_axis.small else -np.inf
    offered = np.where(meets, y[None], worst)
    best = offered.min(axis=1) if y_axis.small else offered.max(axis=1)
    return np.where(np.isfinite(best), best, np.nan)


def ratio_words(other: ChartView, present: ChartView) -> str:
    """Say how much of the quantity up a front reaches, as a multiple of the present front.

    Both are taken where each reaches something: at every value across of a plan on either front.
    """
    x_axis, _ = present.axes
    across = np.unique(np.concatenate([one.values[0][one.front] for one in (other, present)]))
    ratios = reached(other, across) / reached(present, across)
    ratios = ratios[np.isfinite(ratios)]
    if not len(ratios):
        return f"no {x_axis.noun} in common"
    low, middle, high = (float(one) for one in np.quantile(ratios, [0, 0.5, 1]))
    if max(abs(low - 1), abs(high - 1)) < _SAME:
        return "the same"
    span = "" if high - low < _SAME else f" ({number(low)} to {number(high)})"
    return f"{number(middle)} times{span} at the same {x_axis.noun}"


def comparison_table(compared: tuple[ComparedFront, ...], present: ChartView) -> str:
    """Write the table of compared fronts in HTML; empty if there are none."""
    if not compared:
        return ""
    y_axis = present.axes[1]
    heads = ("Front", "Differs in", f"Best {y_axis.noun}", "Beside the present front")
    rows = [_row("present", "", _best(present, y_axis), "")]
    for place, other in enumerate(compared):
        mark = drawing(_LINE.format(colour=compared_colour(place)), 14)
        words = escape(other.words)
        if other.view is None or not len(other.view.front):
            rows.append(_row(_named(mark, other.name), words, "", _why_not(other)))
            continue
        beside = ratio_words(other.view, present) if len(present.front) else ""
        best = _best(other.view, y_axis)
        rows.append(_row(_named(mark, other.name), words, best, beside))
    titles = "".join(f'<th scope="col">{title}</th>' for title in heads)
    return (
        '<table class="llmcalc-fronts"><caption>Fronts beside each other</caption>'
        f"<thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def compared_colour(place: int) -> str:
    """Give the colour of the compared front at a place."""
    return COMPARED_COLOURS[place % len(COMPARED_COLOURS)]


def _named(mark: str, name: str) -> str:
    words = f"{mark}{escape(name)}"
    return f'<span class="llmcalc-front-name">{words}</span>' if len(name) <= _SHORT else words


def _row(name: str, *cells: str) -> str:
    return (
        f'<tr><th scope="row">{name}</th>' + "".join(f"<td>{one}</td>" for one in cells) + "</tr>"
    )


def _best(view: ChartView, axis: Quantity) -> str:
    if not len(view.front):
        return "no plan"
    values = view.values[1][view.front]
    return axis.words(float(values.min() if axis.small else values.max()))


def _why_not(other: ComparedFront) -> str:
    return escape(other.trouble) or "no plan fits and keeps the limits"


class ComparedLines:
    """Draws each compared front as steps, with its name at the end.

    Parameters
    ----------
    plot : Plot
        The figure.

    Attributes
    ----------
    lines : Lines or None
        The mark; None before the first compared front.
    names : list of str
        In full, of each curve.
    """

    def __init__(self, plot: Plot) -> None:
        self._plot = plot
        self.lines: Lines | None = None
        self.names: list[str] = []

    def draw(
        self, compared: tuple[ComparedFront, ...], ends: tuple[Ends, Ends], kept_free: Curve
    ) -> None:
        """Draw fronts between the ends of the axes, their names apart from places kept free."""
        if self.lines is None:
            if not compared:
                return
            self.lines = self._plot.add_lines()
        curves = _apart([_curve(other, ends) for other in compared], kept_free)
        with self.lines.hold_sync():
            self.lines.x, self.lines.y = together(*curves, _UNSEEN)
            self.lines.colors = [compared_colour(place) for place in range(len(compared) + 1)]
            named = zip(compared, curves, strict=True)
            self.lines.labels = [*(_label(other.name, curve) for other, curve in named), ""]
        self.names = [other.name for other in compared]


def _short(name: str) -> str:
    """Give as much of a name as there is room for; the table below the chart has all of it."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def _label(name: str, curve: Curve) -> str:
    """Write a name for the end of a curve, in the middle of which bqplot draws it.

    At the left end empty characters move it to the right, where no plans are; at the right end to
    the left, where it would not fit.
    """
    text, (across, _) = _short(name), curve
    empty = _EMPTY * round(_WIDTH * len(text))
    if not len(across):
        return text
    if across[-1] < np.mean(across):
        return empty + text
    half = _NAME[0] / 2 * len(text) / _LONGEST
    return text + empty if across[-1] + half > 1 else text


def _apart(curves: list[Curve], kept_free: Curve) -> list[Curve]:
    """Let each curve end where its name is farthest from those before, in names' sizes."""
    taken: list[Values] = [np.array(place) / _NAME for place in zip(*kept_free, strict=True)]
    found: list[Curve] = []
    for across, up in curves:
        ends = [np.array([across[at], up[at]]) / _NAME for at in (-1, 0) if len(up)]
        room = [min((np.abs(end - one).max() for one in taken), default=0.0) for end in ends]
        turned = bool(ends and room[1] > room[0])
        found.append((across[::-1], up[::-1]) if turned else (across, up))
        taken += ends[turned : turned + 1]
    return found


def _curve(other: ComparedFront, ends: tuple[Ends, Ends]) -> Curve:
    view = other.view
    if view is None or not len(view.front):
        return NO_CURVE
    across, up = (
        end.places(values[view.front]) for end, values in zip(ends, view.values, strict=True)
    )
    return steps(across, up, level_first=view.axes[0].small)
