"""``MemoryPlanner``: what fits on a device, over a growing batch or prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any, Unpack

import pandas as pd
import traitlets
from ipywidgets import HTML, Layout, VBox, Widget

from llmcalc_core import Evaluation, evaluate, largest_that_fits
from llmcalc_widgets.closing import parts_of
from llmcalc_widgets.form.form import Form
from llmcalc_widgets.form.planning import (
    PLANNING,
    WIDEST,
    Planning,
    PlanningValues,
    planning_fields,
)
from llmcalc_widgets.form.settings import MOST_BATCH, MOST_TOKENS, check_names, doublings
from llmcalc_widgets.frames import Frame
from llmcalc_widgets.session import Session
from llmcalc_widgets.style import style_sheet
from llmcalc_widgets.view.memory_chart import memory_chart
from llmcalc_widgets.view.planning_words import (
    AXIS_WORDS,
    heading_words,
    layout_words,
    layouts_of,
    verdict_words,
)
from llmcalc_widgets.view.why_style import WHY_CSS

_LOOK = ["layout", "axis"]
"""Settings that change nothing of the evaluation."""

_LEAST = {"batch": 1, "input_tokens": 256}
_MOST = {"batch": MOST_BATCH, "input_tokens": MOST_TOKENS}
"""First and last bar."""


class MemoryPlanner(Planning, VBox):
    """See what a plan holds in the memory of a device, and the largest batch or prompt that fits.

    Parameters
    ----------
    **settings
        Any of the settings below, to start from.

    Attributes
    ----------
    model, hardware, precision, devices, layout, axis, batch, input_tokens, output_tokens, \
memory_fraction
        The settings; see :class:`~llmcalc_widgets.form.planning.Planning`. Setting one recomputes
        at once; a wrong value raises and changes nothing.
    df : DataFrame
        A row per bar: the plan with memory by kind on its fullest device [bytes], as
        :func:`llmcalc_core.explore` has it. Read-only.
    largest : int
        Largest batch, or longest prompt, that fits; 0 if none does. Read-only.
    error : str
        What is wrong with the form; empty if nothing is. Read-only.
    form, chart : widgets
        The parts, to be placed anywhere.

    Raises
    ------
    TypeError
        For a keyword that is no setting, with the nearest one.
    TraitError
        For a wrong value.

    Examples
    --------
    >>> planner = MemoryPlanner(model="llama2_7b", hardware="A100_80GB", devices=1)
    >>> planner.largest
    52
    >>> planner.close()
    """

    df = Frame(read_only=True)
    largest = traitlets.Int(read_only=True)
    error = traitlets.Unicode(read_only=True)

    _parts: Sequence[Widget] = ()  # ipywidgets closes also what never finished its __init__

    def __init__(self, **settings: Unpack[PlanningValues]) -> None:
        check_names(settings, PLANNING, owner="MemoryPlanner")
        self._session = Session()
        super().__init__(**settings)
        self.form = Form(self, self._session, planning_fields)
        self.chart = HTML()
        drawn = VBox([style_sheet(), self.chart], layout=Layout(flex="2 1 420px", min_width="0"))
        drawn.add_class("llmcalc")
        row = VBox(
            [self.form, drawn],
            layout=Layout(display="flex", flex_flow="row wrap", width="100%", grid_gap="8px 20px"),
        )
        row.add_class("llmcalc-row")
        self.children = (row,)
        self._parts = parts_of(self)
        self.observe(self._submit, [name for name in PLANNING if name not in _LOOK])
        self.observe(self._look, _LOOK)
        self._session.observe(self._show, "evaluation")
        self._session.observe(self._show_errors, "errors")
        self._session.submit(self.make_request)

    def close(self) -> None:
        """Close the planner with every widget that it made."""
        if self._parts:
            self._session.close()
        for part in self._parts:
            if part is not self:
                part.close()
        super().close()

    def _submit(self, _: object) -> None:
        self._session.submit(self.make_request, soon=self.form.sliding)

    def _show(self, change: dict[str, Any]) -> None:
        self._draw(change["new"])

    def _look(self, _: object) -> None:
        """Draw what is there already in another way."""
        self._session.flush()
        if self._session.evaluation is not None:
            self._draw(self._session.evaluation)

    def _draw(self, evaluation: Evaluation) -> None:
        layouts = layouts_of(evaluation.frame)
        shown = self._layout_among(layouts)
        plan = layouts[shown]
        most = {name: largest_that_fits(evaluation.request, plan, name) for name in AXIS_WORDS}
        frame = _bars(evaluation, shown, self.axis, most[self.axis])
        marks = {int(plan[self.axis]): "here"}
        if most[self.axis]:
            marks[most[self.axis]] = "largest"
        words = verdict_words(plan, most)
        self.chart.value = (
            f"<style>{WHY_CSS}</style><h3>{escape(heading_words(evaluation.request, shown))}</h3>"
            f'<div class="llmcalc-status" role="status" aria-live="polite">{escape(words)}</div>'
            f"{memory_chart(frame, self.axis, AXIS_WORDS[self.axis], marks=marks)}"
        )
        with self.hold_trait_notifications():
            self.set_trait("df", frame)
            self.set_trait("largest", most[self.axis])

    def _layout_among(self, layouts: dict[str, dict[str, Any]]) -> str:
        """Give the layout to show, and say so if it is not the one that is asked for."""
        widest = max(layouts, key=lambda name: _width(layouts[name]))
        asked = str(self.layout)
        known = asked in {WIDEST, *layouts}
        self.form.fields["layout"].offer((WIDEST, *layouts, *(() if known else (asked,))), asked)
        if known:
            self._session.accept("layout")
            return widest if asked == WIDEST else asked
        self._session.reject("layout", f"{asked} is no layout of these devices; shown is {widest}")
        return widest

    def _show_errors(self, change: dict[str, Any]) -> None:
        self.set_trait("error", "; ".join(change["new"].values()))


def _width(plan: dict[str, Any]) -> tuple[int, ...]:
    """Order plans by tensor parallel width, then by how few copies they have of anything."""
    return plan["tp"], -plan["attention_dp"], -plan["replicas"], -plan["pp"], -plan["ep"]


def _bars(evaluation: Evaluation, layout: str, axis: str, largest: int) -> pd.DataFrame:
    """Evaluate a layout over batches or prompts, up to twice the largest that fits."""
    request = evaluation.request
    field = "batches" if axis == "batch" else axis
    (present,) = getattr(request, field)
    end = max(present, min(2 * largest, _MOST[axis]))
    values = {*doublings(min(_LEAST[axis], end), end), present, largest or present}
    changes: dict[str, Any] = {field: tuple(sorted(values))}
    frame = evaluate(replace(request, **changes)).frame
    same = [name == layout for name in map(layout_words, frame.to_dict("records"))]
    return frame[same].reset_index(drop=True)
