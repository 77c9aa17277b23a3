"""Decode steps of hybrids lie between what must be read from memory and a few times that."""

from __future__ import annotations

import pytest

from llmcalc_core import explore, find_model
from llmcalc_core.architecture.model import architecture

NAMES = [
    "gemma4_26b_a4b", "mimo_v2_flash", "nemotron_3_nano_30b_a3b", "nemotron_3_super_120b_a12b",
    "llama3_3_nemotron_super_49b", "deepseek_v4_flash", "kimi_linear_48b_a3b",
]  # fmt: skip
BANDWIDTH = 4.8e12  # of an H200, NVIDIA's data sheet [bytes/s]


@pytest.mark.parametrize("name", NAMES)
def test_a_decode_step_is_bound_by_what_a_token_uses(name: str) -> None:
    # A sequence alone on eight devices: two bytes for each parameter that a token uses, but for
    # the embedding, of which it reads a row.
    found = explore(
        model=name, hardware="H200_141GB", devices=[8], batch=[1], input_tokens=[2000],
        output_tokens=[10], precision="bf16",
    )  # fmt: skip
    model = architecture(find_model(name))
    tied = model.embedding_parameters if model.tied else 0
    read = model.active_parameters - model.embedding_parameters + tied
    bound = 2 * read / BANDWIDTH
    rows = found[(found["tp"] == 8) & (found["pp"] == 1)]
    assert len(rows) > 0
    assert (rows["tpot_s"] * 8 > bound).all()
    assert rows["tpot_s"].min() < 0.02


@pytest.mark.parametrize("name", NAMES)
def test_a_longer_context_is_never_faster(name: str) -> None:
    lengths = [1000, 10_000, 100_000]
    found = explore(
        model=name, hardware="H200_141GB", devices=[8], batch=[1], input_tokens=lengths,
        output_tokens=[10], precision="bf16",
    )  # fmt: skip
    columns = ["tp", "pp", "ep", "attention_dp", "replicas"]
    for _, rows in found.groupby(columns):
        ordered = rows.sort_values("input_tokens")
        for column in ("tpot_s", "ttft_s", "device_memory_bytes"):
            assert ordered[column].is_monotonic_increasing
