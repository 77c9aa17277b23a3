"""What a cell shows of a widget: the live view, and what its readers without a kernel see."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from typing import Any

from IPython.display import display

from llmcalc_widgets.chart.captions import status_words
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.export.stills import picture
from llmcalc_widgets.table.columns import cells, columns_of
from llmcalc_widgets.text.request_words import question_words

MOST_ROWS = 40
"""Plans of the front that the table has room for."""


def summary_of(view: ChartView) -> str:
    """Say in a line of text what is shown."""
    deployed, workload = question_words(view.evaluation.request)
    count = status_words(view, len(view.frame), None)
    return f"ParetoExplorer: {deployed}; {workload}; {count}"


def front_table(view: ChartView) -> str:
    """Write the plans on the front as HTML, from left to right."""
    shown = view.front[:MOST_ROWS]
    left = len(view.front) - len(shown)
    more = f", {left:,} more are left out" if left else ""
    caption = f"{escape(summary_of(view))}. Plans on the Pareto front{more}"
    request = view.evaluation.request
    headings = (column.heading_of(request) for column in columns_of(view))
    heads = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
        for row in cells(view, shown)
    )
    return (
        f"<table><caption>{caption}</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """A widget as it is at this moment, to be read without it.

    Attributes
    ----------
    words : str
        What it shows, in a line.
    html : str
        Its answer, with the style that it needs.
    png : callable
        Draws a picture of it, which takes a while; None where it cannot.
    """

    words: str
    html: str
    png: Callable[[], bytes | None] = lambda: None


class Displayed:
    """A widget whose cell also stores a still of it.

    Readers take one form of each output: the live view where a notebook has the state of its
    widgets, also where they cannot draw it. So the still is in outputs of its own, the picture
    first, which the style sheet of a live view hides.
    """

    def still(self) -> Still | None:
        """Give what is shown; None where nothing is."""
        raise NotImplementedError

    def _outputs(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Give what the cell stores: forms by type and their metadata, the live view first."""
        draws = getattr(self, "_repr_mimebundle_", None)  # None once it is closed
        view = draws() if draws else {"text/plain": repr(self)}
        still = self.still() if draws else None
        if still is None:
            yield view, {}
            return
        yield {**view, "text/plain": still.words}, {}
        where, png = "", still.png()
        if png is not None:
            coded, where = b64encode(png).decode(), " below"
            yield {"image/png": coded}, {"image/png": {"alt": still.words}}
        yield {"text/html": f'<div class="llmcalc-still{where}">{still.html}</div>'}, {}

    def _ipython_display_(self) -> None:
        for forms, metadata in self._outputs():
            display(forms, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]

    def _mime_(self) -> tuple[str, str]:
        """Give marimo, which shows no ipywidgets, the picture and the table."""
        still = self.still()
        if still is None:
            return "text/plain", repr(self)
        png = still.png()
        coded = "" if png is None else b64encode(png).decode()
        drawn = f'<img alt="{escape(still.words)}" src="data:image/png;base64,{coded}">'
        return "text/html", f"{drawn if coded else ''}{still.html}"


class Pictured(Displayed):
    """A widget that also draws a picture of what it shows at this moment."""

    def paint(self, figure: Any) -> None:  # noqa: ANN401 - matplotlib is optional
        """Draw it on matplotlib's figure.

        Raises
        ------
        ValueError
            If nothing has been evaluated yet.
        """
        raise NotImplementedError

    def to_png(self) -> bytes:
        """Draw what is shown as a PNG file.

        Returns
        -------
        bytes
            The file, with titles, units and the legend.

        Raises
        ------
        ImportError
            Without matplotlib, which the extra ``still`` installs.
        ValueError
            If nothing has been evaluated yet.
        """
        return picture(self.paint, "png")

    def to_svg(self) -> str:
        """Draw what is shown as the text of an SVG file; see :meth:`to_png`.

        Raises
        ------
        ImportError
            Without matplotlib, which the extra ``still`` installs.
        ValueError
            If nothing has been evaluated yet.
        """
        return picture(self.paint, "svg").decode()

    def png_if_possible(self) -> bytes | None:
        """Draw it where matplotlib is installed."""
        return self.to_png() if find_spec("matplotlib") else None
