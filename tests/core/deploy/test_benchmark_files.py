"""Results of benchmark clients: the shapes are those that the packages write (versions beside)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmcalc_core import calibrate, estimate_serving_performance, read_benchmark

# vllm 0.33.0, vllm/benchmarks/serve.py: totals over requests that ended, means in ms.
VLLM = {
    "date": "20261130-120000", "endpoint_type": "openai", "backend": "openai", "label": None,
    "model_id": "meta-llama/Llama-3.1-8B", "tokenizer_id": "meta-llama/Llama-3.1-8B",
    "num_prompts": 200, "request_rate": "inf", "burstiness": 1.0, "max_concurrency": 16,
    "duration": 40.0, "completed": 200, "failed": 0, "total_input_tokens": 200_000,
    "total_output_tokens": 40_000, "request_throughput": 5.0, "mean_ttft_ms": 210.0,
    "mean_tpot_ms": 9.4, "mean_itl_ms": 9.4, "mean_e2el_ms": 2080.0,
}  # fmt: skip
# sglang 0.5.14, sglang/bench_serving.py: a line for each run, with the server's own arguments.
SGLANG = {
    "tag": None, "backend": "sglang", "dataset_name": "random", "request_rate": 4.0,
    "max_concurrency": None, "server_info": {
        "model_path": "deepseek-ai/DeepSeek-V3", "tp_size": 8, "dp_size": 8, "ep_size": 8,
        "enable_dp_attention": True,
    },
    "duration": 50.0, "completed": 100, "total_input_tokens": 100_000,
    "total_output_tokens": 20_000, "request_throughput": 2.0, "mean_e2e_latency_ms": 4000.0,
    "mean_ttft_ms": 300.0, "mean_tpot_ms": 20.0,
}  # fmt: skip


def _of(mean: float) -> dict[str, Any]:
    return {"successful": {"mean": mean, "median": mean}, "errored": {"mean": 0.0}}


# guidellm 0.8.1, report version 2: time_per_output_token_ms has the first token in it.
GUIDELLM = {
    "metadata": {"version": 2}, "config": {}, "benchmarks": [{
        "config": {"strategy": {"type_": "concurrent", "streams": 32},
                   "backend": {"model": "meta-llama/Llama-3.1-8B"}},
        "metrics": {
            "request_concurrency": _of(31.6), "prompt_token_count": _of(1000.4),
            "output_token_count": _of(200.0), "time_to_first_token_ms": _of(250.0),
            "time_per_output_token_ms": _of(12.2), "inter_token_latency_ms": _of(11.0),
        },
    }],
}  # fmt: skip
# aiperf 0.13.0, export_models.py: JsonMetricResult of each metric.
AIPERF = {
    "schema_version": "1.1", "time_to_first_token": {"unit": "ms", "avg": 100.0, "p99": 300.0},
    "inter_token_latency": {"unit": "ms", "avg": 8.0},
    "input_sequence_length": {"unit": "tokens", "avg": 512.0},
    "output_sequence_length": {"unit": "tokens", "avg": 128.0},
    "request_throughput": {"unit": "requests/sec", "avg": 7.0},
    "request_latency": {"unit": "ms", "avg": 1116.0},
}  # fmt: skip


def written(folder: Path, text: str) -> Path:
    path = folder / "results.json"
    path.write_text(text, "utf-8")
    return path


def test_vllm(tmp_path: Path) -> None:
    (row,) = read_benchmark(written(tmp_path, json.dumps(VLLM))).to_dict("records")
    assert row == {
        "tensor_parallel": 1, "model": "meta-llama/Llama-3.1-8B", "concurrency": 16,
        "input_tokens": 1000, "output_tokens": 200, "ttft_ms": 210.0, "tpot_ms": 9.4,
    }  # fmt: skip


def test_sglang_says_its_plan_and_littles_law_how_many_are_in_flight(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps(one) for one in (SGLANG, {**SGLANG, "max_concurrency": 4}))
    rows = read_benchmark(written(tmp_path, lines)).to_dict("records")
    assert [row["concurrency"] for row in rows] == [8, 4]  # 2 requests/s x 4 s
    first = rows[0]
    assert (first["tensor_parallel"], first["attention_data_parallel"]) == (1, 8)
    assert (first["expert_parallel"], first["engine"]) == (8, "sglang")


def test_guidellms_time_between_tokens_is_tpot(tmp_path: Path) -> None:
    (row,) = read_benchmark(written(tmp_path, json.dumps(GUIDELLM))).to_dict("records")
    assert (row["concurrency"], row["input_tokens"]) == (32, 1000)
    assert (row["ttft_ms"], row["tpot_ms"]) == (250.0, 11.0)


def test_aiperf(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps(AIPERF))
    (row,) = read_benchmark(path, model="llama3_8b", tensor_parallel=2).to_dict("records")
    assert row["concurrency"] == 8  # 7 requests/s x 1.116 s
    assert (row["model"], row["tensor_parallel"], row["tpot_ms"]) == ("llama3_8b", 2, 8.0)


def test_calibrate_takes_the_rows(tmp_path: Path) -> None:
    lines = []
    for concurrency in (1, 8, 32):
        usual = estimate_serving_performance("llama3_8b", concurrency, 1000, 200, "H100_80GB")
        own = {"max_concurrency": concurrency, "mean_tpot_ms": 1.2 * usual["tpot_ms"],
               "mean_ttft_ms": usual["ttft_ms"]}  # fmt: skip
        lines.append(json.dumps(VLLM | own))
    found = calibrate(read_benchmark(written(tmp_path, "\n".join(lines))), "H100_80GB")
    summary = found.summary()
    assert summary.after_median["tpot"] < summary.before_median["tpot"] / 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "must hold results of vllm bench serve"),
        ("[1, 2]", "must hold results of vllm bench serve"),
        ("not JSON", "must be that of a file of JSON"),
        (json.dumps(VLLM | {"completed": 0}), "input_tokens of run 1 of .* must be"),
        (json.dumps(VLLM | {"mean_ttft_ms": None, "mean_tpot_ms": None}), "TTFT or TPOT"),
        (json.dumps(VLLM | {"mean_ttft_ms": 0.0}), r"ttft_ms of run 1 .* \[ms\], got 0.0"),
        (json.dumps(VLLM | {"max_concurrency": "many"}), "concurrency of run 1"),
        (json.dumps(GUIDELLM | {"benchmarks": []}), "at least one run"),
        (json.dumps(GUIDELLM | {"benchmarks": 3}), "at least one run"),
        (json.dumps(GUIDELLM | {"benchmarks": [3]}), "concurrency of run 1 .* got None"),
        (json.dumps(AIPERF | {"request_latency": []}), "concurrency of run 1 .* got None"),
        (json.dumps(SGLANG | {"server_info": [1], "completed": "x"}), "input_tokens of run 1"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_benchmark(written(tmp_path, text))


def test_files_and_arguments_that_there_are_not(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="which is no file"):
        read_benchmark(tmp_path / "none.json")
    with pytest.raises(ValueError, match="did you mean 'tensor_parallel'"):
        read_benchmark(written(tmp_path, json.dumps(VLLM)), tensor_paralel=2)
