"""Cases and what is asked of the estimates for them, with estimates of round numbers."""

from __future__ import annotations

import math

import pytest

from llmcalc_core.calibration.bands import band
from llmcalc_core.validation import closed_loop, estimated, predict, published
from llmcalc_core.validation.cells import CannotPredictError
from tests.validation.measured_rows import (
    SWEPT,
    RoundEstimates,
    closed_loop_row,
    published_row,
)


@pytest.fixture
def estimates(monkeypatch):
    made = RoundEstimates()
    monkeypatch.setattr(estimated, "api", made.api)
    return made


def _figures(row):
    case = published.read_case(row)
    return [(it.value, it.low, it.high) for it in predict.predict(case).figures]


@pytest.mark.parametrize(
    ("metric", "stage", "expected"),
    [
        ("ttft_ms", "prefill", [100.0, 80.0, 125.0]),
        ("ttft_max_ms", "prefill", [100.0, 80.0, 125.0]),
        ("tpot_ms", "decode", [20.0, 16.0, 25.0]),
        ("decode_latency_total_ms", "decode", [220.0, 176.0, 275.0]),
        ("e2e_latency_ms", "end_to_end", [300.0, 240.0, 375.0]),
        # 8 sequences x 11 tokens in 0.3 s; the slow end of the time is the low end of the rate.
        ("throughput_output_tok_s", "end_to_end", [88 / 0.3, 88 / 0.375, 88 / 0.24]),
        ("memory_used_gb", "decode", [24.0, math.nan, math.nan]),
        ("fits_in_memory", "decode", [1.0, math.nan, math.nan]),
    ],
)
def test_static_figures(estimates, metric, stage, expected):
    ((*figures,),) = _figures(published_row(stage_or_metric=metric))
    assert figures == pytest.approx(expected, nan_ok=True)
    ((asked_for, asked),) = estimates.calls
    assert (asked_for, asked["batch_size"], asked["input_tokens"]) == (stage, 8, 100)
    assert (asked["engine"].name, asked["memory_fraction"]) == ("trtllm", 1.0)
    assert (asked["system_name"].name, asked["bits"].label) == ("A100_80GB", "fp16")


def test_a_batch_that_does_not_fit_is_zero(estimates):
    estimates.largest_batch = 7
    assert _figures(published_row(stage_or_metric="fits_in_memory"))[0][0] == 0.0


def test_throughput_per_device_is_a_share(estimates):
    tokens = {"stage_or_metric": "throughput_output_tok_s", "tp": "2", "pp": "2", "n_devices": "4"}
    ((whole, *_),) = _figures(published_row(**tokens))
    ((share, *_),) = _figures(published_row(**tokens, per="per_gpu"))
    assert share == pytest.approx(whole / 4)
    assert [estimates.calls[0][1][f"{kind}_parallel"] for kind in ("tensor", "pipeline")] == [2, 2]


def test_closed_loop_asks_for_serving(estimates):
    row = closed_loop_row(model="openai/gpt-oss-120b", tensor_parallel="2",
                          attention_data_parallel="2", moe_expert_parallel="4")  # fmt: skip
    found = predict.predict(closed_loop.read_case(row))
    assert [(it.value, it.low, it.high) for it in found.figures] == [(120, 60, 480), (12, 9, 24)]
    assert found.basis == "transferred"
    ((stage, asked),) = estimates.calls
    widths = [asked[f"{kind}_parallel"] for kind in
              ("tensor", "pipeline", "expert", "attention_data")]  # fmt: skip
    assert (stage, widths) == ("serving", [2, 1, 4, 2])
    lengths = (asked["concurrency"], asked["input_tokens"], asked["output_tokens"])
    assert (*lengths, asked["engine"].name) == (16, 922, 7373, "vllm")
    assert (asked["fixed_lengths"], asked["held_steps"]) == (False, 0.0)


def test_what_a_row_says_of_arrivals_is_asked(estimates):
    predict.predict(closed_loop.read_case(closed_loop_row(id=SWEPT, output_tokens="500")))
    predict.predict(closed_loop.read_case(closed_loop_row(engine="trtllm", output_tokens="1024")))
    told = [(asked["fixed_lengths"], asked["held_steps"]) for _, asked in estimates.calls]
    assert told == [(True, 0.0), (False, pytest.approx(17.42, rel=1e-3))]


