"""What a mean step of continuous batching holds: sequences that decode, and prompts beside."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.facts import Behaviour
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.limits import at_most, largest_beside, one_if_equal
from llmcalc_core.formulas.serving import reading_steps
from llmcalc_core.formulas.single_numbers import ceiling, larger, smaller
from llmcalc_core.records import record
from llmcalc_core.workload.grid import Grid
from llmcalc_core.workload.requests import Arrivals

HARDLY_ANY = 1e-6
"""Sequences that stand for none: experts that nobody touches have no mean load [1]."""


@record()
class Load:
    """What the steps of an attention replica hold while so many requests are in flight.

    Attributes
    ----------
    requests, in_flight : float or array
        Requests in flight on the replica, at least one, and on all of them [1].
    micro_batches : float or array
        Micro batches in the stages of a pipeline [1].
    most_decoding : float or array
        Most that decode at once: all, or as many as a budget full of prompts lets in [1].
    decoding, beside : float or array
        Sequences that decode in a step, at least one, and beside a prompt that is read [1].
    chunks : float or array
        Steps that a prompt is read in [1].
    chunk_tokens : float or array
        Tokens of a prompt that one of them reads [tokens].
    room : float or array
        Tokens of prompts that a step has room for [tokens].
    steps : float or array
        Steps for which a request is in flight, at least one [1].
    own : float or array
        Prompts in the step that reads a request's own, that one included [1].
    arriving : float or array
        Chunks of other requests' prompts in a step of the time in which a request decodes [1].
    share : float or array
        Share of the steps that read prompts; above 1 where several follow each decode step [1].
    read : float or array
        Chunks that one of those reads [1].
    waiting_steps : float or array
        Steps that a prompt waits: a few where others are served, more where they come faster than
        they are read [1].
    at_once : float or array
        How far all requests come at the same time [1].
    """

    requests: Values
    in_flight: Values
    micro_batches: Values
    most_decoding: Values
    decoding: Values
    beside: Values
    chunks: Values
    chunk_tokens: Values
    room: Values
    steps: Values
    own: Values
    arriving: Values
    share: Values
    read: Values
    waiting_steps: Values
    at_once: Values

    @property
    def spread_tokens(self) -> Values:
        """Standard deviation of the tokens of a step that reads: prompts that chance adds [tokens].

        As many come beside the one that makes it such a step as of a Poisson process.
        """
        spread: Values = self.chunk_tokens * np.sqrt(larger(self.read - 1, 0.0))
        return spread


def closed_loop_load(
    *,
    in_flight: Values,
    attention_dp: Values = 1.0,
    micro_batches: Values = 1.0,
    computed: Values,
    outputs: Values,
    token_budget: Values,
    step_tokens: Values = 1.0,
    verified: Values = 1.0,
    chunks_prompts: bool = True,
    first_steps: Values = 0.0,
    mixes: Values,
    fixed_lengths: bool | NDArray[np.bool_],
    in_step: Values = 1.0,
) -> Load:
    """Count what steps hold in a closed loop.

    A request is read in some steps and then decodes in others; while it is in flight, every other
    request is read once: in the step of its own, while it waits, or while it decodes. Prompts of
    drawn lengths come at random; those of one length in a train, each a step after the one before,
    or at once where prompts are read before any is decoded, as far as clients stay in step.

    Parameters
    ----------
    in_flight : float or array
        Requests in flight [1].
    attention_dp : float or array
        Attention replicas that share them [1].
    micro_batches : float or array
        Micro batches in the stages of a pipeline, each of which has a step of its own while every
        sequence decodes a token [1].
    computed, outputs : float or array
        Tokens of a prompt that are computed, and of an answer [tokens].
    token_budget : float or array
        Most tokens of a step of a micro batch [tokens].
    step_tokens, verified : float or array
        Tokens of a sequence that a decode step gives, and that it computes [tokens].
    chunks_prompts : bool
        Whether a prompt may be read in several steps.
    first_steps : float or array
        Steps that a prompt or its first token waits where others are served [1].
    mixes : float or array
        Whether prompts are read beside decode steps, 1, or in steps of their own, 0 [1].
    fixed_lengths : bool or array
        Whether all prompts and all answers are as long.
    in_step : float or array
        How far such requests stay together where prompts are read before any is decoded [1].

    Returns
    -------
    Load
        Of arrays that broadcast to the arguments.

    References
    ----------
    Agrawal et al., Sarathi-Serve, arXiv:2403.02310, section 4; Little's law for one cycle.

    Examples
    --------
    >>> load = closed_loop_load(in_flight=10.0, computed=100.0, outputs=200.0, token_budget=8192.0,
    ...                         mixes=1.0, fixed_lengths=False)
    >>> [round(float(value), 3) for value in (load.steps, load.arriving, load.share, load.read)]
    [200.0, 0.045, 0.044, 1.023]
    """
    requests = larger(in_flight / attention_dp, 1.0)
    decode_steps = (outputs - 1) / step_tokens
    # No more decode than a budget full of prompts and what they decode later lets in.
    full = token_budget * decode_steps / (computed + decode_steps * verified)
    full = _where(mixes > 0, full, np.inf)
    most_decoding = decoded = requests
    if not _all(_least(full) * micro_batches >= requests):
        decoded = smaller(requests, full * micro_batches)
        most_decoding = smaller(requests, larger(full * micro_batches, 1.0))
    own_room = larger(token_budget - mixes * decoded / micro_batches * verified, 1.0)
    chunks = one_if_equal(values=ceiling(computed / own_room)) if chunks_prompts else 1.0
    chunk_tokens, room = computed / chunks, own_room * micro_batches
    busy = mixes * chunks + decode_steps
    # Two clients never get less through than one: nobody waits longer than others are served, and
    # of those that come together the first one finds nobody.
    others = larger(in_flight - 1, 0.0)
    served = others * (_least(chunks) + _least(decode_steps))
    if not _all((served >= first_steps) | (others == 0)):
        served = others * (chunks + decode_steps)
    waits = smaller(first_steps, served) * others / larger(in_flight, 1.0)
    # A step reads no more than it has room for: where prompts come faster, they wait.
    usual, needed = busy + waits, mixes * requests * computed / room
    longer: Values = 0.0
    if not _all(usual >= largest_beside(values=needed, beside=usual)):
        longer = larger(needed - usual, 0.0)
    steps = usual + longer
    others, fits = requests - 1, larger(room / chunk_tokens, 1.0)
    counted = larger(steps, 1.0)
    at_once = _where(fixed_lengths, (1 - mixes) * in_step, 0.0)
    in_train = at_once * others + (1 - at_once) * smaller(others, 1.0)
    own = at_most(values=1 + _where(fixed_lengths, in_train, others / counted), limit=fits)
    # Beyond a few steps a prompt waits for others to be read.
    left = requests - own
    if _is_some(longer):
        left = left - longer * fits / chunks
    left = larger(left, 0.0)
    left = left * (1 - at_once / 2)  # of those that come at once, half are read before one's own
    arriving = left * chunks / larger(decode_steps + waits, 1.0)
    share = reading_steps(
        arriving=arriving,
        filled=chunk_tokens / room,
        fixed_lengths=fixed_lengths,
        most=_where(mixes > 0, 1.0, np.inf),
    )
    some = share > 0
    read = _where(some, arriving / _where(some, share, 1.0), 1.0)
    return Load(
        requests=requests,
        in_flight=in_flight,
        micro_batches=micro_batches,
        most_decoding=most_decoding,
        decoding=smaller(1 + others * decode_steps / counted, requests),
        beside=larger(others * decode_steps / counted, HARDLY_ANY),
        chunks=chunks,
        chunk_tokens=chunk_tokens,
        room=room,
        steps=counted,
        own=own,
        arriving=arriving,
        share=share,
        read=at_most(values=larger(read, 1.0), limit=fits),
        waiting_steps=waits + longer,
        at_once=at_once,
    )


def _where(condition: Any, one: Values, other: Values) -> Values:  # noqa: ANN401 - bool or array
    """Choose where a condition holds; of one condition for all, without a copy."""
    if isinstance(condition, (bool, np.bool_)):
        return one if condition else other
    chosen: Values = np.where(condition, one, other)
    return chosen


def _all(condition: Any) -> bool:  # noqa: ANN401 - bool or array
    """Whether a condition holds everywhere; of a single one, faster than numpy says so."""
    return bool(condition.all() if isinstance(condition, np.ndarray) else condition)


def _least(values: Values) -> Values:
    return values.min() if isinstance(values, np.ndarray) else values


def _is_some(values: Values) -> bool:
    return isinstance(values, np.ndarray) or bool(values)


def load_of(grid: Grid, *, mixes: float, arrivals: Arrivals, behaviour: Behaviour) -> Load:
    """Count what the steps of every plan and workload hold."""
    first_steps = behaviour.first_token_steps + behaviour.overlaps + arrivals.held_steps
    return closed_loop_load(
        in_flight=grid.batch,
        attention_dp=grid.attention_dp,
        micro_batches=grid.micro_batches,
        computed=grid.prefill_tokens,
        outputs=grid.outputs,
        token_budget=grid.token_budget,
        step_tokens=grid.acceptance_length,
        verified=1 + grid.draft_tokens,
        chunks_prompts=grid.engine.chunks_prompts,
        first_steps=first_steps,
        mixes=mixes,
        fixed_lengths=arrivals.fixed_lengths,
        in_step=arrivals.in_step,
    )
