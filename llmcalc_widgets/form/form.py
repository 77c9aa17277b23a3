"""The form: one control per setting."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ipywidgets import Layout, VBox
from traitlets import HasTraits, TraitError

from llmcalc_widgets.form.controls import label_of, make_fields
from llmcalc_widgets.form.fields import (
    Commit,
    ErrorLine,
    Field,
    NumberField,
    typed_number,
    typed_time,
)
from llmcalc_widgets.form.settings import OPTIONAL, RANGES
from llmcalc_widgets.form.slider_names import name_script
from llmcalc_widgets.session import Session
from llmcalc_widgets.style import style_sheet

MakeFields = Callable[[Callable[[str], Commit]], dict[str, Field]]

_PARTNERS = {**RANGES, **{most: least for least, most in RANGES.items()}}


class Form(VBox):
    """Controls that set the inputs, and show what is wrong under the control it concerns.

    Parameters
    ----------
    inputs : Inputs
        What is set.
    session : Session
        Whose errors are shown.
    make : callable
        Makes the controls, given what makes the function that each calls.
    """

    def __init__(self, inputs: HasTraits, session: Session, make: MakeFields = make_fields) -> None:
        self._inputs = inputs
        self._session = session
        self.sliding = self.setting = False
        self.fields: dict[str, Any] = make(self._committer)
        inputs.observe(self._show_setting, list(self.fields))
        session.observe(self._show_errors, "errors")
        for name, field in self.fields.items():
            field.show(getattr(inputs, name))
        if "stage" in self.fields:
            self._show_stage(self.fields["stage"].buttons.value)
        self._general = ErrorLine()
        super().__init__(
            [style_sheet(), name_script(), *self.fields.values(), self._general],
            layout=Layout(flex="1 1 290px", min_width="270px"),
        )
        self.add_class("llmcalc")
        self.add_class("llmcalc-form")

    def _committer(self, name: str) -> Commit:
        """Make the function that a control calls with what it was set to."""
        return partial(self._commit, name)

    def _commit(self, name: str, value: object, *, sliding: bool = False) -> None:
        """Set an input to what its control says, or show why not."""
        if isinstance(self.fields[name], NumberField) and isinstance(value, str):
            value = typed_time(value) if name == "tpot_limit_ms" else typed_number(value)
        if name in OPTIONAL and value == "":
            value = None
        self.sliding, self.setting = sliding, True
        try:
            setattr(self._inputs, name, value)
        except TraitError as error:
            self._session.reject(name, _without_name(name, str(error)))
            return
        finally:
            self.sliding = self.setting = False
        self._session.accept(name)
        self.fields[name].show(getattr(self._inputs, name))
        partner = _PARTNERS.get(name)
        if partner in self._session.errors:
            field = self.fields[partner]
            self._commit(partner, field.text.value, sliding=sliding)

    def _show_setting(self, change: dict[str, Any]) -> None:
        self.fields[change["name"]].show(change["new"])
        self._session.accept(change["name"])
        if change["name"] == "stage":
            self._show_stage(change["new"])

    def _show_stage(self, stage: str) -> None:
        """Name the controls as their settings are called in a stage; switch off what it lacks."""
        for name in ("batch_min", "batch_max"):
            self.fields[name].rename(label_of(name, stage))
        self.fields["tpot_limit_ms"].text.disabled = stage == "prefill"

    def _show_errors(self, change: dict[str, Any]) -> None:
        for name, field in self.fields.items():
            field.message.show(change["new"].get(name, ""))
        self._general.show(change["new"].get("", ""), self._session.traceback)


def _without_name(name: str, message: str) -> str:
    """Drop the setting's name from the start of a message that stands under its control."""
    rest = message.removeprefix(f"{name} ")
    return rest[:1].upper() + rest[1:]
