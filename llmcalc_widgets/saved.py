"""An explorer as a plain dict, to be kept in a file and brought back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, Self

import pandas as pd

from llmcalc_core import Hardware, ModelConfig, Precision, VisionTower
from llmcalc_widgets.config import KNOWN
from llmcalc_widgets.view.selection import PLAN

_TYPES = {kind.__name__: kind for kind in (Hardware, ModelConfig, Precision, VisionTower)}
_TYPE = "type"
_SELECTED = "selected"


class Saved:
    """Methods of an explorer that write down everything that is set, and make one of it."""

    df: pd.DataFrame
    selected: Any

    def select(self, row: int | None) -> None:
        """Select a row of ``df``, or none."""
        raise NotImplementedError

    def to_config(self) -> dict[str, Any]:
        """Return everything that is set, and the selected plan, as a plain dict.

        Returns
        -------
        dict
            Of strings, numbers, lists, dicts and None, as JSON and YAML can carry it.
        """
        names = (name for name in KNOWN if name != "workload")
        plan = None
        if self.selected is not None:
            plan = {name: int(self.selected[name]) for name in PLAN if name in self.selected}
        return {**{name: _plain(getattr(self, name)) for name in names}, _SELECTED: plan}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make an explorer of what :meth:`to_config` gave, or of a part of it.

        Raises
        ------
        TypeError
            For a key that is no setting, with the nearest one.
        ValueError, TraitError
            For a wrong value.
        """
        values = {name: _restored(value) for name, value in config.items()}
        plan = values.pop(_SELECTED, None)
        explorer = cls(**values)
        if plan:
            explorer.select(_row_of(plan, explorer.df))
        return explorer


def _row_of(plan: Mapping[str, int], frame: pd.DataFrame) -> int | None:
    """Find a plan; None if it is not among those of a frame."""
    same = pd.Series(data=True, index=frame.index)
    for name, value in plan.items():
        same &= (frame[name] == value) if name in frame else value == 1
    return int(same.to_numpy().argmax()) if same.any() else None


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Turn a value into what JSON can carry; an object into its fields that are not the default."""
    if is_dataclass(value) and not isinstance(value, type):
        changed = (one for one in fields(value) if getattr(value, one.name) != one.default)
        return {
            _TYPE: type(value).__name__,
            **{one.name: _plain(getattr(value, one.name)) for one in changed},
        }
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
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
