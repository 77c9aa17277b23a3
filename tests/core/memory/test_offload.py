"""Weights and cache in the host's memory: what crosses the link by hand, and its bound."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmcalc_core as llm
from llmcalc_core import DoesNotFitError, Techniques
from llmcalc_core.architecture.model import architecture
from llmcalc_core.costmodel.times import BOUNDS
from llmcalc_core.memory.budget import MemoryBudget
from llmcalc_core.memory.concurrency import concurrency_beside_buffers
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from tests.core.physical_bound import BITS, Counted
from tests.core.random_cases import QUICK, ROUNDING, Case, cases

REACHED = 0.775
"""Part of the link's rate that is reached (efficiency.toml, host_fraction)."""

LLAMA: dict[str, Any] = {
    "model": "llama3_8b", "batch_size": 4, "input_tokens": 1000, "output_tokens": 199,
    "system_name": "H100_80GB", "bits": "bf16",
    "engine_version": "0.11",  # its host works while no device does
}  # fmt: skip
# Parameters in the matrices of Llama 3 8B's 32 layers: queries and output 2 x 4096², keys and
# values 2 x 4096 x 1024, gate, up and down 3 x 4096 x 14,336.
MATRICES = 32 * (2 * 4096**2 + 2 * 4096 * 1024 + 3 * 4096 * 14_336)


def added_s(**asked: Any) -> float:
    """Time that offloading adds to an output token [s]."""
    settings = LLAMA | {name: asked.pop(name) for name in ("pipeline_parallel",) if name in asked}
    usual = llm.estimate_decode_performance(**settings)["latency"]
    return (llm.estimate_decode_performance(**settings, **asked)["latency"] - usual) / 1e3


def test_weights_cross_the_link_by_hand() -> None:
    # A quarter of 6,979,321,856 parameters of 2 bytes, at 0.775 of 64 GB/s: 70.4 ms.
    expected = 0.25 * 2 * MATRICES / (REACHED * 64e9)
    assert expected == pytest.approx(0.0704, rel=1e-3)
    assert added_s(weights_offload=0.25) == pytest.approx(expected, rel=1e-9)
    # Through the stages of a pipeline one after another: as long in the whole.
    piped = added_s(weights_offload=0.25, pipeline_parallel=2)
    assert piped == pytest.approx(expected, rel=0.02)


def test_cache_crosses_the_link_by_hand() -> None:
    # Four sequences of 1000 + 200 / 2 tokens in the mean, each 2 x 32 layers x 1024 x 2 bytes.
    expected = 0.5 * 4 * 1100 * 131_072 / (REACHED * 64e9)
    assert added_s(kv_offload=0.5) == pytest.approx(expected, rel=1e-9)
    asked = {name: LLAMA[name] for name in LLAMA if name != "output_tokens"}
    usual, found = (
        llm.estimate_prefill_performance(**asked, kv_offload=share, prefix_hit_rate=0.5)
        for share in (0.0, 1.0)
    )
    # In prefill the 500 new tokens are written, and the 500 found are read. Kernels are started
    # meanwhile, so that a little less than that is added.
    crossing = 4 * 1000 * 131_072 / (REACHED * 64e9)
    assert 0.98 < (found["latency"] - usual["latency"]) / (crossing * 1e3) < 1
    assert found["time_by_kind_ms"]["communication"] == pytest.approx(crossing * 1e3, rel=1e-9)


def test_experts_that_no_token_goes_to_stay_where_they_are() -> None:
    asked: dict[str, Any] = {
        "model": "mixtral_8x7b", "batch_size": 1, "system_name": "H200_141GB", "bits": "bf16",
        "engine_version": "0.11",
    }  # fmt: skip
    usual, found = (
        llm.estimate_decode_performance(**asked, weights_offload=share) for share in (0.0, 1.0)
    )
    # Of each of 32 layers attention, 2 x 4096² + 2 x 4096 x 1024, the router, 4096 x 8, and two of
    # eight experts of 3 x 4096 x 14,336.
    read = 32 * 2 * (2 * 4096**2 + 2 * 4096 * 1024 + 4096 * 8 + 2 * 3 * 4096 * 14_336)
    expected = read / (REACHED * 64e9) * 1e3
    assert found["latency"] - usual["latency"] == pytest.approx(expected, rel=1e-9)
    assert found["bound_by"] == "host link"


