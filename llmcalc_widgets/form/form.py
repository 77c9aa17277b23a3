"""The form: one control per setting."""

from __future__ import annotations

from functools import partial
from typing import Any

from ipywidgets import Layout, VBox
from traitlets import TraitError

from llmcalc_core import (
    CHECKPOINT,
    PRECISIONS,
    STAGES,
    Hardware,
    ModelConfig,
    list_hardware,
    list_models,
)
from llmcalc_widgets.engines import ENGINE_NAMES, OFFERED_ENGINES
from llmcalc_widgets.form.fields import (
    ChoiceField,
    Commit,
    ErrorLine,
    Field,
    NumberField,
    SwitchField,
    typed_number,
)
from llmcalc_widgets.form.inputs import Inputs
from llmcalc_widgets.form.settings import DEFAULTS, LIMITS
from llmcalc_widgets.session import Session
from llmcalc_widgets.style import style_sheet

_POWERS = tuple(2**power for power in range(11))
_DEVICES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112,
            128, 160, 192, 224, 256, 384, 512, 768, 1024)  # fmt: skip
_TOKENS = (1, 16, 32, 64, 128, 256, 512, 768, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 12_000,
           16_000, 24_000, 32_000, 48_000, 64_000, 96_000, 128_000)  # fmt: skip
_SHARES = tuple(percent / 100 for percent in range(50, 101))
_PARTNERS = {"batch_min": "batch_max", "batch_max": "batch_min"}


class Form(VBox):
    """Controls that set the inputs, and show what is wrong under the control it concerns.

    Parameters
    ----------
    inputs : Inputs
        What is set.
    session : Session
        Whose errors are shown.
    """

    def __init__(self, inputs: Inputs, session: Session) -> None:
        self._inputs = inputs
        self._session = session
        self.sliding = False
        self.fields = self._make_fields()
        inputs.observe(self._show_setting, list(DEFAULTS))
        session.observe(self._show_errors, "errors")
        for name, field in self.fields.items():
            field.show(getattr(inputs, name))
        self._general = ErrorLine()
        super().__init__(
            [style_sheet(), *self.fields.values(), self._general],
            layout=Layout(flex="1 1 290px", min_width="270px"),
        )
        self.add_class("llmcalc")
        self.add_class("llmcalc-form")

    def _make_fields(self) -> dict[str, Field]:
        """Make the controls, in the order of the form."""
        return {
            "model": ChoiceField(
                "Model", list_models(), self._committer("model"), name_of=_name_of
            ),
            "hardware": ChoiceField(
                "Hardware", list_hardware(), self._committer("hardware"), name_of=_name_of
            ),
            "precision": ChoiceField(
                "Precision", (CHECKPOINT, *PRECISIONS), self._committer("precision")
            ),
            "stage": SwitchField("Stage", tuple(reversed(STAGES)), self._committer("stage")),
            "engine": ChoiceField(
                "Engine",
                OFFERED_ENGINES,
                self._committer("engine"),
                name_of=ENGINE_NAMES.__getitem__,
            ),
            "devices": NumberField("Devices", _DEVICES, self._committer("devices")),
            "input_tokens": NumberField("Input tokens", _TOKENS, self._committer("input_tokens")),
            "output_tokens": NumberField(
                "Output tokens", _TOKENS, self._committer("output_tokens")
            ),
            "batch_min": NumberField("Batch from", _POWERS, self._committer("batch_min")),
            "batch_max": NumberField("Batch to", _POWERS, self._committer("batch_max")),
            "memory_fraction": NumberField(
                "Memory share", _SHARES, self._committer("memory_fraction")
            ),
            "tpot_limit_ms": NumberField(
                "TPOT limit [ms]", (), self._committer("tpot_limit_ms"), hint="none"
            ),
            "ttft_limit_ms": NumberField(
                "TTFT limit [ms]", (), self._committer("ttft_limit_ms"), hint="none"
            ),
        }

    def _committer(self, name: str) -> Commit:
        """Make the function that a control calls with what it was set to."""
        return partial(self._commit, name)

    def _commit(self, name: str, value: object, *, sliding: bool = False) -> None:
        """Set an input to what its control says, or show why not."""
        if isinstance(self.fields[name], NumberField) and isinstance(value, str):
            value = typed_number(value)
        if name in LIMITS and value == "":
            value = None
        self.sliding = sliding
        try:
            setattr(self._inputs, name, value)
        except TraitError as error:
            self._session.reject(name, _without_name(name, str(error)))
            return
        finally:
            self.sliding = False
        self._session.accept(name)
        self.fields[name].show(getattr(self._inputs, name))
        partner = _PARTNERS.get(name)
        if partner in self._session.errors:
            field = self.fields[partner]
            self._commit(partner, field.text.value, sliding=sliding)

    def _show_setting(self, change: dict[str, Any]) -> None:
        self.fields[change["name"]].show(change["new"])
        self._session.accept(change["name"])

    def _show_errors(self, change: dict[str, Any]) -> None:
        for name, field in self.fields.items():
            field.message.show(change["new"].get(name, ""))
        self._general.show(change["new"].get("", ""))


def _name_of(value: str | ModelConfig | Hardware) -> str:
    if isinstance(value, str):
        return value
    return (value.name if isinstance(value, Hardware) else value.model) or "unnamed"


def _without_name(name: str, message: str) -> str:
    """Drop the setting's name from the start of a message that stands under its control."""
    rest = message.removeprefix(f"{name} ")
    return rest[:1].upper() + rest[1:]
