"""One plan of an evaluation, found again from its row: what runs on what, and how split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.checks import nearest, positive, whole_number
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.budget import MemoryBudget, memory_budget, memory_share
from llmcalc_core.memory.offload import offloaded
from llmcalc_core.planning.cases import names_of
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.planning.request import EvaluationRequest, check_request
from llmcalc_core.precision import Precision
from llmcalc_core.shown import shown
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import Techniques, in_use

if TYPE_CHECKING:
    import pandas as pd

    PlanLike = Mapping[str, Any] | pd.Series[Any]

_Known = TypeVar("_Known")


_DIGITS = 4
"""Digits of a share."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SelectedPlan:
    """A row of a frame as the objects that it names.

    Attributes
    ----------
    request : EvaluationRequest
        What the frame answers.
    model, hardware, precision, techniques, layout
        What runs on what, in which types, how served and split.
    replicas, batch, input_tokens, output_tokens : int
        Copies of the layout; sequences in flight in each; prompt and generated tokens.
    request_rate : float or None
        Requests per second that come to all of them, where the request is about rates [1/s].
    """

    request: EvaluationRequest
    model: Model
    hardware: Hardware
    precision: Precision
    techniques: Techniques
    layout: Layout
    replicas: int
    batch: int
    input_tokens: int
    output_tokens: int
    request_rate: float | None = None

    def grid(self, hardware: Hardware | None = None, **changes: int) -> Grid:
        """Lay out one replica, on other devices and with another ``batch`` or prompt if given."""
        device = hardware or self.hardware
        grid = self._laid_out(device, **changes)
        return offloaded(self.model, self.precision, grid, self.budget(device))

    def _laid_out(self, hardware: Hardware, **changes: int) -> Grid:
        """Lay out one replica with what is asked to be offloaded."""
        return make_grid(
            (self.layout,),
            batches=(changes.get("batch", self.batch),),
            inputs=(changes.get("input_tokens", self.input_tokens),),
            outputs=(self.output_tokens,),
            beams=self.request.beam_size,
            techniques=self.techniques,
            engine=hardware.engine(self.request.serves),
        )

    @property
    def memory_share(self) -> float:
        """The share of memory that the engine takes, as asked for or its own default [1]."""
        asked, hardware = self.request.memory_fraction, self.hardware
        share = memory_share(self.model, hardware, asked, self._laid_out(hardware))
        return round(float(share), _DIGITS)

    def budget(self, hardware: Hardware) -> MemoryBudget:
        """Give what the engine may fill of a device."""
        share = self.request.memory_fraction
        return memory_budget(self.model, hardware, share, self._laid_out(hardware))

    def efficiency(self, hardware: Hardware) -> Efficiency:
        """Look up what a device reaches with the model, its types and the engine."""
        return efficiency_for(hardware, self.precision, engine=self.request.serves)


def selected_plan(request: EvaluationRequest, plan: PlanLike) -> SelectedPlan:
    """Find what a row of a frame is about.

    Parameters
    ----------
    request : EvaluationRequest
        What the frame answers.
    plan : Series or mapping
        The row.

    Returns
    -------
    SelectedPlan
        The plan as objects.

    Raises
    ------
    ValueError
        If it is no request, or the row lacks a column, names what the request has not, or is no
        layout of the model.
    """
    check_request(request)
    names = names_of(request)
    model = architecture(_known("model", plan, names.model))
    return SelectedPlan(
        request=request,
        model=model,
        hardware=_known("hardware", plan, names.hardware),
        precision=_known("precision", plan, names.precision),
        techniques=_techniques(request, plan),
        layout=check_layout(
            model,
            tp=_column(plan, "tp"),
            pp=_column(plan, "pp"),
            ep=_column(plan, "ep"),
            attention_dp=_column(plan, "attention_dp"),
            cp=1 if request.contexts == (1,) else _column(plan, "cp"),
        ),
        replicas=_count(plan, "replicas"),
        batch=_count(plan, "batch"),
        input_tokens=_count(plan, "input_tokens"),
        output_tokens=_count(plan, "output_tokens"),
        request_rate=(
            positive("request_rate", _column(plan, "request_rate"), unit="1/s")
            if request.request_rates
            else None
        ),
    )


def _column(plan: PlanLike, name: str) -> Any:  # noqa: ANN401 - a column each
    try:
        value = plan[name]
    except (KeyError, TypeError, IndexError):
        msg = f"plan must be a row of the request's frame, with a column {shown(name)}, got none"
        raise ValueError(msg) from None
    return value.item() if hasattr(value, "item") else value


def _count(plan: PlanLike, name: str) -> int:
    return whole_number(name, _column(plan, name))


def _known(name: str, plan: PlanLike, known: dict[str, _Known]) -> _Known:
    value = _column(plan, name)
    if value not in known:
        msg = (
            f"{name} of the plan must be one of the request's, {', '.join(known)}, "
            f"got {shown(value)}{nearest(value, known)}"
        )
        raise ValueError(msg)
    return known[value]


def _techniques(request: EvaluationRequest, plan: PlanLike) -> Techniques:
    """Find the techniques by the columns that a frame has of them."""
    used = in_use(request.techniques, request.serves)
    given = {name: _column(plan, name) for name in used}
    for at, techniques in enumerate(request.techniques):
        if all(used[name][at] == value for name, value in given.items()):
            return techniques
    listed = ", ".join(f"{name} {value!r}" for name, value in given.items())
    msg = f"techniques of the plan must be some of the request's, got {listed}"
    raise ValueError(msg)
