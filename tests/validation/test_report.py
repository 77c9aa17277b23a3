"""The error table, the text and the command, against numbers worked out by hand."""

from __future__ import annotations

import csv
import math

import pytest

from llmcalc_core.validation import estimated
from llmcalc_core.validation.__main__ import main
from llmcalc_core.validation.predict import Figure
from llmcalc_core.validation.report import error_table, errors, reasons, relative_error
from llmcalc_core.validation.schemas import SCHEMAS, predict_row
from tests.validation.measured_rows import RoundEstimates, closed_loop_row, published_row


@pytest.fixture(autouse=True)
def _round_estimates(monkeypatch):
    monkeypatch.setattr(estimated, "api", RoundEstimates().api)


def _closed_loop(*rows):
    return [predict_row(SCHEMAS[0], row) for row in rows]


def _published(*rows):
    return [predict_row(SCHEMAS[1], row) for row in rows]


@pytest.mark.parametrize(
    ("metric", "value", "measured", "error"),
    [
        ("tpot_ms", 12.0, 10.0, 0.2), ("memory_gib", 6.0, 8.0, -0.25),
        ("tokens_per_s", 80.0, 100.0, 0.25), ("fits", 1.0, 0.0, 1.0), ("fits", 0.0, 1.0, -1.0),
        ("fits", 1.0, 1.0, 0.0),
    ],
)  # fmt: skip
def test_errors_are_of_time(metric, value, measured, error):
    assert relative_error(metric, Figure(value=value), measured) == pytest.approx(error)


def test_error_table_by_hand():
    # 12 ms estimated, 9 to 24 in the band: errors +20 %, -40 %, -50 %, -52 %.
    rows = [closed_loop_row(tpot_ms=text, ttft_ms="") for text in ("10", "20", "24", "25")]
    table = error_table(errors(_closed_loop(*rows)))
    assert len(table) == 1
    row = table.iloc[0]
    assert tuple(row[:6]) == ("InferenceX", "H200_141GB", "meta-llama/Llama-3.1-70B", "vllm",
                              "TPOT dense", 4)  # fmt: skip
    assert row["median"] == pytest.approx((0.4 + 0.5) / 2)
    assert row["p90"] == pytest.approx(0.5 + 0.7 * (0.52 - 0.5))
    assert row["bias"] == pytest.approx((-0.4 - 0.5) / 2)
    assert row["inside"] == pytest.approx(3 / 4)


def test_metrics_are_told_apart():
    outcomes = [
        *_closed_loop(closed_loop_row(), closed_loop_row(model="openai/gpt-oss-120b")),
        *_published(
            published_row(stage_or_metric="e2e_latency_ms"),
            published_row(stage_or_metric="throughput_output_tok_s"),
            published_row(stage_or_metric="throughput_output_tok_s", kind="inflight_saturated"),
            published_row(stage_or_metric="memory_used_gb"),
            published_row(stage_or_metric="fits_in_memory", value="0.0"),
            published_row(stage_or_metric="decode_latency_total_ms"),
        ),
    ]
    table = error_table(errors(outcomes), ("metric",)).set_index("metric")
    assert table["n"].to_dict() == {
        "TPOT dense": 2, "TPOT mixture": 1, "TTFT": 2, "static end to end": 2, "saturated": 1,
        "memory": 1, "fits": 1,
    }  # fmt: skip
    assert set(table.index[table["inside"].isna()]) == {"memory", "fits"}
    assert table.loc["fits", "bias"] == 1.0


@pytest.mark.parametrize(
    ("changes", "times"),
    [
        ({"stage_or_metric": "tpot_ms", "value": "16"}, (16.0, 20.0)),
        # 8 sequences of 11 tokens: 440 tokens/s are 200 ms; the estimate takes 300.
        ({"stage_or_metric": "throughput_output_tok_s", "value": "440"}, (200.0, 300.0)),
        ({"stage_or_metric": "decode_latency_total_ms", "value": "110"}, (10.0, 20.0)),
        ({"stage_or_metric": "memory_used_gb"}, (math.nan, math.nan)),
    ],
)
def test_figures_are_times(changes, times):
    (row,) = errors(_published(published_row(**changes))).itertuples()
    assert (row.id, row.basis) == ("p1", "calibrated")
    assert (row.measured_ms, row.estimated_ms) == pytest.approx(times, nan_ok=True)


