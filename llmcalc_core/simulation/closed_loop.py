"""Latencies in a closed loop: decode steps, those that read prompts, and the queue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llmcalc_core.calibration.facts import Behaviour
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.serving import burst_seconds, steady_queue_seconds
from llmcalc_core.simulation.load import Load
from llmcalc_core.workload.arrivals import Arrivals


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """Times of the steps of a load.

    Attributes
    ----------
    decode, reading : float or array
        Time of a step that decodes, and of one that reads prompts, beside decoding or alone [s].
    through : float or array
        Time of the latter on its way through all pipeline stages [s].
    compute_share : float or array
        Part of the latter that grows with its prompts [1].
    seconds_per_token : float or array
        Time of a prompt's token in a full step [s].
    """

    decode: Values
    reading: Values
    through: Values
    compute_share: Values
    seconds_per_token: Values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClosedLoopTimes:
    """Latencies of a request in a closed loop; see :class:`ServingTimes`.

    Attributes
    ----------
    ttft, burst_ttft, steady_ttft : float or array
        Mean time to first token, of the first burst, and of arrivals at random [s].
    tpot : float or array
        Time per output token [s].
    decoding, reading : float or array
        Steps that decode, and steps that read prompts, for each output token [1].
    """

    ttft: Values
    burst_ttft: Values
    steady_ttft: Values
    tpot: Values
    decoding: Values
    reading: Values


def closed_loop(
    *,
    load: Load,
    steps: Steps,
    computed: Values,
    output_tokens: Values,
    step_tokens: Values = 1.0,
    mixes: Values,
    arrivals: Arrivals,
    behaviour: Behaviour,
) -> ClosedLoopTimes:
    """Join the steps of a load into the latencies of a request in a closed loop.

    All requests arrive at once; each one that ends is followed by another, so many times
    (``arrivals.rounds``). Drawn lengths disperse them. Of one length they stay in groups: each is
    read with the others of its own, or all of them are if the engine reads every prompt before it
    decodes.

    Parameters
    ----------
    load : Load
        What steps hold.
    steps : Steps
        What they take.
    computed, output_tokens : float or array
        Tokens of a prompt that are computed, and tokens generated per request [tokens].
    step_tokens : float or array
        Tokens of a request that a decode step gives [tokens].
    mixes : float or array
        Whether prompts are read beside decode steps, 1, or in steps of their own, 0 [1].
    arrivals : Arrivals
        How requests come, and for how long the server holds them back.
    behaviour : Behaviour
        How the engine serves.

    Returns
    -------
    ClosedLoopTimes
        Times to the first token and per output token, and the steps of the latter.
    """
    decode_steps = np.maximum((output_tokens - 1) / step_tokens, 1.0)
    prompts = load.requests * computed
    read_all = burst_seconds(
        tokens=prompts, room=load.room, seconds_per_token=steps.seconds_per_token
    )
    reading = load.share
    # Drawn lengths: prompts come in waves, over no fewer steps than the burst was read in.
    filled = (load.requests - 1) / load.steps * computed / load.room
    closer = 1 / np.minimum(np.hypot(1 / arrivals.clumping, filled), 1.0)
    fits = np.maximum(load.room / load.chunk_tokens, 1.0)
    come = np.minimum(1 + (load.requests - 1) / load.steps * closer, load.requests)
    near = np.where(arrivals.fixed_lengths, load.own, np.minimum(come, fits))
    per_chunk = steps.through * steps.compute_share / load.read
    own = load.chunks * (steps.through + per_chunk * (near - load.read))
    # Nobody waits for others where there are none.
    others = np.clip(load.in_flight - 1, 0.0, 1.0)
    burst_queue = others * np.maximum(read_all - own, 0.0)
    each = computed * steps.seconds_per_token
    beyond = steady_queue_seconds(load=np.minimum(filled * closer, 1.0), prefill=each)
    one_by_one = np.where(
        mixes > 0,
        np.minimum(beyond, np.sqrt(load.requests) / 2 * each),  # as many as chance brings together
        np.maximum(come - fits, 0.0) / 2 * each,
    )
    later_queue = np.where(
        arrivals.fixed_lengths, load.at_once * burst_queue, np.minimum(one_by_one, burst_queue)
    )
    # What is read while a request waits is not read while it decodes.
    beside = reading * decode_steps * (steps.reading - mixes * steps.decode)
    waited = later_queue + load.chunks * per_chunk * (near - load.own)
    waited = np.where(arrivals.fixed_lengths, 0.0, waited)
    reading = reading * np.where(beside > waited, 1 - waited / np.where(beside > 0, beside, 1), 0)
    decoding = 1 - mixes * reading
    step = decoding * steps.decode + reading * steps.reading
    first_steps = others * (behaviour.first_token_steps + behaviour.overlaps)
    unqueued = (
        behaviour.first_token_s
        + own
        + (np.maximum(first_steps, load.waiting_steps) + arrivals.held_steps) * step
    )
    first = 1 / np.maximum(arrivals.rounds, 1.0)
    queue = first * burst_queue + (1 - first) * later_queue
    steady = steady_queue_seconds(
        load=np.minimum(load.arriving * load.chunk_tokens / load.room, 1.0),
        prefill=load.room * steps.seconds_per_token,
    )
    tpot = step / step_tokens
    # While one request is in flight the prompts of all are read.
    least = prompts * steps.seconds_per_token - (output_tokens - 1) * tpot
    return ClosedLoopTimes(
        ttft=np.maximum(unqueued + queue, least),
        burst_ttft=unqueued + burst_queue,
        steady_ttft=unqueued + np.minimum(steady, burst_queue),
        tpot=tpot,
        decoding=decoding / step_tokens,
        reading=reading / step_tokens,
    )
