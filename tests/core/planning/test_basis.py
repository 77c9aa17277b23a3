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

# (model, device, precision, KV cache, basis): runs of the fit and kernels of efficiency.toml
CASES = [
    ("llama3_8b", "H100_80GB", FP8, "fp8", "measured"),
    ("llama3_8b", "H100_80GB", FP8, "bf16", "calibrated"),  # kernels alone
    ("llama3_8b", "H100_80GB", FP8, "fp16", "calibrated"),  # as fast as bf16
    ("llama3_8b", "H100_80GB", FP8, "int8", "transferred"),  # read as fast as FP8
    ("llama3_8b", "H100_80GB", FP8, "int4", "transferred"),
    ("llama3_8b", "H100_80GB", FP8, "fp4", "transferred"),
    ("llama3_1_70b", "B200_180GB", NVFP4, "fp8", "measured"),
    ("llama3_1_70b", "B200_180GB", NVFP4, "int4", "transferred"),
    ("deepseek_v3", "H200_141GB", FP8, "bf16", "measured"),  # runs of both
    ("deepseek_v3", "H200_141GB", FP8, "fp8", "measured"),
    ("deepseek_v3", "B200_180GB", FP8, "bf16", "calibrated"),
    ("llama2_70b", "A100_80GB", llm.parse_precision("fp16"), "fp16", "measured"),
    ("llama2_70b", "A100_80GB", llm.parse_precision("fp16"), "bf16", "measured"),
    ("llama2_70b", "A100_80GB", llm.parse_precision("fp16"), "fp8", "transferred"),
    ("llama3_1_405b", "MI300X", FP8, "fp8", "measured"),
    ("llama3_1_405b", "MI300X", FP8, "int4", "assumed"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[1]} {case[3]}")
def test_a_basis_is_of_the_cache_too(case) -> None:
    model, device, precision, kv_cache, basis = case
    frame = llm.explore(model, device, 8, batch=1, precision=replace(precision, kv_cache=kv_cache))
    assert set(frame["basis"]) == {basis}


def test_a_user_who_measured_knows_the_cache() -> None:
    device = replace(llm.find_hardware("H100_80GB"), adjustments=(("decode_time", 0.1),))
    model = llm.architecture(llm.find_model("llama3_8b"))
    found = efficiency_for(device, replace(FP8, kv_cache="int4"))
    assert (found.basis, basis_of(model, device, found)) == ("transferred", "measured")


def test_the_band_widens_with_the_basis() -> None:
    def width(kv_cache: str) -> float:
        row = llm.explore("llama3_8b", "H100_80GB", 1, batch=8, phase="serving",
                          precision=replace(FP8, kv_cache=kv_cache)).iloc[0]  # fmt: skip
        return row["tpot_high_s"] / row["tpot_low_s"]

    assert width("fp8") <= width("bf16") <= width("int4")
    assert width("fp8") < width("int4")


def test_measured_runs_are_of_four_words() -> None:
    run = ("meta-llama/Llama-3.1-8B", "H100_80GB", "fp8", "fp8")
    assert was_measured(*run)
    for place in range(4):
        assert not was_measured(*(("other", "other", "bf16", "bf16")[place] if at == place else word
                                  for at, word in enumerate(run)))  # fmt: skip
