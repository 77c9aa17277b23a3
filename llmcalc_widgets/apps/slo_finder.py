"""``SloFinder``: the fewest devices that serve a load within limits on times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Unpack

import pandas as pd
import traitlets
from ipywidgets import Widget
from traitlets import TraitError

from llmcalc_core import IN_FLIGHT, Evaluation, EvaluationRequest, slo_plans
from llmcalc_widgets.apps.app import LoadCurves, split_load
from llmcalc_widgets.apps.planner import Planner
from llmcalc_widgets.apps.traits import traits_of
from llmcalc_widgets.elements.labels import Fold
from llmcalc_widgets.export.request_code import explore_call, load_call, program, slo_call
from llmcalc_widgets.export.stills import paint_bars
from llmcalc_widgets.form.controls import make_field
from llmcalc_widgets.panels.load import TITLE, LoadPanel, asked_of
from llmcalc_widgets.panels.slo_page import (
    SloAnswer,
    SloNotice,
    bars_of,
    heading_words,
    slo_page,
    summary,
)
from llmcalc_widgets.runner.simulations import ReplicaRunner
from llmcalc_widgets.settings.checks import check_rate, check_text
from llmcalc_widgets.settings.deployment import SEVERAL_HARDWARE
from llmcalc_widgets.settings.load import LOAD_SETTINGS, LoadValues, SloQuestion, level_of
from llmcalc_widgets.settings.registry import SETTINGS, TECHNIQUES, SettingValues
from llmcalc_widgets.settings.setting import Choice, Setting, Slider, settings_of
from llmcalc_widgets.settings.techniques import in_words
from llmcalc_widgets.settings.values import name_of
from llmcalc_widgets.settings.workload import RATES
from llmcalc_widgets.state import SettingTrait, SeveralDevicesState
from llmcalc_widgets.text.request_words import workload_line

_FIRST = "the fewest devices"


class SearchValues(SettingValues, total=False):
    """Everything that is asked."""

    requests_per_s: Annotated[
        float,
        Setting(
            default=10.0,
            check=check_rate,
            group="view",
            control=Slider(stops=RATES),
            label="Requests/s",
            help="Requests that arrive per second, over all replicas",
        ),
    ]
    load_of: Annotated[
        str | None,
        Setting(
            default=None,
            optional=True,
            check=check_text,
            group="view",
            control=Choice(options=lambda: ("",), name_of=lambda name: name or _FIRST),
            label="Load curve of",
            help="The device whose plan the load curve is of: a row of the table above",
        ),
    ]


class FinderValues(SearchValues, LoadValues, total=False):
    """Everything that can be set."""


_NAMES = (
    "model", "hardware", "precision", "engine", "engine_version", "workload", "input_tokens",
    "output_tokens",
    "requests_per_s", "tpot_limit_ms", "ttft_limit_ms", "percentile", "devices", "memory_fraction",
    *TECHNIQUES,
)  # fmt: skip
_ENTRIES = settings_of(SearchValues) | {
    "hardware": SEVERAL_HARDWARE,
    "devices": replace(SETTINGS["devices"], label="Devices of a replica, most"),
    "percentile": replace(
        SETTINGS["percentile"],
        group="view",
        rare=False,
        request=lambda _: {},
        disabled=lambda _: "",
    ),
}


class FinderState(SeveralDevicesState):
    """The settings of a search for the fewest devices."""

    entries = _ENTRIES
    requests_per_s = SettingTrait(_ENTRIES["requests_per_s"])
    load_of = SettingTrait(_ENTRIES["load_of"])

    @traitlets.validate("load_of")
    def _check_load_of(self, proposal: Any) -> Any:  # noqa: ANN401 - traitlets is untyped
        value, names = proposal["value"], [name_of(device) for device in self.hardware]
        if value is None or value in names:
            return value
        msg = f"load_of must be None or one of hardware, {', '.join(names)}, got {value!r}"
        raise TraitError(msg)

    @traitlets.observe("hardware")
    def _keep_load_of(self, change: dict[str, Any]) -> None:
        if self.load_of not in {name_of(device) for device in change["new"]}:
            self.load_of = None

    def make_request(self) -> EvaluationRequest:
        """Return the request for single replicas with any number in flight."""
        return replace(super().make_request(), batches=IN_FLIGHT, exact_batch=True)


_FinderTraits: Any = traits_of(FinderState, [*_NAMES, "load_of"])


class SloFinder(_FinderTraits, LoadCurves, Planner):
    """Find how few devices keep limits on times (service level objectives) under a load.

    Parameters
    ----------
    **settings
        Any of the settings below, to start from.

    Attributes
    ----------
    model, precision, engine, engine_version, input_tokens, output_tokens, memory_fraction, \
