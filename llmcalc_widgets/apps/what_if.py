"""``WhatIf``: a device's or a model's figures edited, with the answer before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Unpack

import pandas as pd
import traitlets
from ipywidgets import HTML, Button, Layout, VBox, Widget
from traitlets import TraitError

from llmcalc_core import (
    Evaluation,
    EvaluationRequest,
    Hardware,
    ModelConfig,
    find_hardware,
    find_model,
)
from llmcalc_widgets.apps.planner import Planner
from llmcalc_widgets.apps.traits import traits_of
from llmcalc_widgets.chart.view import chart_view
from llmcalc_widgets.elements.labels import Fold
from llmcalc_widgets.elements.page import standing
from llmcalc_widgets.export.figure_stills import paint_figure
from llmcalc_widgets.export.widget_code import what_if_code
from llmcalc_widgets.form.editor import Editor
from llmcalc_widgets.panels.what_if_page import (
    fronts_page,
    fronts_specification,
    summary,
    what_if_page,
)
from llmcalc_widgets.runner.evaluations import EvaluationCache
from llmcalc_widgets.settings.figures import (
    DEVICE_FIGURES,
    MODEL_FIGURES,
    Changes,
    checked_changes,
    edited_hardware,
    edited_model,
)
from llmcalc_widgets.settings.registry import PRICES, SettingValues
from llmcalc_widgets.settings.setting import Setting, settings_of
from llmcalc_widgets.state import QueryState, SettingTrait
from llmcalc_widgets.text.request_words import question_words

_EDITED: dict[str, Any] = {
    "hardware_changes": (DEVICE_FIGURES, edited_hardware),
    "model_changes": (MODEL_FIGURES, edited_model),
}
"""What can be edited by each of the traits, and how."""

_CHANGES = tuple(_EDITED)
_BASES = ("hardware", "model")


class WhatIfValues(SettingValues, total=False):
    """Everything that can be set."""

    hardware_changes: Annotated[
        Changes,
        Setting(
            default={},
            check=lambda _, value: value,
            help="Fields of the device that are changed, in SI units",
        ),
    ]
    model_changes: Annotated[
        Changes,
        Setting(
            default={},
            check=lambda _, value: value,
            help="Fields of the model that are changed",
        ),
    ]


_ENTRIES = settings_of(WhatIfValues)
_SETTINGS = {name: one for name, one in _ENTRIES.items()
             if name not in _CHANGES and one.group != "prices"}  # fmt: skip


class WhatIfState(QueryState):
    """The settings of a question, and changes of its device and its model."""

    entries = _ENTRIES
    hardware_changes = SettingTrait(_ENTRIES["hardware_changes"])
    model_changes = SettingTrait(_ENTRIES["model_changes"])

    def make_request(self) -> EvaluationRequest:
        """Return the request for the edited device and model."""
        plain = self.original_request()
        return replace(
            plain,
            hardware=(edited_hardware(plain.hardware[0], self.hardware_changes),),
            models=(edited_model(plain.models[0], self.model_changes),),
        )

    def original_request(self) -> EvaluationRequest:
        """Return the request for the device and the model as they are."""
        return super().make_request()

    def original(self, name: str) -> Hardware | ModelConfig:
        """Give the device or the model, by the trait of its changes, without them."""
        if name == "model_changes":
            return find_model(self.model)
        return find_hardware(self.hardware).priced(self.price_per_hour, self.power_watts)

    @traitlets.validate(*_CHANGES)
    def _check_changes(self, proposal: Any) -> dict[str, Any]:  # noqa: ANN401 - traitlets is untyped
        try:
            return checked_changes(self.original(proposal["trait"].name), proposal["value"])
        except ValueError as error:
            raise TraitError(str(error)) from None

    @traitlets.observe("hardware", "model")
    def _start_anew(self, change: dict[str, Any]) -> None:
        setattr(self, f"{change['name']}_changes", {})


_WhatIfTraits: Any = traits_of(WhatIfState, _ENTRIES)


class WhatIf(_WhatIfTraits, Planner):
    """Edit a device's figures or a model's, and see the best plan and the front before and after.

    Parameters
    ----------
    **settings
        Any of the settings below, to start from.

    Attributes
    ----------
    model, hardware, devices, devices_min, phase, engine, engine_version, \
