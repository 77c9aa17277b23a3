"""How TensorRT-LLM forms a step."""

from __future__ import annotations

from llmcalc_core.simulation.batch import Batch


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
        budget = batch.token_budget - batch.sequences
        if batch.sequences:
            batch.take(batch.opening[-batch.steps % tokens])
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