@QUICK
@given(cases())
def test_nothing_offloaded_is_no_offload(case: Case) -> None:
    found = case.with_work(techniques=Techniques(weights_offload=0.0, kv_offload=0.0)).estimate()
    usual = case.estimate()
    assert found.times.latency_s == usual.times.latency_s
    assert found.memory.total == usual.memory.total
    assert found.memory.host == 0
    assert BOUNDS[found.times.bound.item()] != "host link"


SHARES = st.floats(0, 1)


@QUICK
@given(cases(), SHARES, SHARES, SHARES, SHARES)
def test_offload_is_never_faster(case: Case, a: float, b: float, c: float, d: float) -> None:
    (few, more), (low, high) = sorted((a, b)), sorted((c, d))
    less, other = (
        case.with_work(techniques=Techniques(weights_offload=weights, kv_offload=cache))
        for weights, cache in ((few, low), (more, high))
    )
    assert case.latency() <= less.latency() * ROUNDING
    assert less.latency() <= other.latency() * ROUNDING
    assert other.memory() <= less.memory() * ROUNDING
    assert less.memory() <= case.memory() * ROUNDING


@QUICK
@given(cases(), SHARES, SHARES)
def test_never_faster_than_the_link(case: Case, weights: float, cache: float) -> None:
    case = replace(case, phase="decode").with_work(beam_size=1)
    config, work, parts = case.config, case.workload, Counted.of(case.config)
    techniques = Techniques(weights_offload=weights, kv_offload=cache)
    found = case.with_work(techniques=techniques)
    # Counted from the configuration alone: what all devices together must read over their links.
    batch, layers = work.batches[0], config.num_decoder_layers
    share = config.expert_top_k / config.num_experts
    touched = config.num_experts * (1 - (1 - share) ** (batch / case.layout.pp))
    read = layers * (parts.mixing + touched * parts.one + parts.shared)
    weight = BITS[case.precision.weights] / 8
    tokens = batch * (work.input_tokens + (work.output_tokens + 1) / 2)
    held = layers * tokens * parts.cached * BITS[case.precision.kv_cache] / 8
    crossing = weights * read * weight + cache * held
    bound = crossing / case.layout.devices / case.hardware.host_link_bandwidth
    assert found.latency() * ROUNDING >= bound


def test_what_is_not_on_the_device_is_at_the_host() -> None:
    model, precision = architecture(llm.find_model("llama3_8b")), llm.Precision()
    asked: dict[str, Any] = {"batches": (4,), "inputs": (1000,), "outputs": (200,)}
    layouts = (Layout(), Layout(tp=4), Layout(pp=2))
    techniques = Techniques(weights_offload=0.25, kv_offload=0.5)
    usual, found = (
        device_memory(model, precision, make_grid(layouts, **asked, techniques=one))
        for one in (Techniques(), techniques)
    )
    # 8,030,261,248 parameters less embedding and head of 128,256 x 4096 each and a norm of 4096.
    layers = 2 * (8_030_261_248 - 2 * 128_256 * 4096 - 4096)
    away = (usual.weights - found.weights).reshape(-1)
    assert away[0] == pytest.approx(0.25 * layers, rel=1e-12)
    assert found.host_weights.reshape(-1) == pytest.approx(away, rel=1e-12)
    assert found.kv_cache == pytest.approx(0.5 * usual.kv_cache, rel=1e-12)
    assert found.host_kv_cache == pytest.approx(0.5 * usual.kv_cache, rel=1e-12)
    assert found.activations == pytest.approx(usual.activations)


