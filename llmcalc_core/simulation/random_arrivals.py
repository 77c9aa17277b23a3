"""What a request meets while others come at random: the wait for its prompt, and its answer."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from llmcalc_core.formulas import Floats
from llmcalc_core.simulation.late_prompts import Meets, rest_of_full_step
from llmcalc_core.simulation.step_chain import StepChain, step_chain
from llmcalc_core.simulation.step_curves import StepCurves

_FULL = 0.999
"""Largest load of full steps that is told from overload [1]."""

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
