"""Reads published timings of kernels: a folder of aiconfigurator-core 0.12.0 (Apache-2.0)."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from llmcalc_core.calibration.kernels import shared_facts
from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.formulas.attention import attention_flops, causal_pairs
from llmcalc_core.formulas.kv_cache import key_value_bytes
from llmcalc_core.formulas.roofline import matrix_bytes, matrix_flops
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.validation.kernel_routing import routed

SOURCE = "aiconfigurator-core 0.12.0"

DEVICES = {
    "a100_sxm": "A100_80GB",
    "h100_sxm": "H100_80GB",
    "h200_sxm": "H200_141GB",
    "b200_sxm": "B200_180GB",
    "b300_sxm": "B300_270GB",
    "gb200": "GB200_186GB",
    "gb300": "GB300_279GB",
    "l40s": "L40S",
    "rtx_pro_6000_server": "RTX_PRO_6000",
}
"""The catalogue's device of each folder."""

TYPES = {
    "bfloat16": ("bf16", "bf16"),
    "fp8_block": ("fp8", "fp8"),
    "fp8": ("fp8", "fp8"),
    "nvfp4": ("fp4", "fp4"),
    "w4a16_mxfp4": ("bf16", "fp4"),
    "int4_wo": ("bf16", "int4"),
    "w4a8_mxfp4_mxfp8": ("fp8", "fp4"),
    "sq": ("int8", "int8"),
}
"""What each of the tables' types computes in, and stores weights in."""

_ON_CHIP = {
    "A100_80GB": 40e6, "H100_80GB": 50e6, "H200_141GB": 50e6, "L40S": 96e6, "RTX_PRO_6000": 126e6,
    "B200_180GB": 126e6, "B300_270GB": 126e6, "GB200_186GB": 126e6, "GB300_279GB": 126e6,
}  # fmt: skip
"""Last-level caches (NVIDIA's data sheets and tuning guides) [bytes]: weights of about that size
are still there from the run before, which they never are in a model."""

MULTIPROCESSORS = {
    "A100_80GB": 108, "H100_80GB": 132, "H200_141GB": 132, "L40S": 142, "RTX_PRO_6000": 188,
    "B200_180GB": 148, "B300_270GB": 148, "GB200_186GB": 148, "GB300_279GB": 148,
}  # fmt: skip
"""Streaming multiprocessors, as NVIDIA's architecture white papers have them; 160 of two chips of
which 148 are enabled on Blackwell (recalled)."""

_GEMM_TYPES = ("bfloat16", "fp8", "nvfp4", "sq")
"""Types of products that are read: FP8 with a scale for each tensor or row, and INT8 alike."""

_SIDES, _WEIGHTS, _ROWS = 256, 6e8, 16_384
"""Least columns and inner size, most of both together, and most rows of a product [elements]: what
models have."""

_WEIGHTS_IN_TURN = 4
"""Sets of weights that the products of a measurement take in turn, at the least: smaller ones than
that share of the last-level cache stay there: on L40S they take less than the bandwidth allows."""

_SHAPE = ["hidden_size", "inter_size", "num_experts", "topk"]
_ROUTE = ["num_tokens", "topk", "num_experts", "moe_ep_size", "distribution"]

_UNGATED_HIDDEN, _UNGATED_TOP_K = 2688, 22
"""Hidden size or top k of mixtures without a gate (Nemotron), which have kernels of their own."""

_BLACKWELL = ("B200_180GB", "B300_270GB", "GB200_186GB", "GB300_279GB")
_FLASHINFERS = {
    ("trtllm", word, device) for word in ("fp8_block", "nvfp4") for device in _BLACKWELL
}
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

_LITTLE_S = 2e-6
"""Time of reading weights that does not matter beside that of a kernel [s]."""

_FLOOR_S, _GROUPED_FLOOR_S = 10e-6, 15e-6
"""About the time of an empty kernel, and of those of a mixture [s]."""

_HEAD = 128.0
_KEYS, _SEQUENCES, _GROUP = (64, 40_000), 512, (2, 12)
"""Size of a head (where a table names none, too), keys, sequences, and heads to one of keys of rows
that are read: what most models have. Kernels for other sizes, for one head to one of keys and for
16 and more take up to twice as long on Hopper."""

_PROMPT, _HEADS = (64, 131_072), (64, 128)
"""Least length of a prompt, most tokens of all prompts, and sizes of heads, of rows that are
read: others have kernels of their own."""

_WIDEST, _MOST_DEVICES = 8, 16
"""Devices that an expert, and all of them, are divided over in a row that is read."""


