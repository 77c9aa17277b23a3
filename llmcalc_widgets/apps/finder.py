"""``SloFinder``: the fewest devices that serve a load within limits on times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Unpack

import traitlets
from traitlets import TraitError

from llmcalc_core import IN_FLIGHT, Evaluation, EvaluationRequest, slo_plans
from llmcalc_widgets.apps.planner_base import Answering
from llmcalc_widgets.export.bar_stills import paint_bars
from llmcalc_widgets.export.request_code import explore_call, program
from llmcalc_widgets.form.fields import Commit, Field, NumberField
from llmcalc_widgets.form.several import FOLDED, Several, SeveralValues, several_fields
from llmcalc_widgets.form.techniques import TECHNIQUES
from llmcalc_widgets.panels.slo_page import bars_of, heading_words, slo_page, summary
from llmcalc_widgets.text.request_words import workload_line

_FIELDS = (
    "model", "hardware", "precision", "engine", "workload", "input_tokens", "output_tokens",
    "requests_per_s", "tpot_limit_ms", "ttft_limit_ms", "devices", "memory_fraction",
)  # fmt: skip
_LOADS = (0.1, 0.2, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000)
_ABOUT = "Requests that arrive per second, over all replicas"


class FinderValues(SeveralValues, total=False):
    """Everything that can be set."""

    requests_per_s: float


class SloFinder(Several, Answering):
    """Find how few devices keep limits on times (service level objectives) under a load.

    Parameters
    ----------
    **settings
        Any of the settings below, to start from.

    Attributes
    ----------
    model, precision, engine, input_tokens, output_tokens, memory_fraction, tpot_limit_ms, \
ttft_limit_ms, workload
        The settings; see :class:`~llmcalc_widgets.form.inputs.Inputs`. Setting one recomputes at
        once; a wrong value raises and changes nothing.
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

    known = (*_FIELDS, *TECHNIQUES)
    looks = ("requests_per_s",)
    requests_per_s = traitlets.Any(10.0)

    def __init__(self, **settings: Unpack[FinderValues]) -> None:
        super().__init__(settings, _fields, FOLDED)

    @traitlets.validate("requests_per_s")
    def _check_load(self, proposal: Any) -> float:  # noqa: ANN401 - traitlets is untyped
        value = proposal["value"]
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (number and 0 < value < float("inf")):
            msg = f"requests_per_s must be a number above 0 [requests/s], got {value!r}"
            raise TraitError(msg)
        return float(value)

    def make_request(self) -> EvaluationRequest:
        """Return the request for single replicas with any number in flight."""
        return replace(super().make_request(), batches=IN_FLIGHT)

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


def _fields(committer: Callable[[str], Commit]) -> dict[str, Field]:
    load = NumberField("Requests/s", _LOADS, committer("requests_per_s"), about=_ABOUT)
    fields = {**several_fields(committer, _FIELDS), "requests_per_s": load}
    fields["devices"].rename("Devices of a replica, most")
    return {name: fields[name] for name in _FIELDS}
