"""What a micro batch waits for on its way through a model: of decoding, of prompts, or of both."""

from __future__ import annotations

import numpy as np

from llmcalc_core.architecture.drafting import draft_grid, draft_of
from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.collectives import hand_over_seconds
from llmcalc_core.costmodel.host import (
    decode_launch_seconds,
    host_delay_seconds,
    launch_seconds,
    prepare_seconds,
)
from llmcalc_core.costmodel.mixed import mixed_sections
from llmcalc_core.costmodel.passes import PassTimes, pass_times, plain
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.costmodel.step_pass import step_pass_times
from llmcalc_core.costmodel.times import summed
from llmcalc_core.formulas import Values
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.layers.work import Pass, Section, make_pass
from llmcalc_core.precision import Precision
from llmcalc_core.records import record
from llmcalc_core.workload.grid import Grid

Case = tuple[Model, Hardware, Precision, Grid, Efficiency]
"""What runs on what, in which types; plans and workloads; and what the device reaches."""


@record()
class DraftTimes:
    """What drafting adds to a micro batch.

    Attributes
    ----------
    one : PassTimes
        One pass of what drafts.
    passes : float
        How many follow each other [1].
    host_delay_s : float or array
        What the host adds to each [s].
    """

    one: PassTimes
    passes: float
    host_delay_s: Values

    @property
    def seconds(self) -> Values:
        """Time of all passes [s]."""
        return self.passes * (self.one.device_s + self.host_delay_s)


@record()
class MicroBatch:
    """What a micro batch waits for on its way through all pipeline stages.

    Attributes
    ----------
    step : Pass
        The micro batch; of one that decodes and reads prompts, what decodes.
    one : PassTimes
        Its pass through the model.
    prepare_s, launch_s : float or array
        Time that the host needs to prepare it and to start its kernels [s].
    host_delay_s : float or array
        What of that is beside the devices' time [s].
    drafts : tuple of DraftTimes
        What drafts the tokens that it verifies, and what reads its prompts for that.
    hand_over_s : float or array
        Time of the hand-overs between pipeline stages [s].
    """

    step: Pass
    one: PassTimes
    prepare_s: Values
    launch_s: Values
    host_delay_s: Values
    drafts: tuple[DraftTimes, ...]
    hand_over_s: Values


def micro_batch_times(
    case: Case, *, decode: bool, bounds: bool = True, listed: bool = False
) -> MicroBatch:
    """Time a micro batch of a decode step or of a prefill.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, grid and efficiency.
    decode : bool
        Decode step, else prefill.
    bounds : bool, default True
        Whether to say what bounds its operations.
    listed : bool, default False
        Whether to keep every operation and message as a row.

    Returns
    -------
    MicroBatch
        Of arrays that broadcast to the grid.
    """
    model, _, precision, grid, _ = case
    step = make_pass(model.hidden, grid, precision, decode=decode)
    if listed:
        tokens = None if decode else step.tokens
        return timed(case, step, sections(model, step), tokens, bounds=bounds, listed=True)
    return times_of_pass(case, step, bounds=bounds)


def times_of_pass(case: Case, step: Pass, *, bounds: bool = True) -> MicroBatch:
    """Time a micro batch whose sequences all decode, or all read prompts.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, grid and efficiency.
    step : Pass
        What passes.
    bounds : bool, default True
        Whether to say what bounds its operations.

    Returns
    -------
    MicroBatch
        Of arrays that broadcast to the grid.
    """
    model, hardware, _, _, efficiency = case
    one = step_pass_times(model, hardware, efficiency, step, bounds=bounds)
    return micro_batch_of(case, (step,), one, None if step.decode else step.tokens)


def mixed_times(
    case: Case, decode: Pass, prompts: Pass, *, work: tuple[Section, ...] | None = None,
    listed: bool = False,
) -> MicroBatch:  # fmt: skip
    """Time a micro batch that decodes and reads prompts beside.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, grid and efficiency.
    decode, prompts : Pass
        Sequences that decode, and prompts, or parts of them.
    work : tuple of Section, optional
        The sections of what decodes, where they are there.
    listed : bool, default False
        Whether to keep every operation and message as a row.

    Returns
    -------
    MicroBatch
        Of arrays that broadcast to the grid.
    """
    model = case[0]
    decoding = sections(model, decode) if work is None else work
    joined = mixed_sections(
        decoding,
        sections(model, prompts),
        decode.grid.weights_offload,
        decoding=np.minimum(decode.sequences, 1.0),
    )
    return timed(case, decode, joined, decode.tokens + prompts.tokens, prompts, listed=listed)


