"""The control of each setting, as its entry describes it."""

from __future__ import annotations

from typing import assert_never

from llmcalc_widgets.form.choices import (
    ButtonsField,
    ChoiceField,
    ExplainedChoiceField,
    MultipleChoiceField,
    SearchField,
)
from llmcalc_widgets.form.fields import Commit, Field, NumberField
from llmcalc_widgets.settings.setting import (
    Buttons,
    Choice,
    Entry,
    MultipleChoice,
    Search,
    Setting,
    Slider,
)
from llmcalc_widgets.settings.values import name_of


def make_field(setting: Setting, commit: Commit) -> Field:
    """Make the control of a setting.

    Parameters
    ----------
    setting : Setting
        What it sets.
    commit : callable
        Takes what it was set to.

    Raises
    ------
    TypeError
        For a setting that has none.
    """
    control, label, about = setting.control, setting.label, setting.help
    field: Field
    match control:
        case Slider(stops=stops, words=words):
            field = NumberField(label, stops, commit, about=about, say=words)
        case Entry():
            field = NumberField(label, (), commit, about=about)
        case Search(options=options, hint=hint):
            field = SearchField(label, options(), commit, _typed_name, about=about, hint=hint)
        case MultipleChoice(options=options):
            field = MultipleChoiceField(label, options(), commit, name_of, about=about)
        case Choice(notes=None):
            field = ChoiceField(label, control.options(), commit, control.name_of, about=about)
        case Choice(notes=notes):
            field = ExplainedChoiceField(label, notes or {}, commit, control.name_of, about=about)
        case Buttons():
            field = ButtonsField(label, control.options(), commit, control.name_of, about=about)
        case None:
            msg = f"setting {setting.name!r} must have a control to be in a form, got None"
            raise TypeError(msg)
        case _:
            assert_never(control)
    return field


def _typed_name(value: object) -> str:
    return "" if value is None else name_of(value)
