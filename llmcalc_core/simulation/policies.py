"""How engines form a step: the rules of each by which it schedules."""

from __future__ import annotations

from llmcalc_core.simulation.batch import NO_LIMIT, Batch


class VllmPolicy:
    """Rules of vLLM 0.33.0.

    They agree with its own scheduler step by step (``tests/core/simulation/test_vllm_truth.py``).

    ``vllm/v1/core/sched/scheduler.py``, ``Scheduler.schedule``, with its defaults (chunked prefill,
    first come first served, ``scheduler_reserve_full_isl``, no watermark, no
    ``long_prefill_token_threshold``), read 2026-11-30:

    1. Running requests come first, in the order in which they were let in: each that decodes takes
       one token of the budget, the rest of a prompt as many as are left. Only the last one let in
       can have a prompt that is not read to its end.
    2. Where a running request finds no free block, the last running one is preempted
       (``_preempt_request``): it loses all its blocks, waits as the first one, and computes its
       prompt and what it has answered again. A step that preempts lets nobody in.
    3. Waiting requests follow in their order while the budget, ``max_num_seqs`` and free blocks
       last. All tokens that a request must compute need to have room
       (``KVCacheManager.allocate_slots``, ``full_sequence_must_fit``), though it takes blocks only
       for those of the step. The first one without room holds all others back. The last prompt is
       cut where the budget ends.
    4. With pipeline stages a request that was preempted while a step of it was under way is passed
       over until that step has ended (``num_stale_output_tokens``).
    5. A request that has ended keeps its place and its blocks until its last token is known: with
       ``async_scheduling`` (``AsyncScheduler``) for one more step.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def form_step(self) -> None:
        """Choose what the next step holds."""
        batch = self._batch
        decoders = batch.decoders
        budget = batch.token_budget - decoders.sequences
        if decoders.sequences:
            opened = decoders.opened_next()
            if opened > batch.free:
                _take_in_order(batch)
                budget = batch.token_budget - decoders.sequences
            elif opened:
                batch.take(opened)
        if batch.reading >= 0:
            budget -= _read_on(batch, budget)
        if batch.preempted:
            return
        waiting, running = batch.waiting, batch.running
        aside = batch.set_aside() if batch.held else ()
        while waiting and budget > 0 and len(running) < batch.max_num_seqs:
            request = waiting[0]
            goal = batch.goal[request]
            blocks = -(-goal // batch.block_tokens)
            found = (0, 0) if batch.prefixes is None else batch.prefixes.find(request, goal)
            if blocks - found[0] + found[1] > batch.free:
                break
            budget -= batch.admit(budget, blocks, found)
        waiting.extendleft(aside)


def _take_in_order(batch: Batch) -> None:
    """Give blocks to those that decode, in their order; for want of them, preempt the last one."""
    order = list(batch.running)
    for request in batch.decoders.opening(batch.decoding()):
        if request not in batch.running:
            return
        while not batch.free:
            last = order.pop()
            batch.preempt(last)
            if last == request:
                return
        batch.take(1)


def _read_on(batch: Batch, budget: int) -> int:
    """Read the prompt that is read in part, or preempt it for want of blocks; count its tokens."""
    request, read = batch.reading, batch.read
    new = min(batch.goal[request] - read, budget)
    tokens = batch.block_tokens
    if -(-(read + new) // tokens) - -(-read // tokens) > batch.free:
        batch.preempt(request)
        return 0
    batch.read_on(new)
    return new


FIRST_RATIO = 0.7
"""Share of the longest answer that a request is taken to need at first [1]
(``SGLANG_INIT_NEW_TOKEN_RATIO``)."""

LEAST_RATIO = FIRST_RATIO * 0.14
"""Share that it falls to [1] (``SGLANG_MIN_NEW_TOKEN_RATIO_FACTOR``)."""

FALL = (FIRST_RATIO - LEAST_RATIO) / 600
"""By how much in a step that decodes [1] (``SGLANG_NEW_TOKEN_RATIO_DECAY_STEPS``)."""

LONGEST_ANSWER = 4096
"""Most tokens of an answer that room is kept for [tokens]
(``SGLANG_CLIP_MAX_NEW_TOKENS_ESTIMATION``)."""

RETRACT_STEPS = 20
"""Steps ahead that a retraction looks [1] (``SGLANG_RETRACT_DECODE_STEPS``)."""


class SglangPolicy:
    """Rules of SGLang.

    ``python/sglang/srt/managers/schedule_policy.py`` (00550cd1), and ``scheduler.py``,
    ``schedule_batch.py`` and ``environ.py`` in copies whose commit is not known; read 2026-11-30.
    With its defaults (``schedule_policy`` fcfs, no ``enable_mixed_chunk``):

    1. Prompts come first (``Scheduler.get_next_batch_to_run``): while one waits and has room, a
       step reads prompts alone, up to ``chunked_prefill_size`` tokens, and nobody decodes. The last
       one is cut to whole blocks, and the next step goes on with it
       (``PrefillAdder.add_chunked_req``).
    2. A request is let in if the free tokens hold more than what it must compute, its whole answer
       (``LONGEST_ANSWER`` at most), a block, and what running requests are taken to need:
       ``new_token_ratio`` of the rest of their answers (``PrefillAdder.add_one_req``). If it has no
       room, or ``max_running_requests`` run, nobody is looked at again until a request has ended or
       was retracted, and one more step has decoded (``batch_is_full``, ``update_running_batch``).
    3. That ratio falls with each step that decodes, and starts anew when the server is idle.
    4. If those that decode find too few free blocks, the ones with the fewest answered tokens lose
       theirs, of these the one with the longest prompt first (``ScheduleBatch.retract_decode``).
       One stays, unless it can wait for blocks of those that have just ended. They wait as the last
       ones, and the ratio becomes what the others have answered, and will in ``RETRACT_STEPS``, of
       all they may.
    5. A prompt finds in the prefix cache what earlier steps have computed
       (``Req.init_next_round_input``), here in whole blocks, though its tree keeps single tokens.

    Compared line by line with 00550cd1. Not followed: with its overlap scheduler a request that has
    ended takes part in one decode step more, whose token is thrown away
    (``process_batch_result_decode``); ``max_prefill_tokens``, twice the default
    ``chunked_prefill_size``; the other count of room where clients set ``ignore_eos`` and the radix
    cache is off (``add_one_req_ignore_eos``).
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        batch.fills_at_once = False
        self._full = False
        self._left = batch.left
        self._ratio = FIRST_RATIO
        self._since = 0  # step from which on the ratio falls
        self._clips = max(batch.outputs) > LONGEST_ANSWER

    def form_step(self) -> None:
        """Choose what the next step holds."""
        batch = self._batch
        batch.most_decode_steps = NO_LIMIT
        left = batch.left + len(batch.leaving)
        if left < self._left and not batch.decodes:
            self._left, self._full = left, False
        if batch.reading >= 0 or (batch.waiting and not self._full):
            self._read_prompts()
        batch.decodes = not batch.chunks
        if batch.chunks:
            return
        decoders = batch.decoders
        if not decoders.sequences:
            self._left, self._full = left, False
            self._ratio, self._since = FIRST_RATIO, decoders.steps
            return
        opened = decoders.opened_next()
        if opened > batch.free:
            opened = self._retract(opened)
            self._full = False
        batch.take(opened)
        if left < self._left:
            self._left, self._full = left, False
        if batch.waiting and not self._full:
            batch.most_decode_steps = 1

    def _read_prompts(self) -> None:
        """Fill a step with prompts."""
        batch = self._batch
        tokens = batch.block_tokens
        budget = batch.token_budget
        room = batch.free * tokens - self._expected()
        if batch.reading >= 0:
            request = batch.reading
            new = min(
                batch.goal[request] - batch.read,
                min(budget, int(room)) if room >= 1 else budget,
                (batch.free - -batch.read // tokens) * tokens - batch.read,
            )
            if new <= 0:
                return
            batch.read_on(new)
            if batch.reading >= 0:
                return
            paged = -(-new // tokens) * tokens
            budget -= paged
            room -= paged + self._answer(request) + tokens
        places = batch.max_num_seqs - batch.decoders.sequences - len(batch.leaving)
        while batch.waiting and budget > 0:
            if len(batch.chunks) >= places or room <= 0:
                self._full = True
                return
            request = batch.waiting[0]
            goal = batch.goal[request]
            found = (0, 0) if batch.prefixes is None else batch.prefixes.find(request, goal)
            new = goal - found[0] * tokens
            room -= found[1] * tokens
            if new + self._rest(request) + tokens >= room:
                self._full = True
                return
            paged = -(-new // tokens) * tokens
            if paged > budget:
                budget -= budget % tokens
                if budget:
                    batch.admit(budget, -(-goal // tokens), found)
                return
            batch.admit(new, -(-goal // tokens), found)
            budget -= paged
            room -= paged + self._answer(request) + tokens

    def _expected(self) -> float:
        """Tokens that running requests are taken to need."""
        batch = self._batch
        decoders, steps = batch.decoders, batch.decoders.steps
        rest = decoders.last_steps - decoders.sequences * steps
        if self._clips:
            ends = (batch.last_step[one] for one in batch.decoding())
            rest = sum(min(end - steps, LONGEST_ANSWER) for end in ends)
        fallen = FALL * max(steps - self._since, 0)
        return rest * max(self._ratio - fallen, LEAST_RATIO)

    def _answer(self, request: int) -> int:
        """Tokens that room is kept for when a request is let in."""
        return min(self._batch.outputs[request], LONGEST_ANSWER)

    def _rest(self, request: int) -> int:
        """Tokens that a waiting request may still answer, as far as room is kept for them."""
        batch = self._batch
        rest = batch.outputs[request] + batch.inputs[request] - batch.goal[request]
        return min(rest, LONGEST_ANSWER)

    def _retract(self, opened: int) -> int:
        """Take blocks away until the others have enough, and count the blocks that they open."""
        batch = self._batch
        order = sorted(batch.decoding(), key=lambda one: (-batch.generated(one), batch.inputs[one]))
        while opened > batch.free and (len(order) > 1 or batch.leaving):
            request = order.pop()
            opened -= len(batch.decoders.opening([request]))
            batch.preempt(request, retract=True)
        answered = sum(batch.generated(one) for one in order)
        whole = sum(batch.outputs[one] for one in order)
        self._ratio = min(1.0, (answered + RETRACT_STEPS * len(order)) / (whole + 1))
        self._since = batch.decoders.steps + 1
        return opened


class TensorRTLLMPolicy:
    """Rules of TensorRT-LLM's PyTorch executor.

    ``tensorrt_llm/_torch/pyexecutor/scheduler/scheduler.py`` (002f3cc3, read 2026-11-30), with its
    defaults (``capacity_scheduler_policy=GUARANTEED_NO_EVICT``):

    1. Requests that generate come first, and take a token each
       (``PyMicroBatchScheduler.schedule``).
    2. Waiting requests follow in their order while ``max_batch_size`` lasts and the cache has room
       for all tokens of all running requests, answers included (``GuaranteedNoEvictPolicy``): so
       none ever loses its blocks. The first one without room holds all others back. Blocks that
       are in the cache count as if they were computed. A prompt finds there what others of its
       step compute; the engine lets it wait for one step instead (``_beneficial_to_skip``).
    3. Prompts are read whole: one that is longer than what is left of ``max_num_tokens`` waits for
       the next step. Where a prompt is longer than ``max_num_tokens`` itself, which the engine
       serves only with ``enable_chunked_prefill``, all are cut where the budget ends, to whole
       blocks (``_chunk_fcfs``).

    Compared line by line with 002f3cc3. Not followed: what is left of a budget after such a cut,
    less than a block, can still hold a whole prompt that is shorter; in a pipeline
    ``max_batch_size`` is of each micro batch.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._cuts = max(batch.inputs) > batch.token_budget

    def form_step(self) -> None:
        """Choose what the next step holds."""
        batch = self._batch
        tokens = batch.block_tokens
        budget = batch.token_budget - batch.decoders.sequences
        if batch.decoders.sequences:
            batch.take(batch.decoders.opened_next())
        if batch.reading >= 0:
            remaining = batch.goal[batch.reading] - batch.read
            new = remaining if remaining <= budget else budget - budget % tokens
            if new:
                batch.read_on(new)
            budget -= new
            if batch.reading >= 0:
                return
        waiting, running = batch.waiting, batch.running
        while waiting and budget > 0 and len(running) < batch.max_num_seqs:
            request = waiting[0]
            if batch.reserved + batch.whole_blocks[request] > batch.kv_blocks:
                return
            goal = batch.goal[request]
            found = (0, 0) if batch.prefixes is None else batch.prefixes.find(request, goal)
            if goal - found[0] * tokens > budget:
                budget -= budget % tokens
                if not (self._cuts and budget):
                    return
            budget -= batch.admit(budget, -(-goal // tokens), found)


Policy = VllmPolicy | SglangPolicy | TensorRTLLMPolicy

RULES: dict[str, type[Policy]] = {
    "vllm": VllmPolicy,
    "sglang": SglangPolicy,
    "trtllm": TensorRTLLMPolicy,
}
"""By the names of :data:`llmcalc_core.simulation.settings.POLICIES`."""
