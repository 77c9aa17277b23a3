"""``PoolPlanner``: separate pools for prefill and decoding, and whether they pay."""

from __future__ import annotations

from typing import Any, Unpack

import traitlets

from llmcalc_core import find_hardware
from llmcalc_widgets.apps.planner import Planner
from llmcalc_widgets.apps.traits import traits_of
from llmcalc_widgets.export.figure_stills import paint_figure
from llmcalc_widgets.export.pools_code import pools_call
from llmcalc_widgets.export.request_code import program
from llmcalc_widgets.panels.pools_page import fronts_specification, pools_page, summary
from llmcalc_widgets.runner.evaluations import Runner
from llmcalc_widgets.settings.pools import (
    ENTRIES,
    NAMES,
    OWN,
    PoolAnswer,
    PoolRequest,
    PoolValues,
    find_pools,
)
from llmcalc_widgets.state import QueryState, SettingTrait
from llmcalc_widgets.text.request_words import workload_line


class PoolState(QueryState):
    """The settings of two pools."""

    entries = ENTRIES
    evaluation: Any = traitlets.Instance(PoolAnswer, allow_none=True)
    hardware = SettingTrait(ENTRIES["hardware"])
    devices = SettingTrait(ENTRIES["devices"])
    ttft_limit_ms = SettingTrait(ENTRIES["ttft_limit_ms"])
    tpot_limit_ms = SettingTrait(ENTRIES["tpot_limit_ms"])
    decode_hardware, prefill_devices, decode_devices, link_gb_per_s = (
        SettingTrait(ENTRIES[name]) for name in OWN
    )

    def make_request(self) -> PoolRequest:
        """Return the request for two pools."""
        named = self.decode_hardware
        decode = None if named is None else find_hardware(named)
        return PoolRequest.of(super().make_request(), self.settings(), decode)


_PoolTraits: Any = traits_of(PoolState, NAMES)


class PoolPlanner(_PoolTraits, Planner):
    """Divide devices into a pool that reads prompts and one that generates, if that pays.

    Parameters
    ----------
    **settings
        Any of the settings below, to start from.

    Attributes
    ----------
    model, precision, engine, engine_version, input_tokens, output_tokens, memory_fraction, \
ttft_limit_ms, tpot_limit_ms, workload, ...
        The settings; see :class:`~llmcalc_widgets.settings.registry.SettingValues`. Setting one
        recomputes at once; a wrong value raises and changes nothing.
    hardware, decode_hardware : str or Hardware
        Devices of the prefill pool, and of the decode pool; None for the same.
    devices : int
        Devices of both pools together, at most; with ``devices_min`` the powers of two from it.
    prefill_devices, decode_devices : int or None
        Devices of each pool, at most.
    link_gb_per_s : float or None
        Of each device to the other pool, in one direction [GB/s].
    df : DataFrame
        A row per deployment, with two pools or one, the best first; see
        :func:`llmcalc_core.explore_disaggregated`. Read-only.
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
    >>> planner = PoolPlanner(model="llama3_70b", hardware="H100_80GB", precision="fp8",
    ...                       input_tokens=4000, tpot_limit_ms=20)
    >>> planner.df["serving"].iloc[0]
    'disaggregated'
    >>> planner.close()
    """

    known = NAMES

    def __init__(self, **settings: Unpack[PoolValues]) -> None:
        super().__init__(
            PoolState(**self.start_values(settings)), {name: ENTRIES[name] for name in NAMES}
        )

    def make_runner(self) -> Runner:
        """Make what evaluates its state: both pools of every size."""
        return Runner(self.state, find_pools)

    def draw(self, evaluation: Any) -> None:  # noqa: ANN401 - a PoolAnswer, not an Evaluation
        """Show the best split, the fronts, and the same devices in one pool."""
        self.answer.value = pools_page(evaluation)
        self.set_trait("df", evaluation.frame)

    def write_code(self) -> str:
        """Write the Python that gives ``df`` as it is shown."""
        return program(pools_call("df = ", self._found.request))

    def words(self) -> str:
        """Say which split is best."""
        return summary(self._found)

    def draw_still(self, figure: Any) -> None:  # noqa: ANN401 - matplotlib is optional
        """Draw both fronts on matplotlib's figure."""
        lines = (workload_line(self._found.request), self.words())
        paint_figure(figure, lines, fronts_specification(self._found))

    @property
    def _found(self) -> PoolAnswer:
        found: Any = self._shown
        answer: PoolAnswer = found
        return answer
