"""Requests that decode together, step after step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush

from llmcalc_core.simulation.request_states import RequestStates


class DecodingSet:
    """Requests that decode a token in each step that decodes.

    All go on together, so that their progress is one number, ``steps``: a request ends when it
    reaches its ``last_step``, and has computed ``steps + offset`` tokens (both of
    :class:`RequestStates`). Nothing is therefore done per sequence and step.

    Parameters
    ----------
    states : RequestStates
        What is known of every request.
    block_tokens : int
        Tokens of a block [tokens].

    Attributes
    ----------
    steps : int
        Steps so far that decoded; a step is counted when it is formed.
    sequences, context : int
        Requests that decode, and tokens that their caches hold in all [tokens].
    last_steps : int
        Sum of ``last_step`` over them.
    """

    __slots__ = (
        "_block_tokens",
        "_ending",
        "_ends",
        "_last_step",
        "_offset",
        "_openings",
        "context",
        "last_steps",
        "sequences",
        "steps",
    )

    def __init__(self, states: RequestStates, block_tokens: int) -> None:
        self._last_step, self._offset = states.last_step, states.offset
        self._block_tokens = block_tokens
        self.steps = self.sequences = self.context = self.last_steps = 0
        self._ending: dict[int, list[int]] = {}  # step -> requests that end with it
        self._ends: list[int] = []  # the steps of _ending, a heap
        self._openings = [0] * block_tokens  # requests, by offset modulo the block

    @property
    def steps_left(self) -> int:
        """Steps until the next one ends."""
        return self._ends[0] - self.steps

    def opened_next(self) -> int:
        """Count the blocks that requests open in the next step."""
        return self._openings[-self.steps % self._block_tokens]

    def opened(self, steps: int) -> int:
        """Count the blocks that requests open that decode so many steps from now on."""
        cycles, rest = divmod(steps, self._block_tokens)
        blocks = cycles * self.sequences
        for step in range(self.steps, self.steps + rest):
            blocks += self._openings[-step % self._block_tokens]
        return blocks

    def opening(self, requests: Iterable[int]) -> list[int]:
        """Choose those requests that open a block in the next step."""
        offset, tokens = self._offset, self._block_tokens
        place = -self.steps % tokens
        return [one for one in requests if offset[one] % tokens == place]

    def join(self, request: int, computed: int, remaining: int) -> None:
        """Let a request decode that has so many tokens still to sample."""
        steps = self.steps
        last = steps + remaining
        offset = computed - steps
        self._last_step[request] = last
        self.last_steps += last
        self._offset[request] = offset
        self.sequences += 1
        self.context += computed
        self._openings[offset % self._block_tokens] += 1
        if last in self._ending:
            self._ending[last].append(request)
        else:
            self._ending[last] = [request]
            heappush(self._ends, last)

    def go_on(self, steps: int) -> Sequence[int]:
        """Decode so many steps, at most up to the next end, and give those who end with them."""
        self.steps = done = self.steps + steps
        self.context += steps * self.sequences
        if self._ends[0] > done:
            return ()
        ended = self._ending.pop(heappop(self._ends))
        for request in ended:
            self._remove(request)
        return ended

    def drop(self, request: int) -> int:
        """Let a request decode no longer, and count the tokens that it has computed."""
        self._ending[self._last_step[request]].remove(request)
        return self._remove(request)

    def _remove(self, request: int) -> int:
        offset = self._offset[request]
        computed = offset + self.steps
        self.sequences -= 1
        self.context -= computed
        self._openings[offset % self._block_tokens] -= 1
        self.last_steps -= self._last_step[request]
        self._last_step[request] = -1
        return computed
