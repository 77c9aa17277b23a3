"""Where the time of one plan goes: every operation, message and overhead by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from llmcalc_core.architecture.drafting import draft_of
from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Curve, Efficiency
from llmcalc_core.costmodel.passes import HostTransfer, PassTimes, TimedWork
from llmcalc_core.costmodel.phases import Case, PhaseParts, phase_parts, phase_times_of
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.roofline import ramp_seconds
from llmcalc_core.layers.work import Message, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakdownRow:
    """One operation, message or overhead of a phase, and the time it takes of its latency.

    Attributes
    ----------
    stage : {'decode', 'prefill'}
        Which pass it belongs to.
    part : str
        Kind of layer, or what is beside the layers.
    name, kind : str
        What it is; one of ``KINDS``.
    bound : str
        What takes most of its time, one of ``BOUNDS``.
    run_s, launch_s : float
        Time of one run, and the part of it that is launch latency [s].
    count : float
        How often it runs in a pass [1].
    flops, memory_bytes, message_bytes : float
        What one run computes [FLOP], moves to and from device memory and holds as a message
        [bytes], on the busiest device.
    peak_flops, most_flops, most_bytes : float
        The device's peak rate for it, and what its kernels reach at the most [FLOP/s, bytes/s]; 0
        where it is no operation.
    time_s : float
        What all runs contribute to the latency [s].
    """

    stage: str
    part: str
    name: str
    kind: str
    bound: str
    run_s: float
    launch_s: float = 0.0
    count: float = 1.0
    flops: float = 0.0
    memory_bytes: float = 0.0
    message_bytes: float = 0.0
    peak_flops: float = 0.0
    most_flops: float = 0.0
    most_bytes: float = 0.0
    time_s: float = 0.0


def phase_breakdown(case: Case, *, decode: bool) -> list[BreakdownRow]:
    """Split the latency of a decode step, or of a prefill, of one plan.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, a grid of one plan and workload, and efficiency, as
        :func:`llmcalc_core.costmodel.phases.phase_times` takes them.
    decode : bool
        Decode step, else prefill.

    Returns
    -------
    list of BreakdownRow
        Their ``time_s`` sum to the latency; where stages of a pipeline, verified drafts or parts of
        a prompt make it another than one pass takes, all in proportion.
    """
    parts = phase_parts(case, decode=decode, listed=True)
    rows = _pass_rows(case, case[0], parts.one, decode=decode)
    rows += _host_rows(case[-1], parts, decode=decode)
    rows += _draft_rows(case, parts, decode=decode)
    rows += _hand_over_rows(case, parts, decode=decode)
    one_pass = sum(row.count * row.run_s for row in rows)
    stretch = phase_times_of(case, parts, decode=decode).latency_s.item() / one_pass
    return [replace(row, time_s=row.count * row.run_s * stretch) for row in rows if row.run_s]


def _pass_rows(case: Case, model: Model, times: PassTimes, *, decode: bool) -> list[BreakdownRow]:
    """Describe each operation, message and transfer of a pass."""
    _, hardware, _, _, efficiency = case
    names, counts = model.part_names, section_counts(model)
    rows = []
    for timed in times.rows:
        if isinstance(timed.work, Operation):
            curve = (efficiency.decode if decode else efficiency.prefill)[timed.work.family]
            row = _operation_row(timed, timed.work, curve, hardware.memory_bandwidth)
        else:
            row = _message_row(timed.work, number(timed.seconds))
        part, count = names[timed.section], counts[timed.section]
        rows.append(replace(row, stage=_phase(decode=decode), part=part, count=count))
    return rows


def _operation_row(
    timed: TimedWork, work: Operation, curve: Curve, bandwidth: float
) -> BreakdownRow:
    seconds, launch, moved = number(timed.seconds), number(timed.launch_s), number(work.moved)
    busy = "compute" if number(timed.compute_bound_s) else "memory bandwidth"
    return BreakdownRow(
        stage="",
        part="",
        name=work.name,
        kind=work.kind,
        bound="overhead" if launch > seconds - launch else busy,
        run_s=seconds,
        launch_s=launch,
        flops=number(work.flops),
        memory_bytes=moved,
        peak_flops=number(curve.peak),
        most_flops=number(curve.peak * curve.compute / (1.0 + curve.half / work.size)),
        most_bytes=_reached_bytes_per_s(moved, curve, bandwidth),
    )


def _reached_bytes_per_s(moved: float, curve: Curve, bandwidth: float) -> float:
    """Give the rate at which so many bytes move if nothing else bounds them [bytes/s]."""
    rate = number(bandwidth * curve.memory)
    if not curve.ramp_s:
        return rate
    return moved / (moved / rate + number(ramp_seconds(moved=moved, ramp=curve.ramp_s)))


def _message_row(work: Message | HostTransfer, seconds: float) -> BreakdownRow:
    sent = isinstance(work, Message)
    return BreakdownRow(
        stage="",
        part="",
        name=work.name if isinstance(work, Message) else "reading from the host",
        kind="communication",
        bound="link" if sent else "host link",
        run_s=seconds,
        message_bytes=number(work.size),
    )


def _host_rows(efficiency: Efficiency, parts: PhaseParts, *, decode: bool) -> list[BreakdownRow]:
    """Describe what the host adds to a pass of the model."""
    delay = number(parts.host_delay_s)
    if not decode:
        return [overhead_row("prefill", "starting kernels", delay)]
    host = number(parts.host_s)
    waited = delay / host if host else 0.0
    step = overhead_row("decode", "work per step", waited * efficiency.decode_step_s)
    each = overhead_row("decode", "work per sequence", waited * efficiency.sequence_step_s)
    return [step, replace(each, count=number(parts.step.sequences))]


def _draft_rows(case: Case, parts: PhaseParts, *, decode: bool) -> list[BreakdownRow]:
    """Describe the passes of what drafts."""
    draft = parts.draft
    if draft is None:
        return []
    rows = _pass_rows(case, draft_of(case[0], case[3].techniques).model, draft.one, decode=decode)
    name = "work per pass" if decode else "starting kernels"
    rows.append(overhead_row(_phase(decode=decode), name, number(draft.host_delay_s)))
    return [replace(row, part=f"draft: {row.part}", count=row.count * draft.passes) for row in rows]


def _hand_over_rows(case: Case, parts: PhaseParts, *, decode: bool) -> list[BreakdownRow]:
    """Describe the mean hand-over between two stages of a pipeline."""
    model, _, _, grid, _ = case
    hops = number(grid.pp) - 1
    if not hops:
        return []
    row = BreakdownRow(
        stage=_phase(decode=decode),
        part="pipeline",
        name="hand-over between stages",
        kind="communication",
        bound="link",
        run_s=number(parts.hand_over_s) / hops,
        count=hops,
        message_bytes=number(model.residual_rows * parts.step.hidden_bytes / grid.tp),
    )
    return [row]


def overhead_row(stage: str, name: str, seconds: float) -> BreakdownRow:
    """Describe a time that the host takes [s]."""
    return BreakdownRow(
        stage=stage,
        part="engine",
        name=name,
        kind="overhead",
        bound="overhead",
        run_s=seconds,
        launch_s=seconds,
        time_s=seconds,
    )


def _phase(*, decode: bool) -> str:
    return "decode" if decode else "prefill"


def number(value: Values) -> float:
    """Give a single value as a plain number."""
    return float(np.asarray(value).item())