def test_hosts_have_room_for_so_many_requests() -> None:
    model = architecture(llm.find_model("llama3_8b"))
    techniques = Techniques(weights_offload=0.5, kv_offload=1.0)
    grid = make_grid(
        (Layout(),), batches=(3,), inputs=(1000,), outputs=(200,), techniques=techniques
    )
    memory = device_memory(model, llm.Precision(), grid)
    each = 1200 * 131_072  # 1,200 tokens of 131,072 bytes
    host = float(memory.host_weights) + 5.5 * each
    device = memory.total.item()
    for device_bytes, host_bytes, count in (
        (device, host, 5), (device - 1, host, 0), (device, float(memory.host_weights) - 1, 0),
    ):  # fmt: skip
        budget = MemoryBudget(device_bytes=device_bytes, host_bytes=host_bytes)
        assert concurrency_beside_buffers(memory, grid, budget) == count


def test_a_host_that_is_too_small_rejects() -> None:
    small = llm.find_hardware("H100_80GB").replace(host_memory_bytes=50e9)
    frame = llm.explore(
        "llama3_70b", small, 1, batch=1, weights_offload=[0.0, 0.3, 0.6], precision="bf16"
    )
    # 141 GB of weights: 30 % less is still too much for the device, 60 % too much for the host.
    assert frame["rejected_for"].tolist() == ["memory", "memory", "host memory"]
    assert frame["host_memory_bytes"].tolist()[0] == 0
    assert frame["weights_offload"].tolist() == [0.0, 0.3, 0.6]
    with pytest.raises(
        DoesNotFitError, match=r"GB in the host's memory for a device, 32.1 GB more"
    ):
        llm.get_best_parallelization_strategy(
            model="llama3_70b", total_nodes=1, system_name=small, bits="bf16", weights_offload=0.6
        )
    found = llm.estimate_decode_performance(
        "llama3_70b", 1, system_name=small, bits="bf16", weights_offload=0.6
    )
    assert not found["fits"]
    assert found["host_memory_bytes"] == pytest.approx(frame["host_memory_bytes"].iloc[2])
    # Memory that is the host's own leaves nothing to offload to.
    unified = llm.explore("llama3_8b", "M3_Ultra", 1, batch=1, weights_offload=0.5)
    assert unified["rejected_for"].tolist() == ["host memory"]


def test_offload_makes_do_with_fewer_devices() -> None:
    asked: dict[str, Any] = {"model": "llama3_70b", "system_name": "H100_80GB", "bits": "bf16"}
    assert llm.get_minimum_system_size(**asked) == 2
    assert llm.get_minimum_system_size(**asked, weights_offload=0.6) == 1
    front = llm.get_pareto_optimal_performance(
        model="llama3_70b", total_nodes=1, system_name="H100_80GB", bits="bf16",
        batch_list=[1, 4], weights_offload=0.6,
    )  # fmt: skip
    # 68.5 GB over a link of 64 GB/s take more than a second.
    assert (front["Latency(ms)"] > 68.4e9 / 64e9 * 1e3).all()


@pytest.mark.parametrize("phase", llm.PHASES)
def test_parts_sum_to_the_whole(phase: str) -> None:
    frame = llm.explore(
        ["mixtral_8x7b", "jamba_v0_1", "deepseek_v2_lite"], "H200_141GB", [2, 6], phase=phase,
        weights_offload=[0.2, 0.4], kv_offload=[0.0, 0.1], batch=[1, 9],
    )  # fmt: skip
    latency = frame["ttft_s" if phase == "prefill" else "tpot_s"].to_numpy()
    assert frame[list(llm.TIME_COLUMNS)].sum(axis=1).to_numpy() == pytest.approx(latency, rel=1e-9)
    assert (frame["bound_by"] == "host link").mean() > 0.5
    assert (frame["host_memory_bytes"] > 0).all()


@pytest.mark.parametrize("name", ["weights_offload", "kv_offload"])
def test_errors_help(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a number from 0 to 1, got 1.5; .* is 1"):
        llm.make_request("llama3_8b", "H100_80GB", **{name: 1.5})
