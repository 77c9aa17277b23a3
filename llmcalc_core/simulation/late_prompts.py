"""Steps of an answer while others come at random: what is read beside them, or between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.formulas import Floats, Values
from llmcalc_core.simulation.step_chain import StepChain, none_comes
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