class Timings(NamedTuple):
    """Timings of one engine's kernels on one device in one type.

    Attributes
    ----------
    family : str
        Of which operations, as ``FITTED`` names them.
    device, engine, version, kernels : str
        What ran.
    table_type, computed, stored : str
        The tables' word for the type, and what it is; of attention the cache's is what is stored.
    rows : DataFrame
        ``shape``, ``tokens``, ``flops`` [FLOP], ``moved`` [bytes], ``size`` [tokens], ``columns``
        and ``inner`` [elements], and ``seconds`` and ``beside``: what the cost model times as
        other operations [s].
    """

    family: str
    device: str
    engine: str
    version: str
    kernels: str
    table_type: str
    computed: str
    stored: str
    rows: pd.DataFrame


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
    for device, engine, every in _tables(folder, "moe", "moe_perf"):
        gated = (every["hidden_size"] != _UNGATED_HIDDEN) & (every["topk"] != _UNGATED_TOP_K)
        newest = every[gated & (every["version"] == every["version"].mode()[0])]
        table = newest.assign(shape=newest.groupby(_SHAPE).ngroup())
        known = set(table["moe_dtype"])
        for word in (one for one in TYPES if one in known):
            own = table[table["moe_dtype"] == word]
            in_blocks = word == "fp8" and "fp8_block" in known
            if not in_blocks and (engine, word, device) not in _FLASHINFERS:
                yield _mixtures(device, engine, word, own)


def read_gemm(folder: Path) -> Iterator[Timings]:
    """Read products of matrices, by type.

    Parameters
    ----------
    folder : Path
        As of :func:`read_mixtures`.

    Yields
    ------
    Timings
        Of the newest version: 1 to 16,384 rows, sides of 256 and more, and at most 6e8 weights.

    Raises
    ------
    ValueError
        As of :func:`read_mixtures`.
    """
    for device, engine, every in _tables(folder, "gemm", "gemm_perf"):
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
        "beside": 0.0, "seconds": table["latency"].to_numpy(float) * 1e-3,
    })  # fmt: skip
    usual = (np.minimum(n, k) >= _SIDES) & (n * k <= _WEIGHTS) & (m <= _ROWS)
    weights = n * k * stored
    bandwidth = find_hardware(device).memory_bandwidth
    unseen = weights / bandwidth < _LITTLE_S
    kept: pd.DataFrame = work[usual & (unseen | (weights > _ON_CHIP[device] / _WEIGHTS_IN_TURN))]
    return kept


def read_decode_attention(folder: Path) -> Iterator[Timings]:
    """Read the kernels of attention in decode steps, by type of the cache.

    Parameters
    ----------
    folder : Path
        As of :func:`read_mixtures`.

    Yields
    ------
    Timings
        Of the newest version: heads of 128, 2 to 12 to one of keys, at most 512 sequences, 64 to
        40,000 keys.

    Raises
    ------
    ValueError
        As of :func:`read_mixtures`.
    """
    for device, engine, every in _tables(folder, "attention", "generation_attention_perf"):
        newest = every[every["version"] == every["version"].mode()[0]]
        for word in sorted(set(newest["kv_cache_dtype"]) & set(TYPES)):
            table = newest[newest["kv_cache_dtype"] == word]
            kernels = ", ".join(sorted(set(table["kernel_source"])))
            yield Timings(
                "attention_decode", device, engine, str(table["version"].iloc[0]), kernels, word,
                "bf16", TYPES[word][1], _attention_work(device, TYPES[word][1], table),
            )  # fmt: skip


def read_prefill_attention(folder: Path) -> Iterator[Timings]:
    """Read the kernels of attention that read prompts, by type of the cache.

    Parameters
    ----------
    folder : Path
        As of :func:`read_mixtures`.

    Yields
    ------
    Timings
        Of the newest version and its main kernel: heads of 64 and 128, prompts of 64 tokens and
        more, 131,072 tokens at most. Where an engine multiplies in FP8 beside an FP8 cache, that.

    Raises
    ------
    ValueError
        As of :func:`read_mixtures`.
    """
    for device, engine, every in _tables(folder, "attention", "context_attention_perf"):
        newest = every[every["version"] == every["version"].mode()[0]]
        for word in sorted(set(newest["kv_cache_dtype"]) & set(TYPES)):
            own = newest[newest["kv_cache_dtype"] == word]
            multiplied = own.groupby("attn_dtype").size()
            kind = word if multiplied.get(word, 0) > multiplied.max() / 2 else "bfloat16"
            table = own[own["attn_dtype"] == kind]
            table = table[table["kernel_source"] == table["kernel_source"].mode()[0]]
            yield Timings(
                "attention_prefill", device, engine, str(table["version"].iloc[0]),
                str(table["kernel_source"].iloc[0]), word, TYPES[kind][0], TYPES[word][1],
                _prompt_work(TYPES[word][1], table),
            )  # fmt: skip


