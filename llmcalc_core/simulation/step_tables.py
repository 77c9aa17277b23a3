"""Tables of the times of the steps of one plan, from the cost model."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from llmcalc_core.costmodel.host import PIECES_PER_LAYER, decode_launch_seconds
from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.costmodel.mixed import mixed_sections
from llmcalc_core.costmodel.passes import pass_times
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.formulas import Floats
from llmcalc_core.layers.work import Pass, pass_of
from llmcalc_core.records import changed
from llmcalc_core.simulation.load import HARDLY_ANY
from llmcalc_core.simulation.step_times import StepTimes
from llmcalc_core.workload.grid import Grid, make_grid

_DOUBLINGS = 2
"""Knots of a table between a number and its double [1]."""

_NOBODY = 1e-12
"""Requests of all attention replicas where their common experts are timed apart [1]."""


def step_times(case: Case, *, longest: int, most_sequences: int, token_budget: int) -> StepTimes:
    """Lay out the times of the steps of a plan.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, a grid of one layout of one pipeline stage, and efficiency.
    longest : int
        Most tokens of a prompt and its answer [tokens].
    most_sequences : int
        Most sequences that run at once on an attention replica [1].
    token_budget : int
        Most tokens of prompts that a step reads [tokens].

    Returns
    -------
    StepTimes
        For any step within these limits.
    """
    model, _, _, _, efficiency = case
    sequences = _knots(most_sequences)
    read = _knots(min(token_budget, longest * most_sequences))
    contexts, before = _knots(longest), [0.0, *_knots(longest)]
    decode = _decode_times(case, sequences, contexts)
    behaviour, every = efficiency.behaviour, list(range(most_sequences + 1))
    kernels = behaviour.calls_per_kernel * _filled(decode[2][:, None], sequences, every)[:, 0]
    decode_launch = decode_launch_seconds(
        launch=efficiency.host_launch_s, kernels=kernels, sequences=np.array(every, float),
        captured_sequences=behaviour.captured_sequences, pieces=behaviour.decode_pieces,
        layers=float(model.layer_count),
    )  # fmt: skip
    base, launch = _base_times(case, [0.0, *sequences], read)
    stage_tokens = _stage_knots(case, max(token_budget, most_sequences))
    stage_decode, stage_read = _stage_times(case, stage_tokens)
    return StepTimes(
        decode_base=_filled(decode[0][:, None], sequences, every)[:, 0].tolist(),
        decode_attention=_filled(decode[1], sequences, every).tolist(),
        decode_launch=np.broadcast_to(decode_launch, len(every)).tolist(),
        contexts=contexts,
        base=_filled(base, [0.0, *sequences], every).tolist(),
        read=read,
        attention=_attention_times(case, read, before).tolist(),
        before=before,
        launch=_filled(launch, [0.0, *sequences], every).tolist(),
        launch_pieces=efficiency.host_launch_s * PIECES_PER_LAYER * model.layer_count,
        captured_tokens=float(behaviour.captured_tokens),
        stage_tokens=stage_tokens,
        stage_decode=stage_decode,
        stage_read=stage_read,
        step_s=efficiency.step_s,
        sequence_s=efficiency.sequence_step_s,
        overlaps=bool(behaviour.overlaps),
    )


def _knots(most: int) -> list[float]:
    """Give whole numbers from 1 to a number, the larger the further apart."""
    steps = max(math.ceil(_DOUBLINGS * math.log2(max(most, 2))), 1)
    spread = np.unique(np.round(np.geomspace(1, max(most, 2), steps + 1)))
    return [float(one) for one in spread]


def _grid(case: Case, batches: Sequence[float], inputs: Sequence[float]) -> Grid:
    """Lay out the plan with other axes."""
    grid = case[3]
    made = make_grid(
        grid.layouts, batches=tuple(map(int, batches)), inputs=tuple(map(int, inputs)),
        outputs=(1,), graph_sizes=grid.graph_sizes, engine=grid.engine,
    )  # fmt: skip
    return changed(made, techniques=grid.techniques, weights_offload=grid.weights_offload,
                   kv_offload=grid.kv_offload)  # fmt: skip


def _pass(
    case: Case, grid: Grid, requests: Floats, *, decode: bool, on_all: Floats | None = None
) -> Pass:
    """Describe what one attention replica holds, where nothing is said of the others alone."""
    model, _, precision, own, _ = case
    if on_all is None:
        on_all = requests if own.layouts[0].attention_dp == 1 else np.array(_NOBODY)
    return pass_of(
        model.hidden, grid, precision, requests=requests, on_all_replicas=on_all, decode=decode
    )


def _stage_knots(case: Case, tokens: int) -> list[float]:
    """Give numbers of tokens of all attention replicas, none of a single one [tokens]."""
    replicas = case[3].layouts[0].attention_dp
    return _knots(replicas * tokens) if replicas > 1 else []


def _stage_times(case: Case, tokens: list[float]) -> tuple[list[float], list[float]]:
    """Time the experts of all replicas by their tokens, of which all decode or are read [s]."""
    if not tokens:
        return [], []
    model, hardware, _, _, efficiency = case
    one, on_all = np.ones((1, 1, 1, 1)), np.array(tokens).reshape(1, -1, 1, 1)
    found = []
    for decode in (True, False):
        grid = _grid(case, tokens, [1.0])
        with_all, without = (
            pass_times(
                model,
                sections(model, _pass(case, grid, one, decode=decode, on_all=many)),
                hardware,
                efficiency,
            ).device_s
            for many in (on_all, np.array(_NOBODY))
        )
        shape = (1, len(tokens), 1, 1)
        found.append(np.broadcast_to(with_all - without, shape)[0, :, 0, 0].tolist())
    return found[0], found[1]


def _decode_times(
    case: Case, sequences: list[float], contexts: list[float]
) -> tuple[Floats, Floats, Floats]:
    """Time decode steps: all but attention by sequences, and attention by contexts, too [s].

    Beside them their kernels [1].
    """
    model, hardware, _, _, efficiency = case
    grid = _grid(case, sequences, contexts)
    step = _pass(case, grid, np.array(sequences).reshape(1, -1, 1, 1), decode=True)
    one = pass_times(model, sections(model, step), hardware, efficiency)
    shape = (1, len(sequences), len(contexts), 1)
    attention = np.broadcast_to(one.attention, shape)[0, :, :, 0]
    kernels = np.broadcast_to(one.kernels, shape)[0, :, 0, 0]
    return np.broadcast_to(one.device_s - one.attention, shape)[0, :, 0, 0], attention, kernels


def _base_times(case: Case, sequences: list[float], read: list[float]) -> tuple[Floats, Floats]:
    """Time all but attention of steps that read prompts, and the start of their kernels [s]."""
    model, hardware, _, _, efficiency = case
    grid = _grid(case, [max(one, 1.0) for one in sequences], read)
    some = np.maximum(np.array(sequences), HARDLY_ANY).reshape(1, -1, 1, 1)
    decodes = _pass(case, grid, some, decode=True)
    reads = _pass(case, grid, np.ones((1, 1, 1, 1)), decode=False)
    both = mixed_sections(
        sections(model, decodes), sections(model, reads), grid.weights_offload,
        decoding=np.minimum(some, 1.0),
    )  # fmt: skip
    one = pass_times(model, both, hardware, efficiency)
    shape = (1, len(sequences), len(read), 1)
    rest = np.broadcast_to(one.device_s - one.attention, shape)[0, :, :, 0]
    started = efficiency.behaviour.calls_per_kernel * np.asarray(one.kernels)
    launch = efficiency.host_launch_s * started
    return rest, np.broadcast_to(launch, shape)[0, :, :, 0]


def _attention_times(case: Case, read: list[float], before: list[float]) -> Floats:
    """Time the attention of a part of a prompt, by its tokens and those before [s]."""
    model, hardware, _, _, efficiency = case
    new, past = np.array(read).reshape(1, -1, 1, 1), np.array(before).reshape(1, 1, -1, 1)
    grid = _grid(case, read, [max(one, 1.0) for one in before])
    grid = changed(grid, inputs=new + past, cached_tokens=past, prefill_tokens=new + 0 * past)
    step = _pass(case, grid, np.ones((1, 1, 1, 1)), decode=False)
    one = pass_times(model, sections(model, step), hardware, efficiency)
    return np.broadcast_to(one.attention, (1, len(read), len(before), 1))[0, :, :, 0]


def _filled(table: Floats, knots: list[float], every: list[int]) -> Floats:
    """Interpolate the rows of a table to every whole number."""
    return np.stack([np.interp(every, knots, column) for column in table.T], axis=1)
