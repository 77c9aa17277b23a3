"""``Workbench``: the explorer and the planners as tabs that share what they are about."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ipywidgets import Tab, VBox

from llmcalc_widgets.closing import parts_of
from llmcalc_widgets.comparer import HardwareComparer
from llmcalc_widgets.explorer import ParetoExplorer
from llmcalc_widgets.finder import SloFinder
from llmcalc_widgets.form.settings import check_names
from llmcalc_widgets.planner import MemoryPlanner

TABS: dict[str, Callable[..., Any]] = {
    "Plans": ParetoExplorer,
    "Memory": MemoryPlanner,
    "Devices": HardwareComparer,
    "Load": SloFinder,
}
"""What each tab holds."""

_ALL = ("model", "precision", "input_tokens", "output_tokens", "memory_fraction")
_ONE = ("hardware", "devices")
_LIMITS = ("engine", "tpot_limit_ms", "ttft_limit_ms")
_SHARED = {
    "Plans": (*_ALL, *_ONE, *_LIMITS),
    "Memory": (*_ALL, *_ONE),
    "Devices": (*_ALL, *_LIMITS),
    "Load": (*_ALL, *_LIMITS),
}
"""Settings that a tab takes from the others, and gives to them."""

_SEVERAL = ("Devices", "Load")
"""Tabs that share a list of devices."""


class Workbench(VBox):
    """Explore plans, memory, devices and loads in tabs that share model, lengths and limits.

    A tab is made when it is first opened. What is set in it, by hand or by code, holds in the
    others when they are opened next.

    Parameters
    ----------
    **settings
        ``model``, ``hardware``, ``devices``, ``precision``, ``input_tokens``, ``output_tokens``,
        ``memory_fraction``, ``engine``, ``tpot_limit_ms``, ``ttft_limit_ms``, to start from; see
        :class:`~llmcalc_widgets.form.inputs.Inputs`.

    Attributes
    ----------
    parts : dict of str to widget
        What has been opened, by the name of its tab: 'Plans', 'Memory', 'Devices', 'Load'.
    tabs : Tab
        The tabs.

    Raises
    ------
    TypeError
        For a keyword that is no setting, with the nearest one.
    TraitError
        For a wrong value.

    Examples
    --------
    >>> bench = Workbench(model="llama2_7b", hardware="A100_80GB", devices=1)
    >>> bench.reveal("Memory").largest
    52
    >>> bench.close()
    """

    _live = False  # ipywidgets closes also what never finished its __init__

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - a type each
        check_names(settings, _SHARED["Plans"], owner="Workbench")
        first = next(iter(TABS))
        self.parts: dict[str, Any] = {}
        self._shared: dict[str, Any] = {}
        made = self._make(first, settings)
        self._rooms = {name: VBox([made] if name == first else []) for name in TABS}
        self.tabs = Tab(children=list(self._rooms.values()), titles=list(TABS), selected_index=0)
        super().__init__([self.tabs])
        self._live = True
        self.tabs.observe(self._open, "selected_index")

    def reveal(self, name: str) -> Any:  # noqa: ANN401 - each tab holds a widget of its own
        """Open a tab, and return what it holds.

        Raises
        ------
        ValueError
            For a name that no tab has.
        """
        if name not in TABS:
            msg = f"name must be one of {', '.join(map(repr, TABS))}, got {name!r}"
            raise ValueError(msg)
        self.tabs.selected_index = list(TABS).index(name)
        return self.parts[name]

    def close(self) -> None:
        """Close the workbench with every widget that it made."""
        made = [*self.parts.values(), *parts_of(self)] if self._live else []
        self._live = False
        for widget in made:
            if widget is not self:
                widget.close()
        super().close()

    def _open(self, change: dict[str, Any]) -> None:
        if change["new"] is None:
            return
        name = list(TABS)[change["new"]]
        asked = {trait: self._shared[key] for trait, key in self._keys(name).items()
                 if key in self._shared}  # fmt: skip
        if name not in self.parts:
            self._rooms[name].children = (self._make(name, asked),)
            return
        part = self.parts[name]
        if name == "Plans" and asked["devices"] < (part.devices_min or 0):
            asked["devices_min"] = None
        with part.hold_trait_notifications():
            for trait, value in asked.items():
                setattr(part, trait, value)

    def _make(self, name: str, settings: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
        """Make what a tab holds, and note what is set in it from now on."""
        part = TABS[name](**settings)
        self.parts[name] = part
        for trait, key in self._keys(name).items():
            self._shared[key] = getattr(part, trait)
            part.observe(partial(self._note, key), trait)
        return part

    def _note(self, key: str, change: dict[str, Any]) -> None:
        self._shared[key] = change["new"]

    @staticmethod
    def _keys(name: str) -> dict[str, str]:
        """Under which name each setting of a tab is shared."""
        keys = {trait: trait for trait in _SHARED[name]}
        return {**keys, "hardware": "several"} if name in _SEVERAL else keys