def _prompt_work(cache: str, table: pd.DataFrame) -> pd.DataFrame:
    """Count what the cost model counts of attention that reads prompts."""
    sequences, prompt, heads = (
        table[name].to_numpy(float) for name in ("batch_size", "isl", "num_heads")
    )
    own = table["num_key_value_heads"].to_numpy(float)
    kv_heads = np.where(own > 0, own, heads)
    plain, wide = np.zeros(len(table)), np.full(len(table), _HEAD)
    window = table.get("window_size", pd.Series(plain)).to_numpy(float)
    size = table.get("head_dim", pd.Series(wide)).to_numpy(float)
    reach = np.where(window > 0, np.minimum(prompt, window), prompt)
    pairs = sequences * causal_pairs(prompt=prompt, window=reach)
    cached = key_value_bytes(
        tokens=prompt, kv_heads=kv_heads, head_dim=size, v_dim=size,
        element_bytes=DATA_TYPES[cache].stored_bits / 8,
    )  # fmt: skip
    work = pd.DataFrame({
        "shape": table.assign(heads=heads, own=kv_heads, size=size, near=window > 0)
        .groupby(["heads", "own", "size", "near"]).ngroup().to_numpy(),
        "tokens": sequences * prompt, "size": reach, "columns": size, "inner": reach,
        "beside": 0.0, "flops": attention_flops(pairs=pairs, heads=heads, qk_dim=size, v_dim=size),
        "moved": sequences * (cached + 2 * 2 * prompt * heads * size),
        "seconds": table["latency"].to_numpy(float) * 1e-3,
    })  # fmt: skip
    usual = (prompt >= _PROMPT[0]) & (work["tokens"] <= _PROMPT[1]) & np.isin(size, _HEADS)
    kept: pd.DataFrame = work[usual]
    return kept


def _attention_work(device: str, cache: str, table: pd.DataFrame) -> pd.DataFrame:
    """Count what the cost model counts of attention in a decode step."""
    sequences, heads = (table[name].to_numpy(float) for name in ("batch_size", "num_heads"))
    own = table["num_key_value_heads"].to_numpy(float)
    kv_heads = np.where(own > 0, own, heads)
    keys = (table["step"] + table["isl"]).to_numpy(float)
    plain, wide = np.zeros(len(table)), np.full(len(table), _HEAD)
    window = table.get("window_size", pd.Series(plain)).to_numpy(float)
    size = table.get("head_dim", pd.Series(wide)).to_numpy(float)
    seen = np.where(window > 0, np.minimum(keys, window), keys)
    work = pd.DataFrame({
        "shape": table.assign(group=heads / kv_heads, size=size, own=kv_heads)
        .groupby(["group", "own", "size"]).ngroup().to_numpy(),
        "tokens": sequences, "size": np.inf, "columns": np.inf, "inner": 0.0,
        "beside": 0.0,
        "flops": 4 * sequences * heads * size * seen,
        "moved": sequences * kv_heads * 2 * size * seen * DATA_TYPES[cache].stored_bits / 8
        + 2 * 2 * sequences * heads * size,
        "seconds": table["latency"].to_numpy(float) * 1e-3,
    })  # fmt: skip
    usual = (seen >= _KEYS[0]) & (seen <= _KEYS[1]) & (sequences <= _SEQUENCES)
    usual &= (heads / kv_heads >= _GROUP[0]) & (heads / kv_heads <= _GROUP[1]) & (size == _HEAD)
    return _from_memory(device, work[usual], work["moved"][usual], _FLOOR_S)


def _from_memory(
    device: str, work: pd.DataFrame, held: pd.Series[float], floor: float
) -> pd.DataFrame:
    """Leave out what memory on the chip may have served: in models it has to be read again."""
    cached = _ON_CHIP[device]
    doubtful = (held > 0.15 * cached) & (held < 1.5 * cached)
    bandwidth = find_hardware(device).memory_bandwidth
    slow = work["seconds"] > 1.1 * work["moved"] / bandwidth + floor
    kept: pd.DataFrame = work[~doubtful | slow]
    return kept


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
        "size": rows / touched, "moved": weights + entering + leaving,
        "flops": matrix_flops(m=rows, n=3 * width, k=hidden),
        "seconds": table["latency"] * 1e-3, "beside": beside + shared.traffic_floor_us * 1e-6,
    })  # fmt: skip
    kept = _from_memory(device, work, pd.Series(weights), _GROUPED_FLOOR_S)
    beaten = kept["seconds"] < _SHARE_OF_BOUND * kept["moved"] / bandwidth
    sound = beaten.groupby(kept["shape"]).transform("mean") <= _MOST_BEATEN
    sure: pd.DataFrame = kept[sound]
    return sure


def _tables(folder: Path, family: str, name: str) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Read all versions of a family's tables, by device and engine."""
    if find_spec("pyarrow") is None:
        msg = "the tables are Parquet files, which pandas reads with pyarrow: pip install pyarrow"
        raise ValueError(msg)
    data = folder / "aiconfigurator_core" / "systems" / "data"
    files: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(data.glob(f"*/{family}/*/*/{name}.parquet")):
        if path.parents[3].name in DEVICES:
            files.setdefault((path.parents[3].name, path.parents[1].name), []).append(path)
    if not files:
        msg = f"folder must hold {data.relative_to(folder)}/*/{family}, got {str(folder)!r}"
        raise ValueError(msg)
    for (device, engine), paths in files.items():
        yield DEVICES[device], engine, pd.concat(map(pd.read_parquet, paths), ignore_index=True)
