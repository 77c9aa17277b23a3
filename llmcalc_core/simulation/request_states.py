"""What is known of every request while it is served, and which are still to be sent."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from llmcalc_core.simulation.front_end import FrontEnd
from llmcalc_core.simulation.outcome import NO_OVERHEADS, Overheads
from llmcalc_core.workload.requests import Requests


class ArrivalQueue:
    """Requests to come: at given times, or when a client has seen the answer to another one.

    Parameters
    ----------
    requests : Requests
        What is sent.
    first_token, finish : list of float
        When each request gave its first and its last token, NaN before; kept up to date by who
        serves them [s].
    overheads : Overheads
        What clients wait outside of steps.
    front_end : FrontEnd
        What sends them their tokens.

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
        "_clients",
        "_count",
        "_due",
        "_ended",
        "_finish",
        "_first_token",
        "_followers",
        "_front_end",
        "_latest",
        "_listed",
        "_next",
        "_outputs",
        "_overheads",
        "_seen",
        "_started",
        "follows",
        "next_s",
        "sent_s",
    )

    def __init__(
        self,
        requests: Requests,
        first_token: list[float],
        finish: list[float],
        overheads: Overheads,
        front_end: FrontEnd,
    ) -> None:
        self._front_end = front_end
        self.sent_s: list[float] = requests.arrival_s.tolist()
        self._outputs: list[int] = requests.output_tokens.tolist()
        self._first_token, self._finish, self._overheads = first_token, finish, overheads
        self._count = len(requests)
        self._started = self._listed = min(requests.concurrency or self._count, self._count)
        self._next = 0
        self._after: list[int] = requests.after.tolist() if (requests.after >= 0).any() else []
        self._followers: dict[int, int] = {}  # request -> the one that waits for its end
        self.follows = bool(self._after) or self._started < self._count
        self._due: list[tuple[float, int]] = []  # requests that others' ends have sent, a heap
        self._clients: list[float] = []  # when clients of a closed loop send their next one, a heap
        self._seen: dict[int, float] = {}  # request -> when its client saw its end
        self._ended = 0  # all requests before this one have ended,
        self._latest = -math.inf  # the last of them then
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
            if self._clients and self._clients[0] == self.next_s:
                self.sent_s[self._started] = heappop(self._clients)
                yield self._started
                self._started += 1
                if self._started == self._count:
                    self._clients.clear()
            elif self._due and self._due[0][0] == self.next_s:
                yield heappop(self._due)[1]
            else:
                request = self._next
                self._next += 1
                if not self._after or not self._must_wait(request, self._after[request]):
                    yield request
            self.next_s = self._earliest()

    def note_end(self, request: int, now: float) -> None:
        """Send what waits for this end once the client has seen it."""
        if self._started == self._count and not self._after:
            return
        seen = now + self._later_s(request, now)
        if self._started < self._count:  # a closed loop
            heappush(self._clients, seen)
        if self._after:
            self._seen[request] = seen
            if request in self._followers:
                self._send(self._followers.pop(request), seen)
        self.next_s = self._earliest()

    def _later_s(self, request: int, now: float) -> float:
        """Give how long after the end of a request its client sees it [s]."""
        gaps = self._outputs[request] - 1
        step = (now - self._first_token[request]) / gaps if gaps else 0.0
        while self._ended < request and not math.isnan(self._finish[self._ended]):
            self._latest = max(self._latest, self._finish[self._ended])
            self._ended += 1
        busy = self._ended < request or self._latest > self.sent_s[request]
        return self._overheads.later_s(step, busy=busy) + self._front_end.later_s(now)

    def _earliest(self) -> float:
        """Look up when the next request is sent."""
        earliest = self.sent_s[self._next] if self._next < self._listed else math.inf
        if self._due:
            earliest = min(earliest, self._due[0][0])
        return min(earliest, self._clients[0]) if self._clients else earliest

    def _must_wait(self, request: int, before: int) -> bool:
        """Whether a request that is due must wait until the end of another one is seen."""
        if before < 0:
            return False
        seen = self._seen.get(before)
        if seen is None:
            self._followers[before] = request
        elif seen <= self.sent_s[request]:
            return False
        else:
            self._send(request, seen)
        return True

    def _send(self, request: int, when: float) -> None:
        """Send a request that an end has allowed."""
        self.sent_s[request] = when
        heappush(self._due, (when, request))


class RequestStates:
    """Lists by request, and times that do not belong to one; what serves them shares them.

    Parameters
    ----------
    requests : Requests
        What is sent.
    block_tokens : int
        Tokens of a block [tokens].
    overheads : Overheads
        What clients wait outside of steps.

    Attributes
    ----------
    inputs, outputs : list of int
        Tokens of prompts and answers [tokens].
    whole_blocks : list of int
        Blocks that each takes in the end [blocks].
    goal : list of int
        Tokens to compute before a next one can be sampled [tokens].
    last_step, offset : list of int
        At which step of its batch it ends, -1 where it does not decode; tokens computed less steps.
    start, first_token, finish : list of float
        When each was first let in, gave its first and its last token; NaN before [s].
    preemptions, cached : dict of int to int
        How often requests lost their blocks [1], and tokens that the cache held at first [tokens].
    last_token : dict of int to float
        When a preempted request got its last token [s].
    late_tokens : list of float
        Times between two tokens with a preemption between [s].
    front_end : FrontEnd
        What sends tokens to clients.
    arrivals : ArrivalQueue
        Requests that are still to be sent.
    """

    def __init__(
        self, requests: Requests, block_tokens: int, overheads: Overheads = NO_OVERHEADS
    ) -> None:
        count = len(requests)
        self.inputs: list[int] = requests.input_tokens.tolist()
        self.outputs: list[int] = requests.output_tokens.tolist()
        whole = -(-(requests.input_tokens + requests.output_tokens) // block_tokens)
        self.whole_blocks: list[int] = whole.tolist()
        self.goal: list[int] = list(self.inputs)
        self.last_step = [-1] * count
        self.offset = [0] * count
        self.start = [math.nan] * count
        self.first_token = [math.nan] * count
        self.finish = [math.nan] * count
        self.preemptions: dict[int, int] = {}
        self.cached: dict[int, int] = {}
        self.last_token: dict[int, float] = {}
        self.late_tokens: list[float] = []
        self.front_end = FrontEnd(overheads.stream_token_s)
        self.arrivals = ArrivalQueue(
            requests, self.first_token, self.finish, overheads, self.front_end
        )
