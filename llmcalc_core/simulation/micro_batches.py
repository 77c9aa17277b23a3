"""Requests on their way through an engine whose pipeline holds several steps at a time."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from llmcalc_core.simulation.batch import Batch
from llmcalc_core.simulation.ledger import Ledger
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.workload.requests import Requests


class Flight(NamedTuple):
    """A step under way.

    Attributes
    ----------
    lane : int
        Of which micro batch.
    end_s : float
        When it leaves the last stage [s].
    decodes : bool
        Whether those that decode took part in it.
    read : frozenset of int
        Requests whose prompts it reads.
    ended : tuple of int
        Requests whose last token it gives.
    """

    lane: int
    end_s: float
    decodes: bool
    read: frozenset[int]
    ended: tuple[int, ...]


_Lane = tuple[int, int, int, int, dict[int, list[int]], list[int], list[int]]
"""What of a batch belongs to one micro batch: its attributes steps, sequences, context, last_steps,
ending, ends and opening."""


class MicroBatches(Batch):
    """A batch whose decoding requests are divided into micro batches, one of which is at hand.

    A request decodes with the micro batch in which the last part of its prompt was read. All share
    the queue, the places, the prompt that is read in part and the KV cache. A step is counted when
    it is formed, with the time at which it will end; until then its requests keep their places.

    Parameters
    ----------
    requests, settings, ledger
        As :class:`Batch` takes them.
    lanes : int
        Micro batches, as many as the pipeline has stages [1].

    Attributes
    ----------
    flights : deque of Flight
        Steps under way, the oldest first.
    token_s : list of float
        When each micro batch gave its last tokens, or will [s].
    """

    def __init__(self, requests: Requests, settings: Settings, ledger: Ledger, lanes: int) -> None:
        super().__init__(requests, settings, ledger)
        self.keeps_places = True
        self.flights: deque[Flight] = deque()
        self.token_s = [0.0] * lanes
        self._lanes: list[_Lane] = [
            (0, 0, 0, 0, {}, [], [0] * settings.block_tokens) for _ in range(lanes)
        ]
        self._lane = 0
        self._lane_of: dict[int, int] = {}

    def enter(self, lane: int) -> None:
        """Take a micro batch at hand."""
        if lane == self._lane:
            return
        lanes = self._lanes
        lanes[self._lane] = (
            self.steps, self.sequences, self.context, self.last_steps,
            self.ending, self.ends, self.opening,
        )  # fmt: skip
        (
            self.steps, self.sequences, self.context, self.last_steps,
            self.ending, self.ends, self.opening,
        ) = lanes[lane]  # fmt: skip
        self._lane = lane

    def depart(self, end_s: float) -> None:
        """Let the step that was formed of the micro batch at hand begin, and end at some time."""
        decodes = bool(self.decodes and self.sequences)
        read = frozenset(request for request, *_ in self.chunks)
        before = len(self.leaving)
        self.go_on(1, end_s - self.now, end_s - self.now)
        self.token_s[self._lane] = end_s
        ended = tuple(self.leaving[before:])
        self.flights.append(Flight(self._lane, end_s, decodes, read, ended))

    def land(self) -> float:
        """Let the oldest step leave the last stage, and free what its requests have kept [s]."""
        flight = self.flights.popleft()
        for request in flight.ended:
            if request in self.leaving:
                self.leaving.remove(request)
                self.leave(request)
        if self.held:
            self.held = {one: last for one, last in self.held.items() if last is not flight}
        return flight.end_s

    def decoding(self) -> list[int]:
        """List the requests of the micro batch at hand that decode, in their order."""
        return [one for one in super().decoding() if self._lane_of[one] == self._lane]

    def preempt(self, request: int, *, retract: bool = False) -> None:
        """Take a running request's blocks away; it waits until its steps under way have ended."""
        here, lane = self._lane, self._lane_of.get(request, self._lane)
        last = self._last_flight(request)
        if last is not None and request not in self.leaving:
            self.held[request] = last
        self.enter(lane)
        decoded = self.last_step[request] >= 0
        if decoded:
            self.ending[self.last_step[request]].remove(request)
        super().preempt(request, retract=retract)
        if decoded:
            self.last_token[request] = self.token_s[lane]
        self.enter(here)
        self._lane_of.pop(request, None)

    def _last_flight(self, request: int) -> Flight | None:
        """Give the newest step under way that a request takes part in."""
        lane = self._lane_of.get(request)
        for flight in reversed(self.flights):
            if request in flight.read or (flight.decodes and flight.lane == lane):
                return flight
        return None

    def _join(self, request: int, computed: int, remaining: int) -> None:
        super()._join(request, computed, remaining)
        self._lane_of[request] = self._lane
