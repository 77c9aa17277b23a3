"""A trait that holds a DataFrame or a Series and changes when another object is set."""

from __future__ import annotations

from typing import Any

import pandas as pd
from traitlets import HasTraits, TraitError, TraitType


class Frame(TraitType[Any, Any]):
    """Holds a frame, a row of one, or None, compared by identity.

    A plain ``Instance`` trait compares the old and the new frame element by element on every set.
    """

    info_text = "a DataFrame, a Series or None"

    def validate(self, obj: HasTraits, value: object) -> pd.DataFrame | pd.Series[Any] | None:
        """Check the type.

        Raises
        ------
        TraitError
            For anything else.
        """
        if value is None or isinstance(value, (pd.DataFrame, pd.Series)):
            return value
        msg = f"{self.name} of {type(obj).__name__} must be {self.info_text}, got {value!r}"
        raise TraitError(msg)

    def set(self, obj: HasTraits, value: object) -> None:
        """Set the value, and notify unless it is the same object."""
        new = self._validate(obj, value)
        name = str(self.name)
        old = obj._trait_values.get(name)  # noqa: SLF001 - as TraitType.set does
        obj._trait_values[name] = new  # noqa: SLF001
        if old is not new:
            obj._notify_trait(name, old, new)  # noqa: SLF001
