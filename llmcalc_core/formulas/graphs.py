"""Batches that an engine's captured kernels (CUDA graphs) are for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llmcalc_core.formulas import Floats, Values


def padded_batch(*, sequences: Values, sizes: Sequence[int]) -> Floats:
    """Sequences that a decode step computes where it is padded to the next captured batch.

    Parameters
    ----------
    sequences : float or array
        Sequences that decode [1].
    sizes : sequence of int
        Batches that kernels were captured for, rising [1].

    Returns
    -------
    array
        The next of the sizes [1]; a batch larger than all of them runs as it is.

    References
    ----------
    TensorRT-LLM, CudaGraphConfig (llmapi/llm_args.py): ``batch_sizes`` with ``enable_padding``.

    Examples
    --------
    >>> padded_batch(sequences=np.array([100.0, 128.0, 300.0]), sizes=(64, 128, 256)).tolist()
    [128.0, 128.0, 300.0]
    """
    several = np.asarray(sequences, dtype=float)
    if not sizes:
        return several
    captured = np.asarray(sizes, dtype=float)
    place = np.searchsorted(captured, several)
    following = captured[np.minimum(place, len(captured) - 1)]
    padded: Floats = np.where(place < len(captured), following, several)
    return padded
