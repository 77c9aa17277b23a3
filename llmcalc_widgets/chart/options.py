"""What the chart's controls set, as the chart needs to see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class ChartOptions(Protocol):
    """How an evaluation is looked at; a wrong value raises ``TraitError`` and changes nothing.

    Attributes
    ----------
    pins : tuple of mapping
        Fronts that stay while the settings change.
    compared : tuple of mapping
        Changes of settings whose fronts are drawn beside the present one.
    """

    pins: tuple[Mapping[str, Any], ...]
    compared: tuple[Mapping[str, Any], ...]

    def choose_axis(self, name: str, value: str, shown: tuple[str, str]) -> None:
        """Set 'x_axis' or 'y_axis' to a key of ``AXES``, where two are shown across and up."""

    def offered_comparisons(self) -> Sequence[str]:
        """Give what can be searched for, as it would be typed."""

    def compare_with(self, typed: str) -> None:
        """Draw the front of changes that were typed, beside the others."""
