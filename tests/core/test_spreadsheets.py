"""What leaves as CSV: no text is a formula to the spreadsheet that opens it."""

from __future__ import annotations

import io
from dataclasses import replace

import pandas as pd
import pytest

from llmcalc_core import csv_text, explore, find_model
from llmcalc_core.cli.tables import as_format
from llmcalc_core.spreadsheets import text_cell

FORMULAS = (
    "=1+1", '=HYPERLINK("https://example.org")', "+1+cmd|'/c calc'!A0", "-2+3", "@SUM(A1:A9)",
    "\t=1", "\r=1", "\n=1", "＝1", "＋1+1", "－1+1", "＠SUM(A1)",  # noqa: RUF001 - wide forms
)  # fmt: skip
"""Beginnings that OWASP's page on CSV injection lists."""


@pytest.mark.parametrize("text", FORMULAS, ids=repr)
def test_a_formula_becomes_text(text: str) -> None:
    assert text_cell(text) == f"'{text}"
    frame = pd.DataFrame({"model": [text], text: ["x"]})
    for kind in (object, "category", "string"):
        read = pd.read_csv(io.StringIO(csv_text(frame.astype({"model": kind})), newline=""))
        assert not str(read["model"].iloc[0]).startswith(text[0])
        assert not read.columns[1].startswith(text[0])


@pytest.mark.parametrize("text", ["-1.5", "+3", "-1e-3", "-inf", "a=1", "", " ", "qwen3_8b"])
def test_numbers_and_other_text_stay(text: str) -> None:
    assert text_cell(text) == text


def test_numbers_of_a_frame_stay_to_the_last_digit() -> None:
    frame = explore("llama2_7b", "A100_80GB", devices=2, batch=[1, 8])
    assert csv_text(frame) == frame.to_csv(index=False, lineterminator="\n")
    assert (frame["memory_headroom_bytes"].dtype.kind, csv_text(frame)[:5]) == ("f", "model")
    below = pd.DataFrame({"value": [-1.5, float("nan")], "count": [-3, 4]})
    assert csv_text(below) == "value,count\n-1.5,-3\n,4\n"


def test_the_name_of_a_model_is_text_on_the_command_line() -> None:
    model = replace(find_model("llama2_7b"), model="=cmd|'/c calc'!A0")
    frame = explore(model, "A100_80GB", devices=1, batch=1)
    assert as_format(frame, "csv").splitlines()[1].startswith("'=cmd")
    assert frame["model"].iloc[0] == model.model
