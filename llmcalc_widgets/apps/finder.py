"""``SloFinder``: the fewest devices that serve a load within limits on times."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Unpack

from llmcalc_core import IN_FLIGHT, Evaluation, EvaluationRequest, slo_plans
from llmcalc_widgets.apps.forwarded import traits_of
from llmcalc_widgets.apps.planner import Planner
from llmcalc_widgets.export.bar_stills import paint_bars
from llmcalc_widgets.export.request_code import explore_call, program
from llmcalc_widgets.panels.slo_page import bars_of, heading_words, slo_page, summary
from llmcalc_widgets.settings.checks import check_rate
from llmcalc_widgets.settings.registry import SETTINGS, SEVERAL_HARDWARE, TECHNIQUES, SettingValues
from llmcalc_widgets.settings.setting import Setting, Slider, settings_of
from llmcalc_widgets.state import SettingTrait, SeveralDevicesState
from llmcalc_widgets.text.request_words import workload_line

_LOADS = (0.1, 0.2, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000)


class FinderValues(SettingValues, total=False):
    """Everything that can be set."""

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


_NAMES = (
    "model", "hardware", "precision", "engine", "workload", "input_tokens", "output_tokens",
    "requests_per_s", "tpot_limit_ms", "ttft_limit_ms", "devices", "memory_fraction", *TECHNIQUES,
)  # fmt: skip
_ENTRIES = settings_of(FinderValues) | {
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


class SloFinder(_FinderTraits, Planner):
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

    known = _NAMES

    def __init__(self, **settings: Unpack[FinderValues]) -> None:
        start = self.start_values(settings)
        super().__init__(FinderState(**start), {name: _ENTRIES[name] for name in _NAMES})

    def draw(self, evaluation: Evaluation) -> None:
        """Show the devices that the load takes."""
        frame = slo_plans(evaluation.frame, self.requests_per_s)
        self.answer.value = slo_page(frame, evaluation.request, self.requests_per_s)
        self.set_trait("df", frame)

    def write_code(self) -> str:
        """Write the Python that gives ``df`` as it is shown."""
        plans = explore_call("plans = ", self._shown.request)
        return program([*plans, f"df = slo_plans(plans, {self.requests_per_s!r})"])

    def words(self) -> str:
        """Say which device needs fewest."""
        return summary(self.df, self.requests_per_s)

    def draw_still(self, figure: Any) -> None:  # noqa: ANN401 - matplotlib is optional
        """Draw the bars on matplotlib's figure."""
        workload = workload_line(self._shown.request)
        lines = heading_words(self.requests_per_s), workload, self.words()
        paint_bars(figure, lines, bars_of(self.df))
