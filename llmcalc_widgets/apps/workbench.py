"""``Workbench``: the explorer and the planners as tabs that share what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

from ipywidgets import HTML, Tab, VBox
from traitlets import TraitError

from llmcalc_widgets.apps.app import config_of, plain, values_of
from llmcalc_widgets.apps.hardware_comparer import HardwareComparer
from llmcalc_widgets.apps.memory_planner import MemoryPlanner
from llmcalc_widgets.apps.pareto_explorer import ParetoExplorer
from llmcalc_widgets.apps.pool_planner import PoolPlanner
from llmcalc_widgets.apps.slo_finder import SloFinder
from llmcalc_widgets.apps.what_if import WhatIf
from llmcalc_widgets.export.displayed import Pictured, Still
from llmcalc_widgets.settings.registry import SETTINGS, check_names
from llmcalc_widgets.settings.renamed import renamed
from llmcalc_widgets.settings.rules import DRAFTING, undrafted, with_version
from llmcalc_widgets.transport.disposal import Disposal, parts_of

TABS: dict[str, Any] = {
    "Plans": ParetoExplorer,
    "Memory": MemoryPlanner,
    "Devices": HardwareComparer,
    "Load": SloFinder,
    "Pools": PoolPlanner,
    "What if": WhatIf,
}
"""What each tab holds."""

_SEVERAL = ("Devices", "Load")
"""Tabs that share a list of devices, each of which has device counts of its own."""

_SHARED_WORDS = (
    '<div class="llmcalc"><div class="llmcalc-note">Tabs share model, hardware, devices, '
    "precision, engine, lengths, limits and memory share: what is set in one holds in another when "
    "that is opened. Phase, load, techniques and prices are each tab's own.</div></div>"
)


class Workbench(Pictured, VBox):
    """Explore plans, memory, devices, loads, pools and changes in tabs that share what is asked.

    A tab is made when it is first opened. What is set in it, by hand or by code, holds in the
    others when they are opened next.

    Parameters
    ----------
    explorer : ParetoExplorer, optional
        To be the first tab; a new one where not given.
    **settings
        ``model``, ``hardware``, ``devices``, ``precision``, ``input_tokens``, ``output_tokens``,
        ``memory_fraction``, ``engine``, ``tpot_limit_ms``, ``ttft_limit_ms``, to start from; see
        :class:`~llmcalc_widgets.settings.registry.SettingValues`.

    Attributes
    ----------
    parts : dict of str to widget
        What has been opened, by the name of its tab: 'Plans', 'Memory', 'Devices', 'Load',
        'Pools', 'What if'.
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
    60
    >>> bench.close()
    """

    _live = False  # ipywidgets closes also what never finished its __init__

    def __init__(self, explorer: ParetoExplorer | None = None, /, **settings: Any) -> None:  # noqa: ANN401 - a type each
        first = next(iter(TABS))
        settings = renamed(settings)
        check_names(settings, _shared_traits(first), owner="Workbench")
        self.parts: dict[str, Any] = {}
        self._shared: dict[str, Any] = {}
        self._saved: dict[str, Any] = {}
        made = self._hold(first, explorer or TABS[first](**settings))
        self._rooms = {name: VBox([made] if name == first else []) for name in TABS}
        self.tabs = Tab(children=list(self._rooms.values()), titles=list(TABS), selected_index=0)
        super().__init__([HTML(_SHARED_WORDS), self.tabs])
        self._disposal = Disposal()
        self._live = True
        self.tabs.observe(self._open, "selected_index")

    def __repr__(self) -> str:
        """Name the widget, and the tab that is shown."""
        return f"Workbench(tab={list(TABS)[self.tabs.selected_index or 0]!r})"

    def reveal(self, name: str) -> Any:  # noqa: ANN401 - each tab holds a widget of its own
        """Open a tab, and return what it holds.

        Raises
        ------
        ValueError
            For a name that no tab has.
        """
        _check_tab(name)
        self.tabs.selected_index = list(TABS).index(name)
        return self.parts[name]

    def to_config(self) -> dict[str, Any]:
        """Return everything that is set, in every tab that was opened, as a plain dict.

        Returns
        -------
        dict
            The ``tab`` that is shown, what is ``shared``, and the configuration of each tab under
            ``parts``.
        """
        opened = {name: part.to_config() for name, part in self.parts.items()}
        return config_of(
            {
                "tab": list(TABS)[self.tabs.selected_index or 0],
                "shared": self._shared,
                "parts": {**plain(self._saved), **opened},
            }
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a workbench of what :meth:`to_config` gave; tabs are made when they are opened.

        Raises
        ------
        TypeError
            For what is no dict, or an unknown key.
        ValueError, TraitError
            For another version, an unknown tab, or a wrong value.
        """
        values = values_of(config)
        check_names(values, ("tab", "shared", "parts"), owner="A workbench's configuration")
        saved = dict(values.get("parts", {}))
        first = next(iter(TABS))
        for name in (*saved, values.get("tab", first)):
            _check_tab(name)
        saved = {name: renamed(part) for name, part in saved.items()}
        bench = cls(ParetoExplorer.from_config(saved.pop(first, {})))
        bench._saved = saved
        bench._shared |= values.get("shared", {})
        try:
            bench.reveal(values.get("tab", first))
        except (TypeError, ValueError, TraitError):
            bench.close()
            raise
        return bench

    def close(self) -> None:
        """Close the workbench with every widget that it made."""
        if self._live:
            self._live = False
            self._disposal.close_all(self, [*self.parts.values(), *parts_of(self)])
        super().close()

    @property
    def df(self) -> Any:  # noqa: ANN401 - a DataFrame, of which each tab makes its own
        """What the open tab found: its ``df``."""
        return self._opened().df

    def to_code(self) -> str:
        """Write the Python that gives the ``df`` of the open tab.

        Raises
        ------
        ValueError
            If nothing has been evaluated yet.
        """
        code: str = self._opened().to_code()
        return code

    def still(self) -> Still | None:
        """Give that of the open tab."""
        opened: Still | None = self._opened().still()
        return opened

    def paint(self, figure: Any) -> None:  # noqa: ANN401 - matplotlib is optional
        """Draw what the open tab shows on matplotlib's figure.

        Raises
        ------
        ValueError
            If nothing has been evaluated yet.
        """
        self._opened().paint(figure)

    def _opened(self) -> Any:  # noqa: ANN401 - each tab holds a widget of its own
        """Give what the open tab holds; the first where none is open."""
        return self.parts[list(TABS)[self.tabs.selected_index or 0]]

    def _open(self, change: dict[str, Any]) -> None:
        if change["new"] is None:
            return
        name = list(TABS)[change["new"]]
        asked = {trait: self._shared[key] for trait, key in _shared_traits(name).items()
                 if key in self._shared}  # fmt: skip
        if name not in self.parts:
            self._rooms[name].children = (self._make(name, asked),)
            return
        part = self.parts[name]
        if name == "Plans" and asked["devices"] < (part.devices_min or 0):
            asked["devices_min"] = None
        if part.has_trait("speculative_tokens"):
            asked |= undrafted({one: asked.get(one, getattr(part, one)) for one in DRAFTING.names})
        if part.has_trait("engine_version"):
            asked = with_version(asked, part.settings())
        with part.hold_trait_notifications():
            for trait, value in asked.items():
                setattr(part, trait, value)

    def _make(self, name: str, settings: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
        """Make what a tab holds, as it was saved if it was; settings of now win."""
        return self._hold(name, TABS[name].from_config({**self._saved.pop(name, {}), **settings}))

    def _hold(self, name: str, part: Any) -> Any:  # noqa: ANN401 - as above
        """Take what a tab holds, and note what is set in it from now on."""
        self.parts[name] = part
        for trait, key in _shared_traits(name).items():
            self._shared[key] = getattr(part, trait)
            part.observe(partial(self._note, key), trait)
        return part

    def _note(self, key: str, change: dict[str, Any]) -> None:
        self._shared[key] = change["new"]


def _shared_traits(tab: str) -> dict[str, str]:
    """Under which name each setting is shared that a tab takes from the others, and gives them."""
    keys = {name: name for name in TABS[tab].known if name in SETTINGS and SETTINGS[name].shared}
    if tab in _SEVERAL:
        del keys["devices"]
        keys["hardware"] = "several"
    return keys


def _check_tab(name: str) -> None:
    if name not in TABS:
        msg = f"name must be one of {', '.join(map(repr, TABS))}, got {name!r}"
        raise ValueError(msg)
