"""``App``: what every widget that a user names does: a state, a runner, a configuration, an end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, Self

import traitlets
from ipywidgets import VBox, Widget
from traitlets import TraitError

from llmcalc_core import EvaluationRequest, Hardware, ModelConfig, Precision, VisionTower
from llmcalc_widgets.apps.traits import Forwarding, Frame, traits_of
from llmcalc_widgets.chart.load_view import load_view
from llmcalc_widgets.export.displayed import Pictured
from llmcalc_widgets.export.figure_stills import load_still
from llmcalc_widgets.runner.evaluations import Runner
from llmcalc_widgets.runner.simulations import LoadRunner
from llmcalc_widgets.settings.load import LOAD_SETTINGS
from llmcalc_widgets.settings.registry import SETTINGS, check_names, in_full
from llmcalc_widgets.settings.renamed import RENAMED, renamed
from llmcalc_widgets.settings.values import name_of
from llmcalc_widgets.state import EvaluationState, LoadState, Shared
from llmcalc_widgets.transport.disposal import Disposal, parts_of

_SETTINGS = frozenset({*SETTINGS, *RENAMED})

VERSION = 1
"""Of what a configuration looks like."""

_TYPES = {kind.__name__: kind for kind in (Hardware, ModelConfig, Precision, VisionTower)}
_TYPE = "type"
_VERSION = "version"


def config_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write values as a configuration.

    Examples
    --------
    >>> config_of({"hardware": ("L4", "T4")})
    {'version': 1, 'hardware': ['L4', 'T4']}
    """
    return {_VERSION: VERSION, **{name: plain(one) for name, one in values.items()}}


def values_of(config: object) -> dict[str, Any]:
    """Give the values that a configuration holds.

    Raises
    ------
    TypeError
        For what is no dict.
    ValueError
        For another version, or a type that is none of a configuration's.

    Examples
    --------
    >>> values_of({"version": 1, "hardware": ["L4", "T4"]})
    {'hardware': ('L4', 'T4')}
    """
    if not isinstance(config, Mapping):
        msg = f"a configuration must be a dict, as to_config gives it, got {config!r}"
        raise TypeError(msg)
    version = config.get(_VERSION, VERSION)
    if version != VERSION:
        msg = f"version of a configuration must be {VERSION}, got {version!r}"
        raise ValueError(msg)
    return {name: _restored(value) for name, value in config.items() if name != _VERSION}


def plain(value: Any) -> Any:  # noqa: ANN401
    """Turn a value into what JSON can carry; an object into its fields that are not the default."""
    if is_dataclass(value) and not isinstance(value, type):
        changed = (one for one in fields(value) if getattr(value, one.name) != one.default)
        return {
            _TYPE: type(value).__name__,
            **{one.name: plain(getattr(value, one.name)) for one in changed},
        }
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(one) for one in value]
    return value


def _restored(value: Any) -> Any:  # noqa: ANN401
    """Turn what :func:`plain` gave into the value that it was, with tuples for lists."""
    if isinstance(value, Mapping):
        parts = {name: _restored(one) for name, one in value.items()}
        kind = parts.pop(_TYPE, None)
        return parts if kind is None else _made(kind, parts)
    if isinstance(value, (tuple, list)):
        return tuple(_restored(one) for one in value)
    return value


def _made(kind: object, parts: dict[str, Any]) -> object:
    if kind not in _TYPES:
        close = get_close_matches(str(kind), _TYPES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(_TYPES)}"
        msg = f"type must be one of a configuration's, got {kind!r}; {hint}"
        raise ValueError(msg)
    return _TYPES[str(kind)](**parts)


