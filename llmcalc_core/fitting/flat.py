"""The work of many unlike passes as flat arrays, and their times in one sweep.

The estimates keep a grid of like plans; a fit has hundreds of unlike runs and tries constants many
times. Both use the same work (``sections``), the same formulas and the same efficiencies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.prefills import prompts as with_prompts
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.costmodel.stage_counts import whole_counts
from llmcalc_core.costmodel.timing import message_seconds
from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.fitting.runs import Configuration
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.roofline import (
    compute_seconds,
    memory_seconds,
    overlapped_seconds,
    ramp_seconds,
)
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.layers.work import Message, Operation, make_pass
from llmcalc_core.workload.grid import Grid, make_grid

_FAMILIES = (
    "gemm", "gemm_wide", "attention_decode", "attention_prefill", "mixture", "traffic",
    *(f"gemm_{one.name}" for one in DATA_TYPES.values() if not one.has_16_bits),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Passes:
    """Operations and messages of one pass of each configuration, flat.

    Attributes
    ----------
    size : int
        Number of configurations.
    owner, group, family : arrays of int
        Configuration, kind of efficiency and family of each operation.
    flops, moved, launches, tokens, count : arrays
        Its work, and how often the model has it.
    sent_by, sent_in : arrays of int
        Configuration and kind of each message.
    passes, message, participants, copies, stride, sent : arrays
        Its size, width and number.
    """

    size: int
    owner: NDArray[np.intp]
    group: NDArray[np.intp]
    family: NDArray[np.intp]
    flops: Floats
    moved: Floats
    launches: Floats
    tokens: Floats
    count: Floats
    sent_by: NDArray[np.intp]
    sent_in: NDArray[np.intp]
    passes: Floats
    message: Floats
    participants: Floats
    copies: Floats
    stride: Floats
    sent: Floats


def flatten(
    configurations: Sequence[Configuration],
    groups: Sequence[int],
    *,
    prompts: Sequence[float] | None = None,
) -> Passes:
    """Lay out the work of a decode step, or of a prefill, of every configuration.

    Parameters
    ----------
    configurations : sequence of Configuration
        What ran.
    groups : sequence of int
        Which efficiencies each uses.
    prompts : sequence of float, optional
        Prompts per attention replica that a prefill of a closed loop reads; where a batch started
        together it reads all. Without it the pass is a decode step.

    Returns
    -------
    Passes
        Flat arrays.
    """
    operations: list[tuple[int, int, int, float, Operation]] = []
    messages: list[tuple[int, int, float, Message]] = []
    for owner, (one, group) in enumerate(zip(configurations, groups, strict=True)):
        grid = grid_of(one)
        if prompts is not None and one.loop:
            grid = with_prompts(grid, prompts[owner])
        step = make_pass(one.model.hidden, grid, one.precision, decode=prompts is None)
        counted = zip(whole_counts(one.model).tolist(), sections(one.model, step), strict=True)
        for count, section in counted:
            operations += [
                (owner, group, _FAMILIES.index(operation.family), count, operation)
                for operation in section.operations
            ]
            messages += [
                (owner, group, count, message)
                for message in section.messages
                if float(np.max(message.participants)) > 1
            ]
    work = [one[4] for one in operations]
    sent = [one[3] for one in messages]
    return Passes(
        size=len(configurations),
        owner=_whole(one[0] for one in operations),
        group=_whole(one[1] for one in operations),
        family=_whole(one[2] for one in operations),
        flops=_numbers(one.flops for one in work),
        moved=_numbers(one.moved for one in work),
        launches=_numbers(one.launches for one in work),
        tokens=_numbers(one.size for one in work),
        count=_numbers(one[3] for one in operations),
        sent_by=_whole(one[0] for one in messages),
        sent_in=_whole(one[1] for one in messages),
        passes=_numbers(one.passes for one in sent),
        message=_numbers(one.size for one in sent),
        participants=_numbers(one.participants for one in sent),
        copies=_numbers(one.copies for one in sent),
        stride=_numbers(one.stride for one in sent),
        sent=_numbers(one[2] for one in messages),
    )


def device_seconds(
    flat: Passes, efficiencies: Sequence[Efficiency], hardware: Sequence[Hardware], *, decode: bool
) -> Floats:
    """Time that each pass takes on its devices [s].

    Parameters
    ----------
    flat : Passes
        The work.
    efficiencies, hardware : sequences
        By group: what is reached, of which peaks.
    decode : bool
        Whether these are decode steps.

    Returns
    -------
    array of shape (configurations,)
        Times, without the step's own overhead.
    """
    facts = np.array([_curves(one, decode=decode) for one in efficiencies])
    peak, compute, memory, floor, sharpness, half, ramp = facts[flat.group, flat.family].T
    bandwidth = np.array([one.memory_bandwidth for one in hardware])[flat.group]
    computing = compute_seconds(
        flops=flat.flops, peak=peak, efficiency=compute, size=flat.tokens, half=half
    )
    moving = memory_seconds(moved=flat.moved, bandwidth=bandwidth, efficiency=memory)
    moving += ramp_seconds(moved=flat.moved, ramp=ramp)
    busy = overlapped_seconds(compute=computing, memory=moving, sharpness=sharpness)
    each = (busy + flat.launches * floor) * flat.count
    total: Floats = np.bincount(flat.owner, each, flat.size).astype(float)
    for group, (efficiency, device) in enumerate(zip(efficiencies, hardware, strict=True)):
        own = np.flatnonzero(flat.sent_in == group)
        if len(own):
            seconds = message_seconds(
                flat.message[own], flat.passes[own], flat.participants[own], device,
                efficiency.links, copies=flat.copies[own], stride=flat.stride[own],
            )  # fmt: skip
            total += np.bincount(flat.sent_by[own], seconds * flat.sent[own], flat.size)
    return total


def launches(flat: Passes) -> Floats:
    """Count the kernels of each pass, messages included."""
    own = np.bincount(flat.owner, flat.launches * flat.count, flat.size)
    return (own + np.bincount(flat.sent_by, flat.sent, flat.size)).astype(float)


def grid_of(one: Configuration) -> Grid:
    """Lay out the one plan and workload of a configuration."""
    return make_grid(
        (one.layout,),
        batches=(one.batch,),
        inputs=(one.input_tokens,),
        outputs=(one.output_tokens,),
        graph_sizes=one.graph_sizes,
    )


def _curves(efficiency: Efficiency, *, decode: bool) -> list[tuple[float, ...]]:
    curves = efficiency.decode if decode else efficiency.prefill
    return [
        (one.peak, one.compute, one.memory, one.floor_s, one.sharpness, one.half, one.ramp_s)
        for one in (curves.get(family, curves["gemm"]) for family in _FAMILIES)
    ]


def _numbers(values: Iterable[Values]) -> Floats:
    return np.array([np.asarray(value, dtype=float).item() for value in values])


def _whole(values: Iterable[int]) -> NDArray[np.intp]:
    return np.array(list(values), dtype=np.intp)