SATURATED = {"kind": "inflight_saturated", "stage_or_metric": "throughput_output_tok_s"}


def test_saturated_takes_what_fits(estimates):
    estimates.largest_batch = 40
    ((value, low, high),) = _figures(published_row(**SATURATED))
    assert value == pytest.approx(400.0)
    slower = band("full_load", "transferred", mixture=False)
    assert slower.low < 1 < slower.high
    assert (low, high) == pytest.approx((400.0 / slower.high, 400.0 / slower.low))


@pytest.mark.usefixtures("estimates")
def test_a_closed_loop_throughput_has_the_bands_of_its_times():
    row = published_row(kind="closed_loop_concurrency", stage_or_metric="throughput_output_tok_s")
    ((value, low, high),) = _figures(row)
    # A request takes 120 + 10 x 12 ms; at the ends of the bands 60 + 10 x 9 and 480 + 10 x 24.
    assert (low / value, high / value) == pytest.approx((240 / 720, 240 / 150))


def test_trtllm_bench_lets_a_replica_have_4096_requests(estimates):
    row = published_row(**SATURATED, source_title="TensorRT-LLM perf-overview v1.0", n_devices="2",
                        tp="2", input_tokens="128", output_tokens="128")  # fmt: skip
    estimates.largest_batch = 100_000
    _figures(row)
    _figures(row | {"model": "mistralai/Mixtral-8x7B-v0.1"})  # two attention replicas
    first = [asked["concurrency"] for _, asked in estimates.calls]
    assert (max(first[:2]), max(first[2:])) == (4096, 8192)


def test_runs_from_version_1_on_are_padded_to_the_sizes_of_their_page(estimates):
    for version in ("v1.0", "v0.17"):
        _figures(published_row(**SATURATED, source_title=f"TensorRT-LLM perf-overview {version}",
                               input_tokens="1000", output_tokens="2000"))  # fmt: skip
    padded, as_they_are = (asked["graph_batch_sizes"] for _, asked in estimates.calls)
    assert (padded[8:12], as_they_are) == ((256, 384, 512, 1024), None)


def test_a_saturated_run_ends_with_fewer_requests_in_flight(estimates):
    estimates.largest_batch = 1000
    row = published_row(**SATURATED, source_title="TensorRT-LLM perf-overview v1.0",
                        input_tokens="1000", output_tokens="2000")  # fmt: skip
    # 1,500 requests (the document's table): 1,000 in 2,000 x 1.06 s, then 500 in 2,000 x 0.56 s.
    assert _figures(row)[0][0] == pytest.approx(1500 * 2000 / (2000 * (1.06 + 0.56)))


def test_a_saturated_run_has_no_more_in_flight_than_requests(estimates):
    row = published_row(**SATURATED, source_title="TensorRT-LLM perf-overview v1.0",
                        input_tokens="1000", output_tokens="2000")  # fmt: skip
    assert _figures(row)[0][0] == pytest.approx(1000.0 * 1500 / 1560)
    assert [asked["concurrency"] for _, asked in estimates.calls] == [1500]


def test_saturated_reaches_its_limit_and_no_further(estimates):
    row = published_row(**SATURATED, batch_or_concurrency="50", notes="max_num_seqs=50")
    assert _figures(row)[0][0] == pytest.approx(1000.0 * 50 / 110)
    assert max(asked["concurrency"] for _, asked in estimates.calls) == 50


def test_saturated_without_a_batch_that_fits_says_so(estimates):
    estimates.largest_batch = 0
    with pytest.raises(CannotPredictError, match="no batch fits"):
        _figures(published_row(**SATURATED))


@pytest.mark.parametrize("row", [published_row(), published_row(**SATURATED)])
def test_constants_on_trial_reach_the_estimates(estimates, row):
    case, constants = published.read_case(row), {"overhead": 1.0}
    assert predict.predict_case(case, constants) == predict.predict_case(case)
    assert {id(asked["constants"]) for _, asked in estimates.calls} == {id(constants), id(None)}
    assert estimates.calls[0][1]["constants"] is constants
