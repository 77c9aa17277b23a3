"""Published rows that say how their requests came and what their server was told."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from llmcalc_core import UniformLengths, simulate
from llmcalc_core.validation import closed_loop, estimated, published
from llmcalc_core.validation.cells import CannotPredictError
from llmcalc_core.validation.measured_runs import runs_of
from llmcalc_core.validation.predict import predict
from llmcalc_core.validation.report import errors
from llmcalc_core.validation.schemas import SCHEMAS, predict_row
from tests.validation.measured_rows import SWEPT, RoundEstimates, closed_loop_row, published_row

LOOP = {"kind": "closed_loop_concurrency", "engine": "vLLM", "hardware": "H100_SXM_80GB"}
RATE = LOOP | {
    "kind": "open_loop", "request_rate": "10", "num_requests": "100", "engine_version": "0.9.2",
    "batch_or_concurrency": "", "stage_or_metric": "ttft_ms",
}  # fmt: skip


def _case(**changes):
    return published.read_case(published_row(**changes))


@pytest.fixture
def asked(monkeypatch):
    made = RoundEstimates()
    monkeypatch.setattr(estimated, "api", made.api)

    def arguments(**changes):
        predict(_case(**changes))
        return made.calls[-1][1]

    return arguments


@pytest.mark.parametrize(
    ("word", "kind", "fixed"),
    [
        ("fixed", "closed_loop_concurrency", True), ("drawn0.8", "closed_loop_concurrency", False),
        ("drawn0.85-1.15", "closed_loop_concurrency", False), ("", "inflight_saturated", True),
        ("dataset", "inflight_saturated", False), ("", "closed_loop_concurrency", False),
    ],
)  # fmt: skip
def test_a_column_says_whether_lengths_are_fixed(asked, word, kind, fixed):
    told = asked(**LOOP | {"kind": kind}, stage_or_metric="throughput_output_tok_s", lengths=word)
    assert told["fixed_lengths"] is fixed


def test_a_word_for_lengths_that_nobody_knows_is_refused():
    with pytest.raises(CannotPredictError, match="lengths 'random' are neither fixed nor drawn"):
        _case(**LOOP, lengths="random")


@pytest.mark.parametrize(("requests", "prompts"), [("24", 24), ("", 80), ("2", 8)])
def test_the_requests_of_a_run_are_asked(asked, requests, prompts):
    assert asked(**LOOP, num_requests=requests)["num_prompts"] == prompts


def test_the_requests_of_a_saturated_run_end_it():
    saturated = LOOP | {"kind": "inflight_saturated", "notes": "max_num_seqs=256"}
    assert _case(**saturated, num_requests="500").requests == 500


def test_what_a_server_was_told_is_asked(asked):
    told = asked(**LOOP, memory_fraction="0.98", prefix_hit_rate="0.5", max_batched_tokens="512")
    assert told["memory_fraction"] == 0.98
    assert (told["prefix_hit_rate"], told["prefill_chunk_tokens"]) == (0.5, 512)
    usual = asked(**LOOP, memory_fraction="", prefix_hit_rate="", max_batched_tokens="")
    assert (usual["memory_fraction"], usual["prefill_chunk_tokens"]) == (0.9, None)


def test_no_fit_sees_techniques():
    assert len(runs_of([_case(**LOOP)])) == 1
    assert runs_of([_case(**LOOP, prefix_hit_rate="0.5")]) == []


@pytest.mark.parametrize(("column", "value"), [("memory_fraction", "1.5"),
                                               ("prefix_hit_rate", "-0.1"),
                                               ("dp", "1.5")])  # fmt: skip
def test_values_out_of_range_are_refused(column, value):
    with pytest.raises(ValueError, match=column):
        _case(**LOOP, **{column: value})


def test_replicas_of_a_dense_model_each_have_their_part(asked):
    four = {"dp": "4", "n_devices": "4"}
    assert asked(**LOOP, **four)["concurrency"] == 2
    throughput = LOOP | {"stage_or_metric": "throughput_output_tok_s"}
    whole, one = (
        predict(_case(**throughput | changes)).figures[0].value
        for changes in (four, {"batch_or_concurrency": "2"})
    )
    assert whole == pytest.approx(4 * one)
    each = predict(_case(**throughput | four, per="per_gpu")).figures[0].value
    assert each == pytest.approx(one)


def test_data_parallel_ranks_of_a_mixture_are_attention_ranks():
    layout = _case(**LOOP | {"model": "deepseek-ai/DeepSeek-V3", "dp": "8", "ep": "8"},
                   n_devices="8").layout  # fmt: skip
    assert (layout.tp, layout.ep, layout.attention_dp) == (1, 8, 8)


def test_a_rate_is_simulated():
    figure, = predict(_case(**RATE, lengths="fixed")).figures  # fmt: skip
    found = simulate(
        "llama2_7b", "H100_80GB", precision="fp16", request_rate=10, num_prompts=100,
        input_tokens=100, output_tokens=11, engine_version=_case(**RATE).engine_version,
    ).summary  # fmt: skip
    assert figure.value == pytest.approx(1e3 * found["ttft_mean_s"])
    assert figure.low < figure.value < figure.high


def test_drawn_lengths_are_drawn():
    sent = _case(**RATE, lengths="drawn0.5").traffic.requests
    expected = simulate(
        "llama2_7b", "H100_80GB", request_rate=10, num_prompts=100,
        input_tokens=UniformLengths(tokens=100, range_ratio=1 / 3),
        output_tokens=UniformLengths(tokens=11, range_ratio=1 / 3),
    ).requests  # fmt: skip
    assert sent.input_tokens.tolist() == expected["input_tokens"].tolist()
    assert sent.arrival_s.tolist() == pytest.approx(expected["arrival_s"].tolist())
    chats = _case(**RATE, lengths="dataset").traffic.requests
    assert chats.output_tokens.max() > 2 * np.median(chats.output_tokens)


def test_a_hit_rate_is_a_shared_beginning():
    sent = _case(**RATE, prefix_hit_rate="0.75").traffic.requests
    assert (set(sent.prefix), set(sent.prefix_tokens)) == ({0}, {75})


@pytest.mark.parametrize(
    ("stated", "label"),
    [("ttft_ms", "TTFT"), ("tpot_ms", "TPOT dense"), ("e2e_latency_ms", "open-loop end to end"),
     ("throughput_output_tok_s", "open-loop throughput")],
)  # fmt: skip
def test_metrics_of_an_open_loop_have_names_of_their_own(stated, label):
    outcome = predict_row(SCHEMAS[1], published_row(**RATE | {"stage_or_metric": stated}))
    (row,) = errors([outcome]).itertuples()
    assert row.metric == label
    assert math.isnan(row.measured_ms) == ("throughput" in label)


def test_a_throughput_below_saturation_is_what_is_asked_for():
    asked_for = RATE | {"stage_or_metric": "throughput_output_tok_s", "num_requests": "1000"}
    figure, = predict(_case(**asked_for)).figures  # fmt: skip
    assert figure.value == pytest.approx(10 * 11, rel=0.02)
    assert figure.low <= figure.value <= figure.high


def test_an_infinite_rate_is_no_rate():
    assert _case(**LOOP, request_rate="inf").kind == "closed_loop"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"ep": "2"}, "expert_parallel"), ({"pp": "2", "engine": "SGLang"}, "pp")],
)
def test_a_rate_of_a_plan_that_is_not_simulated_says_why(changes, reason):
    row = published_row(**RATE | changes | {"n_devices": "2", "request_rate": "2"})
    assert reason in predict_row(SCHEMAS[1], row).reason


def test_a_rate_of_a_pipeline_is_predicted():
    row = published_row(**RATE | {"pp": "2", "n_devices": "2", "request_rate": "2"})
    assert not predict_row(SCHEMAS[1], row).reason


def test_lengths_in_tokens_decide_nothing():
    at_lengths = [
        predict(closed_loop.read_case(closed_loop_row(
            id=SWEPT, input_tokens=text, output_tokens=text))).figures
        for text in ("1000", "1024", "1048")
    ]  # fmt: skip
    for first, second in pairwise(at_lengths):
        for shorter, longer in zip(first, second, strict=True):
            assert 1 <= longer.value / shorter.value < 1.05
