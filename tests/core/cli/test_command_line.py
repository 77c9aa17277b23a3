"""The command line asks the functions: the same names, defaults, answers and errors."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest

import llmcalc_core as llm
from llmcalc_core.cli.commands import COMMANDS
from llmcalc_core.cli.main import main, make_parser
from llmcalc_core.cli.options import flag_of, options_of
from llmcalc_core.cli.reference import reference

ONE = ("llama3_8b", "H100_80GB")
PAGE = Path(__file__).parents[3] / "docs" / "command_line.md"


def answer(capsys: pytest.CaptureFixture[str], line: str) -> tuple[int, str]:
    status = main(line.split())
    return status, capsys.readouterr().out


def test_plans_are_those_of_explore(capsys: pytest.CaptureFixture[str]) -> None:
    line = "plan llama3_8b H100_80GB --devices 2 --phase serving --tpot-limit-s 20ms"
    status, text = answer(capsys, f"{line} --rows all --csv")
    assert status == 0
    expected = llm.explore(*ONE, 2, phase="serving", tpot_limit_s=0.02)
    found = pd.read_csv(io.StringIO(text)).sort_values(["tp", "pp", "replicas", "batch"])
    assert found["tpot_s"].tolist() == pytest.approx(
        expected.sort_values(["tp", "pp", "replicas", "batch"])["tpot_s"].tolist()
    )
    status, text = answer(capsys, f"{line} --json")
    front = expected[expected["on_front"]].sort_values("tpot_s")
    assert [row["batch"] for row in json.loads(text)] == front["batch"].tolist()
    status, text = answer(capsys, line)
    assert "TTFT ms" in text.splitlines()[0]
    assert len(text.splitlines()) == 1 + len(front)


def test_where_nothing_fits_the_nearest_plan_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "llama3_405b", "L4", "--devices", "8"]) == 1
    found = capsys.readouterr()
    assert found.err == "no plan fits and keeps the limits\n"
    assert "memory" in found.out
    assert len(found.out.splitlines()) == 2


def test_other_commands_answer_as_their_functions(capsys: pytest.CaptureFixture[str]) -> None:
    _, text = answer(capsys, "slo llama3_8b H100_80GB L40S 40 --tpot_limit_s=.02 --json")
    fleet = llm.find_slo_plan("llama3_8b", ["H100_80GB", "L40S"], 40, tpot_limit_s=0.02)
    assert [row["devices"] for row in json.loads(text)] == fleet["devices"].tolist()
    _, text = answer(capsys, "memory llama3_8b H100_80GB --max-model-len 16k --json")
    pool = {row["part"]: row["value"] for row in json.loads(text)}["KV cache pool"]
    budget = llm.memory_budget(*ONE, max_model_len=16_000)
    assert pool == pytest.approx(budget.value_of("KV cache pool"))
    sent = "--request-rate 5 --num-prompts 40 --input-tokens 200-600"
    _, text = answer(capsys, f"simulate llama3_8b H100_80GB {sent} --json")
    lengths = llm.UniformLengths(tokens=400, range_ratio=0.5)
    run = llm.simulate(*ONE, request_rate=5, num_prompts=40, input_tokens=lengths)
    assert json.loads(text)[0]["ttft_p99_s"] == pytest.approx(run.summary["ttft_p99_s"])
    _, text = answer(capsys, f"simulate llama3_8b H100_80GB {sent} --per-request --csv")
    assert len(pd.read_csv(io.StringIO(text))) == 40
    _, text = answer(capsys, "curve llama3_8b H100_80GB --num-prompts 40 --request-rates 1 2 --csv")
    assert pd.read_csv(io.StringIO(text))["request_rate"].tolist() == [1, 2]


def test_requests_come_from_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "requests.csv"
    rows = {"arrival_s": [0.0, 0.5], "input_tokens": [100, 200], "output_tokens": [10, 20]}
    pd.DataFrame(rows).to_csv(path, index=False)
    status, text = answer(
        capsys, f"simulate llama3_8b H100_80GB --requests {path} --per-request --csv"
    )
    assert status == 0
    assert pd.read_csv(io.StringIO(text))["output_tokens"].tolist() == [10, 20]
    with pytest.raises(SystemExit):
        main(["simulate", "llama3_8b", "H100_80GB", "--requests", f"{path}x"])


def test_the_best_plan_is_launched(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = answer(capsys, "launch llama3_8b H100_80GB --devices 2 --tpot-limit-s 20ms")
    found = llm.evaluate(llm.make_request(*ONE, 2, phase="serving", tpot_limit_s=0.02))
    assert status == 0
    assert found.recommended is not None
    plan = found.frame.iloc[found.recommended]
    assert text == f"{llm.launch(found.request, plan)}\n"
    assert "vllm serve meta-llama/Llama-3.1-8B" in text
    assert main(["launch", "llama3_405b", "L4", "--devices", "8"]) == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("plan llama3_8b H100_80GB --devices 1 --batch 1 2", "largest batch tried, 2: raise"),
        ("launch llama3_8b H100_80GB --devices 1 --batch 1 2", "largest batch tried, 2: raise"),
        ("plan llama3_8b H100_80GB --devices 1 --batch 2", ""),
    ],
)
def test_an_edge_of_the_batches_is_said(
    capsys: pytest.CaptureFixture[str], line: str, says: str
) -> None:
    assert main(line.split()) == 0
    told = capsys.readouterr().err
    assert says in told
    assert bool(told) == bool(says)


def test_catalogues_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    _, text = answer(capsys, "models qwen3 235b --csv")
    assert pd.read_csv(io.StringIO(text))["name"].tolist() == list(llm.list_models("qwen3 235b"))
    _, text = answer(capsys, "devices --json")
    assert [row["name"] for row in json.loads(text)] == list(llm.list_hardware())


def test_measurements_are_validated(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        main(["validate", str(tmp_path / "none.csv")])
    assert end.value.code == 2
    assert "none.csv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("plan lama3 H100_80GB", "unknown model 'lama3'; did you mean"),
        ("plan llama3_8b H100_80GB --batch x", "must be a number such as 2000, 2k, 0.05 or 50ms"),
        ("plan llama3_8b H100_80GB --tp 2", "unrecognized arguments: --tp 2"),
        ("plan llama3_8b H100_80GB --offload-to-fit maybe", "must be yes or no, got 'maybe'"),
        ("simulate llama3_8b H100_80GB --request-rate 1 --input-tokens 9-3", "must rise"),
        ("simulate llama3_8b H100_80GB", "concurrency"),
        ("slo llama3_8b H100_80GB 0", "requests_per_s must be"),
    ],
)
def test_bad_input_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], line: str, says: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(line.split())
    assert end.value.code == 2
    assert says in capsys.readouterr().err


def test_every_argument_is_an_option_with_its_default_and_its_help() -> None:
    parser = make_parser()
    for command in COMMANDS:
        options = options_of(command.function)
        assert {one.name for one in options if not one.about} == set(), command.name
        given = [{"requests_per_s": "1"}.get(one.name, "x") for one in options if one.required]
        asked = parser.parse_args([command.name, *given])
        for one in options:
            if not one.required and one.name != "hardware":
                assert getattr(asked, one.name) == one.default, flag_of(one)


def test_the_page_is_what_the_functions_say() -> None:
    assert PAGE.read_text("utf-8") == reference()  # python -m llmcalc_core.cli.reference > docs/...
