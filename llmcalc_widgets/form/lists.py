"""A control that chooses several names of a list."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from ipywidgets import SelectMultiple

from llmcalc_widgets.form.choices import PickField

_ROWS = 9


class ListField(PickField):
    """A list of which several can be chosen; values that it lacks are added to it."""

    kind = SelectMultiple
    extras = MappingProxyType({"rows": _ROWS})
    style_class = "llmcalc-list"

    def show(self, value: tuple[Any, ...]) -> None:
        """Choose values, adding those that the list lacks."""
        self._pick(value, value)
