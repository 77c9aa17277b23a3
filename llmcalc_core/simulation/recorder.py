"""Notes of a simulated run while it goes on."""

from __future__ import annotations

import numpy as np

from llmcalc_core.simulation.batch import Batch
from llmcalc_core.simulation.outcome import Outcome
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
    """

    __slots__ = ("_batch", "_counts", "_gaps", "_points", "_skip", "_stalls", "_steps", "_stride")

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._gaps: list[float] = []
        self._counts: list[int] = []
        self._points: list[tuple[float, int, int, int]] = []
        self._stalls: list[tuple[int, float]] = []  # steps since that read prompts alone
        self._stride = self._skip = 1
        self._steps = 0

    def note(self, steps: int, seconds: float) -> None:
        """Note steps that start now and take so many seconds in all."""
        batch = self._batch
        self._steps += steps
        if not batch.decodes:
            self._stalls.append((batch.sequences, seconds))
        elif batch.sequences:
            gap = seconds / steps
            count = steps * batch.sequences
            if self._stalls:
                count -= self._note_stalls(batch.sequences, gap)
            self._gaps.append(gap)
            self._counts.append(count)
        self._skip -= 1
        if not self._skip:
            self._skip = self._stride
            used = batch.kv_blocks - batch.free
            points = self._points
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
                self._gaps.append(gap + stall)
                self._counts.append(newer - before)
                late += newer - before
            newer = min(newer, before)
            stall += seconds
        self._stalls.clear()
        if newer:
            self._gaps.append(gap + stall)
            self._counts.append(newer)
        return late + newer

    def outcome(self, requests: Requests) -> Outcome:
        """Put the notes together once all requests have ended."""
        batch = self._batch
        count = len(requests)
        late = batch.late_tokens
        time, running, waiting, used = np.array(self._points).T
        return Outcome(
            arrival_s=np.array(batch.arrivals.sent_s),
            start_s=np.array(batch.start),
            first_token_s=np.array(batch.first_token),
            finish_s=np.array(batch.finish),
            input_tokens=requests.input_tokens,
            output_tokens=requests.output_tokens,
            preemptions=_filled(batch.preemptions, count),
            cached_tokens=_filled(batch.cached, count),
            gap_s=np.array(self._gaps + late),
            gap_count=np.array(self._counts + [1] * len(late), np.int64),
            steps=self._steps,
            timeline_s=time,
            running=running.astype(np.int64),
            waiting=waiting.astype(np.int64),
            used_blocks=used.astype(np.int64),
        )


def _filled(values: dict[int, int], count: int) -> Integers:
    """Spread the values of some requests over all; the others have 0."""
    spread = np.zeros(count, np.int64)
    spread[list(values)] = list(values.values())
    return spread
