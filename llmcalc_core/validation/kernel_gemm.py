"""Reads published timings of products of matrices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.formulas.roofline import matrix_bytes, matrix_flops
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.validation.kernel_timings import ON_CHIP, TYPES, Timings, kernel_tables

_GEMM_TYPES = ("bfloat16", "fp8", "nvfp4", "sq")
"""Types of products that are read: FP8 with a scale for each tensor or row, and INT8 alike."""

_SIDES, _WEIGHTS, _ROWS = 256, 6e8, 16_384
"""Least columns and inner size, most of both together, and most rows of a product [elements]: what
models have."""

_WEIGHTS_IN_TURN = 4
"""Sets of weights that the products of a measurement take in turn, at the least: smaller ones than
that share of the last-level cache stay there: on L40S they take less than the bandwidth allows."""

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
    for device, engine, every in kernel_tables(folder, "gemm", "gemm_perf"):
        newest = every[every["version"] == every["version"].mode()[0]]
        for word in (one for one in _GEMM_TYPES if one in set(newest["gemm_dtype"])):
            table = newest[newest["gemm_dtype"] == word]
            kernels = ", ".join(sorted(set(table["kernel_source"])))
            yield Timings(
                "gemm", device, engine, str(table["version"].iloc[0]), kernels, word,
                *TYPES[word], _gemm_work(device, word, table),
            )  # fmt: skip


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
