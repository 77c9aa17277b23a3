"""``HardwareComparer``: the same workload on many devices, the best plan of each."""

from __future__ import annotations

from typing import Annotated, Any, Unpack

from llmcalc_core import METRICS, Evaluation, compare_hardware
from llmcalc_widgets.apps.planner import Planner
from llmcalc_widgets.apps.traits import traits_of
from llmcalc_widgets.export.request_code import explore_call, program, quoted
from llmcalc_widgets.export.stills import paint_bars
from llmcalc_widgets.panels.devices_page import (
    METRIC_WORDS,
    bars_of,
    devices_page,
    heading_words,
    price_caution,
    summary,
)
from llmcalc_widgets.settings.checks import one_of
from llmcalc_widgets.settings.deployment import SEVERAL_HARDWARE
from llmcalc_widgets.settings.registry import SettingValues
from llmcalc_widgets.settings.setting import Choice, Setting, settings_of
from llmcalc_widgets.state import FROM_ONE, SettingTrait, SeveralDevicesState
from llmcalc_widgets.text.request_words import workload_line


class ComparerValues(SettingValues, total=False):
    """Everything that can be set."""

    metric: Annotated[
        str,
        Setting(
            default=METRICS[0],
            check=one_of(METRICS),
            group="view",
            control=Choice(options=lambda: METRICS, name_of=lambda name: METRIC_WORDS[name].name),
            label="Compare",
            help="What makes a plan the best of its device, and orders the devices",
        ),
    ]


_ENTRIES = settings_of(ComparerValues) | {
    "hardware": SEVERAL_HARDWARE,
    "devices_min": FROM_ONE,
}
_SETTINGS = {name: one for name, one in _ENTRIES.items() if one.group != "prices"}


class ComparerState(SeveralDevicesState):
    """The settings of a comparison of devices."""

    entries = _ENTRIES
    metric = SettingTrait(_ENTRIES["metric"])


_ComparerTraits: Any = traits_of(ComparerState, _ENTRIES)


class HardwareComparer(_ComparerTraits, Planner):
    """Compare devices on the same workload: the best plan of each within the limits.

    Parameters
    ----------
    **settings
        Any of the settings below, to start from.

    Attributes
    ----------
    model, devices, devices_min, phase, engine, engine_version, \
input_tokens, output_tokens, load_as, \
request_rate_min, request_rate, batch_min, batch_max, percentile, precision, \
memory_fraction, tpot_limit_ms, ttft_limit_ms, workload
        The settings; see :class:`~llmcalc_widgets.settings.registry.SettingValues`. Setting one
        recomputes at once; a wrong value raises and changes nothing.
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

    known = tuple(_SETTINGS)

    def __init__(self, **settings: Unpack[ComparerValues]) -> None:
        super().__init__(ComparerState(**self.start_values(settings)), _SETTINGS)

    def draw(self, evaluation: Evaluation) -> None:
        """Show the devices as bars and as a table."""
        frame = compare_hardware(evaluation.frame, self.metric, latency=evaluation.latency_column)
        self.answer.value = devices_page(frame, evaluation.request, self.metric)
        self.set_trait("df", frame)

    def write_code(self) -> str:
        """Write the Python that gives ``df`` as it is shown."""
        plans = explore_call("plans = ", self._shown.request)
        asked = ["plans", quoted(self.metric)]
        if self.phase == "prefill":
            asked.append(f"latency={quoted(self._shown.latency_column)}")
        return program([*plans, f"df = compare_hardware({', '.join(asked)})"])

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
