"""What the chart is to show, as traits: its axes."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypedDict

import traitlets
from traitlets import HasTraits, TraitError

from llmcalc_widgets.view.axes import AXES, axes_of


class OutlookValues(TypedDict, total=False):
    """Everything about the chart that can be set."""

    x_axis: str | None
    y_axis: str | None


OUTLOOK_DEFAULTS = OutlookValues(x_axis=None, y_axis=None)


class Outlook(HasTraits):
    """How an evaluation is looked at; a wrong value raises and changes nothing.

    Attributes
    ----------
    x_axis, y_axis : str or None
        What is across and up, a key of ``AXES``: 'tpot', 'ttft', 'e2e_latency',
        'tokens_per_s_per_user', 'tokens_per_s_per_device', 'tokens_per_s', 'devices', 'cost' and
        'energy' (of a token); None for what is usual in the stage.
    """

    x_axis: Any = traitlets.Any(OUTLOOK_DEFAULTS["x_axis"])
    y_axis: Any = traitlets.Any(OUTLOOK_DEFAULTS["y_axis"])

    @traitlets.validate("x_axis", "y_axis")
    def _check_axis(self, proposal: Any) -> str | None:  # noqa: ANN401 - traitlets is untyped
        name, value = proposal["trait"].name, proposal["value"]
        try:
            check_outlook({"x_axis": self.x_axis, "y_axis": self.y_axis, name: value})
        except ValueError as error:
            raise TraitError(str(error)) from None
        found: str | None = value
        return found

    def choose_axis(self, name: str, value: str, stage: str) -> None:
        """Set one axis; if the other one shows this already, they change places."""
        across, up = axes_of(stage, self.x_axis, self.y_axis)
        shown = {"x_axis": across, "y_axis": up}
        other = "y_axis" if name == "x_axis" else "x_axis"
        with self.hold_trait_notifications():
            if shown[other] == value:
                setattr(self, other, shown[name])
            setattr(self, name, value)


def check_outlook(values: Mapping[str, Any]) -> None:
    """Check values that are to be set together.

    Raises
    ------
    ValueError
        For a wrong name, or one axis twice.
    """
    across, up = (values.get(name) for name in ("x_axis", "y_axis"))
    check_axis("x_axis", across)
    check_axis("y_axis", up)
    if across is not None and across == up:
        msg = f"y_axis must differ from x_axis, which is {across!r} as well"
        raise ValueError(msg)


def check_axis(name: str, value: object) -> None:
    """Check that a value is the name of an axis, or None.

    Raises
    ------
    ValueError
        With the nearest name.
    """
    if value is None or value in AXES:
        return
    close = get_close_matches(str(value), AXES, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(AXES)}"
    msg = f"{name} must be the name of an axis or None, got {value!r}; {hint}"
    raise ValueError(msg)
