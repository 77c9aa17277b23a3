"""Reads published timings of latent attention."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.formulas.attention import attention_flops, causal_pairs
from llmcalc_core.formulas.kv_cache import latent_bytes
from llmcalc_core.validation.kernel_timings import (
    BLACKWELL,
    TYPES,
    Timings,
    from_memory,
    kernel_tables,
)

_RANK, _ROPE, _NOPE, _VALUE = 512, 64, 128, 128
"""Widths of DeepSeek-V3's latent, rotary key, and the rest of a key and value [elements]."""

_KEYS, _SEQUENCES, _PROMPT = (64, 70_000), 512, (64, 131_072)
"""Keys and sequences of decode steps, and least length and most tokens of prompts, that are
read."""

_ABSORBED = {("sglang", device) for device in ("H100_80GB", "H200_141GB")}
"""Where prompts were measured in the absorbed form, which takes 3.4 times the arithmetic and which
the cost model does not count: SGLang on Hopper reaches 0.2 of the peak there."""

_FLOOR_S = 12e-6
"""About the time of an empty kernel [s]."""


def read_latent_decode(folder: Path) -> Iterator[Timings]:
    """Read the kernels of latent attention in decode steps, by type of the cache.

    Parameters
    ----------
    folder : Path
        Where ``aiconfigurator_core/systems/data`` is.

    Yields
    ------
    Timings
        Of DeepSeek-V3's in the absorbed form, 1 to 128 heads on a device.

    Raises
    ------
    ValueError
        If there is nothing to read, or nothing to read it with.
    """
    for device, engine, word, table in _by_cache(folder, "generation_mla_perf"):
        keys = (table["step"] + table["isl"]).to_numpy(float)
        sequences, heads = (table[name].to_numpy(float) for name in ("batch_size", "num_heads"))
        work = _work(
            table, word, keys=keys, queries=sequences, pairs=sequences * keys,
            widths=(_RANK + _ROPE, _RANK),
        )  # fmt: skip
        work["size"], work["inner"], work["columns"] = np.inf, 0.0, np.inf
        usual = (keys >= _KEYS[0]) & (keys <= _KEYS[1]) & (sequences <= _SEQUENCES)
        read = work["moved"] - 2 * 2 * sequences * heads * _RANK
        kept = from_memory(device, work[usual], read[usual], _FLOOR_S)
        yield _timings("latent_decode", (device, engine, word), table, kept)


def read_latent_prefill(folder: Path) -> Iterator[Timings]:
    """Read the kernels of latent attention that read prompts, by type of the cache.

    Parameters
    ----------
    folder : Path
        Where ``aiconfigurator_core/systems/data`` is.

    Yields
    ------
    Timings
        Of DeepSeek-V3's with keys and values unpacked, 1 to 128 heads on a device.

    Raises
    ------
    ValueError
        If there is nothing to read, or nothing to read it with.
    """
    for device, engine, word, table in _by_cache(folder, "context_mla_perf"):
        if (engine, device) in _ABSORBED:
            continue
        prompt, sequences = (table[name].to_numpy(float) for name in ("isl", "batch_size"))
        work = _work(
            table, word, keys=prompt, queries=sequences * prompt,
            pairs=sequences * causal_pairs(prompt=prompt), widths=(_NOPE + _ROPE, _VALUE),
        )  # fmt: skip
        usual = (prompt >= _PROMPT[0]) & (work["tokens"] <= _PROMPT[1])
        yield _timings("latent_prefill", (device, engine, word), table, work[usual])


def _by_cache(folder: Path, name: str) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    for device, engine, every in kernel_tables(folder, "mla", name):
        newest = every[every["version"] == every["version"].mode()[0]]
        for word in sorted(set(newest["kv_cache_dtype"]) & set(TYPES)):
            table = newest[newest["kv_cache_dtype"] == word].reset_index(drop=True)
            yield device, engine, word, table


def _work(
    table: pd.DataFrame,
    word: str,
    *,
    keys: np.ndarray,
    queries: np.ndarray,
    pairs: np.ndarray,
    widths: tuple[int, int],
) -> pd.DataFrame:
    """Count what the cost model counts of attention to so many keys."""
    sequences, heads = (table[name].to_numpy(float) for name in ("batch_size", "num_heads"))
    cached = latent_bytes(
        tokens=keys, rank=_RANK, rope_dim=_ROPE, element_bytes=DATA_TYPES[TYPES[word][1]].bits / 8
    )
    return pd.DataFrame({
        "shape": table["num_heads"].to_numpy(int), "tokens": queries, "size": keys,
        "columns": np.inf, "inner": keys, "beside": 0.0, "launches": 1.0,
        "flops": attention_flops(pairs=pairs, heads=heads, qk_dim=widths[0], v_dim=widths[1]),
        "moved": sequences * cached + 2 * queries * heads * sum(widths),
        "seconds": table["latency"].to_numpy(float) * 1e-3,
    })  # fmt: skip


def _timings(
    family: str, ran: tuple[str, str, str], table: pd.DataFrame, rows: pd.DataFrame
) -> Timings:
    device, engine, word = ran
    narrow = word == "fp8" and device in BLACKWELL
    kernels = ", ".join(sorted(set(table["kernel_source"])))
    version = str(table["version"].iloc[0])
    computed = "fp8" if narrow else "bf16"
    return Timings(family, device, engine, version, kernels, word, computed, TYPES[word][1], rows)
