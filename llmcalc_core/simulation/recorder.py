"""Notes of a simulated run while it goes on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llmcalc_core.simulation.batch import Batch
from llmcalc_core.simulation.outcome import Outcome
from llmcalc_core.simulation.request_states import RequestStates
from llmcalc_core.workload.lengths import Integers
from llmcalc_core.workload.requests import Requests

POINTS = 4096
"""Points that a timeline is thinned to, whenever it has twice as many."""


class Recorder:
    """Notes of steps, until they become an outcome.

    Parameters
    ----------
    batch : Batch
        What runs.

    Attributes
    ----------
    gaps : list of float
        Times between two tokens of a request [s].
    counts : list of int
        How many tokens came after each [1].
    points : list of tuple
        Some thousand starts of steps: time [s], requests that run and wait, blocks in use.
    steps : int
        Steps so far [1].
    """

    __slots__ = ("_batch", "_skip", "_stalls", "_stride", "counts", "gaps", "points", "steps")

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self.gaps: list[float] = []
        self.counts: list[int] = []
        self.points: list[tuple[float, int, int, int]] = []
        self._stalls: list[tuple[int, float]] = []  # steps since that read prompts alone
        self._stride = self._skip = 1
        self.steps = 0

    def note(self, steps: int, seconds: float) -> None:
        """Note steps that start now and take so many seconds in all."""
        batch = self._batch
        sequences = batch.decoders.sequences
        if sequences and batch.decodes and not self._stalls:
            self.gaps.append(seconds / steps)
            self.counts.append(steps * sequences)
        else:
            self.note_gap(steps, seconds)
        self.steps += steps
        if self._skip > 1:
            self._skip -= 1
        else:
            self._note_point()

    def note_gap(self, steps: int, seconds: float) -> None:
        """Note steps whose tokens come so many seconds after those before, in all."""
        sequences = self._batch.decoders.sequences
        if not self._batch.decodes:
            self._stalls.append((sequences, seconds))
        elif sequences:
            gap = seconds / steps
            count = steps * sequences
            if self._stalls:
                count -= self._note_stalls(sequences, gap)
            self.gaps.append(gap)
            self.counts.append(count)

    def note_point(self, steps: int) -> None:
        """Note what there is at the start of so many steps."""
        self.steps += steps
        if self._skip > 1:
            self._skip -= 1
        else:
            self._note_point()

    def _note_point(self) -> None:
        self._skip = self._stride
        batch = self._batch
        used = batch.kv_blocks - batch.free
        points = self.points
        points.append((batch.now, len(batch.running), len(batch.waiting), used))
        if len(points) == 2 * POINTS:
            del points[1::2]
            self._stride *= 2

    def _note_stalls(self, sequences: int, gap: float) -> int:
        """Note tokens that came late as steps of prompts alone went before, and count them."""
        stall = 0.0
        newer = sequences
        late = 0
        for before, seconds in reversed(self._stalls):
            if newer > before and stall:
                self.gaps.append(gap + stall)
                self.counts.append(newer - before)
                late += newer - before
            newer = min(newer, before)
            stall += seconds
        self._stalls.clear()
        if newer:
            self.gaps.append(gap + stall)
            self.counts.append(newer)
        return late + newer


def outcome_of(requests: Requests, states: RequestStates, recorders: Sequence[Recorder]) -> Outcome:
    """Put notes together once all requests have ended.

    Parameters
    ----------
    requests : Requests
        What was sent.
    states : RequestStates
        What became of them.
    recorders : sequence of Recorder
        Notes of batches that stepped together, or of the micro batches of one; the points are those
        of the first then.

    Returns
    -------
    Outcome
        What each request met, and what all batches held together.
    """
    count = len(requests)
    late = states.late_tokens
    time = np.array([point[0] for point in recorders[0].points])
    noted = [one.points for one in recorders if one.points]
    held = sum(np.array([point[1:] for point in points], np.int64) for points in noted)
    running, waiting, used = np.asarray(held).T
    gaps = [gap for one in recorders for gap in one.gaps]
    counts = [many for one in recorders for many in one.counts]
    return Outcome(
        arrival_s=np.array(states.arrivals.sent_s),
        start_s=np.array(states.start),
        first_token_s=states.front_end.seen(states.first_token),
        finish_s=states.front_end.seen(states.finish),
        input_tokens=requests.input_tokens,
        output_tokens=requests.output_tokens,
        preemptions=_filled(states.preemptions, count),
        cached_tokens=_filled(states.cached, count),
        gap_s=np.array(gaps + late),
        gap_count=np.array(counts + [1] * len(late), np.int64),
        steps=recorders[0].steps,
        timeline_s=time,
        running=running,
        waiting=waiting,
        used_blocks=used,
    )


def _filled(values: dict[int, int], count: int) -> Integers:
    """Spread the values of some requests over all; the others have 0."""
    spread = np.zeros(count, np.int64)
    spread[list(values)] = list(values.values())
    return spread
