"""A widget as a plain dict, to be kept in a file and brought back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, Self

import pandas as pd

from llmcalc_core import Hardware, ModelConfig, Precision, VisionTower
from llmcalc_widgets.chart.selection import PLAN

VERSION = 1
"""Of what a configuration looks like."""

_TYPES = {kind.__name__: kind for kind in (Hardware, ModelConfig, Precision, VisionTower)}
_TYPE = "type"
_VERSION = "version"
_SELECTED = "selected"


class Saved:
    """Methods of a widget that write down everything that is set, and make one of it.

    Attributes
    ----------
    known : collection of str
        Names of the settings.
    """

    known: Collection[str] = ()

    def to_config(self) -> dict[str, Any]:
        """Return everything that is set as a plain dict.

        Returns
        -------
        dict
            Of strings, numbers, lists, dicts and None, as JSON and YAML can carry it, with the
            ``version`` of its form.
        """
        names = (name for name in self.known if name != "workload")
        return {_VERSION: VERSION, **{name: plain(getattr(self, name)) for name in names}}

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


class SavedSelection(Saved):
    """The same with the plan that is selected."""

    df: pd.DataFrame
    selected: Any

    def select(self, row: int | None) -> None:
        """Select a row of ``df``, or none."""
        raise NotImplementedError

    def to_config(self) -> dict[str, Any]:
        """Return everything that is set, and the selected plan; see :meth:`Saved.to_config`."""
        plan = None
        if self.selected is not None:
            plan = {name: int(self.selected[name]) for name in PLAN if name in self.selected}
        return {**super().to_config(), _SELECTED: plan}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a widget of what :meth:`to_config` gave; see :meth:`Saved.from_config`."""
        values = values_of(config)
        plan = values.pop(_SELECTED, None)
        made = cls(**values)
        if plan:
            made.select(_row_of(plan, made.df))
        return made


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


def _row_of(plan: Mapping[str, int], frame: pd.DataFrame) -> int | None:
    """Find a plan; None if it is not among those of a frame."""
    same = pd.Series(data=True, index=frame.index)
    for name, value in plan.items():
        same &= (frame[name] == value) if name in frame else value == 1
    return int(same.to_numpy().argmax()) if same.any() else None


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
    """Turn what :func:`_plain` gave into the value that it was, with tuples for lists."""
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
