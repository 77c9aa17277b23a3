"""What rooms above give a configuration or a device: they know it, it does not know them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    import pandas as pd

_Function = TypeVar("_Function", bound=Callable[..., Any])

PROVIDED: dict[str, Callable[..., Any]] = {}
"""Functions behind methods of ``ModelConfig``, and what a ``Hardware`` says of itself, by name."""


def provide(name: str) -> Callable[[_Function], _Function]:
    """Put a function behind a method of ``ModelConfig`` or a line of ``Hardware.describe``.

    Examples
    --------
    >>> from llmcalc_core import ModelConfig, describe
    >>> PROVIDED["describe"] is describe
    True
    """

    def put(function: _Function) -> _Function:
        PROVIDED[name] = function
        return function

    return put


class Provided:
    """Methods of a configuration whose functions are in rooms above."""

    __slots__ = ()

    def describe(self) -> pd.DataFrame:
        """Describe layers, parameters by part and bytes; see :func:`llmcalc_core.describe`."""
        frame: pd.DataFrame = PROVIDED["describe"](self)
        return frame

    def _repr_html_(self) -> str:
        """Show the description as a table in a notebook."""
        page: str = PROVIDED["_repr_html_"](self)
        return page

    @classmethod
    def from_hf(cls, source: str | os.PathLike[str] | Mapping[str, Any]) -> Self:
        """Read a ``config.json``, its folder or its content; what it can't describe it refuses."""
        config: Self = PROVIDED["from_hf"](source)
        return config

    @classmethod
    def from_hub(cls, model: str, *, revision: str | None = None) -> Self:
        """Fetch and read a model's file; see :func:`llmcalc_core.model_from_hub`."""
        config: Self = PROVIDED["from_hub"](model, revision=revision)
        return config
