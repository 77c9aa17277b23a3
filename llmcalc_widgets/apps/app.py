"""``App``: what every widget that a user names does: a state, a runner, a configuration, an end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self

import traitlets
from ipywidgets import VBox, Widget
from traitlets import TraitError

from llmcalc_core import EvaluationRequest
from llmcalc_widgets.apps.config import config_of, values_of
from llmcalc_widgets.apps.forwarded import Forwarding
from llmcalc_widgets.export.displayed import Pictured
from llmcalc_widgets.runner.evaluations import Runner
from llmcalc_widgets.settings.request import check_names, in_full
from llmcalc_widgets.state import EvaluationState
from llmcalc_widgets.transport.disposal import Disposal, parts_of


class App(Forwarding, Pictured, VBox):
    """A widget around one state, which a runner evaluates.

    Parameters
    ----------
    state : EvaluationState
        What is asked and found.

    Attributes
    ----------
    error : str
        What is wrong with the settings; empty if nothing is. Read-only.
    """

    known: Collection[str] = ()
    """Names of all that can be set."""

    error = traitlets.Unicode(read_only=True)

    _parts: Sequence[Widget] = ()  # ipywidgets closes also what never finished its __init__

    def __init__(self, state: EvaluationState) -> None:
        self.state = state
        self._runner = Runner(state)
        super().__init__()
        self._disposal = Disposal()

    def settings(self) -> dict[str, Any]:
        """Return the settings by name."""
        return self.state.settings()

    def make_request(self) -> EvaluationRequest:
        """Return the request that the settings ask for."""
        return self.state.make_request()

    def to_config(self) -> dict[str, Any]:
        """Return everything that is set as a plain dict.

        Returns
        -------
        dict
            Of strings, numbers, lists, dicts and None, as JSON and YAML can carry it, with the
            ``version`` of its form.
        """
        return config_of({name: getattr(self, name) for name in self.known if name != "workload"})

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a widget of what :meth:`to_config` gave, or of a part of it.

        Raises
        ------
        TypeError
            For what is no dict, or a key that is no setting, with the nearest one.
        ValueError, TraitError
            For another version, or a wrong value.
        """
        return cls(**values_of(config))

    def close(self) -> None:
        """Close the widget with every widget that it made."""
        made, self._parts = self._parts, ()
        if made:
            self._runner.close()
            self._disposal.close_all(self, [*made, *self.made_later()])
        super().close()

    def made_later(self) -> Sequence[Widget]:
        """Give the widgets that were made after the start, such as what was unfolded."""
        return parts_of(self)

    @classmethod
    def start_values(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings to start from, with those of a workload in its place.

        Raises
        ------
        TypeError
            For a keyword that is no setting, with the nearest one.
        TraitError
            For an unknown workload.
        """
        check_names(settings, cls.known, owner=cls.__name__)
        try:
            return in_full(settings)
        except ValueError as error:
            raise TraitError(str(error)) from None

    def _show_error(self, _: object) -> None:
        self.set_trait("error", self.state.error_words())
