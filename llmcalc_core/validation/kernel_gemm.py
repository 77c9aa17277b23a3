"""Reads published timings of products of matrices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.formulas.roofline import matrix_bytes, matrix_flops
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.validation.kernel_timings import (
    BLOCKS,
    ON_CHIP,
    TYPES,
    Timings,
    kernel_tables,
)

_GEMM_TYPES = ("bfloat16", "fp8", BLOCKS, "nvfp4", "sq")
"""Types of products that are read: FP8 with a scale for each tensor or row, FP8 with one for each
block, and INT8 as the first."""

_SCALE_SOUGHT = ("trtllm", "vllm")
"""Engines whose FP8 was measured with inputs in 16 bits and no scale of them, so that every product
sought the largest value first (collector/trtllm/collect_gemm.py, collector/vllm/collect_gemm.py,
ai-dynamo/aiconfigurator 095f58a5): 7 us and two kernels with TensorRT-LLM on an H100. Checkpoints
state that scale; what is left is a kernel that scales the input, and the product."""

_UNCAPTURED = {("vllm", BLOCKS)}
"""What was measured without CUDA graphs (``use_cuda_graph`` in collector/vllm/collect_gemm.py), so
that small products take the 60 us in which the host starts their kernels."""

_SIDES, _WEIGHTS, _ROWS = 256, 6e8, 16_384
"""Least columns and inner size, most of both together, and most rows of a product [elements]: what
models have."""

_WEIGHTS_IN_TURN = 4
"""Sets of weights that the products of a measurement take in turn, at the least: smaller ones than
that share of the last-level cache stay there: on L40S they take less than the bandwidth allows."""

_UNTUNED = {("trtllm", "nvfp4")}
"""What was measured without TensorRT-LLM's autotuner, which servers run as they start (its
collector of experts calls it, that of products does not): on a B200 22 us for 8,192 by 8,192 in
NVFP4, of 1 to 128 rows, where FlashInfer's kernels, of which its tuner has the same, take 13. Those
of vLLM stand for them."""

_LEAST_LEFT = 0.2
"""Share of what was measured that a product itself takes, in rows that are read: less is the
difference of two times that are nearly alike."""

_LITTLE_S = 2e-6
"""Time of reading weights that does not matter beside that of a kernel [s]."""


def read_gemm(folder: Path) -> Iterator[Timings]:
    """Read products of matrices, by type.

    Parameters
    ----------
    folder : Path
        Where ``aiconfigurator_core/systems/data`` is.

    Yields
    ------
    Timings
        Of the newest version: 1 to 16,384 rows, sides of 256 and more, and at most 6e8 weights.

    Raises
    ------
    ValueError
        If there is nothing to read, or nothing to read it with.
    """
    sought = _seconds_of_scales(folder)
    for device, engine, every in kernel_tables(folder, "gemm", "gemm_perf"):
        newest = every[every["version"] == every["version"].mode()[0]]
        words = [one for one in _GEMM_TYPES if one in set(newest["gemm_dtype"])]
        for word in (one for one in words if (engine, one) not in _UNCAPTURED | _UNTUNED):
            table = newest[newest["gemm_dtype"] == word]
            if word == "fp8" and engine in _SCALE_SOUGHT:
                table = _without(table, sought[device, engine])
            kernels = ", ".join(sorted(set(table["kernel_source"])))
            yield Timings(
                "gemm", device, engine, str(table["version"].iloc[0]), kernels, word,
                *TYPES[word], _gemm_work(device, word, table),
            )  # fmt: skip


def _seconds_of_scales(folder: Path) -> dict[tuple[str, str], pd.Series[float]]:
    """Time what seeks the scale of an input, by its rows and columns [ms]."""
    return {
        (device, engine): every.groupby(["m", "k"])["latency"].min()
        for device, engine, every in kernel_tables(folder, "quantize", "computescale_perf")
    }


def _without(table: pd.DataFrame, sought: pd.Series[float]) -> pd.DataFrame:
    """Take the time in which scales were sought out of that of products."""
    taken = sought.reindex(pd.MultiIndex.from_frame(table[["m", "k"]])).to_numpy()
    own = table.assign(latency=table["latency"] - taken)
    left: pd.DataFrame = own[own["latency"] > _LEAST_LEFT * table["latency"]]
    return left


def _gemm_work(device: str, word: str, table: pd.DataFrame) -> pd.DataFrame:
    """Count what the cost model counts of a product, and leave out what stays on the chip."""
    m, n, k = (table[name].to_numpy(float) for name in ("m", "n", "k"))
    computed, stored = (DATA_TYPES[one].stored_bits / 8 for one in TYPES[word])
    moved = matrix_bytes(m=m, n=n, k=k, weight_bytes=stored, input_bytes=computed, output_bytes=2.0)
    work = pd.DataFrame({
        "shape": table.groupby(["n", "k"]).ngroup().to_numpy(), "tokens": m, "size": m,
        "columns": n, "inner": k, "flops": matrix_flops(m=m, n=n, k=k), "moved": moved,
        "beside": 0.0, "launches": 1.0, "seconds": table["latency"].to_numpy(float) * 1e-3,
    })  # fmt: skip
    usual = (np.minimum(n, k) >= _SIDES) & (n * k <= _WEIGHTS) & (m <= _ROWS)
    weights = n * k * stored
    bandwidth = find_hardware(device).memory_bandwidth
    unseen = weights / bandwidth < _LITTLE_S
    kept: pd.DataFrame = work[usual & (unseen | (weights > ON_CHIP[device] / _WEIGHTS_IN_TURN))]
    return kept
