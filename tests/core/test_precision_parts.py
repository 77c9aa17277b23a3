"""Parts of a model with types of their own, in time, and the precision of the checkpoint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llmcalc_core import (
    EvaluationRequest,
    ModelConfig,
    Precision,
    calibrate,
    estimate_decode_performance,
    estimate_serving_performance,
    explore,
    find_hardware,
    find_model,
    get_minimum_system_size,
    make_request,
)
from llmcalc_core.api import measurements
from llmcalc_core.architecture.model import architecture
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.fitting.flat_passes import flatten
from llmcalc_core.fitting.run import Configuration
from llmcalc_core.fitting.steps import steps_of
from llmcalc_core.layers.work import Operation, make_pass
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout

FP4 = Precision(weights="fp4", activations="fp4", kv_cache="fp8")
TINY = ModelConfig(
    model="tiny", vocab_size=512, hidden_size=64, num_decoder_layers=2, num_attention_heads=4,
    intermediate_size=256, num_experts=4, expert_top_k=2, n_shared_experts=1,
)  # fmt: skip
HYBRID = replace(TINY, layer_types=("mamba",), mamba_d_state=16, mamba_dt_rank=4)


def products(config: ModelConfig, precision: Precision) -> list[Operation]:
    """Matrix products of a layer at one sequence, in the order of the layer."""
    grid = make_grid((Layout(),), batches=(1,), inputs=(8,), outputs=(8,))
    model = architecture(config)
    parts = sections(model, make_pass(model.hidden, grid, precision, decode=True))[:-2]
    work = [one for part in parts for one in part.operations]
    return [one for one in work if one.kind == "gemm" and one.family != "mixture"]


def test_like_parts_change_nothing() -> None:
    named = replace(FP4, attention="fp4", shared="nvfp4")
    assert named == FP4
    assert named.part("shared") is named
    assert FP4.computed == frozenset()


# (parts, (family, bits of a stored weight) of query-key-value, output, router, shared up, down)
CASES = [
    ({}, ("gemm", 4.5), ("gemm", 4.5), ("gemm", 4.5)),
    ({"attention": "bf16"}, ("gemm_wide", 16), ("gemm_wide", 16), ("gemm", 4.5)),
    ({"attention": "fp8"}, ("gemm_fp8", 8), ("gemm_fp8", 8), ("gemm", 4.5)),
    ({"attention": "bf16", "attention_output": "fp4"}, ("gemm_wide", 16), ("gemm", 4.5),
     ("gemm", 4.5)),
    ({"shared": "int4"}, ("gemm", 4.5), ("gemm", 4.5), ("gemm_wide", 4 + 20 / 128)),
    ({"recurrent": "bf16"}, ("gemm", 4.5), ("gemm", 4.5), ("gemm", 4.5)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[str(case[0]) for case in CASES])
def test_each_projection_has_the_types_of_its_part(case) -> None:
    parts, *expected = case
    query, output, router, up, down = products(TINY, replace(FP4, **_unset(parts)))
    for operation, (family, bits), (n, k) in zip(
        (query, output, up), expected, ((192, 64), (64, 64), (512, 64)), strict=True
    ):
        entering = 2 if family == "gemm_wide" else 1 if family == "gemm_fp8" else 4.5 / 8
        assert operation.family == family
        assert float(operation.moved) == n * k * bits / 8 + k * entering + n * 2
    assert (router.family, down.family) == ("gemm_wide", up.family)


def _unset(parts: dict[str, str]) -> dict[str, str]:
    """Clear what a precision has filled in, so that parts follow each other again."""
    return {"attention": "", "attention_output": "", "recurrent": "", "shared": "", **parts}


def test_recurrent_layers_are_a_part() -> None:
    families = [one.family for one in products(HYBRID, Precision(weights="fp8", recurrent="bf16"))]
    assert families[:4] == ["gemm"] * 4  # fp8 weights with 16-bit activations
    apart = products(HYBRID, replace(FP4, recurrent="bf16"))
    assert [one.family for one in apart[:4]] == ["gemm_wide"] * 4


def test_a_type_of_its_own_has_its_own_curve() -> None:
    device = find_hardware("B200_180GB")
    mixed = efficiency_for(device, replace(FP4, **_unset({"attention": "fp8"}))).curves
    fp8 = efficiency_for(device, Precision(weights="fp8", activations="fp8", kv_cache="fp8")).curves
    fp4 = efficiency_for(device, FP4).curves
    assert mixed["gemm_fp8"] == fp8["gemm"]
    assert mixed["gemm"] == fp4["gemm"] == mixed["gemm_fp4"]
    assert set(fp4) == set(mixed) - {"gemm_fp8", "gemm_fp4"}


def test_wider_attention_takes_longer_than_narrow_and_less_than_all_wide() -> None:
    def tpot(precision: Precision) -> float:
        return estimate_decode_performance(
            "qwen3_32b", batch_size=8, input_tokens=1000, output_tokens=10,
            system_name="B200_180GB", bits=precision,
        )["tpot_ms"]  # fmt: skip

    wide = Precision(kv_cache="fp8")
    part = replace(FP4, **_unset({"attention": "bf16"}))
    assert tpot(FP4) < tpot(part) < tpot(wide)


def test_runs_in_three_types_can_be_laid_flat() -> None:
    one = Configuration(
        model=architecture(TINY), hardware=find_hardware("B200_180GB"), engine="vllm",
        precision=replace(FP4, **_unset({"attention": "fp8"})), layout=Layout(), batch=1,
        input_tokens=8, output_tokens=8, loop=False,
    )  # fmt: skip
    assert flatten([one], [0], [steps_of(one).reading.work]).size == 1


FP8 = replace(find_model("llama3_8b"), precision="fp8", model="an FP8 checkpoint")


def test_estimates_take_the_precision_of_the_checkpoint() -> None:
    asked = {"input_tokens": 1000, "output_tokens": 100, "system_name": "H100_80GB"}
    for estimate, load in (
        (estimate_decode_performance, {"batch_size": 8}),
        (estimate_serving_performance, {"concurrency": 8}),
    ):
        own = estimate(FP8, **load, **asked)
        assert own == estimate(FP8, **load, **asked, bits="checkpoint")
        assert own == estimate(FP8, **load, **asked, bits="fp8")
        assert own != estimate(FP8, **load, **asked, bits="bf16")
        plain = estimate("llama3_8b", **load, **asked)
        assert plain == estimate("llama3_8b", **load, **asked, bits="bf16")


@pytest.mark.parametrize(
    ("model", "stated", "label"),
    [
        ("Qwen/Qwen3-32B-FP8", {}, "w fp8_block, a fp8, kv bf16"),
        ("Qwen/Qwen3-32B-FP8", {"precision": "bf16"}, "bf16"),
        ("Qwen/Qwen3-32B", {}, "bf16"),
        ("Qwen/Qwen3-32B", {"precision": "checkpoint"}, "bf16"),
    ],
)
def test_measured_rows_are_of_the_checkpoint_unless_they_say(model, stated, label) -> None:
    row = {"model": model, "tensor_parallel": 1, "concurrency": 8, "input_tokens": 1000,
           "output_tokens": 200, "tpot_ms": 20.0, **stated}  # fmt: skip
    read = measurements._configuration(row, find_hardware("H200_141GB"), "vllm")
    assert read.precision.label == label


def test_the_smallest_system_is_that_of_the_checkpoint() -> None:
    big = replace(find_model("llama3_70b"), precision="fp8")
    assert get_minimum_system_size(big, system_name="H200_141GB") == 1
    assert get_minimum_system_size("llama3_70b", system_name="H200_141GB") == 2


def test_each_model_is_explored_in_its_own_precision() -> None:
    frame = explore(["llama3_8b", FP8], "H100_80GB", 1, batch=8, precision=["checkpoint", "fp8"])
    assert frame[["model", "precision"]].to_numpy().tolist() == [
        ["meta-llama/Llama-3.1-8B", "bf16"],
        ["meta-llama/Llama-3.1-8B", "fp8"],
        ["an FP8 checkpoint", "fp8"],
    ]
    assert frame["tpot_s"].nunique() == 2
    assert np.array_equal(
        explore("llama3_8b", "H100_80GB", 1)["tpot_s"],
        explore("llama3_8b", "H100_80GB", 1, precision="bf16")["tpot_s"],
    )


def test_a_request_asks_for_the_checkpoint_unless_told_otherwise() -> None:
    request = make_request(FP8, "H100_80GB")
    assert (
        request.precisions
        == EvaluationRequest(
            models=request.models, hardware=request.hardware, devices=(8,)
        ).precisions
    )
    assert [one.label for one in request.precisions_of(FP8)] == ["fp8"]
    with pytest.raises(
        ValueError, match=r"bits must be one of .*got 'chekpoint'; did you mean 'ch"
    ):
        make_request(FP8, "H100_80GB", precision="chekpoint")


@pytest.mark.parametrize(
    ("precision", "message"),
    [
        (8, "precision must be a Precision, a name, its fields or None, got 8"),
        ("fp9", "bits must be one of .*got 'fp9'"),
        ({"wieghts": "fp8"}, "precision must be one of .*got 'wieghts'; did you mean 'weights'"),
        ({"scale_bits": -1}, "scale_bits must be a finite number from 0"),
    ],
)
def test_a_checkpoint_is_stored_in_something_known(precision, message) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TINY, precision=precision)


@pytest.mark.parametrize("kind", DATA_TYPES)
def test_a_part_in_any_type_can_be_calibrated(kind: str) -> None:
    stored = Precision(attention=kind, recurrent=kind, shared=kind)
    row = {"model": "llama3_8b", "tensor_parallel": 1, "input_tokens": 1000, "output_tokens": 200,
           "precision": stored}  # fmt: skip
    rows = [row | {"concurrency": load, "tpot_ms": 20.0} for load in (1, 4, 16)]
    found = calibrate(rows, "H100_80GB").report["before_ms"].tolist()
    own = [
        estimate_serving_performance("llama3_8b", load, 1000, 200, "H100_80GB", bits=stored)
        for load in (1, 4, 16)
    ]
    assert found == pytest.approx([one["tpot_ms"] for one in own], rel=0.01)
