"""How many steps that only decode can be taken at once."""

from __future__ import annotations

from llmcalc_core.simulation.batch import Batch


def with_room(batch: Batch, steps: int) -> int:
    """Count the steps, at most so many, for which those that decode find free blocks.

    Parameters
    ----------
    batch : Batch
        Whose first step has been formed, its blocks taken.
    steps : int
        At most so many, that one among them [1].

    Returns
    -------
    int
        Steps, at least 1 [1].
    """
    tokens, sequences = batch.block_tokens, batch.sequences
    if batch.free < sequences * (steps // tokens + 1):
        opened = batch.opened(1)
        steps = min(steps, (batch.free // sequences + 2) * tokens)
        while batch.opened(steps) - opened > batch.free:
            steps -= 1
    return steps


def started_before(until: float, steps: int, first: float, growth: float) -> int:
    """Count the steps, at most so many, that start before a time.

    Parameters
    ----------
    until : float
        From the start of the first one on [s].
    steps : int
        At most so many, at least 1 [1].
    first, growth : float
        Time of the first one, and by how much each is longer than the one before [s].

    Returns
    -------
    int
        Steps, at least 1 [1].

    Examples
    --------
    >>> started_before(2.5, 10, 1.0, 0.0)
    3
    """
    while steps > 1 and (steps - 1) * (first + growth * (steps - 2) / 2) >= until:
        steps -= 1
    return steps
