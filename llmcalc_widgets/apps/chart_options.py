"""What the chart is to show, as traits: its axes, and what stands beside the front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from string import ascii_uppercase
from typing import Any, TypedDict

import traitlets
from traitlets import HasTraits, TraitError

from llmcalc_widgets.chart.axes import AXES, axes_of
from llmcalc_widgets.form.comparing import offered, typed_changes
from llmcalc_widgets.form.rivals import checked_compared, checked_pins


class OutlookValues(TypedDict, total=False):
    """Everything about the chart that can be set."""

    x_axis: str | None
    y_axis: str | None
    pins: tuple[Mapping[str, Any], ...]
    compared: tuple[Mapping[str, Any], ...]


OUTLOOK_DEFAULTS = OutlookValues(x_axis=None, y_axis=None, pins=(), compared=())


class Outlook(HasTraits):
    """How an evaluation is looked at; a wrong value raises and changes nothing.

    Attributes
    ----------
    x_axis, y_axis : str or None
        What is across and up, a key of ``AXES``: 'tpot', 'ttft', 'e2e_latency',
        'tokens_per_s_per_user', 'tokens_per_s_per_device', 'tokens_per_s', 'devices', 'cost' and
        'energy' (of a token); None for what is usual in the stage.
    pins : tuple of dict
        Fronts that stay while the settings change, each with a 'name' and its 'settings'.
    compared : tuple of dict
        Settings that differ from the present ones, such as ``{"hardware": "B200"}``: the front of
        each is drawn beside the present one, and follows it.
    """

    x_axis: Any = traitlets.Any(OUTLOOK_DEFAULTS["x_axis"])
    y_axis: Any = traitlets.Any(OUTLOOK_DEFAULTS["y_axis"])
    pins: Any = traitlets.Any(OUTLOOK_DEFAULTS["pins"])
    compared: Any = traitlets.Any(OUTLOOK_DEFAULTS["compared"])

    @traitlets.validate(*OUTLOOK_DEFAULTS)
    def _check_outlook(self, proposal: Any) -> Any:  # noqa: ANN401 - traitlets is untyped
        name, value = proposal["trait"].name, proposal["value"]
        both = {"x_axis": self.x_axis, "y_axis": self.y_axis}
        beside = both if name in both else {}
        try:
            return checked_outlook({**beside, name: value})[name]
        except ValueError as error:
            raise TraitError(str(error)) from None

    def pin_settings(self, settings: Mapping[str, Any], name: str | None = None) -> None:
        """Keep the front of settings under a name, by default the next free letter."""
        taken = {pin["name"] for pin in self.pins}
        free = (letter for letter in ascii_uppercase if letter not in taken)
        chosen = next(free, str(len(self.pins) + 1)) if name is None else name
        self.pins = (*self.pins, {"name": chosen, "settings": dict(settings)})

    def offered_comparisons(self) -> Sequence[str]:
        """Give what can be searched for, as it would be typed."""
        return offered()

    def compare_with(self, typed: str) -> None:
        """Draw the front of changes that were typed, beside the others."""
        self.compared = (*self.compared, typed_changes(typed))

    def choose_axis(self, name: str, value: str, stage: str) -> None:
        """Set one axis; if the other one shows this already, they change places."""
        across, up = axes_of(stage, self.x_axis, self.y_axis)
        shown = {"x_axis": across, "y_axis": up}
        other = "y_axis" if name == "x_axis" else "x_axis"
        with self.hold_trait_notifications():
            if shown[other] == value:
                setattr(self, other, shown[name])
            setattr(self, name, value)


def checked_outlook(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that are to be set together in their canonical form.

    Raises
    ------
    ValueError
        For a wrong name, one axis twice, or settings that are none.
    """
    across, up = (values.get(name) for name in ("x_axis", "y_axis"))
    _check_axis("x_axis", across)
    _check_axis("y_axis", up)
    if across is not None and across == up:
        msg = f"y_axis must differ from x_axis, which is {across!r} as well"
        raise ValueError(msg)
    checks = {"pins": checked_pins, "compared": checked_compared}
    return {name: checks[name](value) if name in checks else value
            for name, value in values.items()}  # fmt: skip


def _check_axis(name: str, value: object) -> None:
    if value is None or value in AXES:
        return
    close = get_close_matches(str(value), AXES, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(AXES)}"
    msg = f"{name} must be the name of an axis or None, got {value!r}; {hint}"
    raise ValueError(msg)
