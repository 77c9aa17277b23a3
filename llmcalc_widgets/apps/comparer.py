"""``HardwareComparer``: the same workload on many devices, the best plan of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import traitlets

from llmcalc_core import METRICS, Evaluation, compare_hardware
from llmcalc_widgets.apps.planner_base import Answering
from llmcalc_widgets.export.bar_stills import paint_bars
from llmcalc_widgets.export.request_code import explore_call, program, quoted
from llmcalc_widgets.form.choices import ChoiceField
from llmcalc_widgets.form.fields import Commit, Field
from llmcalc_widgets.form.several import FIELDS, FOLDED, Several, SeveralValues, several_fields
from llmcalc_widgets.form.techniques import TECHNIQUES
from llmcalc_widgets.panels.devices_page import (
    METRIC_WORDS,
    bars_of,
    devices_page,
    heading_words,
    price_caution,
    summary,
)
from llmcalc_widgets.text.request_words import workload_line

_ABOUT = "What makes a plan the best of its device, and orders the devices"


class ComparerValues(SeveralValues, total=False):
    """Everything that can be set."""

    devices_min: int | None
    stage: str
    batch_min: int
    batch_max: int
    metric: str


class HardwareComparer(Several, Answering):
    """Compare devices on the same workload: the best plan of each within the limits.

    Parameters
    ----------
    **settings
        Any of the settings below, to start from.

    Attributes
    ----------
    model, devices, devices_min, stage, engine, input_tokens, output_tokens, batch_min, batch_max, \
precision, memory_fraction, tpot_limit_ms, ttft_limit_ms, workload
        The settings; see :class:`~llmcalc_widgets.form.inputs.Inputs`. Setting one recomputes at
        once; a wrong value raises and changes nothing.
    hardware : tuple of str or Hardware
        What is compared.
    metric : {'tokens_per_s_per_device', 'tokens_per_usd', 'tokens_per_joule'}
        What makes a plan the best, and orders the devices.
    df : DataFrame
        A row per device, the best first; see :func:`llmcalc_core.compare_hardware`. Read-only.
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
    >>> comparer = HardwareComparer(model="llama3_8b", hardware=["L40S", "H100_80GB"])
    >>> list(comparer.df["hardware"])
    ['H100_80GB', 'L40S']
    >>> comparer.close()
    """

    known = (*FIELDS, *TECHNIQUES, "metric")
    looks = ("metric",)
    metric = traitlets.Enum(METRICS, METRICS[0])

    def __init__(self, **settings: Unpack[ComparerValues]) -> None:
        super().__init__(settings, _fields, FOLDED)

    def draw(self, evaluation: Evaluation) -> None:
        """Show the devices as bars and as a table."""
        frame = compare_hardware(evaluation.frame, self.metric)
        self.answer.value = devices_page(frame, evaluation.request, self.metric)
        self.set_trait("df", frame)

    def write_code(self) -> str:
        """Write the Python that gives ``df`` as it is shown."""
        plans = explore_call("plans = ", self._shown.request)
        return program([*plans, f"df = compare_hardware(plans, {quoted(self.metric)})"])

    def words(self) -> str:
        """Say which device is best."""
        return summary(self.df, self.metric)

    def draw_still(self, figure: Any) -> None:  # noqa: ANN401 - matplotlib is optional
        """Draw the bars on matplotlib's figure."""
        request = self._shown.request
        lines = (
            heading_words(request, self.metric),
            workload_line(request),
            self.words(),
            price_caution(self.df, request, self.metric),
        )
        paint_bars(figure, lines, bars_of(self.df, request, self.metric))


def _fields(committer: Callable[[str], Commit]) -> dict[str, Field]:
    metric = ChoiceField(
        "Compare",
        METRICS,
        committer("metric"),
        name_of=lambda name: METRIC_WORDS[name].name,
        about=_ABOUT,
    )
    return {**several_fields(committer), "metric": metric}
