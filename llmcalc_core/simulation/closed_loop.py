"""Latencies in a closed loop: decode steps, those that read prompts, and the queue."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.serving import burst_seconds, steady_queue_seconds
from llmcalc_core.formulas.single_numbers import larger, smaller
from llmcalc_core.records import record
from llmcalc_core.simulation.load import Load
from llmcalc_core.workload.requests import Arrivals

_SENT_LATE, _SENT_LATE_IN_STEP = 0.21, 0.37
"""Share of what sending adds to a request that its first token waits, with drawn lengths and with
those of one length [1]: as in the simulator with its front end. Tokens pile up before it as long as
answers are generated, and their clients send the next requests late."""

_NEVER = 1e-12
"""A time that is nothing beside that of any step [s]."""


@record()
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


@record()
class ClosedLoopTimes:
    """Latencies of a request in a closed loop; see :class:`ServingTimes`.

    Attributes
    ----------
    ttft, burst_ttft, steady_ttft : float or array
        Mean time to first token, of the first burst, and of arrivals at random; None of the latter
        two where not asked for [s].
    tpot, e2e : float or array
        Time per output token, and from arrival to the last token [s].
    decoding, reading : float or array
        Steps that decode, and steps that read prompts, for each output token [1].
    sending : float or array
        Time of each output token for which it waits to be sent [s].
    """

    ttft: Values
    burst_ttft: Values | None
    steady_ttft: Values | None
    tpot: Values
    e2e: Values
    decoding: Values
    reading: Values
    sending: Values = 0.0


def closed_loop(
    *,
    load: Load,
    steps: Steps,
    computed: Values,
    output_tokens: Values,
    step_tokens: Values = 1.0,
    mixes: Values,
    arrivals: Arrivals,
    first_token_s: Values,
    stream_token_s: Values = 0.0,
    further: bool = True,
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
    first_token_s : float or array
        Fixed time to the first token [s].
    stream_token_s : float or array
        Time in which the process before the engine sends a token [s].
    further : bool, default True
        Whether to give the times to first token of a burst and of even arrivals, too.

    Returns
    -------
    ClosedLoopTimes
        Times to the first token and per output token, and the steps of the latter.
    """
    after_first = output_tokens - 1
    decode_steps = larger(after_first / step_tokens, 1.0)
    prompts, fixed = load.requests * computed, arrivals.fixed_lengths
    # Drawn lengths: prompts come in waves, over no fewer steps than the burst was read in.
    each = (load.requests - 1) / load.steps
    filled = each * (computed / load.room)
    evenness = smaller(np.sqrt((1 / arrivals.clumping) ** 2 + filled * filled), 1.0)
    come = 1 + each / evenness
    fits = larger(load.room / load.chunk_tokens, 1.0)
    near = _either(fixed, load.own, smaller(come, smaller(load.requests, fits)))
    # In a pipeline the others are in other micro batches.
    with_own = near
    if not _is(load.micro_batches, 1.0):
        with_own = (1 - 1 / load.micro_batches) + near * (1 / load.micro_batches)
    own = _times(load.chunks, steps.through)
    growing = own * steps.compute_share
    own = own + growing * (with_own / load.read - 1)
    # Nobody waits for others where there are none.
    others = np.clip(load.in_flight - 1, 0.0, 1.0)
    burst_queue = others * larger(
        burst_seconds(tokens=prompts, room=load.room, seconds_per_token=steps.seconds_per_token)
        - own,
        0.0,
    )
    if _is(mixes, 0.0):
        before: Values = larger(smaller(come, load.requests) - fits, 0.0) / 2
    else:  # prompts before one's own: as many as chance brings together at the most
        queued = smaller(
            steady_queue_seconds(load=smaller(filled / evenness, 1.0), prefill=1.0),
            np.sqrt(load.requests) / 2,
        )
        before = queued
        if not _is(mixes, 1.0):
            in_turn = larger(smaller(come, load.requests) - fits, 0.0) / 2
            before = np.where(mixes > 0, queued, in_turn)
    later_queue = _either(
        fixed,
        load.at_once * burst_queue,
        smaller(before * (computed * steps.seconds_per_token), burst_queue),
    )
    reading = load.share
    if fixed is not True:
        longer = steps.reading - _times(mixes, steps.decode)
        beside = load.share * (decode_steps + load.waiting_steps) * longer
        more = growing * ((near - load.own) / load.read)
        kept = larger(1 - (later_queue + more) / larger(beside, _NEVER), 0.0)
        # Steps that read while a request waits and decodes: not what its queue did.
        reading = _either(fixed, reading, reading * kept)
    decoding = 1 - _times(mixes, reading)
    step = decoding * steps.decode + reading * steps.reading
    unqueued = first_token_s + own + load.waiting_steps * step
    first = 1 / larger(arrivals.rounds, 1.0)
    tpot = _over(step, step_tokens)
    ttft: Values = unqueued + (first * burst_queue + (1 - first) * later_queue)
    read_all = prompts * steps.seconds_per_token
    alone = larger(read_all, own) + first_token_s
    ttft, e2e = _all_read(ttft, tpot, after_first=after_first, read_all=read_all, alone=alone)
    late, sending = _sent(e2e, output_tokens, load.in_flight, stream_token_s, arrivals)
    burst = steady = None
    if further:
        evenly = steady_queue_seconds(
            load=smaller(load.arriving * load.chunk_tokens / load.room, 1.0),
            prefill=load.room * steps.seconds_per_token,
        )
        burst, steady = (
            unqueued + late + one for one in (burst_queue, smaller(evenly, burst_queue))
        )
    return ClosedLoopTimes(
        ttft=ttft + late,
        burst_ttft=burst,
        steady_ttft=steady,
        tpot=tpot + sending,
        e2e=e2e + late + after_first * sending,
        decoding=_over(decoding, step_tokens),
        reading=_over(reading, step_tokens),
        sending=sending,
    )


