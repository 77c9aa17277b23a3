"""Where the time of one plan goes: every operation, message and overhead by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from llmcalc_core.architecture.drafting import draft_grid, draft_of
from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Curve, Efficiency
from llmcalc_core.costmodel.phases import host_delay, phase_times
from llmcalc_core.costmodel.pipeline import hand_over_seconds
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.costmodel.stage_counts import whole_counts
from llmcalc_core.costmodel.timing import time_sections
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.roofline import ramp_seconds
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.layers.work import Message, Operation, Pass, Section, make_pass
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakdownRow:
    """One operation, message or overhead of a stage, and the time it takes of its latency.

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
    launches : float
        Kernels that one run starts [1].
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
    launches: float = 0.0
    flops: float = 0.0
    memory_bytes: float = 0.0
    message_bytes: float = 0.0
    peak_flops: float = 0.0
    most_flops: float = 0.0
    most_bytes: float = 0.0
    time_s: float = 0.0


Case = tuple[Model, Hardware, Precision, Grid, Efficiency]


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
    model, hardware, precision, grid, efficiency = case
    step = make_pass(model.hidden, grid, precision, decode=decode)
    spent = _pass(model, step, hardware, efficiency)
    spent += _engine(spent, step, efficiency) if decode else [_host(spent, efficiency)]
    if grid.drafted:
        spent += _drafting(case, decode=decode)
    if grid.layouts[0].pp > 1:
        spent.append(_hand_over(model, step, hardware, efficiency))
    through = sum(one.count * one.run_s for one in spent)
    stretch = phase_times(*case, decode=decode).latency_s.item() / through
    return [replace(one, time_s=one.count * one.run_s * stretch) for one in spent if one.run_s]


def _pass(
    model: Model, step: Pass, hardware: Hardware, efficiency: Efficiency
) -> list[BreakdownRow]:
    """Time each operation and message of the whole model."""
    counted = zip(
        model.part_names, whole_counts(model).tolist(), sections(model, step), strict=True
    )
    found = []
    for part, count, section in counted:
        work: tuple[Operation | Message, ...] = (*section.operations, *section.messages)
        timed = [_timed(own, step, hardware, efficiency) for own in work]
        if section.streamed:
            timed.append(_streamed(section.streamed, step, hardware, efficiency))
        found += [replace(one, part=part, count=count) for one in timed]
    return found


def _timed(
    own: Operation | Message, step: Pass, hardware: Hardware, efficiency: Efficiency
) -> BreakdownRow:
    """Time one operation or message, as if a layer had nothing else."""
    if isinstance(own, Operation):
        section = Section(operations=(own,), messages=())
    else:
        section = Section(operations=(), messages=(own,))
    (timed,) = time_sections((section,), hardware, efficiency, decode=step.decode)
    seconds, floor = timed.seconds.item(), timed.floors.item()
    busy = "compute" if timed.computing.item() else "memory bandwidth"
    launches = timed.launches.item()
    if isinstance(own, Message):
        sent = _sent(own.name, number(own.size), seconds, step)
        return replace(sent, launches=launches)
    curve = (efficiency.decode if step.decode else efficiency.prefill)[own.family]
    return BreakdownRow(
        stage=_stage(step),
        part="",
        name=own.name,
        kind=own.kind,
        bound="overhead" if floor > seconds - floor else busy,
        run_s=seconds,
        launch_s=floor,
        launches=launches,
        flops=number(own.flops),
        memory_bytes=number(own.moved),
        peak_flops=curve.peak,
        most_flops=curve.peak * curve.compute / (1.0 + curve.half / number(own.size)),
        most_bytes=_most_bytes(number(own.moved), curve, hardware),
    )


def _most_bytes(moved: float, curve: Curve, hardware: Hardware) -> float:
    """Give the rate at which so many bytes move if nothing else bounds them [bytes/s]."""
    rate = hardware.memory_bandwidth * curve.memory
    if not curve.ramp_s:
        return rate
    return moved / (moved / rate + number(ramp_seconds(moved=moved, ramp=curve.ramp_s)))


def _streamed(
    streamed: Values, step: Pass, hardware: Hardware, efficiency: Efficiency
) -> BreakdownRow:
    """Time what a layer reads from its host's memory, and writes there."""
    section = Section(operations=(), messages=(), streamed=streamed)
    (timed,) = time_sections((section,), hardware, efficiency, decode=step.decode)
    size, seconds = number(streamed), timed.seconds.item()
    return replace(_sent("reading from the host", size, seconds, step), bound="host link")


def _sent(name: str, size: float, seconds: float, step: Pass) -> BreakdownRow:
    return BreakdownRow(
        stage=_stage(step), part="", name=name, kind="communication", bound="link",
        run_s=seconds, message_bytes=size,
    )  # fmt: skip


def _engine(spent: list[BreakdownRow], step: Pass, efficiency: Efficiency) -> list[BreakdownRow]:
    """Give what the engine adds to a decode step."""
    sequences = number(step.sequences)
    host = efficiency.decode_step_s + sequences * efficiency.sequence_step_s
    device = np.asarray(sum(one.count * one.run_s for one in spent))
    waited = number(host_delay(device, host, efficiency, decode=True)) / host if host else 0.0
    each = overhead("decode", "work per sequence", waited * efficiency.sequence_step_s)
    return [
        overhead("decode", "work per step", waited * efficiency.decode_step_s),
        replace(each, count=sequences),
    ]


def _host(spent: list[BreakdownRow], efficiency: Efficiency) -> BreakdownRow:
    """Give what starting the kernels adds to a prefill."""
    device = np.asarray(sum(one.count * one.run_s for one in spent))
    started = sum(one.count * one.launches for one in spent)
    host = started * efficiency.host_launch_s
    delay = host_delay(device, host, efficiency, decode=False)
    return overhead("prefill", "starting kernels", number(delay))


def _drafting(case: Case, *, decode: bool) -> list[BreakdownRow]:
    """Time the passes of what drafts: one per token, or its own prefill."""
    model, hardware, precision, grid, efficiency = case
    draft = draft_of(model, grid.techniques).model
    step = make_pass(draft.hidden, draft_grid(draft, grid), precision, decode=decode)
    spent = _pass(draft, step, hardware, efficiency)
    passes = grid.drafted if decode else 1.0
    if decode:
        delay = number(efficiency.draft_delay_s(passes))
        spent.append(overhead("decode", "work per pass", delay))
    else:
        spent.append(_host(spent, efficiency))
    return [replace(one, part=f"draft: {one.part}", count=one.count * passes) for one in spent]


def _hand_over(
    model: Model, step: Pass, hardware: Hardware, efficiency: Efficiency
) -> BreakdownRow:
    """Time the hand-overs between the stages of a pipeline, in the mean."""
    hops = number(step.grid.pp) - 1
    size = number(model.residual_rows * step.hidden_bytes / step.grid.tp)
    seconds = number(hand_over_seconds(model.residual_rows, step, hardware, efficiency))
    one = _sent("hand-over between stages", size, seconds / hops, step)
    return replace(one, part="pipeline", count=hops)


def overhead(stage: str, name: str, seconds: float) -> BreakdownRow:
    """Give a time that the host takes."""
    return BreakdownRow(
        stage=stage, part="engine", name=name, kind="overhead", bound="overhead",
        run_s=seconds, launch_s=seconds,
    )  # fmt: skip


def _stage(step: Pass) -> str:
    return "decode" if step.decode else "prefill"


def number(value: Values) -> float:
    """Give a single value as a plain number."""
    return float(np.asarray(value).item())
