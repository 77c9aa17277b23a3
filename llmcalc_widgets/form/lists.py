"""A control that chooses several names of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ipywidgets import Layout, SelectMultiple

from llmcalc_widgets.form.fields import LABEL_WIDTH, Commit, Field

_ROWS = 9


class ListField(Field):
    """A list of which several can be chosen; values that it lacks are added to it.

    Parameters
    ----------
    label : str
        What is chosen.
    choices : sequence of str
        Values.
    commit : callable
        Takes the tuple of values chosen.
    name_of : callable
        Names a value, also one that is not in the list.
    about : str
        What the choice means.
    """

    def __init__(
        self,
        label: str,
        choices: Sequence[str],
        commit: Commit,
        name_of: Callable[[Any], str] = str,
        *,
        about: str = "",
    ) -> None:
        self._choices = tuple((name_of(value), value) for value in choices)
        self._commit = commit
        self._name_of = name_of
        self.list = SelectMultiple(
            options=self._choices,
            description=label,
            tooltip=about,
            rows=_ROWS,
            layout=Layout(width="auto"),
            style={"description_width": LABEL_WIDTH},
        )
        self.list.observe(self._chosen, "value")
        super().__init__(self.list)
        self.add_class("llmcalc-list")

    def show(self, value: tuple[Any, ...]) -> None:
        """Choose values, adding those that the list lacks."""
        known = [choice for _, choice in self._choices]
        added = [(self._name_of(one), one) for one in value if one not in known]
        options = (*self._choices, *added)
        with self._silent(), self.list.hold_sync():
            if self.list.options != options:
                self.list.options = options
            self.list.value = value

    def _chosen(self, change: dict[str, Any]) -> None:
        if not self._quiet:
            self._commit(change["new"])
