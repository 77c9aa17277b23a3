"""Requests that are still to be sent, in the order in which they will be."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from llmcalc_core.workload.requests import Requests


class ArrivalQueue:
    """Requests to come: at given times, or when another request ends.

    Parameters
    ----------
    requests : Requests
        What is sent.
    finish : list of float
        When each request ended, NaN before; kept up to date by who serves them [s].

    Attributes
    ----------
    sent_s : list of float
        When each request is sent, as far as that is known [s].
    next_s : float
        When the next one is sent; infinite where none is known [s].
    follows : bool
        Whether ends of requests send others, so that :meth:`note_end` must know of them.
    """

    __slots__ = (
        "_after",
        "_count",
        "_due",
        "_finish",
        "_followers",
        "_listed",
        "_next",
        "_started",
        "follows",
        "next_s",
        "sent_s",
    )

    def __init__(self, requests: Requests, finish: list[float]) -> None:
        self.sent_s: list[float] = requests.arrival_s.tolist()
        self._finish = finish
        self._count = len(requests)
        self._started = self._listed = min(requests.concurrency or self._count, self._count)
        self._next = 0
        self._after: list[int] = requests.after.tolist() if (requests.after >= 0).any() else []
        self._followers: dict[int, int] = {}  # request -> the one that waits for its end
        self.follows = bool(self._after) or self._started < self._count
        self._due: list[tuple[float, int]] = []  # requests that others' ends have sent, a heap
        self.next_s = self._earliest()

    def sent_by(self, until: float) -> Sequence[int]:
        """Give the requests that are sent by then, each once."""
        if self.follows:
            return list(self._one_by_one(until))
        first = self._next
        self._next = last = bisect_right(self.sent_s, until, first)
        self.next_s = self.sent_s[last] if last < self._count else math.inf
        return range(first, last)

    def _one_by_one(self, until: float) -> Iterator[int]:
        """Give the requests that are sent by then where ends of others send some."""
        while self.next_s <= until:
            if self._due and self._due[0][0] == self.next_s:
                yield heappop(self._due)[1]
            else:
                request = self._next
                self._next += 1
                if not self._after or not self._must_wait(request, self._after[request]):
                    yield request
            self.next_s = self._earliest()

    def note_end(self, request: int, now: float) -> None:
        """Send what waited for this end."""
        if self._started < self._count:  # a closed loop
            self._send(self._started, now)
            self._started += 1
        if request in self._followers:
            self._send(self._followers.pop(request), now)

    def _earliest(self) -> float:
        """Look up when the next request is sent."""
        listed = self.sent_s[self._next] if self._next < self._listed else math.inf
        return min(listed, self._due[0][0]) if self._due else listed

    def _must_wait(self, request: int, before: int) -> bool:
        """Whether a request that is due must wait for another one's end."""
        if before < 0 or self._finish[before] <= self.sent_s[request]:
            return False
        if math.isnan(self._finish[before]):
            self._followers[before] = request
        else:
            self._send(request, self._finish[before])
        return True

    def _send(self, request: int, when: float) -> None:
        """Send a request that an end has allowed."""
        self.sent_s[request] = when
        heappush(self._due, (when, request))
        self.next_s = self._earliest()
