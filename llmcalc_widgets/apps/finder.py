"""``SloFinder``: the fewest devices that serve a load within limits on times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Unpack

from ipywidgets import Widget

from llmcalc_core import IN_FLIGHT, Evaluation, EvaluationRequest, slo_plans
from llmcalc_widgets.apps.forwarded import traits_of
from llmcalc_widgets.apps.load_curves import LoadCurves, split_load
from llmcalc_widgets.apps.planner import Planner
from llmcalc_widgets.elements.fold import Fold
from llmcalc_widgets.export.bar_stills import paint_bars
from llmcalc_widgets.export.request_code import explore_call, load_call, program
from llmcalc_widgets.panels.load import TITLE, LoadPanel, asked_of
from llmcalc_widgets.panels.slo_page import bars_of, heading_words, slo_page, summary
from llmcalc_widgets.settings.checks import check_rate
from llmcalc_widgets.settings.load import LOAD_SETTINGS, LoadValues
from llmcalc_widgets.settings.registry import SETTINGS, SEVERAL_HARDWARE, TECHNIQUES, SettingValues
from llmcalc_widgets.settings.setting import Setting, Slider, settings_of
from llmcalc_widgets.state import SettingTrait, SeveralDevicesState
from llmcalc_widgets.text.request_words import workload_line

_LOADS = (0.1, 0.2, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000)


class SearchValues(SettingValues, total=False):
    """Everything that is asked."""

    requests_per_s: Annotated[
        float,
        Setting(
            default=10.0,
            check=check_rate,
            group="view",
            control=Slider(stops=_LOADS),
            label="Requests/s",
            help="Requests that arrive per second, over all replicas",
        ),
    ]


class FinderValues(SearchValues, LoadValues, total=False):
    """Everything that can be set."""


_NAMES = (
    "model", "hardware", "precision", "engine", "workload", "input_tokens", "output_tokens",
    "requests_per_s", "tpot_limit_ms", "ttft_limit_ms", "devices", "memory_fraction", *TECHNIQUES,
)  # fmt: skip
_ENTRIES = settings_of(SearchValues) | {
    "hardware": SEVERAL_HARDWARE,
    "devices": replace(SETTINGS["devices"], label="Devices of a replica, most"),
}


class FinderState(SeveralDevicesState):
    """The settings of a search for the fewest devices."""

    entries = _ENTRIES
    requests_per_s = SettingTrait(_ENTRIES["requests_per_s"])

    def make_request(self) -> EvaluationRequest:
        """Return the request for single replicas with any number in flight."""
        return replace(super().make_request(), batches=IN_FLIGHT)


_FinderTraits: Any = traits_of(FinderState, _ENTRIES)


class SloFinder(_FinderTraits, LoadCurves, Planner):
    """Find how few devices keep limits on times (service level objectives) under a load.

    Parameters
    ----------
    **settings
        Any of the settings below, to start from.

    Attributes
    ----------
    model, precision, engine, input_tokens, output_tokens, memory_fraction, tpot_limit_ms, \
ttft_limit_ms, workload
        The settings; see :class:`~llmcalc_widgets.settings.registry.SettingValues`. Setting one
        recomputes at once; a wrong value raises and changes nothing.
    hardware : tuple of str or Hardware
        What is planned for, each on its own.
    requests_per_s : float
        The load [requests/s].
    devices : int
        Devices that one replica may have, at most; powers of two up to it are tried.
    df : DataFrame
        A row per device, the fewest first; see :func:`llmcalc_core.slo_plans`. Read-only.
    load_latency, load_percentile : str
        What the load curve shows and says; see ``settings.load.LoadValues``.
    load_curve : DataFrame or None
        Latencies over requests per second of a replica of the plan on the fewest devices; see
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
    6
    >>> finder.close()
    """

    known = (*_NAMES, *LOAD_SETTINGS)

    def __init__(self, **settings: Unpack[FinderValues]) -> None:
        load, start = split_load(self.start_values(settings))
        self.make_load(load)
        super().__init__(FinderState(**start), {name: _ENTRIES[name] for name in _NAMES})
        self.follow_load()
        self.load_fold.button.observe(lambda _: self._bring_load(), "value")
        self.load.observe(lambda _: self.code.refresh(), "found")

    def below(self) -> Sequence[Widget]:
        """Make what stands below the answer: the load curve, folded."""
        self.load_fold = Fold(TITLE, self._make_panel)
        return (self.load_fold,)

    def draw(self, evaluation: Evaluation) -> None:
        """Show the devices that the load takes."""
        frame = slo_plans(evaluation.frame, self.requests_per_s)
        self.answer.value = slo_page(frame, evaluation.request, self.requests_per_s)
        self.set_trait("df", frame)
        self._bring_load()

    def write_code(self) -> str:
        """Write the Python that gives ``df`` as it is shown, and the load curve that is seen."""
        plans = explore_call("plans = ", self._shown.request)
        seen = self.load.found.answered
        curve = [] if seen is None else load_call("curve = ", seen)
        return program([*plans, f"df = slo_plans(plans, {self.requests_per_s!r})", *curve])

    def words(self) -> str:
        """Say which device needs fewest."""
        return summary(self.df, self.requests_per_s)

    def draw_still(self, figure: Any) -> None:  # noqa: ANN401 - matplotlib is optional
        """Draw the bars on matplotlib's figure."""
        workload = workload_line(self._shown.request)
        lines = heading_words(self.requests_per_s), workload, self.words()
        paint_bars(figure, lines, bars_of(self.df))

    def _make_panel(self) -> list[LoadPanel]:
        self.load_panel = LoadPanel(self.loads)
        return [self.load_panel]

    def _bring_load(self) -> None:
        """Ask for the curve of a replica of the plan on the fewest devices while it is unfolded."""
        if not self.load_fold.button.value:
            self.loads.clear()
        elif self.df is not None:
            first = self.df.iloc[0]
            plan = None if first["rejected_for"] else first
            here = None if plan is None else asked_of(plan, self.requests_per_s)
            self.load_panel.ask(self._shown.request, plan, here)
