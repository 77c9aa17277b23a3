"""Arguments by the names that they had before: accepted for a version, with a warning."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

NewName = str | Callable[[Mapping[str, Any]], str]
"""The name of today, or a function that gives it by the other arguments."""


def accepts_old_names(
    **renamed: NewName,
) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result]]:
    """Let a function accept keyword arguments by their old names.

    Parameters
    ----------
    **renamed : str or function
        The new name by the old one; a function sees the new names of those before it.

    Returns
    -------
    callable
        A decorator; what it makes warns of every old name, and says the new one.

    Examples
    --------
    >>> @accepts_old_names(stage="phase")
    ... def plan(*, phase: str = "decode") -> str:
    ...     return phase
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     plan(stage="prefill"), str(told[0].message)
    ('prefill', 'stage is deprecated and goes with the next version: use phase')
    """

    def decorate(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
        @wraps(function)
        def accepting(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
            for old, name in renamed.items():
                if old not in kwargs:
                    continue
                new = name if isinstance(name, str) else name(kwargs)
                warn_renamed(old, new, level=3)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return accepting

    return decorate


def warn_renamed(old: str, new: str, *, level: int) -> None:
    """Warn whoever is so many calls above that a name has another one now."""
    msg = f"{old} is deprecated and goes with the next version: use {new}"
    warnings.warn(msg, DeprecationWarning, stacklevel=level)
