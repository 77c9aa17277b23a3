"""Reads published timings of a mixture's experts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from llmcalc_core.calibration.kernels import shared_facts
from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.formulas.roofline import matrix_flops
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.validation.kernel_routing import routed
from llmcalc_core.validation.kernel_timings import (
    BLACKWELL,
    TYPES,
    Timings,
    from_memory,
    kernel_tables,
)

_SHAPE = ["hidden_size", "inter_size", "num_experts", "topk"]
_ROUTE = ["num_tokens", "topk", "num_experts", "moe_ep_size", "distribution"]

_UNGATED_HIDDEN, _UNGATED_TOP_K = 2688, 22
"""Hidden size or top k of mixtures without a gate (Nemotron), which have kernels of their own."""

_FLASHINFERS = {("trtllm", word, device) for word in ("fp8_block", "nvfp4") for device in BLACKWELL}
"""Where TensorRT-LLM's backend TRTLLM runs (MOE_BACKEND in InferenceX's dsr1_fp4_b200_trt.sh and
dsr1_fp8_b200_trt.sh, 843c625; read 2026-11-30), whose kernels FlashInfer has too and vLLM's tables
are of. Its own tables are of the backends CUTLASS and DEEPGEMM, in which narrow experts take up to
twice as long; vLLM's fit is 11 % (median) off the rows of the backend TRTLLM on B200."""

_MAIN = 0.9
"""Share of the mixtures of an engine's main kernel that another one has that ran beside it."""

_SHARE_OF_BOUND, _MOST_BEATEN = 0.97, 0.02
"""Time over that of the bytes at the peak bandwidth that no row takes less than, and share of a
mixture's rows that may. More do of DeepSeek-V3 with vLLM and SGLang, down to 0.57 of it: its router
chooses groups of experts first, and seems to touch half of those that the table's routing says."""

_WIDEST, _MOST_DEVICES = 8, 16
"""Devices that an expert, and all of them, are divided over in a row that is read."""

_FLOOR_S = 15e-6
"""About the time of an empty kernel of a mixture [s]."""


def read_mixtures(folder: Path) -> Iterator[Timings]:
    """Read the kernels of experts: of every device, engine and type those of most mixtures.

    Parameters
    ----------
    folder : Path
        Where ``aiconfigurator_core/systems/data`` is.

    Yields
    ------
    Timings
        Of the version of the engine that was measured most. FP8 is that of blocks, in
        which public checkpoints of mixtures are, where it was measured.

    Raises
    ------
    ValueError
        If there is nothing to read, or nothing to read it with.
    """
    for device, engine, every in kernel_tables(folder, "moe", "moe_perf"):
        gated = (every["hidden_size"] != _UNGATED_HIDDEN) & (every["topk"] != _UNGATED_TOP_K)
        newest = every[gated & (every["version"] == every["version"].mode()[0])]
        table = newest.assign(shape=newest.groupby(_SHAPE).ngroup())
        known = set(table["moe_dtype"])
        for word in (one for one in TYPES if one in known):
            own = table[table["moe_dtype"] == word]
            in_blocks = word == "fp8" and "fp8_block" in known
            if not in_blocks and (engine, word, device) not in _FLASHINFERS:
                yield _mixtures(device, engine, word, own)


def _mixtures(device: str, engine: str, word: str, table: pd.DataFrame) -> Timings:
    """Take the engine's main kernels of the type, and count their work."""
    own = table.groupby("kernel_source")["shape"].nunique()
    kernels = sorted(own[own > _MAIN * own.max()].index)
    table = table[table["kernel_source"].isin(kernels)]
    version = str(table["version"].iloc[0])
    work = _work(device, word, table)
    return Timings("mixture", device, engine, version, ", ".join(kernels), word, *TYPES[word], work)


def _work(device: str, word: str, table: pd.DataFrame) -> pd.DataFrame:
    """Count what the cost model counts, of layouts that people use."""
    tokens, top_k, experts = table["num_tokens"], table["topk"], table["num_experts"]
    slices, groups = table["moe_tp_size"], table["moe_ep_size"]
    even = table["distribution"] == "balanced"
    usual = (slices <= _WIDEST) & (slices * groups <= _MOST_DEVICES) & (experts % groups == 0)
    table = table[usual & (even | (tokens * top_k >= experts))]
    table = table.reset_index(drop=True)
    ways = table.groupby(_ROUTE).ngroup().to_numpy()
    keys = table[_ROUTE].assign(way=ways).drop_duplicates("way").sort_values("way")
    found = [routed(*key) for key in keys[_ROUTE].itertuples(index=False)]
    touched, rows = np.array(found)[ways].T
    computed, stored = (DATA_TYPES[one].stored_bits / 8 for one in TYPES[word])
    hidden = table["hidden_size"].to_numpy(float)
    width = np.ceil(table["inter_size"].to_numpy(float) / table["moe_tp_size"].to_numpy(float))
    weights = touched * 3 * width * hidden * stored
    entering, leaving = rows * (hidden + width) * computed, rows * (2 * width + hidden) * 2
    bandwidth, shared = find_hardware(device).memory_bandwidth, shared_facts()
    beside = rows * 3 * width * 2 / (bandwidth * shared.traffic_memory)
    work = pd.DataFrame({
        "shape": table["shape"], "tokens": table["num_tokens"], "columns": width, "inner": 0.0,
        "launches": 1.0,
        "size": rows / touched, "moved": weights + entering + leaving,
        "flops": matrix_flops(m=rows, n=3 * width, k=hidden),
        "seconds": table["latency"] * 1e-3, "beside": beside + shared.traffic_floor_us * 1e-6,
    })  # fmt: skip
    kept = from_memory(device, work, pd.Series(weights), _FLOOR_S)
    beaten = kept["seconds"] < _SHARE_OF_BOUND * kept["moved"] / bandwidth
    sound = beaten.groupby(kept["shape"]).transform("mean") <= _MOST_BEATEN
    sure: pd.DataFrame = kept[sound]
    return sure
