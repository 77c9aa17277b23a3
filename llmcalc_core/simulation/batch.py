"""What a scheduler knows between two steps: who waits, who runs, and which blocks are free."""

from __future__ import annotations

import math
from collections import deque

from llmcalc_core.simulation.decoding_set import DecodingSet
from llmcalc_core.simulation.prefix_cache import PrefixCache
from llmcalc_core.simulation.request_states import RequestStates
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.workload.requests import Requests

NO_LIMIT = 2**62
"""More steps than any run takes."""


class Batch:
    """Requests on their way through an engine, and its KV blocks.

    A request *waits*, then runs: it *reads* its prompt, in one step or several, and then *decodes*
    a token in each step that decodes, together with all others that do.

    Parameters
    ----------
    requests : Requests
        What is sent.
    settings : Settings
        How the engine is set up.
    states : RequestStates
        What is known of every request; other batches may share it. Its lists are attributes here.

    Attributes
    ----------
    now : float
        When the step last formed ends [s].
    view : float
        What has come by then is known to the next call of the scheduler [s].
    decoders : DecodingSet
        Requests that decode.
    waiting : deque of int
        Requests that wait, the next one first.
    running : dict of int to None
        Requests that run, in the order in which they were let in.
    reading : int
        The running request whose prompt is read in part; -1 for none. It is the last one.
    read : int
        Its tokens computed [tokens].
    chunks : list of tuple
        Parts of prompts in the step being formed: request, new tokens, tokens computed before.
    preempted : list of int
        Requests that lost their blocks when the step was formed.
    held : dict of int to object
        Requests that wait for the end of a step of theirs; none but in a pipeline.
    leaving : list of int
        Requests whose last token is computed but not yet known to the scheduler; they keep their
        place and their blocks.
    free : int
        Blocks that nobody uses [blocks].
    reserved : int
        Blocks of all running requests at their ends [blocks].
    decodes : bool
        Whether those that decode take part in the step being formed.
    most_decode_steps : int
        After how many steps that only decode the policy must be asked again.
    keeps_places : bool
        Whether requests that have ended are still there when the next step is formed.
    fills_at_once : bool
        Whether prompts of a step find what others of the same step compute, or only later ones do.
    left : int
        Requests that have not ended; with others beside, less those that ended here.
    """

    def __init__(self, requests: Requests, settings: Settings, states: RequestStates) -> None:
        tokens = settings.block_tokens
        self.block_tokens = tokens
        self.token_budget = settings.token_budget
        self.max_num_seqs = settings.max_num_seqs
        self.lag = settings.steps_ahead
        self.keeps_places = bool(settings.steps_ahead)
        self.kv_blocks = settings.kv_blocks
        self.prefixes = PrefixCache(requests, tokens) if settings.prefix_caching else None

        self.now = self.view = 0.0
        self.decoders = DecodingSet(states, tokens)
        self.waiting: deque[int] = deque()
        self.running: dict[int, None] = {}
        self.reading = -1
        self.read = 0
        self.chunks: list[tuple[int, int, int]] = []
        self.preempted: list[int] = []
        self.held: dict[int, object] = {}
        self.leaving: list[int] = []
        self.free = settings.kv_blocks
        self.reserved = 0
        self.decodes = True
        self.most_decode_steps = NO_LIMIT
        self.fills_at_once = True

        self.left = len(requests)
        self.inputs, self.outputs, self.whole_blocks = (
            states.inputs, states.outputs, states.whole_blocks
        )  # fmt: skip
        self.goal, self.last_step = states.goal, states.last_step
        self.start, self.first_token, self.finish = states.start, states.first_token, states.finish
        self.preemptions, self.cached = states.preemptions, states.cached
        self.last_token, self.late_tokens = states.last_token, states.late_tokens
        self.arrivals, self.front_end = states.arrivals, states.front_end

    def take(self, blocks: int) -> None:
        """Use free blocks, and forget what idle ones among them held."""
        self.free -= blocks
        prefixes = self.prefixes
        if prefixes is not None and prefixes.idle > self.free:
            prefixes.evict(prefixes.idle - self.free)

    def generated(self, request: int) -> int:
        """Count the tokens that a request which decodes has sampled."""
        return self.outputs[request] - self.last_step[request] + self.decoders.steps

    def set_aside(self) -> list[int]:
        """Take those that are held out of the waiting ones; the last of them first."""
        aside = [one for one in reversed(self.waiting) if one in self.held]
        for one in aside:
            self.waiting.remove(one)
        return aside

    def decoding(self) -> list[int]:
        """List the requests that decode in the next step that does, in their order."""
        return [one for one in self.running if self.last_step[one] >= 0]

    def admit(self, budget: int, blocks: int, found: tuple[int, int]) -> int:
        """Let the first waiting request run, and read its prompt as far as the budget goes.

        Parameters
        ----------
        budget : int
            Tokens that the step has room for [tokens].
        blocks : int
            Blocks for what it must compute [blocks].
        found : tuple of int
            Those of them that are cached, and how many of these are idle, see
            :meth:`PrefixCache.find` [blocks].

        Returns
        -------
        int
            Tokens that are read [tokens].
        """
        request = self.waiting.popleft()
        self.running[request] = None
        self.reserved += self.whole_blocks[request]
        hit, idle = found
        before: int = hit * self.block_tokens
        new = self.goal[request] - before
        if new > budget:
            new = budget
            self.reading = request
            self.read = before + new
            blocks = -(-self.read // self.block_tokens)
        prefixes = self.prefixes
        if prefixes is None:
            self.free -= blocks
        else:
            prefixes.take(request)
            self.free -= idle
            self.take(blocks - hit)
            if self.fills_at_once:
                prefixes.fill(request, before + new)
            if hit and request not in self.preemptions:
                self.cached[request] = before
        if math.isnan(self.start[request]):
            self.start[request] = self.now
        self.chunks.append((request, new, before))
        return new

    def read_on(self, new: int) -> None:
        """Read a further part of the prompt that is read in part; its blocks must be free."""
        request, before = self.reading, self.read
        tokens = self.block_tokens
        self.read = before + new
        self.take(-(-self.read // tokens) - -(-before // tokens))
        if self.prefixes is not None and self.fills_at_once:
            self.prefixes.fill(request, self.read)
        if self.read == self.goal[request]:
            self.reading = -1
        self.chunks.append((request, new, before))

    def go_on(self, steps: int, seconds: float, last: float) -> None:
        """Let the steps that were formed end.

        Parameters
        ----------
        steps : int
            How many.
        seconds, last : float
            Time of all of them, and of the last one [s].
        """
        start = self.now
        self.now += seconds
        if self.lag:
            self.view = start if steps == 1 else self.now - last
        else:
            self.view = self.now
        decoders = self.decoders
        if self.front_end.token_s:
            decoding = steps * decoders.sequences if self.decodes else 0
            self.front_end.note(self.now, decoding + len(self.chunks))
        if decoders.sequences and self.decodes:
            for request in decoders.go_on(steps):
                self._end(request)
        if self.chunks:
            if self.prefixes is not None and not self.fills_at_once:
                for request, new, before in self.chunks:
                    self.prefixes.fill(request, before + new)
            self._sample()
            self.chunks = []
        if self.preempted:
            self.preempted = []

    def _sample(self) -> None:
        """Give a token to each request whose prompt is complete with this step."""
        goals, inputs, outputs, now = self.goal, self.inputs, self.outputs, self.now
        for request, new, before in self.chunks:
            goal = goals[request]
            if before + new < goal:
                continue
            if goal == inputs[request]:
                self.first_token[request] = now
            else:
                self.late_tokens.append(now - self.last_token.pop(request))
            remaining = outputs[request] + inputs[request] - goal - 1
            if remaining:
                self._join(request, goal, remaining)
            else:
                self._end(request)

    def _join(self, request: int, computed: int, remaining: int) -> None:
        """Let a request decode that has so many tokens still to sample."""
        self.decoders.join(request, computed, remaining)

    def _end(self, request: int) -> None:
        """Note the end of a request, send those that waited for it, free its place and blocks."""
        self.finish[request] = self.now
        self.left -= 1
        if self.arrivals.follows:
            self.arrivals.note_end(request, self.now)
        if self.keeps_places:
            self.leaving.append(request)
        else:
            self.leave(request)

    def leave(self, request: int) -> None:
        """Free the place and the blocks of a request that has ended."""
        del self.running[request]
        self.reserved -= self.whole_blocks[request]
        computed = self.inputs[request] + self.outputs[request] - 1
        if self.prefixes is None:
            self.free -= -computed // self.block_tokens
        else:
            self.free += self.prefixes.release(request, computed, computed)
            self.prefixes.forget(request)

    def let_leave(self, count: int) -> None:
        """Free what the first ``count`` of those that are leaving have kept."""
        for request in self.leaving[:count]:
            self.leave(request)
        del self.leaving[:count]

    def preempt(self, request: int, *, retract: bool = False) -> None:
        """Take a running request's blocks away, and let it wait as the next one.

        What it has computed is lost; what it has sampled becomes part of its prompt. One that is
        leaving goes at once.

        Parameters
        ----------
        request : int
            Which request.
        retract : bool, default False
            Whether it waits as the last one, and none of its own blocks stays cached.
        """
        self.preempted.append(request)
        self.preemptions[request] = self.preemptions.get(request, 0) + 1
        if request in self.leaving:
            self.leaving.remove(request)
            self.leave(request)
            return
        del self.running[request]
        self.reserved -= self.whole_blocks[request]
        if retract:
            self.waiting.append(request)
        else:
            self.waiting.appendleft(request)
        if request == self.reading:
            computed = known = self.read
            self.reading = -1
        else:
            generated = self.generated(request)
            computed = self.decoders.drop(request)
            known = computed if computed == self.goal[request] else computed - self.lag
            self.goal[request] = self.inputs[request] + generated
            self.last_token[request] = self.now
        if self.prefixes is None:
            self.free -= -computed // self.block_tokens
        else:
            self.free += self.prefixes.release(request, computed, 0 if retract else known)