def _all_read(
    ttft: Values, tpot: Values, *, after_first: Values, read_all: Values, alone: Values
) -> tuple[Values, Values]:
    """Give the times to first token and end to end in which the prompts of all are read [s].

    While one request is in flight they are. And of answers of one token nothing else is done:
    ``alone`` is the reading of all of them, again and again.
    """
    e2e = ttft + after_first * tpot
    if np.any(e2e < read_all):
        e2e = larger(e2e, read_all)
        ttft = larger(ttft, read_all - after_first * tpot)
    if np.any(after_first == 0):
        ttft = np.where(after_first == 0, smaller(ttft, alone), ttft)
        e2e = np.where(after_first == 0, ttft, e2e)
    return ttft, e2e


def _sent(
    e2e: Values, output_tokens: Values, in_flight: Values, token_s: Values, arrivals: Arrivals
) -> tuple[Values, Values]:
    """Give what the first token of a request waits to be sent, and each of the others [s].

    In the time of a request all tokens in flight are sent, one after the other, beside the steps:
    the 8-norm of both is assumed.
    """
    if arrivals.streamed is False or _is(token_s, 0.0):
        return 0.0, 0.0
    sending = in_flight * output_tokens * (token_s * arrivals.streamed)
    busy = np.square(np.square(np.square(sending / e2e)))
    longer = e2e * (np.sqrt(np.sqrt(np.sqrt(1 + busy))) - 1)
    share = _either(arrivals.fixed_lengths, _SENT_LATE_IN_STEP, _SENT_LATE)
    first = np.where(output_tokens > 1, share, 1.0) * longer
    return first, (longer - first) / np.maximum(output_tokens - 1, 1.0)


def _is(values: Values, number: float) -> bool:
    """Whether values are one number, this one: then there is nothing to compute with them."""
    return isinstance(values, float) and values == number


def _times(factor: Values, values: Values) -> Values:
    return values if _is(factor, 1.0) else factor * values


def _over(values: Values, divisor: Values) -> Values:
    return values if _is(divisor, 1.0) else values / divisor


def _either(condition: Any, one: Values, other: Values) -> Values:  # noqa: ANN401 - bool or array
    """Choose where a condition holds; of one condition for all, without a copy."""
    if isinstance(condition, (bool, np.bool_)):
        return one if condition else other
    chosen: Values = np.where(condition, one, other)
    return chosen