class App(Forwarding, Pictured, VBox):
    """A widget around one state, which a runner evaluates.

    Parameters
    ----------
    state : EvaluationState
        What is asked and found.

    Attributes
    ----------
    error : str
        What is wrong with the settings; empty if nothing is. Read-only.
    """

    known: Collection[str] = ()
    """Names of all that can be set."""

    error = traitlets.Unicode(read_only=True)

    _parts: Sequence[Widget] = ()  # ipywidgets closes also what never finished its __init__

    def __init__(self, state: EvaluationState) -> None:
        self.state = state
        self._runner = self.make_runner()
        for other in self.other_states():
            other.join(state)
        super().__init__()
        self._disposal = Disposal()

    def make_runner(self) -> Runner:
        """Make what evaluates its state."""
        return Runner(self.state)

    def other_states(self) -> Sequence[Shared]:
        """Give what it holds beside its state, and what only one thread at a time may set."""
        return ()

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute, which must not look like a setting that the widget does not have.

        Raises
        ------
        AttributeError
            For the name of a setting of other widgets.
        """
        if name in _SETTINGS and not self.has_trait(name):
            msg = f"{type(self).__name__} has no setting {name!r}; known: {', '.join(self.known)}"
            raise AttributeError(msg)
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        """Name the widget, and what is set that is not the default."""
        entries = self.state.entries
        said = (
            f"{name}={name_of(getattr(self, name))}"
            for name in self.known
            if name in entries and getattr(self, name) != entries[name].default
        )
        return f"{type(self).__name__}({', '.join(said)})"

    def settings(self) -> dict[str, Any]:
        """Return the settings by name."""
        return self.state.settings()

    def make_request(self) -> EvaluationRequest:
        """Return the request that the settings ask for."""
        return self.state.make_request()

    def to_config(self) -> dict[str, Any]:
        """Return everything that is set as a plain dict.

        Returns
        -------
        dict
            Of strings, numbers, lists, dicts and None, as JSON and YAML can carry it, with the
            ``version`` of its form.
        """
        return config_of({name: getattr(self, name) for name in self.known if name != "workload"})

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a widget of what :meth:`to_config` gave, or of a part of it.

        Raises
        ------
        TypeError
            For what is no dict, or a key that is no setting, with the nearest one.
        ValueError, TraitError
            For another version, or a wrong value.
        """
        return cls(**values_of(config))

    def close(self) -> None:
        """Close the widget with every widget that it made."""
        made, self._parts = self._parts, ()
        if made:
            self._runner.close()
            self._disposal.close_all(self, [*made, *self.made_later()])
        super().close()

    def made_later(self) -> Sequence[Widget]:
        """Give the widgets that were made after the start, such as what was unfolded."""
        return parts_of(self)

    @classmethod
    def start_values(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings to start from, with those of a workload in its place.

        Raises
        ------
        TypeError
            For a keyword that is no setting, with the nearest one.
        TraitError
            For an unknown workload.
        """
        given = renamed(settings)
        check_names(given, cls.known, owner=cls.__name__)
        try:
            return in_full(given)
        except ValueError as error:
            raise TraitError(str(error)) from None

    def _show_error(self, _: object) -> None:
        self.set_trait("error", self.state.error_words())


_LoadTraits: Any = traits_of(LoadState, LOAD_SETTINGS, "load")


class LoadCurves(_LoadTraits, App):
    """A widget with the load curve of one of its plans.

    Attributes
    ----------
    load_latency, load_percentile : str
        What is shown and said of the curve; see :class:`~llmcalc_widgets.settings.load.LoadValues`.
    load_curve : DataFrame or None
        Latencies over requests per second, of the plan that is shown; see
        :func:`llmcalc_core.load_curve`. None until it is unfolded and computed. Read-only.
    load : LoadState
        Its settings, and what was found.
    """

    load_curve = Frame(read_only=True)

    def make_load(self, values: Mapping[str, Any]) -> None:
        """Make the state of the curve of what is set of it, and ``loads``, which computes curves.

        It is called before ``__init__`` of this class, as the state has some of its traits.
        """
        self.load = LoadState(**values)
        self.loads = LoadRunner(self.load)

    def other_states(self) -> Sequence[Shared]:
        """Give the state of the curve."""
        return (*super().other_states(), self.load)

    def follow_load(self) -> None:
        """Give the kernel the curve that is shown, from now on."""
        self.load.observe(lambda change: self._give_load(change["new"].curve), "found")

    def close(self) -> None:
        """Close the widget with every widget that it made."""
        if self._parts:
            self.loads.close()
        super().close()

    def load_still(self) -> str:
        """Write the curve that is seen in HTML, for readers without a kernel; empty for none."""
        view = load_view(self.load)
        return "" if view is None else load_still(view)

    def _give_load(self, curve: Any) -> None:  # noqa: ANN401 - a frame or None
        self.set_trait("load_curve", curve)


def split_load(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take the settings of a load curve out of others: first these, then the others."""
    own = {name: value for name, value in values.items() if name in LOAD_SETTINGS}
    return own, {name: value for name, value in values.items() if name not in own}
