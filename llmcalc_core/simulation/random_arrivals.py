"""What a request meets while others come at random: the wait for its prompt, and its answer."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.formulas import Floats, Values
from llmcalc_core.simulation.step_chain import StepChain, none_comes, step_chain
from llmcalc_core.simulation.step_curves import StepCurves

_MOST_READING = 0.9999
"""Largest share of steps that read prompts before any decodes [1]."""

_CERTAIN = 50.0
"""Mean number of requests of which at least one comes for certain [1]."""

_LEAST = 1e-12

Gaps = tuple[Floats, Floats, Floats]
"""Mean time of later steps of an answer, of all of them, and what a prompt adds to others [s]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Meets:
    """What a request has met as its answer begins.

    Attributes
    ----------
    steps, chain : StepCurves, StepChain
        What follows each other.
    rate : array
        Requests that come to an attention replica [1/s].
    load : array
        Part of the time that prompts take in full steps [1].
    own, beside : array
        Time of the steps that read its prompt, and of others' prompts in them [s].
    wait, queued : array
        Time before its own step, and that of a single server of full steps [s].
    full : array of bool
        Whether full steps read prompts one after the other.
    answer_steps : array
        Steps of its answer after its first token, at least 1 [1].
    """

    steps: StepCurves
    chain: StepChain
    rate: Floats
    load: Floats
    own: Floats
    beside: Floats
    wait: Floats
    queued: Floats
    full: NDArray[np.bool_]
    answer_steps: Floats

    def mixed(self, ahead: float) -> Gaps:
        """Give the gaps where prompts are read beside decode steps.

        A step that is prepared ahead holds nothing of what comes in the one before: of one's own
        step only those after the next, and nothing at all if none ran as the request came.
        """
        steps, chain, answer = self.steps, self.chain, self.answer_steps
        stay = np.minimum(chain.load, self.load)
        behind = stay * (self.own + self.beside - chain.mean)
        later = np.maximum(answer - ahead, 0.0)
        late = self._behind_own(stay, behind, later)
        queued = self._behind_queue(stay, later)
        gap = chain.mean + np.where(self.full, queued, late) / answer
        if ahead:
            alone = np.exp(-self.rate * (self.own + self.wait + answer * gap))
            gap = gap - ahead * alone * (chain.mean - steps.decode) / answer
        prompt = (chain.base - steps.decode) / chain.count + chain.each
        return chain.mean, gap, prompt * steps.chunks / (1 - stay)

    def apart(self) -> Gaps:
        """Give the gaps where prompts are read before any is decoded."""
        steps, chain, load = self.steps, self.chain, self.load
        one, steady = steps.one_by_one, self._between_decodes()
        rest = rest_of_full_step(steps, load)
        queue = np.maximum(load * (self.queued + self.own) - rest / 2, 0.0) / (1 - load)
        late = np.where(one, queue, np.maximum(self._until_none_waits(), queue))
        gap = steady + (late - (steady - steps.decode)) / self.answer_steps
        prompt = np.where(one, steps.alone, chain.base / chain.count + chain.each)
        return steady, gap, prompt * steps.chunks / (1 - load)

    def _behind_own(
        self, load: Floats, behind: Floats, answer_steps: Floats, *, spread: bool = False
    ) -> Floats:
        """Give what prompts that came behind one's own add to so many steps, in the mean [s].

        They take their time until none of them, and of those that come behind them, is left: at
        first as much of a step as there is room for, then less and less.
        """
        left = np.maximum(behind, _LEAST)
        room = np.maximum(self.steps.full - self.chain.mean, _LEAST)
        first = left * -np.expm1(-room / left) if spread else np.minimum(left, room)
        whole = left / (1 - load)
        kept = np.clip(1 - first / whole, 0.0, 1.0)
        late: Floats = whole * (1 - kept**answer_steps)
        return late

    def _behind_queue(self, stay: Floats, answer_steps: Floats) -> Floats:
        """Give what prompts behind add where full steps read them one after the other [s]."""
        steps, load = self.steps, self.load
        rest = rest_of_full_step(steps, load)
        soon = stay * (self.own + steps.decode / 2 - self.chain.mean)
        waited = steps.full_step_prompt_s / (2 * (1 - load)) + rest / 2
        late = soon + stay * waited - rest / 2
        at_once = self._behind_own(stay, soon, answer_steps)
        after = self._behind_own(stay, late, answer_steps, spread=True)
        return (1 - load) * at_once + load * after

    def _between_decodes(self) -> Floats:
        """Time between two steps that decode, where prompts are read before any is decoded [s]."""
        steps, rate = self.steps, self.rate
        room = np.maximum(steps.fit, 1.0) - rate * (steps.full - steps.decode)
        full = np.where(room > 0, rate * steps.decode / np.maximum(room, _LEAST), 1.0)
        reading = np.minimum(np.maximum(self.chain.reading, full), _MOST_READING)
        alone = steps.decode / (1 - self.load)
        return np.where(steps.one_by_one, alone, self.chain.mean / (1 - reading))

    def _until_none_waits(self) -> Floats:
        """Time of the steps that read prompts between one's own and the next that decodes [s]."""
        chain, rate = self.chain, self.rate
        reading = np.maximum(chain.reading, _LEAST)
        step = np.minimum(chain.base + chain.each * chain.count, self.steps.full)
        between = reading * (1 - reading) * (step - self.steps.decode) ** 2
        variance = np.maximum(chain.variance - between, 0.0) / reading
        ends = np.maximum(none_comes(rate, step, variance), _LEAST)
        return step / ends * -np.expm1(-np.minimum(rate * (self.own + self.beside), _CERTAIN))


def rest_of_full_step(steps: StepCurves, load: Values) -> Floats:
    """Time of a full step in which it reads on for others, as often as it is full [s]."""
    more = np.maximum(steps.full - steps.alone, 0.0)
    return np.where(steps.one_by_one, 0.0, more) * load


_FULL = 0.999
"""Largest load of full steps that is told from overload [1]."""


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
    meets = Meets(
        steps=steps, chain=chain, rate=rate, load=load, own=own, beside=beside,
        wait=wait.mean, queued=limited.mean, full=full, answer_steps=answer_steps,
    )  # fmt: skip
    steady, gap, each = meets.mixed(ahead) if mixes else meets.apart()
    return AtRandom(
        wait=wait.divided(steps.lanes),
        own=own,
        gap=gap,
        steady=steady,
        step=chain.mean / steps.lanes,
        step_variance=chain.variance / steps.lanes**2,
        each=each,
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
    rest, free = rest_of_full_step(steps, load), 1 - load
    queue = load * prompt / (2 * free)
    idle = decode / 2 * (1.0 if mixes else free)
    third = prompt**2 / (3 * free)
    return Wait(
        mean=queue + idle + rest / 2,
        variance=queue**2 + load * third + (decode**2 + rest**2) / 12,
        behind=load,
        behind_mean=prompt / (2 * free) + mixes * decode / 2 + rest_of_full_step(steps, 1.0) / 2,
        behind_variance=(prompt / free) ** 2 * (2 * load - 1) / 4 + third + rest**2 / 12,
        decode_mean=decode / 2,
    )
