"""What an estimate rests on: model, device, engine and the types of weights and of the KV cache."""

from __future__ import annotations

from dataclasses import replace

import pytest

import llmcalc_core as llm
from llmcalc_core.calibration.bands import was_measured
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.planning.basis import basis_of

FP8 = llm.parse_precision("fp8")
NVFP4 = llm.parse_precision("nvfp4")  # with a cache in FP8

# (model, device, precision, KV cache, engine, basis): runs of the fit, kernels of efficiency.toml
CASES = [
    ("llama3_8b", "H100_80GB", FP8, "fp8", "trtllm", "measured"),
    ("llama3_8b", "H100_80GB", FP8, "bf16", "trtllm", "calibrated"),  # kernels alone
    ("llama3_8b", "H100_80GB", FP8, "fp16", "trtllm", "calibrated"),  # as fast as bf16
    ("llama3_8b", "H100_80GB", FP8, "int8", "trtllm", "transferred"),  # read as fast as FP8
    ("llama3_8b", "H100_80GB", FP8, "int4", "trtllm", "transferred"),
    ("llama3_8b", "H100_80GB", FP8, "fp4", "trtllm", "transferred"),
    ("llama3_1_70b", "B200_180GB", NVFP4, "fp8", "trtllm", "measured"),
    ("llama3_1_70b", "B200_180GB", NVFP4, "int4", "trtllm", "transferred"),
    ("deepseek_v3", "H200_141GB", FP8, "bf16", "sglang", "measured"),  # runs of both
    ("deepseek_v3", "H200_141GB", FP8, "fp8", "trtllm", "measured"),
    ("deepseek_v3", "B200_180GB", FP8, "bf16", "trtllm", "calibrated"),
    ("llama2_70b", "A100_80GB", llm.parse_precision("fp16"), "fp16", "trtllm", "measured"),
    ("llama2_70b", "A100_80GB", llm.parse_precision("fp16"), "bf16", "trtllm", "measured"),
    ("llama2_70b", "A100_80GB", llm.parse_precision("fp16"), "fp8", "trtllm", "transferred"),
    ("llama3_1_405b", "MI300X", FP8, "fp8", "vllm", "measured"),
    ("llama3_1_405b", "MI300X", FP8, "int4", "vllm", "assumed"),
    ("llama3_8b", "H100_80GB", FP8, "fp8", "vllm", "calibrated"),  # of another engine
    ("llama2_70b", "A100_80GB", llm.parse_precision("fp16"), "fp16", "vllm", "transferred"),
    ("deepseek_v3", "H200_141GB", FP8, "bf16", "trtllm", "calibrated"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[1]} {case[3]} {case[4]}")
def test_a_basis_is_of_cache_and_engine_too(case) -> None:
    model, device, precision, kv_cache, engine, basis = case
    precision = replace(precision, kv_cache=kv_cache)
    frame = llm.explore(model, device, 8, batch=1, precision=precision, engine=engine)
    assert set(frame["basis"]) == {basis}


def test_a_user_who_measured_knows_the_cache() -> None:
    model = llm.architecture(llm.find_model("llama3_8b"))
    device = replace(
        llm.find_hardware("H100_80GB"),
        adjustments=(("decode_time", 0.1),),
        own_runs=((model.name, "fp8", "int4", "vllm"),),
    )
    found = efficiency_for(device, replace(FP8, kv_cache="int4"))
    basis = basis_of(model, device, found)
    assert (found.basis, basis.name) == ("transferred", "measured")
    assert basis.reason == (
        "H100_80GB was calibrated with runs of yours, of meta-llama/Llama-3.1-8B with vLLM, "
        "fp8 weights and int4 KV cache among them."
    )


@pytest.mark.parametrize(
    ("model", "cache", "engine", "basis"),
    [
        ("llama3_70b", "int4", "vllm", "calibrated"),  # another model
        ("llama3_8b", "fp8", "vllm", "calibrated"),  # another cache
        ("llama3_8b", "int4", "sglang", "transferred"),  # another engine: as without
    ],
)
def test_runs_of_a_user_are_of_what_ran(model: str, cache: str, engine: str, basis: str) -> None:
    known = llm.architecture(llm.find_model("llama3_8b")).name
    device = replace(
        llm.find_hardware("H100_80GB"),
        adjustments=(("decode_time", 0.1),),
        own_runs=((known, "fp8", "int4", "vllm"),),
    )
    found = efficiency_for(device, replace(FP8, kv_cache=cache), engine=engine)
    assert basis_of(llm.architecture(llm.find_model(model)), device, found).name == basis


REASONS = [
    (
        {"bits": FP8, "engine": "trtllm"},
        "Runs of meta-llama/Llama-3.1-8B on H100_80GB with TensorRT-LLM, fp8 weights",
    ),
    (
        {"bits": "bf16"},
        "other runs on it with vLLM were fitted, none of meta-llama/Llama-3.1-8B with bf16",
    ),
    ({"bits": FP8, "engine": "lmdeploy"}, "No run of LMDeploy on H100_80GB was fitted."),
    ({"bits": FP8, "kv_cache": "int4"}, "were not measured on H100_80GB: those of a relative or"),
    ({"system_name": "TPUv4"}, "Of TPUv4 with bf16 weights and bf16 KV cache the peaks alone"),
    # One model on MI300X with vLLM was fitted; no kernel of the device is in the tables.
    ({"system_name": "MI300X"}, "Runs of other models on MI300X with vLLM were fitted, but its"),
    ({"prefix_hit_rate": 0.5}, "No measured run used such techniques."),
    ({"weights_offload": 0.5}, "No measured run kept anything in the host's memory."),
]


@pytest.mark.parametrize(("asked", "words"), REASONS)
def test_a_basis_has_a_reason(asked, words: str) -> None:
    asked = {"system_name": "H100_80GB", "bits": "bf16"} | asked
    if kv_cache := asked.pop("kv_cache", None):
        asked["bits"] = replace(asked["bits"], kv_cache=kv_cache)
    for found in (
        llm.estimate_serving_performance("llama3_8b", 8, 100, 100, **asked),
        llm.estimate_decode_performance("llama3_8b", 8, 100, output_tokens=100, **asked),
    ):
        assert words in found["basis_reason"]


def test_the_band_widens_with_the_basis() -> None:
    def width(kv_cache: str) -> float:
        row = llm.explore("llama3_8b", "H100_80GB", 1, batch=8, phase="serving", engine="trtllm",
                          precision=replace(FP8, kv_cache=kv_cache)).iloc[0]  # fmt: skip
        return row["tpot_high_s"] / row["tpot_low_s"]

    rounding = 1 + 1e-9
    assert width("fp8") <= width("bf16") * rounding
    assert width("bf16") <= width("int4") * rounding
    assert width("fp8") < width("int4")


def test_a_measured_run_is_known_by_five_words() -> None:
    run = ("meta-llama/Llama-3.1-8B", "H100_80GB", "fp8", "fp8", "trtllm")
    assert was_measured(*run)
    for place, other in enumerate(("other", "other", "bf16", "bf16", "other")):
        assert not was_measured(*run[:place], other, *run[place + 1 :])


def test_a_candidate_has_the_reason_of_its_case() -> None:
    request = llm.make_request(
        "llama3_8b", ["H100_80GB", "TPUv4"], 1, batch=[1, 2], precision="fp8", phase="serving"
    )
    found = llm.evaluate(request)
    assert "H100_80GB" in found.basis_reason(1)
    assert "Of TPUv4" in found.basis_reason(len(found.frame) - 1)
    with pytest.raises(IndexError, match="below the number of candidates"):
        found.basis_reason(len(found.frame))
