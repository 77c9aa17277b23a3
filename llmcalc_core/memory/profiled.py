"""What an engine finds beside weights and cache when it starts: vLLM's dummy step and sampler.

vLLM runs a step of its whole token budget with dummy prompts, then a sampler for as many requests
as it runs at once, and keeps the peak free (``profile_run`` and ``determine_available_memory`` of
vllm/v1/worker/gpu_worker.py 0.33, read 2026-11-30).
"""

from __future__ import annotations

import numpy as np

from llmcalc_core.defaults import MEMORY_FRACTION
from llmcalc_core.engines import Engine, release_of
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.single_numbers import larger, smaller
from llmcalc_core.workload.grid import Grid

SORTED_BYTES = 39.0
"""Bytes of the dummy sampler for each request and token of the vocabulary.

Logits and their copy in 32 bits, sorted values, positions of 64 bits, probabilities and masks of
top-k and top-p: 38.4 to 39.9 in eleven start-up logs of vLLM on H100, A100, T4 and V100, whatever
the tensor parallel width, as every device samples from gathered logits."""

SAMPLER_BYTES = 14.0
"""The same where nothing is sorted: logits of 16 bits, their copy, probabilities and the draws that
they are divided by in 32 bits (``apply_top_k_top_p_triton`` and ``random_sample`` of 0.19)."""

NOT_SORTED = (0, 17)
"""The version of vLLM from which a Triton kernel masks logits in place (pull request 33538, begun
in February 2026: in 0.19, not in 0.14)."""

CONTEXT_GIB = 0.3, 0.47
"""What the context of CUDA takes, on devices with less outside of PyTorch and on large ones. vLLM
counted it while it took all that was in use for its own (``determine_available_memory`` of 0.6.3
and 0.8.5, no more in 0.7.3's first engine and in 0.9.2): 0.35 GiB in all in a log of an RTX 3090;
of large ones assumed, about what an H100 takes [GiB]."""

_LARGE_GIB = 0.06
"""What large devices have more than outside of PyTorch where they are alone [GiB]."""

CONTEXT_NOT_COUNTED = (0, 9, 2)
_FIRST_ENGINE_MEASURES, _SECOND_ENGINE = (0, 6, 6), (0, 8)

SHARES = (((0, 21), 0.92), ((0,), 0.9))
"""Default of ``gpu_memory_utilization`` since a version: since captured graphs are counted more of
the device is asked for (vllm/config/cache.py of 0.19.0 and 0.22.0)."""

GRAPHS_COUNTED = (0, 21)
"""The version of vLLM from which captured graphs are counted before the pool is sized
(``VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS``)."""

GRAPHS_GIB = 0.6
"""What captured graphs take, which vLLM counts from version 0.21 on: 0.1 to 2.2 GiB in 18 logs, of
which this is the median; no rule explains them, so that it is assumed [GiB]."""


def sampler_bytes(vocabulary: int, grid: Grid) -> float:
    """Count the peak of the dummy sampler of vLLM, of as many requests as it runs at once [bytes].

    Parameters
    ----------
    vocabulary : int
        Tokens that are chosen from.
    grid : Grid
        Its engine and chunk.
    """
    requests = min(float(grid.engine.max_num_seqs), grid.token_budget)
    each = SAMPLER_BYTES if is_since(grid.engine, NOT_SORTED) else SORTED_BYTES
    return each * requests * vocabulary


def profiled_tokens(grid: Grid) -> Values:
    """Give the tokens of the step that vLLM profiles [tokens].

    Its first engine reads prompts whole: ``max(max_model_len, 2048)`` tokens, or 2,048 where
    contexts are longer than 32,768, whose prompts it reads in chunks
    (``EngineArgs.create_engine_config`` and ``SchedulerConfig`` of 0.7.3, read 2026-11-30).

    Parameters
    ----------
    grid : Grid
        Its engine and lengths.
    """
    if not grid.engine.budget_by_length:
        return grid.token_budget
    length = grid.inputs + grid.outputs
    return np.where(length > _LONG_CONTEXT, _LEAST_BUDGET, np.maximum(length, _LEAST_BUDGET))


_LEAST_BUDGET, _LONG_CONTEXT = 2048.0, 32_768


def outside_bytes(engine: Engine, *, stage_devices: Values, stages: Values) -> Values:
    """Count what lies outside of PyTorch on each device of vLLM, with the buffers of NCCL [bytes].

    Parameters
    ----------
    engine : Engine
        In its version, on its device.
    stage_devices, stages : float or array
        Devices of a stage of a pipeline, which exchange results, and its stages [1].
    """
    alone, second, further = engine.outside_gib
    beyond_one = smaller(stage_devices * stages - 1, 1)  # 0 or 1
    gib = alone + second * beyond_one + further * larger(stage_devices - 2, 0)
    if _counts_context(engine):
        gib = gib + CONTEXT_GIB[alone > _LARGE_GIB]
    return gib * 2.0**30


def _counts_context(engine: Engine) -> bool:
    if is_since(engine, CONTEXT_NOT_COUNTED):
        return False
    return is_since(engine, _SECOND_ENGINE) or not is_since(engine, _FIRST_ENGINE_MEASURES)


def default_share(engine: Engine) -> float:
    """Give the share of a device, or of what is free, that an engine asks for where told none [1].

    Examples
    --------
    >>> from llmcalc_core.engines import find_engine
    >>> default_share(find_engine("vllm", "0.11")), default_share(find_engine("vllm"))
    (0.9, 0.92)
    >>> default_share(find_engine("trtllm"))
    0.9
    """
    if engine.name != "vllm":
        return MEMORY_FRACTION
    return next(share for since, share in SHARES if is_since(engine, since))


def graph_bytes(engine: Engine) -> float:
    """Count captured graphs where they are counted before the pool is sized, else nothing [bytes].

    Parameters
    ----------
    engine : Engine
        In its version, as it is told to run.
    """
    counted = is_since(engine, GRAPHS_COUNTED) and engine.captured_sequences > 0
    return GRAPHS_GIB * 2.0**30 * counted


def is_since(engine: Engine, version: tuple[int, ...]) -> bool:
    """Tell whether an engine is of this version or a later one; the newest where it does not say.

    Examples
    --------
    >>> from llmcalc_core.engines import find_engine
    >>> is_since(find_engine("vllm", "0.11.2"), (0, 21)), is_since(find_engine("vllm"), (0, 21))
    (False, True)
    """
    return (release_of(engine.version) or version) >= version


def reserved_bytes(grid: Grid) -> Values:
    """Count what lies outside of PyTorch, and captured graphs, on each device of vLLM [bytes]."""
    outside = outside_bytes(grid.engine, stage_devices=grid.stage_devices, stages=grid.pp)
    return outside + graph_bytes(grid.engine)
