"""Reads published timings of recurrent layers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from llmcalc_core.formulas.recurrent import delta_rule_flops
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.layers.delta import CHUNK, CHUNK_KERNELS
from llmcalc_core.validation.kernel_timings import Timings, kernel_tables

_PROMPT = (64, 131_072)
"""Least length and most tokens of prompts that are read."""

_KERNEL = "chunk_gated_delta_rule"
"""The delta rule over chunks, of which every engine has kernels of that name."""

_MOST_BEATEN = 0.02
"""Most of the rows that take less than their bytes: of FlashInfer's kernel on Hopper more do, which
keeps states on the chip that the cost model counts."""


def read_delta_rules(folder: Path) -> Iterator[Timings]:
    """Read the kernels of gated delta nets that read prompts.

    Parameters
    ----------
    folder : Path
        Where ``aiconfigurator_core/systems/data`` is.

    Yields
    ------
    Timings
        Of those that move states through memory.

    Raises
    ------
    ValueError
        If there is nothing to read, or nothing to read it with.
    """
    for device, engine, every in kernel_tables(folder, "linear_attention", "gdn_perf"):
        ours = (every["phase"] == "context") & every["kernel_source"].str.startswith(_KERNEL)
        table = every[ours & (every["version"] == every["version"].mode()[0])]
        rows = _work(table)
        least = rows["moved"] / find_hardware(device).memory_bandwidth
        if (rows["seconds"] < least).mean() <= _MOST_BEATEN:
            kernels = ", ".join(sorted(set(table["kernel_source"])))
            yield Timings(
                "recurrent_prefill", device, engine, str(table["version"].iloc[0]), kernels,
                "bfloat16", "bf16", "bf16", rows,
            )  # fmt: skip


def _work(table: pd.DataFrame) -> pd.DataFrame:
    """Count what the cost model counts of the delta rule over chunks."""
    sequences, prompt, tokens = (
        table[name].to_numpy(float) for name in ("batch_size", "seq_len", "num_tokens")
    )
    key_heads, heads, key, value = (
        table[name].to_numpy(float)
        for name in ("num_k_heads", "num_v_heads", "head_k_dim", "head_v_dim")
    )
    between = 2 * heads * key * value / CHUNK
    streams = 2 * key_heads * key + 2 * heads * value + between
    states = 2 * sequences * heads * key * value * 4
    work = pd.DataFrame({
        "shape": table.groupby(["num_k_heads", "num_v_heads"]).ngroup().to_numpy(),
        "tokens": tokens, "size": np.inf, "columns": np.inf, "inner": prompt, "beside": 0.0,
        "launches": CHUNK_KERNELS, "moved": 2 * tokens * streams + states,
        "flops": delta_rule_flops(
            tokens=tokens, heads=heads, key_dim=key, value_dim=value, chunk=CHUNK
        ),
        "seconds": table["latency"].to_numpy(float) * 1e-3,
    })  # fmt: skip
    kept: pd.DataFrame = work[(prompt >= _PROMPT[0]) & (tokens <= _PROMPT[1])]
    return kept
