"""The form: one control per setting."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from anywidget import AnyWidget
from ipywidgets import Layout, VBox
from traitlets import TraitError

from llmcalc_widgets.elements.labels import ErrorLine, Fold
from llmcalc_widgets.elements.page import read_asset, style_sheet
from llmcalc_widgets.form.controls import make_field
from llmcalc_widgets.form.fields import Field, NumberField, explaining_script
from llmcalc_widgets.settings.rules import partners
from llmcalc_widgets.settings.setting import Entry, Setting
from llmcalc_widgets.settings.techniques import in_words
from llmcalc_widgets.state import EvaluationState

_GROUPS = {"techniques": "Techniques", "prices": "Prices"}
"""Groups of settings that are folded away, and the titles of their parts."""

RARE = "More settings"
"""The title of the part with what is rarely set."""


def _part_of(setting: Setting) -> str:
    """Give the title of the folded part that a setting is in; empty for none."""
    return RARE if setting.rare else _GROUPS.get(setting.group, "")


class KernelNote(AnyWidget):
    """Says on a page without a kernel, such as one that nbconvert made, that controls need one."""

    # As text: anywidget holds every widget whose script is a path.
    _esm = read_asset("llmcalc_widgets.form", "needs_kernel.js")


class Form(VBox):
    """Controls that set a state, and show what is wrong under the control it concerns.

    Parameters
    ----------
    state : EvaluationState
        What is set, and whose errors are shown.
    settings : mapping of str to Setting
        What has a control, in the order of the form; what is rarely set, techniques and prices
        are folded away, and their controls are made when they are first unfolded.

    Attributes
    ----------
    fields : dict of str to Field
        The controls made so far, by setting.
    folds : dict of str to Fold
        The further parts, by title.
    sliding : bool
        Whether a slider that is still moving sets something.
    committing : bool
        Whether a control sets something.
    """

    def __init__(self, state: EvaluationState, settings: Mapping[str, Setting]) -> None:
        self._state = state
        self._settings = settings
        self.sliding = self.committing = False
        self._folded = {
            title: [name for name, one in settings.items() if _part_of(one) == title]
            for title in (RARE, *_GROUPS.values())
            if any(_part_of(one) == title for one in settings.values())
        }
        self.fields: dict[str, Any] = {}
        self._general = ErrorLine()
        fields = self._make([name for name, one in settings.items() if not _part_of(one)])
        self.folds = {
            title: Fold(title, partial(self._make, names)) for title, names in self._folded.items()
        }
        state.observe(self._show_errors, "errors")
        state.observe(lambda _: self._show_disabled(), "notes")
        for title, names in self._folded.items():
            state.observe(partial(self._count, title), names)
            self._count(title, None)
        super().__init__(
            [
                style_sheet(),
                explaining_script(),
                KernelNote(),
                *fields,
                *self.folds.values(),
                self._general,
            ],
            layout=Layout(flex="1 1 290px", min_width="270px"),
        )
        self.add_class("llmcalc")
        self.add_class("llmcalc-form")

    def reveal(self, title: str) -> None:
        """Unfold a part.

        Raises
        ------
        ValueError
            For a title that no part has.
        """
        if title not in self.folds:
            msg = f"title must be one of {', '.join(map(repr, self.folds))}, got {title!r}"
            raise ValueError(msg)
        self.folds[title].reveal()

    def _make(self, names: list[str]) -> list[Field]:
        """Make controls, bring them to what is set, and keep them there."""
        fields = {
            name: make_field(self._settings[name], partial(self._commit, name)) for name in names
        }
        self.fields |= fields
        self._state.observe(self._show_setting, names)
        for name, field in fields.items():
            field.show(getattr(self._state, name))
        self._show_disabled()
        return [*fields.values()]

    def _count(self, title: str, _: object) -> None:
        """Say on a folded part how many of its settings are set."""
        names = self._folded[title]
        self.folds[title].say(
            sum(getattr(self._state, name) != self._settings[name].default for name in names)
        )

    def _commit(self, name: str, value: object, *, sliding: bool = False) -> None:
        """Set the state to what a control says, or show why not."""
        if isinstance(value, str):
            value = self._settings[name].read(value)
        with self._state.lock:
            self._set(name, value, sliding=sliding)

    def _set(self, name: str, value: object, *, sliding: bool) -> None:
        self.sliding, self.committing = sliding, True
        try:
            setattr(self._state, name, value)
        except TraitError as error:
            self._state.reject(name, self._worded(name, str(error)))
            return
        finally:
            self.sliding = self.committing = False
        self._state.accept(name)
        self.fields[name].show(getattr(self._state, name))
        for partner in partners(name):
            if partner in self._state.errors:
                self._commit(partner, self.fields[partner].text.value, sliding=sliding)

    def _worded(self, name: str, message: str) -> str:
        """Write a message as it stands under its control: without its name, others as labels."""
        rest = in_words(message.removeprefix(f"{name} "))
        if rest.startswith("of "):
            rest = f"{self._settings[name].label} {rest}"
        phase = self._state.settings().get("phase", "")
        for other in partners(name):
            if other in self.fields and "_" in other:
                rest = rest.replace(other, self._settings[other].label_in(phase))
        return rest[:1].upper() + rest[1:]

    def _show_setting(self, change: dict[str, Any]) -> None:
        self.fields[change["name"]].show(change["new"])
        self._state.accept(change["name"])
        self._show_disabled()

    def _show_disabled(self) -> None:
        """Name the controls as they are called in the phase; switch off what is of no account."""
        values = self._state.settings()
        phase = values.get("phase")
        if phase is None:
            return
        for name, field in self.fields.items():
            setting = self._settings[name]
            remark = self._state.notes.get(name) or setting.remark(values)
            field.disable(setting.disabled(values), remark)
            self._hide(name, field, hidden=setting.hidden(values))
            if isinstance(field, NumberField):
                field.rename(setting.label_in(phase))
            if isinstance(setting.control, Entry) and callable(setting.control.hint):
                field.hint(setting.control.hint(values))

    def _hide(self, name: str, field: Field, *, hidden: bool) -> None:
        """Show a control or hide it; what was wrong with it is forgotten with it."""
        field.layout.display = "none" if hidden else None
        if hidden and name in self._state.errors:
            self._state.accept(name)
            field.show(getattr(self._state, name))

    def _show_errors(self, change: dict[str, Any]) -> None:
        for name, field in self.fields.items():
            field.message.show(change["new"].get(name, ""))
        self._general.show(change["new"].get("", ""), self._state.traceback)
