"""The table of plans: sorted, filtered and cut into pages in the kernel, a page in the browser.

ipydatagrid 1.4.0 works beside these versions of ipywidgets, but sends the whole frame to the
browser (20,000 plans: 2.6 MB and 0.3 s for every change of a control), and draws on a canvas that
neither Tab nor a screen reader reaches. A page is some kB and milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from typing import Any

import numpy as np
from ipywidgets import HTML, Button, HBox, Layout, RadioButtons, Text, VBox
from numpy.typing import NDArray

from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.elements.labels import ErrorLine, label_with_tooltip
from llmcalc_widgets.elements.page import page_script, read_asset
from llmcalc_widgets.state import Selection
from llmcalc_widgets.table.columns import COLUMNS, PLAN, Column, cells, columns_of
from llmcalc_widgets.table.filters import matching
from llmcalc_widgets.text.units import counted

PAGE = 25
"""Plans on a page."""
_FIRST_ORDER = "per_device"
_ARROWS = {True: " \N{BLACK UP-POINTING TRIANGLE}", False: " \N{BLACK DOWN-POINTING TRIANGLE}"}
_NO_ROWS = np.array([], dtype=np.intp)


_FAR = 1 << 40
_TURNS = (
    ("First", "To the first page", -_FAR),
    ("Previous", "To the page before", -1),
    ("Next", "To the next page", 1),
    ("Last", "To the last page", _FAR),
)
"""What the buttons of the pager say and explain, and how many pages they turn."""

_STEPS = {"above": -1, "below": 1, "first": -_FAR, "last": _FAR}
_KEYS = {
    "ArrowUp": "above",
    "ArrowLeft": "above",
    "ArrowDown": "below",
    "ArrowRight": "below",
    "PageUp": "page-above",
    "PageDown": "page-below",
    "Home": "first",
    "End": "last",
}
_PREFIX = "llmcalc-row-"
"""How the class of a button begins that a key presses."""

_SCRIPT = read_asset("llmcalc_widgets.table", "keys.js")


class PlanTable(VBox):
    """Shows the plans page by page; a plan chosen in it is written into the selection.

    Parameters
    ----------
    selection : Selection
        What it writes and shows: the selected plan is marked, and a brush shows its plans only.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._view: ChartView | None = None
        self._brushed: tuple[int, ...] | None = None
        self._order, self._page = _NO_ROWS, 0
        self._by, self._rising = _FIRST_ORDER, False
        self._quiet = False
        self.filter = Text(
            **label_with_tooltip(
                "Filter",
                "Conditions between spaces or commas: a column or tp, pp, ep, replicas, batch, a "
                "sign and a number; fits, front, rejected",
            ),
            placeholder="such as: fits, tp=4, tpot<30, memory<=60",
            continuous_update=False,
            layout=Layout(width="420px", max_width="100%"),
            style={"description_width": "40px"},
        )
        self.message = ErrorLine()
        self.plans = RadioButtons(description="Plans", layout=Layout(width=f"{PLAN.width}px"))
        self.plans.add_class("llmcalc-hidden-label")
        self._status, self._figures = HTML(), HTML()
        self._heads = {column.key: self._head(column) for column in COLUMNS}
        self.heads = HBox([*self._heads.values()])
        self.pager = HBox([self._turner(*turn) for turn in _TURNS])
        sheet = VBox([self.heads, HBox([self.plans, self._figures])])
        sheet.add_class("llmcalc-sheet")
        keys = table_keys(PAGE, self.step)
        super().__init__([self.filter, self.message, sheet, self.pager, self._status, keys])
        self.add_class("llmcalc-table")
        self.filter.observe(self._filtered, "value")
        self.plans.observe(self._chosen, "index")

    def show(self, view: ChartView) -> None:
        """Bring the table to a view, and to what is selected now."""
        brushed = self._selection.brushed
        if view is not self._view or brushed != self._brushed:
            self._view, self._brushed = view, brushed
            self._arrange()
        self._turn_to_selected()
        self._show_page()

    def step(self, rows: int) -> None:
        """Move the selection by some rows; from none to the first or the last."""
        if not len(self._order):
            return
        found = np.flatnonzero(self._order == self._selection.row)
        first = 0 if rows > 0 else len(self._order) - 1
        at = min(max(0, int(found[0]) + rows), len(self._order) - 1) if len(found) else first
        self._selection.row = int(self._order[at])

    def _head(self, column: Column) -> Button:
        head = Button(
            tooltip=f"{column.about}. Press to sort.",
            layout=Layout(width=f"{column.width}px", flex="0 0 auto"),
        )
        head.on_click(partial(self._sort, column.key))
        return head

    def _turner(self, name: str, tooltip: str, step: int) -> Button:
        turner = Button(description=name, tooltip=tooltip, layout=Layout(width="auto"))
        turner.on_click(lambda _: self._turn(step))
        return turner

    def _arrange(self) -> None:
        """Choose and order the rows anew: those that are rejected last, whatever the order."""
        view = self._view
        if view is None:
            return
        if self._by not in {column.key for column in columns_of(view)}:
            self._by, self._rising = _FIRST_ORDER, False
        try:
            chosen = matching(view, self.filter.value)
        except ValueError as error:
            self.message.show(_sentence(str(error)))
            chosen = np.ones(len(view.frame), dtype=bool)
        else:
            self.message.show("")
        if self._brushed is not None:
            inside = np.zeros(len(chosen), dtype=bool)
            inside[list(self._brushed)] = True
            chosen &= inside
        rows = np.flatnonzero(chosen)
        rejected = view.rejected[rows]
        self._order = rows[np.lexsort((self._keys(view, rows), rejected))]
        self._page = 0

    def _keys(self, view: ChartView, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Give numbers that sort rows in the order that was asked for."""
        if self._by == PLAN.key:
            ranks: NDArray[Any] = rows
        else:
            column = next(column for column in columns_of(view) if column.key == self._by)
            values = column.values(view)[rows]
            number = np.issubdtype(values.dtype, np.number)
            ranks = values if number else np.unique(values, return_inverse=True)[1]
        return ranks if self._rising else -ranks

    def _turn_to_selected(self) -> None:
        at = np.flatnonzero(self._order == self._selection.row)
        if len(at):
            self._page = int(at[0]) // PAGE

    def _show_page(self) -> None:
        view = self._view
        if view is None:
            return
        rows = self._order[self._page * PAGE : (self._page + 1) * PAGE]
        written = cells(view, rows)
        at = np.flatnonzero(rows == self._selection.row)
        plans = tuple(row[0] for row in written)
        self._quiet = True
        with self.plans.hold_sync():
            if self.plans.options != plans:
                self.plans.options = plans
            self.plans.index = int(at[0]) if len(at) else None
        self._quiet = False
        columns, request = columns_of(view), view.evaluation.request
        headings = {column: column.heading_of(request) for column in columns}
        self._figures.value = figures_table(written, headings, self._by, rising=self._rising)
        self.heads.children = [self._heads[column.key] for column in columns]
        for column, heading in headings.items():
            arrow = _ARROWS[self._rising] if column.key == self._by else ""
            self._heads[column.key].description = heading + arrow
        last = self._last_page()
        for turner, (_, _, step) in zip(self.pager.children, _TURNS, strict=True):
            turner.disabled = self._page == (0 if step < 0 else last)
        self._status.value = table_status(
            len(self._order), len(view.frame), self._page * PAGE, len(rows),
            brushed=self._brushed is not None,
        )  # fmt: skip

    def _last_page(self) -> int:
        return max(0, len(self._order) - 1) // PAGE

    def _turn(self, step: int) -> None:
        self._page = min(max(0, self._page + step), self._last_page())
        self._show_page()

    def _sort(self, key: str, _: object) -> None:
        """Sort by a column, the largest first; again, the smallest first."""
        self._by, self._rising = key, self._by == key and not self._rising
        self._arrange()
        self._show_page()

    def _filtered(self, _: object) -> None:
        self._arrange()
        self._show_page()

    def _chosen(self, change: dict[str, Any]) -> None:
        if self._quiet or change["new"] is None:
            return
        at = self._page * PAGE + change["new"]
        if at < len(self._order):
            self._selection.row = int(self._order[at])


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}; all plans are shown."


def figures_table(
    rows: list[tuple[str, ...]], headings: Mapping[Column, str], by: str, *, rising: bool
) -> str:
    """Write the figures of a page.

    The plans and the headings, which are seen in the controls beside and above, are there for
    screen readers.

    Parameters
    ----------
    rows : list of tuple of str
        A cell for each column.
    headings : mapping of Column to str
        The columns, and what stands above them.
    by : str
        Key of the column that they are sorted by.
    rising : bool
        Whether the smallest comes first.

    Returns
    -------
    str
        HTML.
    """
    sorted_ = f' aria-sort="{"ascending" if rising else "descending"}"'
    heads = "".join(
        f'<th scope="col"{sorted_ if column.key == by else ""}>{_unseen(heading)}</th>'
        for column, heading in headings.items()
    )
    figures = [*headings][1:]
    widths = "".join(f'<col style="width:{column.width}px">' for column in figures)
    width = sum(column.width for column in figures)
    body = "".join(_row(*row) for row in rows)
    return (
        f'<table style="width:{width}px"><caption>Plans</caption>'
        f'<colgroup><col style="width:0">{widths}</colgroup>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )


def _row(plan: str, *figures: str) -> str:
    own = "".join(f"<td>{escape(figure)}</td>" for figure in figures)
    return f'<tr><th scope="row">{_unseen(plan)}</th>{own}</tr>'


def _unseen(words: str) -> str:
    return f"<span>{escape(words)}</span>"


def table_status(chosen: int, among: int, first: int, count: int, *, brushed: bool) -> str:
    """Say in HTML how many plans there are, and which of them the page shows.

    Examples
    --------
    >>> table_status(41, 312, 25, 16, brushed=False)
    '<div class="llmcalc-status" role="status">26 to 41 of 41 plans that match, of 312 plans</div>'
    """
    where = " in the brush" if brushed else ""
    if not chosen:
        words = f"None of {counted(among, 'plan')} matches{where}"
    else:
        of = f" that match{where}, of {counted(among, 'plan')}" if chosen < among else ""
        words = f"{first + 1:,} to {first + count:,} of {counted(chosen, 'plan')}{of}"
    return f'<div class="llmcalc-status" role="status">{words}</div>'


def table_keys(page: int, step: Callable[[int], None]) -> HBox:
    """Make the invisible script and the buttons that it presses.

    Among the rows of a page the arrows move the selection by themselves, as in every group of radio
    buttons. At its ends, and for keys that go further, the script presses a button, and takes the
    focus along when the new page is there.

    Parameters
    ----------
    page : int
        Rows on a page.
    step : callable
        Moves the selection by so many rows.

    Returns
    -------
    HBox
        To be put into the table.
    """
    steps = {"page-above": -page, "page-below": page, **_STEPS}
    buttons = [_button(name, rows, step) for name, rows in steps.items()]
    script = page_script(_SCRIPT, keys=_KEYS, prefix=_PREFIX)
    return HBox([script, *buttons], layout=Layout(display="none"))


def _button(name: str, rows: int, step: Callable[[int], None]) -> Button:
    button = Button()
    button.add_class(f"{_PREFIX}{name}")
    button.on_click(lambda _: step(rows))
    return button