def timed(
    case: Case,
    step: Pass,
    work: tuple[Section, ...],
    launched_tokens: Values | None,
    prompts: Pass | None = None,
    *,
    bounds: bool = True,
    listed: bool = False,
) -> MicroBatch:
    """Time a micro batch whose work is known.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, grid and efficiency.
    step : Pass
        What passes; of one that decodes and reads prompts, what decodes.
    work : tuple of Section
        Of all that passes.
    launched_tokens : float or array, optional
        Tokens of a step that is not captured as a whole; None of decode steps [tokens].
    prompts : Pass, optional
        Prompts that are read beside.
    bounds, listed : bool
        As of :func:`micro_batch_times`.

    Returns
    -------
    MicroBatch
        Of arrays that broadcast to the grid.
    """
    model, hardware, _, grid, efficiency = case
    one = pass_times(
        model, work, hardware, efficiency,
        by_section=grid.is_pipelined, bounds=bounds, listed=listed,
    )  # fmt: skip
    passes = (step,) if prompts is None else (step, prompts)
    return micro_batch_of(case, passes, one, launched_tokens, listed=listed)


def micro_batch_of(
    case: Case,
    passes: tuple[Pass, ...],
    one: PassTimes,
    launched_tokens: Values | None,
    *,
    spread_tokens: Values = 0.0,
    listed: bool = False,
) -> MicroBatch:
    """Add to the devices' time of a micro batch what the host, drafts and a pipeline take.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, grid and efficiency.
    passes : tuple of Pass
        What passes, what decodes first.
    one : PassTimes
        What all of it takes on the devices.
    launched_tokens, spread_tokens : float or array, optional
        As of :func:`timed`, and the standard deviation of those of other steps like it [tokens].
    listed : bool
        As of :func:`micro_batch_times`.

    Returns
    -------
    MicroBatch
        Of arrays that broadcast to the grid.
    """
    model, hardware, _, grid, efficiency = case
    prepare = prepare_seconds(
        step=efficiency.step_s,
        sequence=efficiency.sequence_step_s,
        sequences=summed([plain(each.sequences) for each in passes]),
    )
    if launched_tokens is None:
        launch = _decode_launch_seconds(model, efficiency, one, plain(passes[0].sequences))
    else:
        launch = _launch_seconds(model, efficiency, one, launched_tokens, spread_tokens)
    hand_over: Values = 0.0
    if grid.is_pipelined:
        passing = summed([each.hidden_bytes for each in passes])
        hand_over = hand_over_seconds(
            plain(model.residual_rows * passing / grid.tp),
            stages=grid.pp,
            stage_devices=grid.stage_devices,
            hardware=hardware,
            links=efficiency.links,
        )
    delay = host_delay_seconds(
        one.device_s, prepare=prepare, launch=launch, overlaps=efficiency.behaviour.overlaps
    )
    drafted = passes if grid.draft_tokens else ()
    return MicroBatch(
        step=passes[0],
        one=one,
        prepare_s=prepare,
        launch_s=launch,
        host_delay_s=delay,
        drafts=tuple(_draft_times(case, each, listed=listed) for each in drafted),
        hand_over_s=hand_over,
    )


def _launch_seconds(
    model: Model, efficiency: Efficiency, one: PassTimes, tokens: Values, spread: Values = 0.0
) -> Values:
    return launch_seconds(
        launch=efficiency.host_launch_s,
        kernels=efficiency.behaviour.calls_per_kernel * one.kernels,
        tokens=tokens,
        spread=spread,
        captured_tokens=efficiency.behaviour.captured_tokens,
        layers=float(model.layer_count),
    )


def _decode_launch_seconds(
    model: Model, efficiency: Efficiency, one: PassTimes, sequences: Values
) -> Values:
    return decode_launch_seconds(
        launch=efficiency.host_launch_s,
        kernels=efficiency.behaviour.calls_per_kernel * one.kernels,
        sequences=sequences,
        captured_sequences=efficiency.behaviour.captured_sequences,
        pieces=efficiency.behaviour.decode_pieces,
        layers=float(model.layer_count),
    )


def _draft_times(case: Case, drafted: Pass, *, listed: bool) -> DraftTimes:
    """Time what drafts: a pass for each token, or its own prefill."""
    model, hardware, precision, grid, efficiency = case
    draft = draft_of(model, grid.techniques).model
    beside = draft_grid(draft, drafted.grid)
    step = make_pass(draft.hidden, beside, precision, decode=drafted.decode)
    one = pass_times(draft, sections(draft, step), hardware, efficiency, listed=listed)
    if drafted.decode:
        delay = efficiency.draft_delay_s(grid.draft_tokens)
        return DraftTimes(one=one, passes=grid.draft_tokens, host_delay_s=delay)
    launch = _launch_seconds(draft, efficiency, one, step.tokens)
    delay = host_delay_seconds(one.device_s, prepare=0.0, launch=launch, overlaps=0.0)
    return DraftTimes(one=one, passes=1.0, host_delay_s=delay)
