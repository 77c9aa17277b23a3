"""Techniques by the names of their arguments: one of them, or the product of several values."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from llmcalc_core.hub.models import find_model
from llmcalc_core.workload.techniques import NO_TECHNIQUES, Techniques


def find_techniques(given: Mapping[str, Any]) -> tuple[Techniques, ...]:
    """Combine the values of every argument, each of which may be one or several.

    Parameters
    ----------
    given : mapping
        Some fields of :class:`Techniques`.

    Returns
    -------
    tuple of Techniques
        All combinations, in the order given, without repeats.

    Raises
    ------
    ValueError
        For a value out of range or an empty collection.

    Examples
    --------
    >>> [one.prefix_hit_rate for one in find_techniques({"prefix_hit_rate": [0, 0.5, 0.5]})]
    [0.0, 0.5]
    """
    if not given:
        return (NO_TECHNIQUES,)
    names = tuple(given)
    several = product(*(_several(name, value) for name, value in given.items()))
    return tuple(dict.fromkeys(_one(dict(zip(names, values, strict=True))) for values in several))


def find_technique(given: Mapping[str, Any]) -> Techniques:
    """Give the one technique that single values say.

    Raises
    ------
    ValueError
        For a value out of range or a collection.

    Examples
    --------
    >>> find_technique({"prefix_hit_rate": 0.5}).prefix_hit_rate
    0.5
    """
    if not given:
        return NO_TECHNIQUES
    return _one(given)


def _one(given: Mapping[str, Any]) -> Techniques:
    draft = given.get("draft_model")
    return Techniques(**{**given, "draft_model": None if draft is None else find_model(draft)})


def _several(name: str, value: Any) -> tuple[Any, ...]:  # noqa: ANN401
    if not isinstance(value, (list, tuple, set, frozenset)):
        return (value,)
    if not value:
        msg = f"{name} must hold at least one value, got an empty collection"
        raise ValueError(msg)
    return tuple(value)
