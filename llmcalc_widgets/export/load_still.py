"""A still of a load curve: its percentiles, limit and knee, and what is said of it."""

from __future__ import annotations

from base64 import b64encode
from functools import partial
from html import escape
from importlib.util import find_spec
from typing import Any

from llmcalc_widgets.chart.load_plot import COLOURS, limit_place, up_ends
from llmcalc_widgets.chart.load_view import DRAWN, LoadView
from llmcalc_widgets.export.still import (
    FAINT,
    GRID,
    INK,
    add_legend,
    add_title,
    open_sides,
    picture,
)
from llmcalc_widgets.panels.load import load_table, load_words, requests_words
from llmcalc_widgets.settings.percentiles import PERCENTILES
from llmcalc_widgets.text.units import seconds

_PLACE = (0.085, 0.2, 0.89, 0.62)
_BEYOND = 1.03
"""How far the axis of rates goes beyond the last of them [1]."""


def load_still(view: LoadView) -> str:
    """Write a load curve in HTML: a picture where matplotlib is installed, and a table."""
    words = escape(load_words(view))
    if not view.known:
        return f"<p>{words}</p>"
    drawn = ""
    if find_spec("matplotlib"):
        coded = b64encode(picture(partial(paint_load, view=view), "png")).decode()
        drawn = f'<img alt="{words}" src="data:image/png;base64,{coded}">'
    return f"<p>{words}</p>{drawn}{load_table(view)}"


def paint_load(figure: Any, view: LoadView) -> None:  # noqa: ANN401 - matplotlib is optional
    """Draw what the load plot draws, with its title and legend.

    Parameters
    ----------
    figure : Figure of matplotlib
        On which.
    view : LoadView
        A curve whose requests have the latency that is looked at.
    """
    axes = figure.add_axes(_PLACE)
    shown = [name for name in PERCENTILES if name in {*DRAWN, view.percentile}]
    up = up_ends(view)
    curves = {name: up.places(view.quantity.shown(view.seconds(name))) for name in shown}
    handles = [
        handle
        for name in reversed(shown)
        for handle in axes.plot(
            view.rates, curves[name], color=COLOURS[name], label=name,
            lw=3 if name == view.percentile else 1.8,
            marker="o" if name == view.percentile else "",
        )
    ]  # fmt: skip
    across = _BEYOND * float(view.rates.max())
    limit = limit_place(view, up)
    if limit is not None and view.limit_s is not None:
        line = axes.axhline(limit, color=INK, lw=1.4, ls="--")
        line.set_label(f"limit {seconds(view.limit_s)}")
        handles.append(line)
    if view.overloaded is not None:
        first = float(view.rates[view.overloaded])
        shade = axes.axvspan(first, across, color=FAINT, alpha=0.22, lw=0, label="overload")
        handles.append(shade)
    places, labels = up.ticks()
    axes.set_yticks(places, list(labels.values()))
    axes.set(
        xlim=(0, across), ylim=(0, 1), ylabel=view.quantity.label,
        xlabel="Requests per second of one replica",
    )  # fmt: skip
    axes.grid(axis="y", color=GRID, lw=0.8)
    open_sides(axes)
    add_title(figure, (load_words(view), requests_words(view)))
    add_legend(figure, handles)
