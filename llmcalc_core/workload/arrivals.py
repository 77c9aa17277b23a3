"""How the requests of a closed loop come, and for how long a server holds them back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.formulas.serving import clumping

ROUNDS = 10
"""Requests that each client of a benchmark sends, one after the other; the first ones come at once.

The number of InferenceX (``--num-prompts`` is ten times ``--max-concurrency``, benchmarks/ of
SemiAnalysisAI/InferenceX, 73ef922; read 2026-11-28)."""

SHORTEST_SHARE = 0.8
"""Shortest length over the longest where a benchmark draws lengths uniformly between them.

That of InferenceX (``--random-range-ratio 0.8``; read 2026-11-28)."""

SPREAD = 2 * (1 - SHORTEST_SHARE) / (1 + SHORTEST_SHARE)
"""Width of the range of drawn lengths over their mean [1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """How requests come and are let in.

    Attributes
    ----------
    fixed_lengths : bool or array of bool
        Whether all prompts and all answers are of one length, so that requests end in the order in
        which they came, one step apart; else lengths are drawn from a range.
    held_steps : float or array
        Decode steps for which the server's settings hold a prompt, or its first token, back [1].
    rounds : float or array
        Requests that each client sends, one after the other; the first ones come at once. Infinity:
        they come at random [1].
    """

    fixed_lengths: bool | NDArray[np.bool_] = False
    held_steps: float | NDArray[np.float64] = 0.0
    rounds: float | NDArray[np.float64] = float(ROUNDS)

    @property
    def clumping(self) -> float | NDArray[np.float64]:
        """How much closer prompts of drawn lengths come than evenly, after the first round [1]."""
        if isinstance(self.rounds, np.ndarray):
            each = [clumping(rounds=one, spread=SPREAD) for one in self.rounds.reshape(-1).tolist()]
            return np.array(each).reshape(self.rounds.shape)
        return clumping(rounds=self.rounds, spread=SPREAD)


DRAWN = Arrivals()
"""Drawn lengths, nothing held back."""

AT_RANDOM = Arrivals(rounds=np.inf)
"""Requests that come at random, without a burst at the start (a Poisson process)."""
