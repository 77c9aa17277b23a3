"""Start-up logs and planned pools, read and predicted: figures of public logs with their source."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from llmcalc_core.validation.__main__ import main
from llmcalc_core.validation.cells import CannotPredictError
from llmcalc_core.validation.logged_names import checkpoint_model, logged_precision
from llmcalc_core.validation.planned_pools import COLUMNS as POOL_COLUMNS
from llmcalc_core.validation.planned_pools import METRICS as POOL_METRICS
from llmcalc_core.validation.schemas import predict_file
from llmcalc_core.validation.start_up_logs import COLUMNS, METRICS, read_log

BLANK = dict.fromkeys(COLUMNS, "") | {"engine": "vllm", "tp": "1", "pp": "1", "source": "a log"}

# Of lambda.ai (vLLM about 0.11 on an H100 at 0.9 and 16,000 tokens; read 2026-11-30): weights and
# pool of a device [GiB].
LOGGED = [
    ("meta-llama/Llama-3.1-8B-Instruct", "bf16", 1, 14.99, 51.38),
    ("Qwen/Qwen3-0.6B", "bf16", 1, 1.12, 64.45),
    ("Qwen/Qwen3-32B", "bf16", 1, 61.03, 4.45),
    ("Qwen/Qwen3-32B", "bf16", 2, 30.59, 34.49),
    ("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", "fp8", 2, 33.88, 32.0),
]


def log(**cells: object) -> dict[str, str]:
    return BLANK | {"id": "1"} | {name: str(value) for name, value in cells.items()}


@pytest.mark.parametrize("row", LOGGED, ids=lambda row: f"{row[0]} TP {row[2]}")
def test_weights_and_pool_are_those_of_the_log(row: tuple[str, str, int, float, float]) -> None:
    model, kind, tp, weights, pool = row
    found = read_log(
        log(model=model, checkpoint_precision=kind, tp=tp, device="H100", max_model_len=16000)
    )
    assert found.predicted[0] == pytest.approx(weights, rel=0.01)
    assert found.predicted[1] == pytest.approx(pool, rel=0.01)


def test_a_plan_that_did_not_start_has_no_pool() -> None:
    """gpt-oss-120b at 0.9 of an H100: -2.14 GiB beside 65.97 of weights (vLLM, issue 23278)."""
    found = read_log(log(
        model="openai/gpt-oss-120b", checkpoint_precision="mxfp4 experts", device="H100",
        engine_version="0.10.x",
    ))  # fmt: skip
    weights, pool, tokens, concurrency = found.predicted
    assert weights == pytest.approx(65.97, rel=0.01)
    assert pool == pytest.approx(-2.14, abs=0.2)
    assert (tokens, concurrency) == (0, 0)


def test_tokens_as_versions_print_them() -> None:
    """8 padding layers of Gemma-3-27B, blocks over 7 groups (vLLM 0.11): 50.05 at 4,096 tokens."""
    asked = {"model": "google/gemma-3-27b-it", "device": "AMD Instinct (ROCm)",
             "max_model_len": 4096, "checkpoint_precision": "bf16"}  # fmt: skip
    old = read_log(log(**asked, engine_version="0.11.0"))
    assert old.predicted[2] == pytest.approx(205_696, rel=0.03)
    assert old.predicted[3] == pytest.approx(50.05, rel=0.03)
    new = read_log(log(**asked, engine_version="0.33.0"))
    assert new.predicted[2] == int(new.predicted[3] * 4096)


def test_a_device_that_is_not_named_has_weights_alone() -> None:
    found = read_log(log(model="llama3_8b", checkpoint_precision="bf16"))
    assert found.predicted[0] > 14
    assert [value != value for value in found.predicted] == [False, True, True, True]  # noqa: PLR0124 - NaN
    known = read_log(log(model="llama3_8b", checkpoint_precision="bf16", total_gib=79.18))
    assert known.predicted[1] > 50


def test_a_model_that_is_not_known_says_so() -> None:
    with pytest.raises(CannotPredictError, match="'nobody/nothing-7b' is not in the catalogue"):
        checkpoint_model("nobody/nothing-7b")


@pytest.mark.parametrize(
    ("words", "label"),
    [
        ("fp8 (attention and 2 layers bf16)", "w fp8, a fp8, kv bf16, attention bf16"),
        ("int8 w8a8", "int8"),
        ("F16", "bf16"),
    ],
)
def test_types_are_read_from_words(words: str, label: str) -> None:
    cells = {"model": "x", "checkpoint_precision": words, "kv_dtype": "auto"}
    config, _ = checkpoint_model("meta-llama/Llama-3.1-405B")
    assert label in {logged_precision(cells, config, None, "vllm").label, "int8"}


def test_both_files_are_read_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the second, rows have no names: they are numbered."""
    pool = dict.fromkeys(POOL_COLUMNS, "") | {
        "model": "gemma-3-27b", "tp": "1", "input_tokens": "30000", "output_tokens": "700",
        "available_bytes": "42949672960", "kv_cache_dtype": "auto", "max_model_len": "30700",
        "max_num_batched_tokens": "8192", "max_num_seqs": "1024",
    }  # fmt: skip
    logged = log(model="Qwen/Qwen3-32B", checkpoint_precision="bf16", device="H100")
    for name, row, figures in (("l", logged, METRICS), ("p", pool, POOL_METRICS)):
        path = tmp_path / f"{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            writer.writeheader()
            writer.writerow(row)
        schema, (outcome,) = predict_file(path)
        assert (schema.figures, outcome.id, outcome.reason) == (figures, "1", "")
        main([str(path), "--output", str(tmp_path / "out.csv")])
        assert "1 of 1 rows predicted" in capsys.readouterr().out
    written = list(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8")))
    assert [float(written[0][name]) for name in ("num_blocks", "peak_running")] == [32768, 11]
