"""What is set as a plain dict, to be kept in a file and brought back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any

from llmcalc_core import Hardware, ModelConfig, Precision, VisionTower

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
