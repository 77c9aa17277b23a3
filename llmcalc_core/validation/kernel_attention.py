"""Reads published timings of attention."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.formulas.attention import attention_flops, causal_pairs
from llmcalc_core.formulas.kv_cache import key_value_bytes
from llmcalc_core.validation.kernel_timings import TYPES, Timings, from_memory, kernel_tables

_HEAD = 128.0
_KEYS, _SEQUENCES, _GROUP = (64, 40_000), 512, (2, 12)
"""Size of a head (where a table names none, too), keys, sequences, and heads to one of keys of rows
that are read: what most models have. Kernels for other sizes, for one head to one of keys and for
16 and more take up to twice as long on Hopper."""

_PROMPT, _HEADS = (64, 131_072), (64, 128)
"""Least length of a prompt, most tokens of all prompts, and sizes of heads, of rows that are
read: others have kernels of their own."""

_FLOOR_S = 10e-6
"""About the time of an empty kernel [s]."""


def read_decode_attention(folder: Path) -> Iterator[Timings]:
    """Read the kernels of attention in decode steps, by type of the cache.

    Parameters
    ----------
    folder : Path
        Where ``aiconfigurator_core/systems/data`` is.

    Yields
    ------
    Timings
        Of the newest version: heads of 128, 2 to 12 to one of keys, at most 512 sequences, 64 to
        40,000 keys.

    Raises
    ------
    ValueError
        If there is nothing to read, or nothing to read it with.
    """
    for device, engine, every in kernel_tables(folder, "attention", "generation_attention_perf"):
        newest = every[every["version"] == every["version"].mode()[0]]
        for word in sorted(set(newest["kv_cache_dtype"]) & set(TYPES)):
            table = newest[newest["kv_cache_dtype"] == word]
            kernels = ", ".join(sorted(set(table["kernel_source"])))
            yield Timings(
                "attention_decode", device, engine, str(table["version"].iloc[0]), kernels, word,
                "bf16", TYPES[word][1], _attention_work(device, TYPES[word][1], table),
            )  # fmt: skip


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
        "beside": 0.0, "launches": 1.0,
        "flops": 4 * sequences * heads * size * seen,
        "moved": sequences * kv_heads * 2 * size * seen * DATA_TYPES[cache].stored_bits / 8
        + 2 * 2 * sequences * heads * size,
        "seconds": table["latency"].to_numpy(float) * 1e-3,
    })  # fmt: skip
    usual = (seen >= _KEYS[0]) & (seen <= _KEYS[1]) & (sequences <= _SEQUENCES)
    usual &= (heads / kv_heads >= _GROUP[0]) & (heads / kv_heads <= _GROUP[1]) & (size == _HEAD)
    return from_memory(device, work[usual], work["moved"][usual], _FLOOR_S)


def read_prefill_attention(folder: Path) -> Iterator[Timings]:
    """Read the kernels of attention that read prompts, by type of the cache.

    Parameters
    ----------
    folder : Path
        Where ``aiconfigurator_core/systems/data`` is.

    Yields
    ------
    Timings
        Of the newest version and its main kernel: heads of 64 and 128, prompts of 64 tokens and
        more, 131,072 tokens at most. Where an engine multiplies in FP8 beside an FP8 cache, that.

    Raises
    ------
    ValueError
        If there is nothing to read, or nothing to read it with.
    """
    for device, engine, every in kernel_tables(folder, "attention", "context_attention_perf"):
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
        "beside": 0.0, "launches": 1.0,
        "flops": attention_flops(pairs=pairs, heads=heads, qk_dim=size, v_dim=size),
        "moved": sequences * (cached + 2 * 2 * prompt * heads * size),
        "seconds": table["latency"].to_numpy(float) * 1e-3,
    })  # fmt: skip
    usual = (prompt >= _PROMPT[0]) & (work["tokens"] <= _PROMPT[1]) & np.isin(size, _HEADS)
    kept: pd.DataFrame = work[usual]
    return kept
