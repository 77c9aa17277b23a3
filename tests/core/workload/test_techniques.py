"""Techniques together: names and combinations, bounds that hold for any of them, and parts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmcalc_core as llm
from llmcalc_core import Techniques
from llmcalc_core.api.make_request import find_technique, find_techniques
from llmcalc_core.workload.techniques import TechniqueArguments
from tests.core.physical_bound import BITS, Counted, bound_s
from tests.core.random_cases import QUICK, ROUNDING, Case, cases

NEUTRAL: dict[str, Any] = {
    "prefix_hit_rate": 0.0, "speculative_tokens": 0, "acceptance_rate": 0.0, "draft_model": None,
    "prefill_chunk_tokens": None, "lora_adapters": 0, "lora_rank": 16, "weights_offload": 0.0,
    "kv_offload": 0.0, "weights_offload_gib": 0.0, "offload_to_fit": False,
}  # fmt: skip
"""Every argument at its default."""

DRAFT = llm.ModelConfig(
    vocab_size=1000, hidden_size=64, num_decoder_layers=2, num_attention_heads=4,
    intermediate_size=128,
)  # fmt: skip


@st.composite
def techniques(draw: st.DrawFn) -> Techniques:
    share = st.one_of(st.just(0.0), st.floats(0, 1))
    return Techniques(
        prefix_hit_rate=draw(share),
        speculative_tokens=draw(st.integers(0, 6)),
        acceptance_rate=draw(share),
        draft_model=DRAFT,
        lora_adapters=draw(st.integers(0, 20)),
        lora_rank=draw(st.sampled_from([8, 64])),
        weights_offload=draw(share),
        kv_offload=draw(share),
    )


def test_every_field_is_an_argument() -> None:
    fields = set(inspect.signature(Techniques).parameters)
    assert fields == set(NEUTRAL)
    assert set(TechniqueArguments.__annotations__) == fields
    assert all(f"\n    {name} : " in (Techniques.__doc__ or "") for name in fields)


@pytest.mark.parametrize("phase", llm.PHASES)
@pytest.mark.parametrize("name", ["llama3_8b", "mixtral_8x7b", "jamba_v0_1"])
def test_defaults_change_no_number(phase: str, name: str) -> None:
    asked: dict[str, Any] = {"devices": [1, 6], "batch": [1, 50], "phase": phase}
    usual = llm.explore(name, "H100_80GB", **asked)
    pd.testing.assert_frame_equal(
        usual, llm.explore(name, "H100_80GB", **asked, **NEUTRAL), check_exact=True
    )


def test_defaults_change_no_single_number() -> None:
    estimates = (
        llm.estimate_prefill_performance, llm.estimate_decode_performance,
        llm.estimate_end_to_end_performance, llm.estimate_serving_performance,
    )  # fmt: skip
    for estimate in estimates:
        assert estimate("llama3_8b", **NEUTRAL) == estimate("llama3_8b")
    assert llm.get_minimum_system_size(**NEUTRAL) == llm.get_minimum_system_size()
    for plan in (llm.get_best_parallelization_strategy, llm.get_pareto_optimal_performance):
        pd.testing.assert_frame_equal(plan(**NEUTRAL), plan(), check_exact=True)


def test_combinations_are_a_product_without_repeats() -> None:
    found = find_techniques(
        {"speculative_tokens": (0, 2), "acceptance_rate": [0.5, 0.7], "draft_model": "llama3_8b"}
    )
    assert [(one.speculative_tokens, one.acceptance_rate) for one in found] == [
        (0, 0.0), (2, 0.5), (2, 0.7),
    ]  # fmt: skip
    assert found[0] == Techniques()
    assert find_technique({}) is find_techniques({})[0]
    assert len({*found, *found}) == 3
    with pytest.raises(ValueError, match=r"prefix_hit_rate must be a number .* got \[0, 1\]"):
        find_technique({"prefix_hit_rate": [0, 1]})


def test_an_unknown_argument_names_the_nearest_of_all() -> None:
    wrong: tuple[tuple[Callable[..., object], str, str], ...] = (
        (llm.explore, "batches", r"did you mean 'batch'\?"),
        (llm.estimate_decode_performance, "memory_fracton", r"did you mean 'memory_fraction'\?"),
        (llm.get_minimum_system_size, "prefix_hit", r"did you mean 'prefix_hit_rate'\?"),
        (llm.estimate_serving_performance, "xyz", r"known: model, .*prefix_hit_rate"),
    )
    for function, name, hint in wrong:
        with pytest.raises(TypeError, match=rf"^{function.__name__}\(\) has no argument .*{hint}"):
            function("llama3_8b", **{name: 1})


@QUICK
@given(cases(), techniques())
def test_a_verifying_step_is_never_faster_than_physics(case: Case, used: Techniques) -> None:
    case = replace(case.with_work(beam_size=1), phase="decode")
    found = case.with_work(techniques=used).estimate()
    # A step reads every weight and all that is cached, whatever it verifies beside its own token.
    step = found.times.latency_s.item() * found.grid.acceptance_length
    assert step * ROUNDING >= bound_s(case)


@QUICK
@given(cases(), techniques())
def test_a_prefill_is_never_faster_than_physics(case: Case, used: Techniques) -> None:
    case = replace(case, phase="prefill").with_work(beam_size=1)
    found = case.with_work(techniques=used).estimate()
    config, work, parts = case.config, case.workload, Counted.of(case.config)
    prompt = work.input_tokens
    cached = min(prompt * used.prefix_hit_rate, prompt - 1)
    batch, layers = work.batches[0], config.num_decoder_layers
    active = layers * (parts.mixing + config.expert_top_k * parts.one + parts.shared)
    flops = 2 * batch * (prompt - cached) * active
    flops += layers * batch * (prompt**2 - cached**2) / 2 * parts.pair
    weights = layers * (parts.mixing + parts.shared) * BITS[case.precision.weights] / 8
    cache = layers * batch * cached * parts.cached * BITS[case.precision.kv_cache] / 8
    device, count = case.hardware, case.layout.devices
    # Of a latent cache that prefill unpacks, less is read than of keys and values.
    reading = (weights + cache) / device.memory_bandwidth
    computing = flops / max(rate for _, rate in device.flops)
    assert found.times.latency_s.item() * ROUNDING >= max(reading, computing) / count


@QUICK
@given(cases(), techniques())
def test_parts_sum_to_the_whole(case: Case, used: Techniques) -> None:
    found = case.with_work(techniques=used, beam_size=1).estimate()
    whole = sum(part for part in found.times.by_kind.parts())
    assert whole == pytest.approx(found.times.latency_s, rel=1e-9)
    memory = found.memory
    held = memory.weights + memory.kv_cache + memory.activations + memory.reserve
    assert held == pytest.approx(memory.total, rel=1e-12)


def test_all_at_once_in_a_frame() -> None:
    asked: dict[str, Any] = {
        "prefix_hit_rate": 0.5, "speculative_tokens": 2, "acceptance_rate": 0.7,
        "draft_model": "llama3_8b", "prefill_chunk_tokens": 2048, "lora_adapters": 4,
        "weights_offload": 0.01, "kv_offload": 0.01,
    }  # fmt: skip
    frame = llm.explore("llama3_70b", "H200_141GB", 4, phase="serving", batch=16, **asked)
    for row in frame.to_dict("records"):
        if row["replicas"] == 1:
            found = llm.estimate_serving_performance(
                "llama3_70b", 16, 2000, 256, "H200_141GB", tensor_parallel=row["tp"],
                pipeline_parallel=row["pp"], **asked,
            )  # fmt: skip
            assert row["tpot_s"] * 1e3 == pytest.approx(found["tpot_ms"], rel=1e-9)
            assert row["ttft_s"] * 1e3 == pytest.approx(found["ttft_ms"], rel=1e-9)
            assert row["device_memory_bytes"] == pytest.approx(found["memory_bytes"], rel=1e-9)
            assert row["host_memory_bytes"] == pytest.approx(found["host_memory_bytes"], rel=1e-9)
    last = ["lora_rank", "weights_offload", "kv_offload"]
    assert list(frame.columns)[3:12] == [*[*asked][:6], *last]


def test_what_no_measured_run_used_is_no_measurement() -> None:
    asked: dict[str, Any] = {"model": "qwen3_32b", "system_name": "H100_80GB", "bits": "bf16"}
    assert llm.estimate_serving_performance(**asked)["basis"] == "measured"
    found = llm.estimate_serving_performance(**asked, prefix_hit_rate=0.5)
    assert found["basis"] == "transferred"
    # No narrower a band than that of measured runs, around the estimate itself.
    usual = llm.estimate_serving_performance(**asked)
    width, own = (one["tpot_ms_high"] / one["tpot_ms"] for one in (found, usual))
    assert width >= own * (1 - 1e-9)
    assert llm.estimate_decode_performance(**asked, kv_offload=0.1)["basis"] == "assumed"
    frame = llm.explore("qwen3_32b", "H100_80GB", 1, precision="bf16", lora_adapters=[0, 4])
    assert frame.groupby("lora_adapters")["basis"].agg(set).tolist() == [
        {"measured"}, {"transferred"},
    ]  # fmt: skip
