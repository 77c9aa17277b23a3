"""The fronts of rivals in the figure: one mark, made when the first rival comes."""

from __future__ import annotations

import numpy as np
from bqplot import Lines

from llmcalc_widgets.chart.axes import Values
from llmcalc_widgets.chart.figures import NO_CURVE, Curve, steps, together
from llmcalc_widgets.chart.front_comparison import Rival, rival_colour
from llmcalc_widgets.chart.plot import Plot
from llmcalc_widgets.chart.ticks import Ends

_UNSEEN: Curve = np.array([-1.0, -1.0]), np.array([-1.0, -1.0])
"""Beside a single plan, so that bqplot does not take the arrays for a number."""

_LONGEST = 14
"""Characters of a name in the chart."""

_NAME = np.array([0.23, 0.04])
"""Width and height of the longest name, as shares of the chart's."""

_EMPTY, _WIDTH = "\N{EM SPACE}", 0.6
"""An empty character as wide as the text is high, and how wide others are beside it."""


class RivalLines:
    """Draws the front of every rival as steps, with its name at the end.

    Parameters
    ----------
    plot : Plot
        The figure.

    Attributes
    ----------
    lines : Lines or None
        The mark; None before the first rival.
    names : list of str
        In full, of each curve.
    """

    def __init__(self, plot: Plot) -> None:
        self._plot = plot
        self.lines: Lines | None = None
        self.names: list[str] = []

    def draw(self, rivals: tuple[Rival, ...], ends: tuple[Ends, Ends]) -> None:
        """Draw rivals between the ends of the axes."""
        if self.lines is None:
            if not rivals:
                return
            self.lines = self._plot.add_lines()
        curves = _apart([_curve(rival, ends) for rival in rivals])
        with self.lines.hold_sync():
            self.lines.x, self.lines.y = together(*curves, _UNSEEN)
            self.lines.colors = [rival_colour(place) for place in range(len(rivals) + 1)]
            named = zip(rivals, curves, strict=True)
            self.lines.labels = [*(_label(rival.name, curve) for rival, curve in named), ""]
        self.names = [rival.name for rival in rivals]


def _short(name: str) -> str:
    """Give as much of a name as there is room for; the table below the chart has all of it."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def _label(name: str, curve: Curve) -> str:
    """Write a name for the end of a curve, in the middle of which bqplot draws it.

    At the left end empty characters move it to the right, where no plans are.
    """
    text, (across, _) = _short(name), curve
    leftmost = len(across) > 0 and across[-1] < np.mean(across)
    return _EMPTY * round(_WIDTH * len(text)) + text if leftmost else text


def _apart(curves: list[Curve]) -> list[Curve]:
    """Let each curve end where its name is farthest from those before, in names' sizes."""
    taken: list[Values] = []
    found: list[Curve] = []
    for across, up in curves:
        ends = [np.array([across[at], up[at]]) / _NAME for at in (-1, 0) if len(up)]
        room = [min((np.abs(end - one).max() for one in taken), default=0.0) for end in ends]
        turned = bool(ends and room[1] > room[0])
        found.append((across[::-1], up[::-1]) if turned else (across, up))
        taken += ends[turned : turned + 1]
    return found


def _curve(rival: Rival, ends: tuple[Ends, Ends]) -> Curve:
    scene = rival.scene
    if scene is None or not len(scene.front):
        return NO_CURVE
    across, up = (
        end.places(figures[scene.front]) for end, figures in zip(ends, scene.figures, strict=True)
    )
    return steps(across, up, level_first=scene.axes[0].small)
