"""The form: one control per setting."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from ipywidgets import Layout, VBox
from traitlets import TraitError

from llmcalc_widgets.elements.fold import Fold
from llmcalc_widgets.elements.labels import ErrorLine
from llmcalc_widgets.elements.style import style_sheet
from llmcalc_widgets.form.controls import label_of, make_fields
from llmcalc_widgets.form.explaining import explaining_script
from llmcalc_widgets.form.fields import Commit, Field, NumberField
from llmcalc_widgets.form.numbers import typed_number, typed_time
from llmcalc_widgets.form.settings import DEFAULTS, OPTIONAL, RANGES
from llmcalc_widgets.form.technique_controls import technique_fields
from llmcalc_widgets.form.techniques import (
    DRAFTING,
    OFFLOADING,
    PRICES,
    TECHNIQUES,
    idle_words,
    listed_words,
    neutral_words,
)
from llmcalc_widgets.runner import Session

MakeFields = Callable[[Callable[[str], Commit]], dict[str, Field]]

_PARTNERS = {
    **{least: (most,) for least, most in RANGES.items()},
    **{most: (least,) for least, most in RANGES.items()},
    **{
        name: tuple(other for other in together if other != name)
        for together in (DRAFTING, OFFLOADING)
        for name in together
    },
}
"""Settings that may be right again when another changes."""

_BATCHES = ("batch_min", "batch_max")
_BEARING = ("stage", "hardware", "speculative_tokens", "acceptance_rate", "lora_adapters")
"""Settings that decide which others count."""


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
    folded : mapping of str to collection of str
        Titles of further parts, which are made when they are first unfolded, and their settings.

    Attributes
    ----------
    fields : dict of str to Field
        The controls made so far, by setting.
    folds : dict of str to Fold
        The further parts, by title.
    """

    def __init__(
        self,
        inputs: Any,  # noqa: ANN401 - traits that each widget has others of
        session: Session,
        make: MakeFields = make_fields,
        folded: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:
        self._inputs = inputs
        self._session = session
        self.sliding = self.setting = False
        self._folded = folded
        self.fields: dict[str, Any] = {}
        self._general = ErrorLine()
        fields = self._take(make(self._committer))
        self.folds = {title: Fold(title, partial(self._unfold, title)) for title in folded}
        session.observe(self._show_errors, "errors")
        for title in folded:
            inputs.observe(partial(self._count, title), list(folded[title]))
            self._count(title, None)
        super().__init__(
            [style_sheet(), explaining_script(), *fields, *self.folds.values(), self._general],
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

    def _take(self, fields: dict[str, Field]) -> list[Field]:
        """Bring new controls to what is set, and keep them there."""
        self.fields |= fields
        self._inputs.observe(self._show_setting, list(fields))
        for name, field in fields.items():
            field.show(getattr(self._inputs, name))
        self._show_bearing()
        return [*fields.values()]

    def _unfold(self, title: str) -> list[Field]:
        return self._take(technique_fields(self._committer, self._folded[title]))

    def _count(self, title: str, _: object) -> None:
        neutral: Mapping[str, Any] = DEFAULTS
        names = self._folded[title]
        self.folds[title].say(sum(getattr(self._inputs, one) != neutral[one] for one in names))

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
        for partner in _PARTNERS.get(name, ()):
            if partner in self._session.errors:
                self._commit(partner, self.fields[partner].text.value, sliding=sliding)

    def _show_setting(self, change: dict[str, Any]) -> None:
        self.fields[change["name"]].show(change["new"])
        self._session.accept(change["name"])
        if change["name"] in _BEARING:
            self._show_bearing()

    def _show_bearing(self) -> None:
        """Name the controls as they are called in the stage; switch off what is of no account."""
        if "stage" not in self.fields:
            return
        settings = self._inputs.settings()
        for name, field in self.fields.items():
            if name in DEFAULTS:
                field.rest(idle_words(name, settings), neutral_words(name, settings))
            if name in _BATCHES:
                field.rename(label_of(name, settings["stage"]))
            elif name in PRICES:
                field.hint(listed_words(name, settings["hardware"]))

    def _show_errors(self, change: dict[str, Any]) -> None:
        for name, field in self.fields.items():
            field.message.show(change["new"].get(name, ""))
        self._general.show(change["new"].get("", ""), self._session.traceback)


def _without_name(name: str, message: str) -> str:
    """Write a message as it stands under its control: without its name, and others' in words."""
    rest = message.removeprefix(f"{name} ")
    for other in sorted(TECHNIQUES, key=len, reverse=True):
        rest = rest.replace(other, other.replace("_", " "))
    return rest[:1].upper() + rest[1:]
