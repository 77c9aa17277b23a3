"""``ParetoExplorer``: form, chart and details around one evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Unpack

import traitlets
from ipywidgets import VBox, Widget

from llmcalc_core import Evaluation, EvaluationRequest
from llmcalc_widgets.apps.chart_options import OUTLOOK_DEFAULTS, Outlook
from llmcalc_widgets.apps.compared_fronts import Rivals
from llmcalc_widgets.apps.config import KNOWN, ExplorerValues, checked_values
from llmcalc_widgets.apps.published import Published
from llmcalc_widgets.apps.saved import SavedSelection
from llmcalc_widgets.chart.chart import Chart
from llmcalc_widgets.chart.selection import Selection, same_plan
from llmcalc_widgets.chart.view import chart_view
from llmcalc_widgets.elements.style import row_of
from llmcalc_widgets.export.exports import Exports
from llmcalc_widgets.export.outputs import Outputs
from llmcalc_widgets.form.form import Form
from llmcalc_widgets.form.inputs import Inputs
from llmcalc_widgets.form.settings import DEFAULTS, check_names
from llmcalc_widgets.form.technique_controls import FOLDED
from llmcalc_widgets.form.workloads import with_workload
from llmcalc_widgets.panels.details import Details
from llmcalc_widgets.runner import Session
from llmcalc_widgets.transport.batched_messages import BatchedMessages
from llmcalc_widgets.transport.disposal import Disposal, parts_of


class ParetoExplorer(Published, SavedSelection, Exports, Inputs, Outlook, VBox):
    """Explore how to deploy a model: a form, a chart of all plans, and the plan to take.

    Parameters
    ----------
    **settings
        Any of the settings below, to start from.

    Attributes
    ----------
    model, hardware, devices, devices_min, stage, engine, input_tokens, output_tokens, \
