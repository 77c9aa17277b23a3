"""The guide's functions: keys, units, order, copies, and errors that help."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable
from typing import Any

import pytest

import llmcalc_core as llm
from llmcalc_core import DoesNotFitError

COMMON = {
    "latency", "throughput", "tokens_per_s", "requests_per_s", "time_by_kind_ms", "bound_by",
    "memory_by_kind_bytes", "memory_bytes", "memory_capacity_bytes", "host_memory_bytes", "fits",
    "rejected_for", "devices", "basis", "basis_reason", "latency_low", "latency_high",
    "cost_usd_per_hour", "power_w",
}  # fmt: skip
GENERATED = ("cost_usd_per_million_output_tokens", "energy_j_per_output_token")
READ = ("cost_usd_per_million_input_tokens", "energy_j_per_input_token")
KINDS = {"gemm", "attention", "communication", "memory", "overhead"}
HELD = {"weights", "kv_cache", "activations", "reserve"}
LAYOUTS = [{}, {"tensor_parallel": 4}, {"pipeline_parallel": 4},
           {"tensor_parallel": 2, "pipeline_parallel": 3}]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "device", "told", "reason"),
    [
        ("gpt2", "H100_80GB", {"input_tokens": 4000}, "context length"),
        ("llama3_8b", "V100_32GB", {"bits": "fp8"}, "data type"),
        ("llama3_70b", "H100_80GB", {}, "memory"),
        ("llama3_8b", "H100_80GB", {}, ""),
    ],
)
def test_an_estimate_says_why_an_engine_does_not_start(
    model: str, device: str, told: dict[str, object], reason: str
) -> None:
    found = llm.estimate_prefill_performance(model, system_name=device, **told)  # type: ignore[arg-type]
    assert (found["rejected_for"], found["fits"]) == (reason, not reason)
    renamed = {"bits": "precision"}
    asked = {renamed.get(name, name): value for name, value in told.items()}
    row = llm.explore(model, device, 1, batch=1, **asked)["rejected_for"].iloc[0]  # type: ignore[arg-type]
    assert row == reason


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_a_decode_estimate(layout: dict[str, int]) -> None:
    found = llm.estimate_decode_performance(batch_size=24, output_tokens=100, **layout)
    assert set(found) == COMMON | {"tpot_ms", "total_latency_ms"} | set(GENERATED)
    assert set(found["time_by_kind_ms"]) == KINDS
    assert set(found["memory_by_kind_bytes"]) == HELD
    assert found["latency_low"] < found["latency"] < found["latency_high"]
    assert found["latency"] == found["tpot_ms"] == pytest.approx(sum_of(found, "time_by_kind_ms"))
    assert found["memory_bytes"] == pytest.approx(sum_of(found, "memory_by_kind_bytes"))
    # 24 sequences get a token each in every cycle; latency in ms, throughput in tokens/s.
    assert found["throughput"] == found["tokens_per_s"] == approx(24 / (found["latency"] / 1e3))
    assert found["requests_per_s"] == approx(found["throughput"] / 100)
    assert found["total_latency_ms"] == approx(100 * found["latency"])
    assert found["devices"] == math.prod(layout.values())


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_a_prefill_estimate(layout: dict[str, int]) -> None:
    found = llm.estimate_prefill_performance(batch_size=24, input_tokens=500, **layout)
    assert set(found) == COMMON | {"ttft_ms"} | set(READ)
    assert found["latency"] == found["ttft_ms"] == approx(sum_of(found, "time_by_kind_ms"))
    # Tokens, not requests: 500 of each prompt. Stages work on one batch after another.
    at_once = 24 * 500 / (found["latency"] / 1e3)
    piped = "pipeline_parallel" in layout
    assert found["throughput"] >= at_once * (1 - 1e-12)
    assert piped or found["throughput"] == approx(at_once)
    assert found["requests_per_s"] == approx(found["throughput"] / 500)


def approx(value: float) -> Any:
    return pytest.approx(value, rel=1e-9)


def sum_of(found: dict[str, Any], key: str) -> float:
    return sum(found[key].values())


def test_milliseconds_and_tokens_per_second() -> None:
    # Llama 2 7B on an A100: 13.2 GB of weights read at 2,039 GB/s take 6.5 ms, 312 TFLOPS take
    # 2 x 6.6e9 x 2,048 FLOP in 87 ms. The estimates are above both, by less than a factor 2.
    decode = llm.estimate_decode_performance(batch_size=1, input_tokens=128, output_tokens=2)
    assert 6.5 < decode["latency"] < 13
    assert 77 < decode["throughput"] < 154
    prefill = llm.estimate_prefill_performance(batch_size=1, input_tokens=2048)
    assert 87 < prefill["latency"] < 174
    assert 11_700 < prefill["throughput"] < 23_500


def test_end_to_end_is_prefill_and_the_further_tokens() -> None:
    found = llm.estimate_end_to_end_performance(
        batch_size=8, input_tokens=1000, output_tokens=201, tensor_parallel=2
    )
    total = found["ttft"] + 200 * found["average_tpot"]
    assert found["latency"] == found["total_latency"] == approx(total)
    assert found["throughput"] == approx(8 * 201 / (total / 1e3))
    assert found["total_throughput"] == approx(8 * 1201 / (total / 1e3))
    assert found["prefill"]["latency"] == found["ttft"]
    single = llm.estimate_decode_performance(
        batch_size=8, input_tokens=1000, output_tokens=201, tensor_parallel=2
    )
    assert found["decode"] == single


def test_beams_multiply_what_is_decoded_and_share_the_prompt() -> None:
    lengths = {"batch_size": 2, "input_tokens": 1024, "output_tokens": 128}
    one, four = (llm.estimate_decode_performance(beam_size=n, **lengths) for n in (1, 4))
    eight = llm.estimate_decode_performance(**(lengths | {"batch_size": 8}))
    assert one["latency"] < four["latency"] < eight["latency"]  # reads the prompt once, not 4 times
    token = 524_288
    assert four["memory_by_kind_bytes"]["kv_cache"] == 2 * (1024 + 4 * 128) * token
    assert four["throughput"] == approx(2 / (four["latency"] / 1e3))  # a request is one answer


def test_the_best_split() -> None:
    best = llm.get_best_parallelization_strategy(batch_size=32, total_nodes=8)
    assert list(best.columns) == ["micro batch", "TP", "PP", "Latency(ms)", "Tokens/s"]
    assert len(best) == 1
    row = best.iloc[0]
    rates = []
    for tp, pp in llm.get_various_parallelization("llama2_7b", 8):
        single = llm.estimate_decode_performance(
            batch_size=32, input_tokens=2000, tensor_parallel=tp, pipeline_parallel=pp
        )
        rates.append(single["throughput"])
        if (tp, pp) == (row["TP"], row["PP"]):
            assert row["Latency(ms)"] == approx(single["latency"])
    assert row["Tokens/s"] == approx(max(rates))
    assert row["micro batch"] == 32 / row["PP"]


def test_the_best_split_has_the_most_tokens_not_the_least_latency() -> None:
    # Eight stages prefill one prompt after another, with less to send than eight slices that
    # share each prompt and finish it sooner.
    given = {"batch_size": 1, "input_tokens": 4000}
    best = llm.get_best_parallelization_strategy("prefill", total_nodes=8, **given).iloc[0]
    found = {
        (tp, pp): llm.estimate_prefill_performance(
            tensor_parallel=tp, pipeline_parallel=pp, **given
        )
        for tp, pp in llm.get_various_parallelization("llama2_7b", 8)
    }
    own = found[best["TP"], best["PP"]]
    assert best["Tokens/s"] == approx(own["throughput"])
    assert best["Latency(ms)"] == approx(own["latency"])
    assert own["throughput"] == max(one["throughput"] for one in found.values())
    assert own["latency"] > min(one["latency"] for one in found.values())


@pytest.mark.parametrize("stage", ["decode", "Prefill"])
@pytest.mark.parametrize("devices", [1, 3, 6, 8])
def test_the_front(devices: int, stage: str) -> None:
    front = llm.get_pareto_optimal_performance(
        stage, "llama2_7b", devices, [64, 8, 16, 8], input_tokens=500
    )
    columns = ["batch", "micro batch", "TP", "PP", "Latency(ms)", "Tokens/s"]
    assert list(front.columns) == columns
    assert front["Latency(ms)"].is_monotonic_increasing
    assert front["Tokens/s"].is_monotonic_increasing
    assert (front["TP"] * front["PP"] == devices).all()
    for _, row in front.iterrows():
        assert all(isinstance(row[name], int) for name in ("batch", "micro batch", "TP", "PP"))
        assert row["micro batch"] == math.ceil(row["batch"] / row["PP"])
    single = llm.get_best_parallelization_strategy(
        stage, "llama2_7b", devices, 64, input_tokens=500
    )
    assert front["Tokens/s"].max() >= single["Tokens/s"].iloc[0] * (1 - 1e-12)


# (model, arguments, devices of 80 GB). 0.92 x 85.0 = 78.2 GB may be used (vLLM since 0.21).
MINIMA: list[tuple[str, dict[str, Any], int]] = [
    ("llama2_7b", {}, 1),  # 13.5 GB
    ("llama2_70b", {}, 2),  # 138 GB; two, and not four
    ("llama2_70b", {"bits": "fp8"}, 1),  # 69.5 GB
    # 158 GB: halves of 79.1 GB; 151 GB of a batch of 16 fit on two
    ("llama2_70b", {"batch_size": 16, "input_tokens": 2048, "output_tokens": 512}, 2),
    ("llama2_70b", {"batch_size": 24, "input_tokens": 2048, "output_tokens": 512}, 3),
    ("mixtral_8x7b", {}, 2),  # 93 GB
]


@pytest.mark.parametrize(("model", "given", "devices"), MINIMA)
def test_the_true_minimum(model: str, given: dict[str, Any], devices: int) -> None:
    assert llm.get_minimum_system_size(model, system_name="A100_80GB", **given) == devices
    batch = {"batch_list": given["batch_size"]} if "batch_size" in given else {}
    rest = {key: value for key, value in given.items() if key != "batch_size"}
    llm.get_pareto_optimal_performance("decode", model, devices, **batch, **rest)
    if devices > 1:
        with pytest.raises(DoesNotFitError, match=f"{devices} devices would do"):
            llm.get_pareto_optimal_performance("decode", model, devices - 1, **batch, **rest)


def test_a_split_that_does_not_fit_is_left_out() -> None:
    # Llama 2 70B in bf16 on two devices: 69 GB each in either split, but one of 40 layers and the
    # head. A batch that fits neither is left out, and the smaller ones are answered.
    front = llm.get_pareto_optimal_performance("decode", "llama2_70b", 2, [1, 4, 10_000])
    assert set(front["batch"]) <= {1, 4}
    assert not llm.estimate_decode_performance("llama2_70b")["fits"]
    assert llm.estimate_decode_performance("llama2_70b", tensor_parallel=2)["fits"]


def test_nothing_fits_is_one_clear_error() -> None:
    pattern = (
        r"Llama-3.1-405B does not fit on 8 devices of A100_80GB: the smallest plan needs "
        r"([\d.]+) GB on a device, ([\d.]+) GB more than the 78.2 GB that may be used; "
        r"(\d+) devices would do"
    )
    with pytest.raises(DoesNotFitError) as raised:
        llm.get_best_parallelization_strategy(model="llama3_405b", total_nodes=8)
    found = re.search(pattern, str(raised.value))
    assert found, raised.value
    needed, short, enough = (float(text) for text in found.groups())
    assert needed == pytest.approx(78.2 + short, abs=0.1)
    assert needed > 2 * 405.85 / 8
    assert enough == llm.get_minimum_system_size("llama3_405b")
    with pytest.raises(DoesNotFitError, match="fits on no number of A100_80GB devices"):
        llm.get_minimum_system_size("llama2_7b", input_tokens=10**9)


def test_defaults_and_results_are_the_callers_own() -> None:
    first = llm.estimate_decode_performance()
    first["time_by_kind_ms"].clear()
    assert llm.estimate_decode_performance()["time_by_kind_ms"]
    frame = llm.get_best_parallelization_strategy()
    frame["TP"] = -1
    assert llm.get_best_parallelization_strategy()["TP"].iloc[0] > 0
    pairs = llm.get_various_parallelization("llama2_7b", 8)
    pairs.clear()
    assert llm.get_various_parallelization("llama2_7b", 8)


def test_debug_logs_and_does_not_print(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        llm.get_best_parallelization_strategy(debug=True)
        llm.estimate_decode_performance(debug=True)
    assert len(caplog.records) == 2
    assert capsys.readouterr().out == ""


WHOLE = [0, -4, 2.5, math.nan, math.inf, "8", None, True, 10**400]
COUNTS: list[tuple[Callable[..., object], str, str]] = [
    (llm.estimate_prefill_performance, "batch_size", "batch_size"),
    (llm.estimate_prefill_performance, "input_tokens", "input_tokens"),
    (llm.estimate_decode_performance, "output_tokens", "output_tokens"),
    (llm.estimate_decode_performance, "beam_size", "beam_size"),
    (llm.estimate_end_to_end_performance, "output_tokens", "output_tokens"),
    (llm.get_best_parallelization_strategy, "total_nodes", "total_nodes"),
    (llm.get_pareto_optimal_performance, "batch_list", "batch_list"),
    (llm.get_minimum_system_size, "batch_size", "batch_size"),
]


@pytest.mark.parametrize("value", WHOLE, ids=lambda value: repr(value)[:5])
@pytest.mark.parametrize(
    ("function", "argument", "name"), COUNTS, ids=[f"{f.__name__}-{a}" for f, a, _ in COUNTS]
)
def test_counts_are_whole_and_positive(
    function: Callable[..., object], argument: str, name: str, value: object
) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1.*, got "):
        function(**{argument: value})


WRONG: list[tuple[Callable[..., object], dict[str, Any], str]] = [
    (llm.estimate_decode_performance, {"model": "lama2_7b"}, "unknown model.*mean 'llama2_7b'"),
    (llm.estimate_decode_performance, {"model": None}, "got None"),
    (llm.estimate_decode_performance, {"bits": "bf15"}, "bits must be one of.*'bf15'.*'bf16'"),
    (llm.estimate_decode_performance, {"system_name": "A100_90GB"}, "did you mean 'A100_"),
    (llm.estimate_decode_performance, {"system_name": {"Flops": 1}}, "Memory_size, Memory_BW, ICN"),
    (llm.estimate_decode_performance, {"tensor_parallel": 3}, "divide the 32.*got 3; .* is 2"),
    (llm.estimate_decode_performance, {"memory_fraction": 90}, "above 0 and at most 1, got 90"),
    (llm.estimate_decode_performance, {"memory_fraction": math.nan}, "at most 1, got nan"),
    (llm.estimate_prefill_performance, {"batch_size": [1, 2]}, r"batch_size must .*got \[1, 2\]"),
    (llm.estimate_prefill_performance, {"batch_size": 2.4}, "nearest valid value is 2"),
    (llm.get_best_parallelization_strategy, {"stage": "decod"}, "prefill, decode.*mean 'decode'"),
    (
        llm.get_best_parallelization_strategy,
        {"total_nodes": 37},
        "got 37; the next valid value below is 36",
    ),
    (llm.get_pareto_optimal_performance, {"batch_list": []}, "batch_list must hold at least one"),
    (llm.get_pareto_optimal_performance, {"batch_list": [8, -1]}, "batch_list must .*got -1"),
]


@pytest.mark.parametrize(
    ("function", "given", "message"), WRONG, ids=[f"{f.__name__}-{given}" for f, given, _ in WRONG]
)
def test_errors_help(function: Callable[..., object], given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(**given)
