"""What a memory planner can be asked: its settings as traits, and their controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from os import PathLike
from typing import Any, TypedDict

import traitlets
from traitlets import HasTraits, TraitError

from llmcalc_core import EvaluationRequest, Hardware, ModelConfig, Precision
from llmcalc_widgets.form.checked import checked
from llmcalc_widgets.form.choices import ChoiceField
from llmcalc_widgets.form.controls import make_fields
from llmcalc_widgets.form.fields import Commit, Field, NumberField
from llmcalc_widgets.form.settings import DEFAULTS, to_request

AXES = ("batch", "input_tokens")
"""What memory can be shown over."""

WIDEST = "widest tensor parallel"
"""The layout where none is chosen."""


class PlanningValues(TypedDict, total=False):
    """Everything that can be set."""

    model: str | PathLike[str] | Mapping[str, Any] | ModelConfig
    hardware: str | Mapping[str, Any] | Hardware
    precision: str | Precision
    devices: int
    layout: str
    axis: str
    batch: int
    input_tokens: int
    output_tokens: int
    memory_fraction: float


PLANNING = PlanningValues(
    model=DEFAULTS["model"],
    hardware=DEFAULTS["hardware"],
    precision=DEFAULTS["precision"],
    devices=DEFAULTS["devices"],
    layout=WIDEST,
    axis="batch",
    batch=32,
    input_tokens=DEFAULTS["input_tokens"],
    output_tokens=DEFAULTS["output_tokens"],
    memory_fraction=DEFAULTS["memory_fraction"],
)
_BATCHES = tuple(2**power for power in range(13))
_AXIS_NAMES = {"batch": "batch", "input_tokens": "input tokens"}
_ABOUT = {
    "layout": "How the devices are used: tensor parallel (TP), pipeline stages (PP), expert "
    "parallel (EP), attention data parallel (DP), replicas",
    "axis": "What grows from bar to bar: the batch, or the tokens of a prompt",
    "batch": "Sequences in flight per replica",
}
_COPIED = ("model", "hardware", "precision", "devices", "input_tokens", "output_tokens")


class Planning(HasTraits):
    """The settings of a memory planner; a wrong value raises and changes nothing.

    Attributes
    ----------
    model, hardware, precision, devices, input_tokens, output_tokens, memory_fraction
        As in :class:`~llmcalc_widgets.form.inputs.Inputs`.
    layout : str
        How the devices are used, such as 'TP 4 x PP 2' (with a multiplication sign).
    axis : {'batch', 'input_tokens'}
        What memory is shown over.
    batch : int
        Sequences in flight per replica.
    """

    model = traitlets.Any(PLANNING["model"])
    hardware = traitlets.Any(PLANNING["hardware"])
    precision = traitlets.Any(PLANNING["precision"])
    devices = traitlets.Any(PLANNING["devices"])
    layout = traitlets.Unicode(PLANNING["layout"])
    axis = traitlets.Enum(AXES, PLANNING["axis"])
    batch = traitlets.Any(PLANNING["batch"])
    input_tokens = traitlets.Any(PLANNING["input_tokens"])
    output_tokens = traitlets.Any(PLANNING["output_tokens"])
    memory_fraction = traitlets.Any(PLANNING["memory_fraction"])

    @traitlets.validate(*_COPIED, "batch", "memory_fraction")
    def _check(self, proposal: Any) -> Any:  # noqa: ANN401 - traitlets' proposal is untyped
        name = proposal["trait"].name
        try:
            return checked("batch_max" if name == "batch" else name, proposal["value"])
        except ValueError as error:
            raise TraitError(str(error).replace("batch_max", "batch")) from None

    def make_request(self) -> EvaluationRequest:
        """Return the request for the one workload of the settings."""
        own = {name: getattr(self, name) for name in (*_COPIED, "memory_fraction")}
        request = to_request({**DEFAULTS, **own})
        return replace(request, batches=(self.batch,))


def planning_fields(committer: Callable[[str], Commit]) -> dict[str, Field]:
    """Make the controls, in their order; those of the explorer's form are the same."""
    layouts = ChoiceField("Layout", (WIDEST,), committer("layout"), about=_ABOUT["layout"])
    axis = ChoiceField(
        "Over", AXES, committer("axis"), name_of=_AXIS_NAMES.__getitem__, about=_ABOUT["axis"]
    )
    batch = NumberField("Batch", _BATCHES, committer("batch"), about=_ABOUT["batch"])
    fields = make_fields(committer, PLANNING)
    fields |= {"layout": layouts, "axis": axis, "batch": batch}
    return {name: fields[name] for name in PLANNING}
