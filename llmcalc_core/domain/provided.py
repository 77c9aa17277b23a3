"""What rooms above give a configuration: they know it, it does not know them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])

PROVIDED: dict[str, Callable[..., Any]] = {}
"""Functions behind methods of ``ModelConfig``, by the name of the method."""


def provide(method: str) -> Callable[[_Function], _Function]:
    """Put a function behind a method of ``ModelConfig``.

    Examples
    --------
    >>> from llmcalc_core import ModelConfig, describe
    >>> PROVIDED["describe"] is describe
    True
    """

    def put(function: _Function) -> _Function:
        PROVIDED[method] = function
        return function

    return put