tpot_limit_ms, \
ttft_limit_ms, percentile, workload
        The settings; see :class:`~llmcalc_widgets.settings.registry.SettingValues`. Setting one
        recomputes at once; a wrong value raises and changes nothing.
    hardware : tuple of str or Hardware
        What is planned for, each on its own.
    requests_per_s : float
        The load [requests/s].
    devices : int
        Devices that one replica may have, at most; powers of two up to it are tried.
    df : DataFrame
        A row per device, the fewest first; see :func:`llmcalc_core.find_slo_plan`. Of a percentile
        it is simulated: in the background where a control asks for it. Read-only.
    load_latency, load_percentile : str
        What the load curve shows and says; see ``settings.load.LoadValues``.
    load_of : str or None
        The device of ``hardware`` whose plan the load curve is of; None for the first row.
    load_curve : DataFrame or None
        Latencies over requests per second of a replica of that plan; see
        :func:`llmcalc_core.load_curve`. None until it is unfolded and computed. Read-only.
    error : str
        What is wrong with the form; empty if nothing is. Read-only.
    form, answer : widgets
        The parts, to be placed anywhere.

    Raises
    ------
    TypeError
        For a keyword that is no setting, with the nearest one.
    TraitError
        For a wrong value.

    Examples
    --------
    >>> finder = SloFinder(model="llama3_8b", hardware="H100_80GB", requests_per_s=40,
    ...                    tpot_limit_ms=20)
    >>> int(finder.df["devices"].iloc[0])
    5
    >>> finder.close()
    """

    known = (*_NAMES, "load_of", *LOAD_SETTINGS)

    def __init__(self, **settings: Unpack[FinderValues]) -> None:
        load, start = split_load(self.start_values(settings))
        self.make_load(load)
        self._answer: SloAnswer | None = None
        self._by_hand = False
        self._replicas = ReplicaRunner(self._take, self._refuse, self._show_share, self.load)
        super().__init__(FinderState(**start), {name: _ENTRIES[name] for name in _NAMES})
        self.follow_load()
        self.load_fold.button.observe(lambda _: self._bring_load(), "value")
        self.load.observe(lambda _: self.code.refresh(), "found")

    def above(self) -> Sequence[Widget]:
        """Make what says that replicas are being simulated."""
        self.notice = SloNotice(self.answer, self._cancel)
        return (self.notice,)

    def below(self) -> Sequence[Widget]:
        """Make what stands below the answer: the load curve, folded."""
        self.load_fold = Fold(TITLE, self._make_panel)
        return (self.load_fold,)

    def draw(self, evaluation: Evaluation) -> None:
        """Show the devices that the load takes, or ask for what a percentile of them carries."""
        level = level_of(self.percentile)
        if level is None:
            self._replicas.stop()
            self._show_plans(evaluation.request, None, evaluation.frame)
            return
        question = SloQuestion(request=evaluation.request, percentile=level)
        self._replicas.submit(question, background=self._by_hand)

    def close(self) -> None:
        """Close the widget with every widget that it made."""
        if self._parts:
            self._replicas.stop()
        super().close()

    def write_code(self) -> str:
        """Write the Python that gives ``df`` as it is shown, and the load curve that is seen."""
        answer = self._shown_answer()
        load = repr(answer.load)
        if answer.percentile is None:
            plans = explore_call("plans = ", answer.request)
            lines = [*plans, f"df = slo_plans(plans, {load})"]
        else:
            lines = slo_call("df = ", answer.request, load, answer.percentile)
        seen = self.load.found.answered
        return program([*lines, *([] if seen is None else load_call("curve = ", seen))])

    def further(self) -> str:
        """Write the load curve that is seen, in HTML."""
        return self.load_still()

    def words(self) -> str:
        """Say which device needs fewest."""
        return summary(self._shown_answer())

    def draw_still(self, figure: Any) -> None:  # noqa: ANN401 - matplotlib is optional
        """Draw the bars on matplotlib's figure."""
        answer = self._shown_answer()
        workload = workload_line(answer.request)
        paint_bars(figure, (heading_words(answer), workload, self.words()), bars_of(answer))

    def _shown_answer(self) -> SloAnswer:
        """Give what is shown.

        Raises
        ------
        ValueError
            If nothing has been found yet.
        """
        if self._answer is None:
            msg = f"SloFinder needs an answer first: {self.error}"
            raise ValueError(msg)
        return self._answer

    def _take(self, question: SloQuestion, replicas: pd.DataFrame) -> None:
        self.state.accept("percentile")
        self._show_plans(question.request, question.percentile, replicas)

    def _refuse(self, message: str) -> None:
        words = in_words(message)
        self.state.reject("percentile", f"{words[:1].upper()}{words[1:]}")

    def _show_share(self, share: float | None) -> None:
        self.notice.show(share)

    def _show_plans(
        self, request: EvaluationRequest, percentile: float | None, replicas: pd.DataFrame
    ) -> None:
        """Show the plans that the load takes of some replicas."""
        load = self.requests_per_s
        plans = slo_plans(replicas, load)
        self._answer = SloAnswer(request=request, load=load, percentile=percentile, plans=plans)
        self._settings = self.state.settings()
        self.answer.value = slo_page(self._answer)
        self.set_trait("df", plans)
        self._bring_load()
        self.code.refresh()

    def _submit(self, change: object) -> None:
        self._by_hand = self.form.committing
        super()._submit(change)

    def _look(self, change: object) -> None:
        self._by_hand = self.form.committing
        super()._look(change)

    def _cancel(self) -> None:
        """Go back to the settings of what is shown."""
        self._replicas.stop()
        with self.hold_trait_notifications():
            for name, value in self._settings.items():
                setattr(self.state, name, value)

    def _make_panel(self) -> list[Widget]:
        self.load_panel = LoadPanel(self.loads)
        self.picker = make_field(_ENTRIES["load_of"], self._pick)
        self._offer_devices()
        return [self.picker, self.load_panel]

    def _pick(self, value: Any, *, sliding: bool = False) -> None:  # noqa: ANN401
        del sliding
        self.load_of = value or None

    def _offer_devices(self) -> None:
        plans = () if self._answer is None else self._answer.plans["hardware"]
        names = [str(name) for name in plans]
        self.picker.offer(("", *names), self.load_of or "")

    def _bring_load(self) -> None:
        """Ask for the curve of a replica of the plan that is looked at while it is unfolded."""
        if not self.load_fold.button.value:
            self.loads.clear()
            return
        if self._answer is None:
            return
        self._offer_devices()
        plans, load = self._answer.plans, self._answer.load
        chosen = plans["hardware"] == self.load_of
        row = plans[chosen].iloc[0] if chosen.any() else plans.iloc[0]
        plan = None if row["rejected_for"] else row
        here = None if plan is None else asked_of(plan, load)
        self.load_panel.ask(self._answer.request, plan, here)
