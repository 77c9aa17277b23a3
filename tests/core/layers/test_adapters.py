"""Low-rank adapters: their parameters and their work by hand, and that they never come free."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmcalc_core as llm
from llmcalc_core import ModelConfig, Precision, Techniques
from llmcalc_core.architecture.model import architecture
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.layers.work import Operation, make_pass
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from tests.core.random_cases import QUICK, ROUNDING, Case, cases

LLAMA = llm.find_model("llama3_8b")


def held(name: str | ModelConfig, layout: Layout, precision: Precision, **lora: int) -> float:
    """Bytes of adapters on the fullest device."""
    model = architecture(llm.find_model(name))
    asked: dict[str, Any] = {"batches": (1,), "inputs": (100,), "outputs": (10,)}
    without, with_them = (
        device_memory(model, precision, make_grid((layout,), **asked, techniques=techniques))
        for techniques in (Techniques(), Techniques(**lora))
    )
    return with_them.weights.item() - without.weights.item()


def test_parameters_of_an_adapter() -> None:
    # Per layer, at rank 16: queries 16 x (4096 + 4096), keys and values 2 x 16 x (4096 + 1024),
    # output 16 x (4096 + 4096), gate, up and down 3 x 16 x (4096 + 14,336): 1,310,720. Of 32
    # layers 41,943,040 (what peft prints for all linear layers of Llama 3 8B, recalled).
    for precision in (Precision(), llm.parse_precision("w4a16")):
        found = held("llama3_8b", Layout(), precision, lora_adapters=3, lora_rank=16)
        assert found == 3 * 2 * 41_943_040
    assert held("llama3_8b", Layout(), Precision(), lora_adapters=1, lora_rank=64) == (
        4 * 2 * 41_943_040
    )


def test_half_of_an_adapter_is_shared() -> None:
    # Over four devices: queries, keys and values have 3 x 4096 rows whole and 6144 / 4 columns,
    # gate and up 2 x 4096 and 2 x 14,336 / 4; output and down 4096 / 4 and 14,336 / 4 rows and
    # 4096 columns whole each.
    columns = 3 * 4096 + 6144 / 4 + 2 * 4096 + 2 * 14_336 / 4
    rows = 4096 / 4 + 4096 + 14_336 / 4 + 4096
    found = held("llama3_8b", Layout(tp=4), Precision(), lora_adapters=2, lora_rank=16)
    assert found == pytest.approx(2 * 2 * 32 * 16 * (columns + rows), rel=1e-12)
    staged = held("llama3_8b", Layout(pp=4), Precision(), lora_adapters=2, lora_rank=16)
    assert staged == 2 * 2 * 41_943_040 / 4


def test_routed_experts_are_not_adapted() -> None:
    # Of Mixtral 8x7B attention alone: 16 x (2 x 8192 + 2 x 5120) for each of 32 layers.
    found = held("mixtral_8x7b", Layout(), Precision(), lora_adapters=1)
    assert found == 2 * 32 * 16 * (2 * 8192 + 2 * 5120)


def adapters_of(techniques: Techniques, *, decode: bool) -> list[Operation]:
    grid = make_grid((Layout(),), batches=(8,), inputs=(100,), outputs=(10,), techniques=techniques)
    model = architecture(LLAMA)
    parts = sections(model, make_pass(model.hidden, grid, Precision(), decode=decode))[:-2]
    work = [one for part in parts for one in part.operations]
    return [one for one in work if one.launches == 2 and one.kind == "gemm"]


def test_work_of_adapters_by_hand() -> None:
    work = adapters_of(Techniques(lora_adapters=4, lora_rank=16), decode=True)
    assert len(work) == 4  # beside queries, keys and values; output; gate and up; down
    output = work[1]
    # Eight tokens, of 4096 to 16 and back to 4096 elements.
    assert output.flops == 8 * 2 * 16 * (4096 + 4096)
    # Eight requests use 4 x (1 - (3 / 4)^8) = 3.59954... of four adapters of 16 x 8192 x 2 bytes.
    # A token is read (4096 x 2 bytes), goes through 16 x 4 bytes twice, and is added to its result
    # (read and written, 2 x 4096 x 2 bytes).
    read = 4 * (1 - 0.75**8) * 16 * 8192 * 2
    assert output.moved == pytest.approx(read + 8 * (8192 + 2 * 64 + 2 * 8192), rel=1e-12)
    # In prefill every token of the eight prompts takes part, with as many adapters.
    longer = adapters_of(Techniques(lora_adapters=4, lora_rank=16), decode=False)[1]
    assert longer.flops == 100 * output.flops
    assert longer.moved == pytest.approx(read + 800 * (8192 + 2 * 64 + 2 * 8192), rel=1e-12)


@QUICK
@given(cases(), st.integers(1, 64))
def test_no_adapter_is_none(case: Case, rank: int) -> None:
    found = case.with_work(techniques=Techniques(lora_adapters=0, lora_rank=rank)).estimate()
    usual = case.estimate()
    assert found.times.latency_s == usual.times.latency_s
    assert found.memory.total == usual.memory.total


@QUICK
@given(cases(), st.integers(1, 40), st.integers(0, 40), st.integers(1, 64), st.integers(0, 64))
def test_more_adapters_are_never_faster(
    case: Case, few: int, more: int, low: int, higher: int
) -> None:
    some, many, wide = (
        case.with_work(techniques=Techniques(lora_adapters=count, lora_rank=rank))
        for count, rank in ((few, low), (few + more, low), (few + more, low + higher))
    )
    chain = [case, some, many, wide]
    for less, later in pairwise(chain):
        assert later.latency() * ROUNDING >= less.latency()
        assert later.memory() * ROUNDING >= less.memory()


def test_drafts_are_not_adapted() -> None:
    asked: dict[str, Any] = {"batches": (8,), "inputs": (100,), "outputs": (10,)}
    draft = {
        "speculative_tokens": 3,
        "acceptance_rate": 0.5,
        "draft_model": llm.find_model("llama_3_2_1b"),
    }
    model = architecture(LLAMA)
    weights = {
        adapters: device_memory(
            model, Precision(),
            make_grid((Layout(),), **asked, techniques=Techniques(lora_adapters=adapters, **draft)),
        ).weights.item()
        for adapters in (0, 5)
    }  # fmt: skip
    assert weights[5] - weights[0] == 5 * 2 * 41_943_040


@pytest.mark.parametrize("name", ["deepseek_v3", "jamba_v0_1", "gemma3_27b", "gpt2"])
def test_every_kind_of_layer_is_adapted(name: str) -> None:
    asked: dict[str, Any] = {"tensor_parallel": 4} if name != "gpt2" else {}
    usual, found = (
        llm.estimate_serving_performance(
            name, 16, 500, 100, "H200_141GB", "fp8", **asked, lora_adapters=count
        )
        for count in (0, 8)
    )
    assert found["tpot_ms"] > usual["tpot_ms"]
    assert found["ttft_ms"] > usual["ttft_ms"]
    assert found["memory_bytes"] > usual["memory_bytes"]


def test_an_axis_is_a_column() -> None:
    frame = llm.explore("llama3_8b", "H100_80GB", 1, batch=4, lora_adapters=[0, 8], lora_rank=32)
    assert frame[["lora_adapters", "lora_rank"]].to_numpy().tolist() == [[0, 0], [8, 32]]
    found = llm.estimate_decode_performance(
        "llama3_8b", 4, 1, 2000, 256, "H100_80GB", lora_adapters=8, lora_rank=32
    )
    assert frame["tpot_s"].iloc[1] * 1e3 == pytest.approx(found["latency"], rel=1e-12)
    less = replace(LLAMA, num_decoder_layers=2)
    assert llm.get_minimum_system_size(less, system_name="A100_80GB", lora_adapters=30_000) > 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lora_adapters": -1}, "lora_adapters must be a whole .*got -1; .* value is 0"),
        ({"lora_adapters": 1, "lora_rank": 0}, "lora_rank must be a whole .*got 0; .* value is 1"),
        ({"lora_rank": "high"}, "lora_rank must be a whole number .*got 'high'"),
    ],
)
def test_errors_help(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        llm.make_request("llama3_8b", "H100_80GB", **given)
