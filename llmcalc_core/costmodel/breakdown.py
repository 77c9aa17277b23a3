"""Where the time of one plan goes: every operation, message and overhead by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from llmcalc_core.architecture.drafting import draft_of
from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Curve, Efficiency
from llmcalc_core.costmodel.host import host_delay_seconds
from llmcalc_core.costmodel.micro_batch import Case, MicroBatch, micro_batch_times
from llmcalc_core.costmodel.passes import HostTransfer, PassTimes, TimedWork
from llmcalc_core.costmodel.phases import phase_times_of
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.roofline import tiled_compute_seconds
from llmcalc_core.layers.work import Message, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakdownRow:
    """One operation, message or overhead of a phase, and the time it takes of its latency.

    Attributes
    ----------
    phase : {'decode', 'prefill', 'mixed'}
        Which pass it belongs to: one that decodes, that reads prompts, or that does both.
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

    phase: str
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
    parts = micro_batch_times(case, decode=decode, listed=True)
    latency = phase_times_of(case, parts, decode=decode).latency_s.item()
    return breakdown_rows(case, parts, "decode" if decode else "prefill", latency)


def breakdown_rows(case: Case, parts: MicroBatch, phase: str, latency: float) -> list[BreakdownRow]:
    """Split a latency in proportion to what a micro batch waits for.

    Parameters
    ----------
    case : tuple
        As for :func:`phase_breakdown`.
    parts : MicroBatch
        With its operations listed.
    phase : {'decode', 'prefill', 'mixed'}
        Which pass it is.
    latency : float
        What to split [s].

    Returns
    -------
    list of BreakdownRow
        Their ``time_s`` sum to the latency.
    """
    rows = _pass_rows(case, case[0], parts.one, phase)
    rows += _host_rows(case[-1], parts, phase)
    rows += _draft_rows(case, parts, phase)
    rows += _hand_over_rows(case, parts, phase)
    one_pass = sum(row.count * row.run_s for row in rows)
    stretch = latency / one_pass
    return [replace(row, time_s=row.count * row.run_s * stretch) for row in rows if row.run_s]


def _pass_rows(case: Case, model: Model, times: PassTimes, phase: str) -> list[BreakdownRow]:
    """Describe each operation, message and transfer of a pass."""
    _, hardware, _, _, efficiency = case
    names, counts = model.part_names, section_counts(model)
    rows = []
    for timed in times.rows:
        if isinstance(timed.work, Operation):
            curve = efficiency.curves[timed.work.family]
            row = _operation_row(timed, timed.work, curve, hardware.memory_bandwidth)
        else:
            row = _message_row(timed.work, number(timed.seconds))
        part, count = names[timed.section], counts[timed.section]
        rows.append(replace(row, phase=phase, part=part, count=count))
    return rows


def _operation_row(
    timed: TimedWork, work: Operation, curve: Curve, bandwidth: float
) -> BreakdownRow:
    seconds, launch, moved = number(timed.seconds), number(timed.launch_s), number(work.moved)
    busy = "compute" if number(timed.compute_bound_s) else "memory bandwidth"
    return BreakdownRow(
        phase="",
        part="",
        name=work.name,
        kind=work.kind,
        bound="overhead" if launch > seconds - launch else busy,
        run_s=seconds,
        launch_s=launch,
        flops=number(work.flops),
        memory_bytes=moved,
        peak_flops=number(curve.peak),
        most_flops=_reached_flops(work, curve),
        most_bytes=number(bandwidth * curve.memory),
    )


def _reached_flops(work: Operation, curve: Curve) -> float:
    """Give the rate at which it computes if nothing else bounds it [FLOP/s]."""
    if curve.tiles and work.is_product:
        arithmetic = tiled_compute_seconds(
            m=work.size, n=work.columns, k=work.inner, peak=curve.peak, efficiency=curve.compute,
            at_once=curve.tiles, whole=curve.whole_waves,
        )  # fmt: skip
        return number(work.flops / arithmetic)
    padding: Values = 1.0
    if curve.half:
        padding = 1.0 + curve.half / work.size
    if curve.half_columns:
        padding = padding * (1.0 + curve.half_columns / work.columns)
    return number(curve.peak * curve.compute / padding)


def _message_row(work: Message | HostTransfer, seconds: float) -> BreakdownRow:
    sent = isinstance(work, Message)
    return BreakdownRow(
        phase="",
        part="",
        name=work.name if isinstance(work, Message) else "reading from the host",
        kind="communication",
        bound="link" if sent else "host link",
        run_s=seconds,
        message_bytes=number(work.size),
    )


def _host_rows(efficiency: Efficiency, parts: MicroBatch, phase: str) -> list[BreakdownRow]:
    """Describe what the host adds to a pass of the model."""
    starting = host_delay_seconds(
        parts.one.device_s, prepare=0.0, launch=parts.launch_s, overlaps=0.0
    )
    prepared = number(parts.host_delay_s) - number(starting)
    waited = prepared / number(parts.prepare_s) if number(parts.prepare_s) else 0.0
    each = overhead_row(phase, "work per sequence", waited * efficiency.sequence_step_s)
    return [
        overhead_row(phase, "starting kernels", number(starting)),
        overhead_row(phase, "work per step", waited * efficiency.step_s),
        replace(each, count=number(parts.step.sequences)),
    ]


def _draft_rows(case: Case, parts: MicroBatch, phase: str) -> list[BreakdownRow]:
    """Describe the passes of what drafts."""
    rows = []
    for draft in parts.drafts:
        model = draft_of(case[0], case[3].techniques).model
        own = _pass_rows(case, model, draft.one, phase)
        name = "starting kernels" if draft.passes == 1 else "work per pass"
        own.append(overhead_row(phase, name, number(draft.host_delay_s)))
        rows += [
            replace(row, part=f"draft: {row.part}", count=row.count * draft.passes) for row in own
        ]
    return rows


def _hand_over_rows(case: Case, parts: MicroBatch, phase: str) -> list[BreakdownRow]:
    """Describe the mean hand-over between two stages of a pipeline."""
    model, _, _, grid, _ = case
    hops = number(grid.pp) - 1
    if not hops:
        return []
    row = BreakdownRow(
        phase=phase,
        part="pipeline",
        name="hand-over between stages",
        kind="communication",
        bound="link",
        run_s=number(parts.hand_over_s) / hops,
        count=hops,
        message_bytes=number(model.residual_rows * parts.step.hidden_bytes / grid.tp),
    )
    return [row]


def overhead_row(phase: str, name: str, seconds: float) -> BreakdownRow:
    """Describe a time that the host takes [s]."""
    return BreakdownRow(
        phase=phase,
        part="engine",
        name=name,
        kind="overhead",
        bound="overhead",
        run_s=seconds,
        launch_s=seconds,
        time_s=seconds,
    )


def number(value: Values) -> float:
    """Give a single value as a plain number."""
    return float(np.asarray(value).item())
