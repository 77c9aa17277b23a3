"""Facts of kernels beside times of the same kernels, measured alone.

Times of all-reduces by their size are those of the kernel measurements that NVIDIA's aiconfigurator
project publishes (Apache-2.0, commit 095f58a5).
"""

from __future__ import annotations

import numpy as np
import pytest

from llmcalc_core import Precision, find_hardware
from llmcalc_core.calibration.kernels import facts_of, find_facts
from llmcalc_core.costmodel.collectives import message_seconds, participants_of
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.formulas.collectives import Collective
from llmcalc_core.formulas.roofline import memory_seconds, ramp_seconds
from tests.core.neutral import NEUTRAL

# Eight heads of 128 to one of keys: sequences, keys of each, and what an attention takes [us]
# (aiconfigurator-core 0.12.0, NVIDIA, Apache-2.0; systems/data/*/attention).
DECODE_ATTENTION = [
    ("H200_141GB", "trtllm", "fp8", 256, 4096, 77.3),
    ("H100_80GB", "vllm", "bf16", 16, 1024, 14.9),
    ("H100_80GB", "vllm", "bf16", 64, 8192, 101.4),
    ("H100_80GB", "vllm", "bf16", 64, 16384, 187.1),
    ("B200_180GB", "trtllm", "fp8", 16, 1024, 12.9),
    ("B200_180GB", "trtllm", "fp8", 64, 16384, 50.9),
    ("B200_180GB", "sglang", "fp8", 16, 1024, 17.7),
    ("GB200_186GB", "vllm", "bf16", 64, 16384, 83.4),
    ("A100_80GB", "vllm", "bf16", 64, 8192, 185.6),
]
ALL_REDUCES = [
    ("H100_80GB", "trtllm", 8, 65_536, 4.59),
    ("H100_80GB", "trtllm", 8, 1_048_576, 25.96),
    ("H100_80GB", "trtllm", 8, 16_777_216, 122.32),
    ("H100_80GB", "trtllm", 8, 268_435_456, 1089.62),
    ("H200_141GB", "vllm", 4, 1_048_576, 12.1),
    ("H200_141GB", "vllm", 4, 8_388_608, 51.77),
    ("H200_141GB", "sglang", 8, 2_097_152, 19.31),
    ("B200_180GB", "trtllm", 8, 1_048_576, 17.78),
    ("B200_180GB", "vllm", 8, 16_384, 5.93),  # with FlashInfer's, which are TensorRT-LLM's
    ("B200_180GB", "trtllm", 8, 16_777_216, 84.76),
]
LARGE_PRODUCTS = [
    ("RTX_PRO_6000", "bf16", 427.6e12),
    ("RTX_PRO_6000", "fp8", 789.3e12),
    ("RTX_PRO_6000", "fp4", 1426e12),
    ("RTX_5090", "fp4", 1306e12),
    ("MI300X", "bf16", 660.5e12),
    ("MI300X", "fp8", 1197e12),
]
"""The fastest large products, of the table in the README of gau-nernst's gn-kernels (02ef305a)."""


@pytest.mark.parametrize("case", DECODE_ATTENTION, ids=lambda case: " ".join(map(str, case[:-1])))
def test_decode_attention_takes_its_time(case: tuple[str, str, str, int, int, float]) -> None:
    device, engine, cache, sequences, keys, took_us = case
    bandwidth = find_hardware(device).memory_bandwidth
    moved = sequences * (keys * 2 * 128 * (1 if cache == "fp8" else 2) + 8 * 128 * 4)
    facts, basis = find_facts(facts_of(device), "attention_decode", cache, engine)
    at_rate = memory_seconds(moved=moved, bandwidth=bandwidth, efficiency=facts.memory)
    ramp = ramp_seconds(moved=moved, ramp=facts.ramp_us * 1e-6)
    assert basis == "calibrated"
    # Fits miss heads left out by 7 % at the median and 26 % at p90 (kernel_fits.toml).
    assert facts.floor_us * 1e-6 + ramp + at_rate == pytest.approx(took_us * 1e-6, rel=0.22)
    assert facts.floor_us * 1e-6 + ramp + at_rate > moved / bandwidth


@pytest.mark.parametrize(("device", "engine", "devices", "size", "took_us"), ALL_REDUCES)
def test_an_all_reduce_takes_its_time(
    device: str, engine: str, devices: int, size: int, took_us: float
) -> None:
    hardware = find_hardware(device)
    links = efficiency_for(hardware, Precision(), engine=engine, constants=NEUTRAL).links
    between = participants_of(float(devices), hardware, links)
    found = message_seconds(Collective.ALL_REDUCE, float(size), between)
    assert np.asarray(found).item() == pytest.approx(took_us * 1e-6, rel=0.17)


@pytest.mark.parametrize(("device", "data_type", "reached"), LARGE_PRODUCTS)
def test_large_products_reach_what_was_measured(
    device: str, data_type: str, reached: float
) -> None:
    facts, _ = find_facts(facts_of(device), "gemm", data_type)
    alone = 1.0 if data_type == "bf16" else 0.8  # engines' products in 8 and 4 bits: engine table
    peak = dict(find_hardware(device).flops)[data_type]
    assert facts.compute / alone * peak == pytest.approx(reached, rel=0.01)


def test_a_relative_stands_for_what_a_device_lacks() -> None:
    own, relative = facts_of("RTX_PRO_6000"), facts_of("L40S")
    assert own.gemm != relative.gemm
    assert own.attention_prefill == relative.attention_prefill
    assert facts_of("GH200_144GB").gemm == facts_of("H200_141GB").gemm
