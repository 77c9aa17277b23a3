"""Rows of an open loop: what each sends, and predictions beside direct calls of simulate."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from llmcalc_core import simulate
from llmcalc_core.calibration.band_tables import Band
from llmcalc_core.calibration.bands import band
from llmcalc_core.validation.__main__ import main
from llmcalc_core.validation.cells import CannotPredictError
from llmcalc_core.validation.measured_runs import runs_of
from llmcalc_core.validation.open_loop import METRICS, read_case
from llmcalc_core.validation.predict import predict
from tests.validation.measured_rows import open_loop_row


def _figures(case):
    return dict(zip(case.metrics, predict(case).figures, strict=True))


def _sent(**changes):
    return read_case(open_loop_row(**changes)).traffic.requests


def test_a_row_is_read_whole():
    case = read_case(open_loop_row())
    assert (case.kind, case.source) == ("open_loop", "github:inference-sim/training")
    assert (case.precision.weights, case.layout.tp, case.layout.devices) == ("bf16", 1, 1)
    assert (case.input_tokens, case.output_tokens) == (592, 50)
    assert case.measured == (25.04, 24.26, 28.37, 45.97, 9.265, 400.0, 500.0)
    assert case.traffic.options == {
        "max_num_seqs": 128, "max_num_batched_tokens": 2048, "num_kv_blocks": None,
        "async_scheduling": True,
    }  # fmt: skip


def test_sessions_send_their_prompts_in_turn():
    sent = _sent()
    assert len(sent) == 100  # 5 a second for 20 s
    assert sent.arrival_s[[0, -1]].tolist() == [0.2, 20.0]
    assert np.diff(sent.arrival_s) == pytest.approx(0.2)
    assert sent.prefix[:6].tolist() == [0, 1, 2, 3, 0, 1]
    assert (sent.prefix_tokens == 592).all()
    assert (sent.output_tokens == 50).all()  # not the 40.5 that the client counts


def test_prompts_apart_share_the_system_prompt():
    sent = _sent(multi_turn="False", sessions="")
    assert set(sent.prefix) == {0}
    assert set(sent.prefix_tokens) == {100}
    alone = _sent(multi_turn="False", sessions="", system_prompt_tokens="0")
    assert set(alone.prefix) == {-1}


def test_requests_at_random_are_the_same_every_time():
    sent = _sent(arrivals="poisson", requests="300")
    assert len(sent) == 300
    assert sent.arrival_s[-1] == pytest.approx(60)
    assert np.diff(sent.arrival_s).std() == pytest.approx(0.2, rel=0.2)
    assert (sent.arrival_s == _sent(arrivals="poisson", requests="300").arrival_s).all()


def test_prompts_that_are_not_recorded_are_a_twentieth_longer_than_asked_for():
    sent = _sent(prompt_tokens_mean="", prompt_tokens_p99="")
    assert sent.input_tokens[0] == round(1.05 * (100 + 466))


def test_replicas_share_the_requests():
    case = read_case(open_loop_row(dp="2", tp="2"))
    assert (len(case.traffic.requests), case.layout.devices) == (50, 2)
    assert case.traffic.requests.arrival_s[-1] == pytest.approx(20.0)


@pytest.mark.parametrize(("precision", "weights"), [("FP8", "fp8"), ("BF16", "bf16"), ("", "bf16")])
def test_words_for_precisions(precision, weights):
    assert read_case(open_loop_row(precision=precision)).precision.weights == weights


def test_figures_are_what_simulate_says():
    count = np.arange(100)
    frame = pd.DataFrame({"arrival_s": (count + 1) / 5, "input_tokens": 592, "output_tokens": 50,
                          "prefix": count % 4, "prefix_tokens": 592})  # fmt: skip
    found = simulate(
        "llama2_7b", "H100_80GB", precision="bf16", requests=frame, max_num_seqs=128,
        max_num_batched_tokens=2048, async_scheduling=True,
    ).summary  # fmt: skip
    figures = {name: one.value / 1e3 for name, one in _figures(read_case(open_loop_row())).items()}
    for name in METRICS:
        if name != "tpot_mean_ms":
            assert figures[name] == pytest.approx(found[name.replace("_ms", "_s")], rel=1e-12)
    counted = (found["e2e_mean_s"] - found["ttft_mean_s"]) / (40.5 - 1)
    assert figures["tpot_mean_ms"] == pytest.approx(counted)
    as_generated = _figures(read_case(open_loop_row(answer_tokens_mean="")))["tpot_mean_ms"]
    assert as_generated.value / 1e3 == pytest.approx(found["tpot_mean_s"])


@pytest.mark.parametrize("setting", [
    {"max_num_seqs": "1"}, {"kv_blocks": "60"}, {"max_num_batched_tokens": "128"},
    {"engine_version": "0.9.2"}, {"engine": "sglang"},
])  # fmt: skip
def test_what_the_server_was_told_counts(setting):
    usual, told = (_figures(read_case(open_loop_row(**changes))) for changes in ({}, setting))
    assert any(told[name].value != usual[name].value for name in METRICS)


def test_bands_are_those_of_the_fit_or_wider():
    case = read_case(open_loop_row())
    figures, basis = _figures(case), predict(case).basis
    for name, metric in (("ttft_mean_ms", "ttft"), ("tpot_mean_ms", "tpot")):
        figure, own = figures[name], band(metric, basis, mixture=False)
        assert figure.low <= figure.value * own.low * (1 + 1e-12)
        assert figure.high >= figure.value * own.high * (1 - 1e-12)


def test_a_band_reaches_to_a_server_whose_steps_are_slower_or_faster():
    case = read_case(open_loop_row(rate="60", duration_s="10"))
    figures, basis = _figures(case), predict(case).basis
    steps, sent = band("tpot", basis, mixture=False), case.traffic.requests
    found = {}
    for factor in (steps.low, 1.0, steps.high):
        closer = replace(sent, arrival_s=sent.arrival_s / factor)
        summary = simulate("llama2_7b", "H100_80GB", precision="bf16", requests=closer,
                           **case.traffic.options).summary  # fmt: skip
        found[factor] = factor * 1e3 * summary["e2e_p99_s"]
    figure = figures["e2e_p99_ms"]
    assert figure.value == pytest.approx(found[1.0])
    # More are in flight on a slower server, so that it is slower by more than its steps.
    assert found[steps.high] / found[1.0] > 1.05 * steps.high
    assert figure.high >= found[steps.high] * (1 - 1e-9)
    assert figure.low <= found[steps.low] * (1 + 1e-9)


class Servers:
    """Stands for simulate: each call gives the next of some servers that are not busy."""

    def __init__(self, *ttft_ms):
        self.ttft_ms = list(ttft_ms)

    def simulate(self, *_, **__):
        ttft = np.array(self.ttft_ms.pop(0)) / 1e3
        outcome = SimpleNamespace(
            ttft_s=ttft, e2e_s=ttft + 0.5, output_tokens=np.full(ttft.size, 50), tokens_per_s=9.0
        )
        return SimpleNamespace(outcome=outcome, basis="measured")


NARROW = Band(low=0.9, high=1.2)


def test_a_percentile_is_no_surer_than_the_mean(monkeypatch):
    steps = NARROW
    monkeypatch.setattr("llmcalc_core.validation.predict.band", lambda *_, **__: NARROW)
    later = [1000 / steps.high, 1000 / steps.high, 1010 / steps.high]
    monkeypatch.setattr(
        "llmcalc_core.validation.predict.api", Servers([10, 10, 1010], [10, 10, 1010], later)
    )
    figures = _figures(read_case(open_loop_row()))
    mean, last = figures["ttft_mean_ms"], figures["ttft_p99_ms"]
    assert mean.high / mean.value == pytest.approx(3010 / 1030)
    assert last.high / last.value == pytest.approx(3010 / 1030)


def test_the_band_of_an_overloaded_server_grows_with_the_run():
    def width(**changes):
        figures = _figures(read_case(open_loop_row(max_num_seqs="8", **changes)))
        return figures["ttft_mean_ms"], figures["ttft_mean_ms"].high - figures["ttft_mean_ms"].value

    (short, short_width), (long, long_width) = width(rate="30"), width(rate="30", duration_s="40")
    assert long.value > 1.8 * short.value > 20 * width(rate="2")[0].value
    assert long_width > 1.8 * short_width


def test_near_its_limit_a_server_may_be_overloaded_and_its_band_says_so(monkeypatch):
    monkeypatch.setattr("llmcalc_core.validation.predict.band", lambda *_, **__: NARROW)

    def first_token(rate):
        row = open_loop_row(max_num_seqs="8", rate=str(rate), duration_s="200",
                            multi_turn="False", system_prompt_tokens="0")  # fmt: skip
        return _figures(read_case(row))["ttft_mean_ms"]

    most = simulate(
        "llama2_7b", "H100_80GB", precision="bf16", request_rate=1000, num_prompts=1000,
        input_tokens=592, output_tokens=50, max_num_seqs=8, max_num_batched_tokens=2048,
        async_scheduling=True,
    ).summary["requests_per_s"]  # fmt: skip
    far, near = first_token(0.3 * most), first_token(0.97 * most)
    assert far.high / far.value < 2
    assert near.high / near.value > 5


def test_answers_that_come_too_late_are_in_no_figure():
    case = read_case(open_loop_row(max_num_seqs="8", rate="30"))
    impatient = replace(case, traffic=replace(case.traffic, client_waits_s=4.0))
    all_figures, in_time = _figures(case), _figures(impatient)
    assert all_figures["e2e_p99_ms"].value > 4000 > in_time["e2e_p99_ms"].value
    assert in_time["ttft_mean_ms"].value < all_figures["ttft_mean_ms"].value
    nobody = replace(case, traffic=replace(case.traffic, client_waits_s=1e-3))
    assert _figures(nobody)["e2e_p99_ms"] == all_figures["e2e_p99_ms"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"arrivals": "bursty"}, "arrivals 'bursty' are neither constant nor poisson"),
        ({"duration_s": ""}, "duration_s is not stated"),
        ({"rate": "0", "requests": "10"}, "rate must be"),
        ({"sessions": ""}, "sessions is not stated"),
        ({"prompt_tokens_p99": "1200"}, "prompts grew from turn to turn"),
        ({"model": "some/unknown"}, "model 'some/unknown' is not in the catalogue"),
        ({"hardware": "abacus"}, "device 'abacus' is not in the catalogue"),
        ({"engine": "ollama"}, "engine 'ollama' is not modelled"),
        ({"tp": "3"}, "tensor_parallel must divide"),
        ({"precision": "fp7"}, "bits must be one of"),
    ],
)
def test_rows_that_say_too_little_say_what(changes, reason):
    with pytest.raises(ValueError, match=reason):
        read_case(open_loop_row(**changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kv_blocks": "10"}, "blocks"),
        ({"engine": "lmdeploy"}, "engine must be one whose scheduler is known"),
    ],
)
def test_plans_that_are_not_simulated_say_why(changes, reason):
    with pytest.raises(CannotPredictError, match=reason):
        predict(read_case(open_loop_row(**changes)))


def test_attention_replicas_are_simulated():
    row = open_loop_row(model="mistralai/Mixtral-8x7B-v0.1", dp="2", tp="2")
    assert predict(read_case(row)).figures


def test_constants_on_trial_are_refused():
    with pytest.raises(CannotPredictError, match="fitted constants only"):
        predict(read_case(open_loop_row()), constants={"overhead": 1.0})


def test_no_fit_sees_an_open_loop():
    assert runs_of([read_case(open_loop_row())]) == []


def test_a_file_from_end_to_end(tmp_path, capsys):
    rows = [open_loop_row(), open_loop_row(id="o2", hardware="abacus")]
    measured, output = tmp_path / "measured.csv", tmp_path / "predicted.csv"
    with measured.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    main([str(measured), "--output", str(output)])
    predicted = pd.read_csv(output)
    ends = [f"{name}{end}" for name in METRICS for end in ("", "_low", "_high")]
    assert list(predicted) == ["id", *ends, "basis", "reason"]
    for name in METRICS:
        assert predicted[f"{name}_low"][0] < predicted[name][0] < predicted[f"{name}_high"][0]
    assert math.isnan(predicted["ttft_p99_ms"][1])
    assert predicted["reason"][1] == "device 'abacus' is not in the catalogue"
    printed = capsys.readouterr().out
    assert "1 of 2 rows predicted, 1 not" in printed
    for label in ("TTFT mean", "TTFT p99", "TPOT mean", "end to end mean", "end to end p99"):
        assert label in printed
