"""What a request waits outside of the steps that it is in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from llmcalc_core.simulation.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Overheads:
    """What a client waits longer for every token of its answer than the engine takes.

    Attributes
    ----------
    first_token_s : float
        Fixed time to the first token [s].
    first_steps : float
        Steps that a prompt or its first token waits beside, where others run [1].
    """

    first_token_s: float = 0.0
    first_steps: float = 0.0

    def later_s(self, step_s: float, *, busy: bool) -> float:
        """Give by how much later a client sees its answer than the engine ends it.

        Parameters
        ----------
        step_s : float
            Mean time of a step of the answer [s].
        busy : bool
            Whether others run as it comes.

        Returns
        -------
        float
            Time [s].
        """
        return self.first_token_s + (self.first_steps * step_s if busy else 0.0)

    def added_to(self, outcome: Outcome) -> Outcome:
        """Give what clients see of what the engine did.

        Parameters
        ----------
        outcome : Outcome
            What the steps alone gave.

        Returns
        -------
        Outcome
            The same with later first and last tokens.
        """
        if self == NO_OVERHEADS:
            return outcome
        before = np.maximum.accumulate(np.concatenate([[-np.inf], outcome.finish_s[:-1]]))
        steps = self.first_steps * (before > outcome.arrival_s)
        later = self.first_token_s + steps * np.nan_to_num(outcome.tpot_s)
        return replace(
            outcome, first_token_s=outcome.first_token_s + later, finish_s=outcome.finish_s + later
        )


NO_OVERHEADS = Overheads()
"""Clients that see each token as its step ends."""
