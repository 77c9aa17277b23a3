"""Kernels that a host starts beside the listed ones where nothing is captured."""

from __future__ import annotations

from dataclasses import replace

import pytest

import llmcalc_core as llm
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.passes import pass_times
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.layers.delta import CHUNK_COPIES, CHUNK_KERNELS
from llmcalc_core.layers.work import Operation, make_pass
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout

H200 = llm.find_hardware("H200_141GB")
FP8 = llm.parse_precision("fp8")


def operations(model: str, engine: str, precision: llm.Precision) -> dict[str, Operation]:
    """Give the operations of a step that reads a prompt, by name."""
    described = llm.architecture(llm.find_model(model))
    grid = make_grid(
        (Layout(tp=8),), batches=(1,), inputs=(4096,), outputs=(1,), engine=H200.engine(engine)
    )
    step = make_pass(described.hidden, grid, precision, decode=False)
    return {one.name: one for own in sections(described, step) for one in own.operations}


def test_narrow_inputs_are_quantised_in_a_kernel_of_their_own() -> None:
    wide, narrow = (operations("llama3_8b", "sglang", one) for one in (llm.Precision(), FP8))
    assert wide["down projection"].further == 0
    assert narrow["down projection"].further == 1


@pytest.mark.parametrize(("precision", "further"), [(llm.Precision(), 5), (FP8, 7)])
def test_experts_sort_their_tokens(precision: llm.Precision, further: int) -> None:
    """Choose, sort twice, a second product, sum; quantise twice (fused_experts_impl)."""
    found = operations("Qwen/Qwen3-235B-A22B", "sglang", precision)["routed experts"]
    assert found.further == further
    assert operations("Qwen/Qwen3-235B-A22B", "trtllm", precision)["routed experts"].further == 0


def test_a_delta_rule_copies_what_it_reads() -> None:
    found = operations("Qwen/Qwen3-Next-80B-A3B-Instruct", "sglang", FP8)["delta rule"]
    assert (found.launches, found.further) == (CHUNK_KERNELS, CHUNK_COPIES) == (6, 15)


def test_an_indexer_has_fifteen_and_latent_attention_four() -> None:
    found = operations("zai-org/GLM-5", "sglang", FP8)
    assert (found["index scores"].further, found["attention"].further) == (15, 4)


def test_small_kernels_take_the_host_alone() -> None:
    """They are counted, and start; on the devices nothing is longer."""
    model = llm.architecture(llm.find_model("Qwen/Qwen3-235B-A22B"))
    efficiency: Efficiency = efficiency_for(H200, FP8, engine="sglang")
    grids = [
        make_grid((Layout(tp=8),), batches=(1,), inputs=(4096,), outputs=(1,), engine=engine)
        for usual in (H200.engine("sglang"),)
        for engine in (usual, replace(usual, joins_experts=True))
    ]
    some, none = (
        pass_times(
            model,
            sections(model, make_pass(model.hidden, grid, FP8, decode=False)),
            H200,
            efficiency,
        )
        for grid in grids
    )
    assert some.device_s == pytest.approx(none.device_s)
    assert float(some.kernels) - float(none.kernels) == 94 * 7  # layers
