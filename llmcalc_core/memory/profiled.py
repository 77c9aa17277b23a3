"""What an engine finds beside weights and cache when it starts: vLLM's dummy step and sampler.

vLLM runs a step of its whole token budget with dummy prompts, then a sampler for as many requests
as it runs at once, and keeps the peak free (``profile_run`` and ``determine_available_memory`` of
vllm/v1/worker/gpu_worker.py 0.33, read 2026-11-30).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.engines import Engine, release_of
from llmcalc_core.formulas import Values
from llmcalc_core.workload.grid import Grid

SAMPLER_BYTES = 39.0
"""Bytes of the dummy sampler for each request and token of the vocabulary.

Logits and their copy in 32 bits, sorted values, positions of 64 bits, probabilities and masks of
top-k and top-p: 38.4 to 39.9 in eleven start-up logs of vLLM on H100, A100, T4 and V100, whatever
the tensor parallel width, as every device samples from gathered logits."""

ALONE_GIB, TOGETHER_GIB = 0.13, 0.54
"""What lies outside of PyTorch on one device, and on one of several, with the buffers of NCCL:
``non-torch`` memory of the same logs, 0.03 to 0.14 and 0.54 to 0.55 GiB [GiB]."""

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
    return SAMPLER_BYTES * requests * vocabulary


def outside_bytes(*, several: bool | NDArray[np.bool_]) -> Values:
    """Count what lies outside of PyTorch on each device of vLLM [bytes].

    Parameters
    ----------
    several : bool or array of bool
        Whether a replica has more than one device.
    """
    if not isinstance(several, np.ndarray):
        return (TOGETHER_GIB if several else ALONE_GIB) * 2.0**30
    return np.where(several, TOGETHER_GIB, ALONE_GIB) * 2.0**30


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
    outside = outside_bytes(several=grid.stage_devices * grid.pp > 1)
    return outside + graph_bytes(grid.engine)
