"""What a request meets while others come at random: the wait for its prompt, and its answer."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from llmcalc_core.formulas import Floats, Values
from llmcalc_core.simulation.step_chain import StepChain, none_comes, step_chain
from llmcalc_core.simulation.step_curves import StepCurves

_FULL = 0.999
"""Largest load of full steps that is told from overload [1]."""

_MOST_READING = 0.9999
"""Largest share of steps that read prompts before any decodes [1]."""

_CERTAIN = 50.0
"""Mean number of requests of which at least one comes for certain [1]."""

_LEAST = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wait:
    """Time from the arrival of a request at a busy replica to the start of its own step.

    It comes in a step that reads prompts, behind which it waits longer, or in one that decodes,
    whose rest is as likely to be short as long.

    Attributes
    ----------
    mean, variance : array
        Of all requests [s], [s^2].
    behind : array
        Part of them that come in a step that reads, or behind others that wait [1].
    behind_mean, behind_variance : array
        Of these [s], [s^2].
    decode_mean : array
        Of the others, evenly between 0 and twice as much [s].
    """

    mean: Floats
    variance: Floats
    behind: Floats
    behind_mean: Floats
    behind_variance: Floats
    decode_mean: Floats

    def divided(self, parts: Floats) -> Wait:
        """Give the wait where so many steps are formed in the time of one."""
        return Wait(
            mean=self.mean / parts,
            variance=self.variance / parts**2,
            behind=self.behind,
            behind_mean=self.behind_mean / parts,
            behind_variance=self.behind_variance / parts**2,
            decode_mean=self.decode_mean / parts,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AtRandom:
    """What a request meets.

    Attributes
    ----------
    wait : Wait
        Before its own step.
    own : array
        Time of the steps that read its prompt, without others' [s].
    gap : array
        Mean time of the steps of its answer, of which the first ones are behind its prompt [s].
    steady : array
        That of later ones [s].
    step, step_variance : array
        Of any step of the replica [s], [s^2].
    each : array
        What a prompt adds to the answers of others [s].
    """

    wait: Wait
    own: Floats
    gap: Floats
    steady: Floats
    step: Floats
    step_variance: Floats
    each: Floats


def at_random(
    steps: StepCurves, rate: Floats, answer_steps: Floats, *, mixes: float, ahead: float = 0.0
) -> AtRandom:
    """Estimate what requests meet that come at random.

    Parameters
    ----------
    steps : StepCurves
        Of as many sequences as decode.
    rate : array
        Requests that come to an attention replica [1/s].
    answer_steps : array
        Steps of an answer after its first token, at least 1 [1].
    mixes : float
        Whether prompts are read beside decode steps, 1, or in steps of their own, 0.
    ahead : float
        Steps that the engine prepares before the one before has ended [1].

    Returns
    -------
    AtRandom
        In the mean, and how far the wait is spread.

    References
    ----------
    The shorter of two waits: that for a step which reads all that came in the one before (see
    :func:`step_chain`), seen at a random time (Wolff, Stochastic Modeling (1989), 2.3), and that of
    a single server of full steps with vacations (Doshi, Queueing Systems 1 (1986), 29).
    """
    chain = step_chain(steps, rate * steps.chunks)
    load = np.minimum(rate * steps.full_step_prompt_s, _FULL)
    gated, beside = _gated(steps, chain, rate)
    limited = _limited(steps, load, mixes=mixes)
    full = steps.one_by_one | (limited.mean < gated.mean)
    wait = Wait(
        **{
            one.name: np.where(full, getattr(limited, one.name), getattr(gated, one.name))
            for one in fields(Wait)
        }
    )
    own = np.where(
        steps.one_by_one, steps.chunks * steps.alone, np.maximum(chain.base, 0.0) + chain.each
    )
    if mixes:
        steady, stay = chain.mean, np.minimum(chain.load, load)
        behind = stay * (own + beside - chain.mean)
        # Of a step that was prepared before, what comes in one's own is no part.
        later = np.maximum(answer_steps - ahead, _LEAST)
        late = _behind_own(steps, chain, stay, behind, later)
        queued = _behind_queue(steps, chain, (own, load, stay), later)
        gap = steady + np.where(full, queued, late) * (later / answer_steps)
        alone = np.exp(-rate * (own + wait.mean + answer_steps * gap))
        gap = gap - ahead * alone * (steady - steps.decode) / answer_steps
        prompt = (chain.base - steps.decode) / chain.count + chain.each
    else:
        steady, stay = _between_decodes(steps, chain, rate, load), load
        late = _until_none_waits(steps, chain, rate, own + beside)
        queue = np.maximum(load * (limited.mean + own) - _rest(steps, load) / 2, 0.0) / (1 - load)
        gap = (
            steady
            + (np.where(steps.one_by_one, queue, np.maximum(late, queue)) - (steady - steps.decode))
            / answer_steps
        )
        prompt = np.where(steps.one_by_one, steps.alone, chain.base / chain.count + chain.each)
    return AtRandom(
        wait=wait.divided(steps.lanes),
        own=own,
        gap=gap,
        steady=steady,
        step=chain.mean / steps.lanes,
        step_variance=chain.variance / steps.lanes**2,
        each=prompt * steps.chunks / (1 - stay),
    )


def _gated(steps: StepCurves, chain: StepChain, rate: Floats) -> tuple[Wait, Floats]:
    """Wait for a step that reads all that came in the one before; and time of the others in it.

    A request comes in a step with a chance in proportion to its length, at any time of it.
    """
    mean, decode, reading = chain.mean, steps.decode, np.maximum(chain.reading, _LEAST)
    each = rate * chain.each
    wait, spread, seen = _of_steps(mean, chain.variance, chain.each, rate)
    longer = np.maximum((mean - (1 - reading) * decode) / reading, _LEAST)
    squares = (mean**2 + chain.variance - (1 - reading) * decode**2) / reading
    behind, behind_spread, _ = _of_steps(
        longer, np.maximum(squares - longer**2, 0.0), chain.each, rate
    )
    return Wait(
        mean=wait,
        variance=spread,
        behind=np.clip(reading * longer / mean, 0.0, 1.0),
        behind_mean=behind,
        behind_variance=behind_spread,
        decode_mean=(1 / 2 + each) * decode,
    ), each * seen


def _of_steps(
    mean: Floats, variance: Floats, each: Floats, rate: Floats
) -> tuple[Floats, Floats, Floats]:
    """Mean and variance of the rest of a step and of the prompts that come in it, as it is seen."""
    ratio = variance / mean**2
    seen, wide = mean * (1 + ratio), mean**2 * (1 + ratio)
    part = 1 / 2 + rate * each
    spread = wide * (1 + 2 * ratio) / 12 + each**2 * rate * seen + part**2 * wide * ratio
    return part * seen, spread, seen


def _limited(steps: StepCurves, load: Floats, *, mixes: float) -> Wait:
    """Wait for a single server of prompts, each of which takes its part of full steps."""
    prompt, decode = steps.full_step_prompt_s, steps.decode
    rest, free = _rest(steps, load), 1 - load
    queue = load * prompt / (2 * free)
    idle = decode / 2 * (1.0 if mixes else free)
    third = prompt**2 / (3 * free)
    return Wait(
        mean=queue + idle + rest / 2,
        variance=queue**2 + load * third + (decode**2 + rest**2) / 12,
        behind=load,
        behind_mean=prompt / (2 * free) + mixes * decode / 2 + _rest(steps, 1.0) / 2,
        behind_variance=(prompt / free) ** 2 * (2 * load - 1) / 4 + third + rest**2 / 12,
        decode_mean=decode / 2,
    )


def _rest(steps: StepCurves, load: Values) -> Floats:
    """Time of a full step in which it reads on for others, as often as it is full [s]."""
    more = np.maximum(steps.full - steps.alone, 0.0)
    return np.where(steps.one_by_one, 0.0, more) * load


def _behind_own(
    steps: StepCurves, chain: StepChain, load: Floats, behind: Floats, answer_steps: Floats,
    *, spread: bool = False,
) -> Floats:  # fmt: skip
    """Give what prompts that came behind one's own add to a step of its answer, in the mean [s].

    They take their time until none of them, and of those that come behind them, is left: at first
    as much of a step as there is room for, then less and less.
    """
    left = np.maximum(behind, _LEAST)
    room = np.maximum(steps.full - chain.mean, _LEAST)
    first = left * -np.expm1(-room / left) if spread else np.minimum(left, room)
    whole = left / (1 - load)
    kept = np.clip(1 - first / whole, 0.0, 1.0)
    late: Floats = whole * (1 - kept**answer_steps) / answer_steps
    return late


def _behind_queue(
    steps: StepCurves, chain: StepChain, own: tuple[Floats, Floats, Floats], answer_steps: Floats
) -> Floats:
    """Give what prompts behind add where full steps read them one after the other [s]."""
    reads, load, stay = own
    rest = _rest(steps, load)
    soon = stay * (reads + steps.decode / 2 - chain.mean)
    waited = steps.full_step_prompt_s / (2 * (1 - load)) + rest / 2
    late = soon + stay * waited - rest / 2
    at_once = _behind_own(steps, chain, stay, soon, answer_steps)
    after = _behind_own(steps, chain, stay, late, answer_steps, spread=True)
    return (1 - load) * at_once + load * after


def _between_decodes(steps: StepCurves, chain: StepChain, rate: Floats, load: Floats) -> Floats:
    """Time between two steps that decode, where prompts are read before any is decoded [s]."""
    room = np.maximum(steps.fit, 1.0) - rate * (steps.full - steps.decode)
    full = np.where(room > 0, rate * steps.decode / np.maximum(room, _LEAST), 1.0)
    reading = np.minimum(np.maximum(chain.reading, full), _MOST_READING)
    alone = steps.decode / (1 - load)
    return np.where(steps.one_by_one, alone, chain.mean / (1 - reading))


def _until_none_waits(steps: StepCurves, chain: StepChain, rate: Floats, own: Floats) -> Floats:
    """Time of the steps that read prompts between one's own and the next that decodes [s]."""
    reading = np.maximum(chain.reading, _LEAST)
    step = np.minimum(chain.base + chain.each * chain.count, steps.full)
    between = reading * (1 - reading) * (step - steps.decode) ** 2
    variance = np.maximum(chain.variance - between, 0.0) / reading
    ends = np.maximum(none_comes(rate, step, variance), _LEAST)
    return step / ends * -np.expm1(-np.minimum(rate * own, _CERTAIN))