batch_min, batch_max, \
precision, memory_fraction, tpot_limit_ms, ttft_limit_ms, workload, prefix_hit_rate, \
speculative_tokens, acceptance_rate, draft_model, prefill_chunk_tokens, lora_adapters, lora_rank, \
weights_offload, weights_offload_gib, kv_offload, offload_to_fit, context_parallel_max, \
price_per_hour, power_watts
        The settings; see :class:`~llmcalc_widgets.form.inputs.Inputs`. Setting one recomputes at
        once; a wrong value raises and changes nothing.
    x_axis, y_axis, pins, compared
        What the chart shows; see ``chart_options.Outlook``. Setting one draws at
        once, and finds the front again.
    df : DataFrame
        Every candidate; see :func:`llmcalc_core.explore` for the columns. Read-only.
    front : DataFrame
        Those on the Pareto front of the chart's axes, from left to right. Read-only.
    selected : Series or None
        The plan that was clicked or chosen. Read-only.
    selected_row : int or None
        Its row in ``df``; setting it selects.
    selection : DataFrame
        The plans in the brush, rejected ones included; else the selected one, if any. Read-only.
    request : EvaluationRequest
        What ``df`` answers. Read-only.
    error : str
        What is wrong with the form; empty if nothing is. Read-only.
    form, chart, details, outputs : widgets
        The parts, to be placed anywhere.

    Raises
    ------
    TypeError
        For a keyword that is no setting, with the nearest one.
    TraitError
        For a wrong value.

    Examples
    --------
    >>> explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=2)
    >>> explorer.devices = 4
    >>> int(explorer.df["devices"].max())
    4
    >>> explorer.close()
    """

    known = KNOWN
    error = traitlets.Unicode(read_only=True)

    _parts: Sequence[Widget] = ()  # ipywidgets closes also what never finished its __init__

    def __init__(self, **settings: Unpack[ExplorerValues]) -> None:
        start = checked_values(settings)
        self._session = Session()
        self._pointed = Selection()
        self._rivals = Rivals()
        self._messages = BatchedMessages()
        super().__init__(**start)
        self.form = Form(self, self._session, folded=FOLDED)
        self.chart = Chart(self._pointed, self, self.pin, self._cancel)
        self.details = Details(self._pointed)
        self.outputs = Outputs(self._pointed, self.chart.drawing, self._messages.include)
        self.children = (row_of(self.form, self.chart, self.details, self.outputs),)
        self._messages.include(dict.fromkeys([*parts_of(self.chart), *parts_of(self.details)]))
        self._disposal = Disposal()
        self._parts = [*parts_of(self), *parts_of(self._messages)]
        self.observe(self._submit, list(DEFAULTS))
        self.observe(self._look, list(OUTLOOK_DEFAULTS))
        self._session.observe(self._show, "evaluation")
        self._session.observe(self._show_errors, "errors")
        self._session.observe(self._show_busy, "expected_s")
        self._pointed.observe(self._show_selection)
        self._session.submit(self._ask)

    def update(self, **settings: Unpack[ExplorerValues]) -> None:
        """Change several settings and recompute once.

        Raises
        ------
        TypeError
            For a keyword that is no setting.
        TraitError
            For a wrong value; then nothing changes.
        """
        check_names(settings, KNOWN)
        self.unobserve(self._submit, list(DEFAULTS))
        try:
            with self.hold_trait_notifications():
                for name, value in with_workload(settings).items():
                    setattr(self, name, value)
        finally:
            self.observe(self._submit, list(DEFAULTS))
        self._session.submit(self._ask)

    def pin(self, name: str | None = None) -> None:
        """Keep the present front in the chart under a name, by default the next free letter.

        Raises
        ------
        TraitError
            If the name is taken.
        """
        self.pin_settings(self.settings(), name)

    def close(self) -> None:
        """Close the explorer with every widget that it made."""
        made, self._parts = self._parts, ()
        if made:
            self._session.close()
            later = [*parts_of(self.chart), *parts_of(self), self.chart.plot.brush]
            self._disposal.close_all(self, [*made, *later])
        super().close()

    def _submit(self, _: object) -> None:
        self._session.submit(self._ask, soon=self.form.sliding, patient=self.form.setting)

    def _ask(self) -> EvaluationRequest:
        self._asked = self.settings()
        return self.make_request()

    def _show_busy(self, _: object) -> None:
        self.chart.waiting.show(self._session.expected_s, self._session.expected_plans)

    def _cancel(self) -> None:
        """Go back to the settings of what is shown."""
        self._session.stop()
        self.update(**self._shown)

    def _show(self, change: dict[str, Any]) -> None:
        evaluation: Evaluation = change["new"]
        self._shown = self._asked
        self._draw(evaluation, same_plan(change["old"], evaluation, self._pointed.row))

    def _look(self, _: object) -> None:
        """Draw what is there already along other axes."""
        self._session.flush()
        if self._session.evaluation is not None:
            self._draw(self._session.evaluation, self._pointed.row)

    def _draw(self, evaluation: Evaluation, row: int | None) -> None:
        self._pointed.unobserve(self._show_selection)
        self._pointed.row, self._pointed.brushed = row, None
        self._pointed.observe(self._show_selection)
        scene = chart_view(evaluation, self.x_axis, self.y_axis)
        rivals = self._rivals.of(self, self._shown, scene)
        with self._messages.one_message():
            self.chart.draw(scene, rivals)
        self.details.take(scene)
        self.outputs.take(scene, rivals)
        try:
            self._session.attempt(self._show_words)
        finally:
            self._publish(scene)

    def _show_words(self) -> None:
        """Say all that is said of the drawing, or nothing: what was said is of another one."""
        with ExitStack() as unsaid:
            unsaid.callback(self.chart.clear_words)
            unsaid.callback(self.details.clear)
            with self._messages.one_message(late=True):
                self.chart.show_words()
                self.details.show_selection()
            with self._messages.one_message(late=True):
                self.outputs.show_selection()
            unsaid.pop_all()

    def _show_selection(self, _: object) -> None:
        with self._messages.one_message():
            self.chart.show_selection()
            self.details.show_selection()
        with self._messages.one_message(late=True):
            self.outputs.show_selection()
        self._publish_selection()

    def _show_errors(self, _: object) -> None:
        self.set_trait("error", self._session.error_words())
