"""How vLLM forms a step."""

from __future__ import annotations

from llmcalc_core.simulation.batch import Batch


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
        budget = batch.token_budget - batch.sequences
        if batch.sequences:
            opened = batch.opening[-batch.steps % batch.block_tokens]
            if opened > batch.free:
                _take_in_order(batch)
                budget = batch.token_budget - batch.sequences
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
    order, decoding = list(batch.running), set(batch.decoding())
    place = 0
    while place < len(order):
        request = order[place]
        opens = (batch.steps + batch.offset[request]) % batch.block_tokens == 0
        if request in decoding and opens:
            while not batch.free:
                batch.preempt(order.pop())
                if place == len(order):
                    return
            batch.take(1)
        place += 1


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
