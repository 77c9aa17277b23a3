"""Settings by the names that they had before: understood for a version, with a warning."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import Any

RENAMED = {"stage": "phase"}
"""The name of today by the old one."""

_OWN = ("llmcalc_widgets", "traitlets", "ipywidgets")
"""Packages between whoever uses an old name and the warning."""


def renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings by the names of today.

    Raises
    ------
    TypeError
        For a setting under both names.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     renamed({"stage": "serving", "devices": 4}), str(told[0].message)
    ({'devices': 4, 'phase': 'serving'}, 'stage is deprecated and goes with the next version: use \
phase')
    """
    found = dict(values)
    for old in RENAMED.keys() & found.keys():
        new = RENAMED[old]
        if new in found:
            msg = f"{old} is the old name of {new}, and both were given; leave out {old}"
            raise TypeError(msg)
        warn_of(old)
        found[new] = found.pop(old)
    return found


def warn_of(old: str) -> None:
    """Warn whoever used an old name, outside of what passes it on."""
    msg = f"{old} is deprecated and goes with the next version: use {RENAMED[old]}"
    warnings.warn(msg, DeprecationWarning, stacklevel=_outside())


def _outside() -> int:
    """Count the frames from :func:`warn_of` to the first one of another package."""
    level, frame = 1, sys._getframe(1)  # noqa: SLF001 - as warnings do
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(_OWN):
        level, frame = level + 1, frame.f_back
    return level