def test_a_throughput_without_a_batch_is_no_time():
    row = published_row(stage_or_metric="throughput_output_tok_s", kind="inflight_saturated")
    assert errors(_published(row))["measured_ms"].isna().all()


def test_a_case_without_a_prediction_keeps_its_name_and_says_why(monkeypatch):
    monkeypatch.setattr(estimated, "api", RoundEstimates(largest_batch=0).api)
    (outcome,) = _published(published_row(kind="inflight_saturated"))
    assert (outcome.id, outcome.source, outcome.prediction) == ("p1", "a table", None)
    assert outcome.reason == "no batch fits the memory of the devices"


def test_reasons_are_counted_by_source():
    outcomes = _published(
        published_row(), published_row(tp=""), published_row(tp="", id="p2"),
        published_row(hardware="abacus", source_title="another table"),
    )  # fmt: skip
    assert reasons(outcomes).to_numpy().tolist() == [
        ["a table", "tp is not stated", 2],
        ["another table", "device 'abacus' is not in the catalogue", 1],
    ]


def _write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_closed_loop_file_from_end_to_end(tmp_path, capsys):
    rows = [closed_loop_row(), closed_loop_row(id="c2_cfg1", hardware="abacus"),
            closed_loop_row(id="c3_cfg1", tpot_ms="10")]  # fmt: skip
    output = tmp_path / "predicted.csv"
    main([str(_write(tmp_path / "measured.csv", rows)), "--output", str(output)])
    first, second, third = _read(output)
    assert list(first) == ["id", "ttft_ms", "ttft_ms_low", "ttft_ms_high", "tpot_ms",
                           "tpot_ms_low", "tpot_ms_high", "basis", "reason"]  # fmt: skip
    assert list(first.values()) == [
        "c1_cfg1",
        "120",
        "60",
        "480",
        "12",
        "9",
        "24",
        "transferred",
        "",
    ]
    assert list(second.values()) == [
        "c2_cfg1",
        *[""] * 7,
        "device 'abacus' is not in the catalogue",
    ]
    assert third["id"] == "c3_cfg1"
    printed = " ".join(capsys.readouterr().out.split())
    assert "2 of 3 rows predicted, 1 not" in printed
    assert "device 'abacus' is not in the catalogue" in printed
    # -40 % and +20 %: the total of the metric.
    assert "TPOT dense 2 30.0% 38.0% -10.0% 100%" in printed


def test_errors_are_grouped_as_asked(tmp_path, capsys):
    rows = [closed_loop_row(), closed_loop_row(id="c2", engine="sglang")]
    main([str(_write(tmp_path / "measured.csv", rows)), "--by", "device", "metric"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "device metric n median" in printed
    assert "H200_141GB TTFT 2" in printed


def test_published_file_from_end_to_end(tmp_path, capsys):
    rows = [published_row(), published_row(id="p2", stage_or_metric="memory_used_gb"),
            published_row(id="p3", per="", stage_or_metric="throughput_output_tok_s")]  # fmt: skip
    output = tmp_path / "predicted.csv"
    main([str(_write(tmp_path / "measured.csv", rows)), "--output", str(output)])
    first, second, third = _read(output)
    assert list(first) == ["id", "value", "value_low", "value_high", "basis", "reason"]
    assert list(first.values()) == ["p1", "20", "16", "25", "calibrated", ""]
    assert list(second.values()) == ["p2", "24", "", "", "calibrated", ""]
    assert (third["value"], third["id"]) == ("", "p3")
    assert "per instance or per device" in third["reason"]
    assert "TPOT dense" in capsys.readouterr().out


def test_a_file_without_measured_values_is_predicted(tmp_path, capsys):
    row = {name: text for name, text in published_row().items() if name != "value"}
    main([str(_write(tmp_path / "asked.csv", [row]))])
    assert capsys.readouterr().out.strip() == "1 of 1 rows predicted, 0 not"


@pytest.mark.parametrize("exists", [True, False])
def test_a_file_that_cannot_be_read_stops_the_command(tmp_path, capsys, exists):
    path = tmp_path / "other.csv"
    if exists:
        path.write_text("id,speed\nx,1\n", encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        main([str(path)])
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    assert ("missing are for closed loop model, hardware" if exists else "No such file") in told
