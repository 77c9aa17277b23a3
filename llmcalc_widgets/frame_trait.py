"""A trait that holds a DataFrame or a Series and changes when another object is set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from traitlets import All, HasTraits, TraitError, TraitType

Made = pd.DataFrame | pd.Series | None


class Frame(TraitType[Any, Any]):
    """Holds a frame, a row of one, or None, compared by identity.

    A plain ``Instance`` trait compares the old and the new frame element by element on every set.
    It may be set to a function that makes the frame, which is called when the trait is read or
    where somebody observes it.
    """

    default_value = None
    info_text = "a DataFrame, a Series or None"

    def validate(self, obj: HasTraits, value: object) -> Made | Callable[[], Made]:
        """Check the type.

        Raises
        ------
        TraitError
            For anything else.
        """
        if value is None or isinstance(value, (pd.DataFrame, pd.Series)) or callable(value):
            return value
        msg = f"{self.name} of {type(obj).__name__} must be {self.info_text}, got {value!r}"
        raise TraitError(msg)

    def get(self, obj: HasTraits, cls: type | None = None) -> Made:
        """Read the value, and make it if nobody has read it before."""
        value = super().get(obj, cls)
        if callable(value):
            value = obj._trait_values[str(self.name)] = value()  # noqa: SLF001 - as TraitType.set does
        return value

    def set(self, obj: HasTraits, value: object) -> None:
        """Set the value, and notify those who observe it unless it is the same object."""
        new = self._validate(obj, value)
        name = str(self.name)
        watching = obj._trait_notifiers  # noqa: SLF001 - as TraitType.set does
        if not (watching.get(name) or watching.get(All)):
            obj._trait_values[name] = new  # noqa: SLF001
            return
        old = self.get(obj)
        obj._trait_values[name] = new  # noqa: SLF001
        made = self.get(obj)
        if old is not made:
            obj._notify_trait(name, old, made)  # noqa: SLF001