input_tokens, output_tokens, load_as, \
request_rate_min, request_rate, batch_min, batch_max, percentile, precision, \
memory_fraction, tpot_limit_ms, ttft_limit_ms, workload, ...
        The settings; see :class:`~llmcalc_widgets.settings.registry.SettingValues`. Setting one
        recomputes at once; a wrong value raises and changes nothing.
    hardware_changes : dict
        Fields of the device that are changed, in the SI units of :class:`llmcalc_core.Hardware`,
        such as ``{"memory_bandwidth": 6e12, "flops": {"fp8": 4e15}}``; under ``flops`` rates by
        type. Another device starts without.
    model_changes : dict
        Fields of the model that are changed, as :class:`llmcalc_core.ModelConfig` has them, such
        as ``{"num_decoder_layers": 40}``. Another model starts without.
    df : DataFrame
        Every candidate of both, with a first column ``which``, 'before' or 'after'; see
        :func:`llmcalc_core.explore` for the others. Read-only.
    hardware_used : Hardware
        The device with its changes. Read-only.
    model_used : ModelConfig
        The model with its changes. Read-only.
    error : str
        What is wrong with the form; empty if nothing is. Read-only.
    form, answer, fronts : widgets
        The parts, to be placed anywhere.
    folds : dict of str to Fold
        The controls of each of the changes, made when they are first unfolded.

    Raises
    ------
    TypeError
        For a keyword that is no setting, with the nearest one.
    TraitError
        For a wrong value.

    Examples
    --------
    >>> what_if = WhatIf(model="llama3_8b", hardware="H100_80GB", devices=1,
    ...                  hardware_changes={"memory_bandwidth": 6.7e12})
    >>> best = what_if.df.groupby("which")["tpot_s"].min()
    >>> bool(best["after"] < best["before"])
    True
    >>> what_if.hardware_used.name
    'H100_80GB (edited)'
    >>> what_if.close()
    """

    known = tuple(_ENTRIES)
    state: WhatIfState
    hardware_used = traitlets.Instance(Hardware, allow_none=True, read_only=True)
    model_used = traitlets.Instance(ModelConfig, allow_none=True, read_only=True)

    def __init__(self, **settings: Unpack[WhatIfValues]) -> None:
        self._cache = EvaluationCache()
        start = self.start_values(settings)
        changes = {name: start.pop(name) for name in _CHANGES if name in start}
        state = WhatIfState(**start)
        with state.hold_trait_notifications():
            for name, value in changes.items():
                setattr(state, name, value)
        super().__init__(state, _SETTINGS)

    def draw(self, evaluation: Evaluation) -> None:
        """Show the answer before and after the changes."""
        self._before = self.state.original_request()
        self._changes = self.hardware_changes, self.model_changes
        before = self._cache.evaluate(self._before)
        self._views = chart_view(before, None, None), chart_view(evaluation, None, None)
        self.answer.value = what_if_page(*self._views)
        self.fronts.value = fronts_page(*self._views)
        request = evaluation.request
        with self.hold_trait_notifications():
            self.set_trait("df", partial(_together, before, evaluation))
            self.set_trait("hardware_used", request.hardware[0])
            self.set_trait("model_used", request.models[0])

    def write_code(self) -> str:
        """Write the Python that gives ``df``, ``hardware`` and ``model`` as it is shown."""
        return what_if_code(self._before, self._shown.request, *self._changes)

    def words(self) -> str:
        """Say what the changes do."""
        return summary(*self._views)

    def draw_still(self, figure: Any) -> None:  # noqa: ANN401 - matplotlib is optional
        """Draw both fronts on matplotlib's figure."""
        lines = (*question_words(self._before), self.words())
        paint_figure(figure, lines, fronts_specification(*self._views))

    def above(self) -> Sequence[Widget]:
        """Make the folds of figures, the device's open, the way back, and the fronts beside."""
        titles = {"hardware_changes": "Edit the device", "model_changes": "Edit the model"}
        self.editors: dict[str, Editor] = {}
        self.folds = {
            name: Fold(title, partial(self._unfold, name)) for name, title in titles.items()
        }
        self.reset = Button(
            description="Reset all",
            tooltip="Back to the device and the model as they are",
            layout=Layout(width="auto", align_self="flex-start"),
        )
        self.reset.on_click(lambda _: self.reset_all())
        self.folds["hardware_changes"].reveal()
        self._show_changes()
        self.state.observe(lambda _: self._show_changes(), [*_CHANGES, *_BASES, *PRICES])
        self.fronts = HTML()
        beside = VBox([VBox([*self.folds.values(), self.reset]), self.fronts])
        beside.add_class("llmcalc-beside")
        return (beside,)

    def further(self) -> str:
        """Write the fronts, in HTML."""
        return standing(self.fronts.value)

    def reset_all(self) -> None:
        """Go back to the device and the model as they are."""
        with self.hold_trait_notifications():
            for name in _CHANGES:
                setattr(self, name, {})
        for editor in self.editors.values():
            editor.show(afresh=True)

    def _unfold(self, name: str) -> list[Widget]:
        figures, edited = _EDITED[name]
        original = partial(self.state.original, name)
        self.editors[name] = Editor(self.state, name, figures, original=original, edited=edited)
        self.editors[name].show()
        return [self.editors[name]]

    def _show_changes(self) -> None:
        count = {name: len(getattr(self, name)) for name in _CHANGES}
        for editor in self.editors.values():
            editor.show()
        for name, fold in self.folds.items():
            fold.say(count[name])
        self.reset.disabled = not any(count.values())

    def _submit(self, _: object) -> None:
        sliding = self.form.sliding or any(one.sliding for one in self.editors.values())
        self._runner.submit(debounce=sliding)


def _together(before: Evaluation, after: Evaluation) -> pd.DataFrame:
    """Put the plans of both into one frame, which a column tells apart."""
    frames = {"before": before.frame, "after": after.frame}
    both = pd.concat(frames, names=["which", None]).reset_index("which")
    return both.reset_index(drop=True)
