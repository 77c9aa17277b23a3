"""The core fails: the form says so, with the traceback on demand, and the chart stays."""

from __future__ import annotations

import pandas as pd
import pytest

from llmcalc_core import Evaluation, EvaluationRequest
from llmcalc_widgets import HardwareComparer, ParetoExplorer
from llmcalc_widgets.runner import evaluations


def fail(request: EvaluationRequest) -> Evaluation:
    msg = f"<b>{request.devices}"
    raise ZeroDivisionError(msg)


def test_a_failure_is_shown_with_its_traceback_until_it_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=1, phase="decode")
    frame, line = explorer.df, explorer.form.children[-1]
    with monkeypatch.context() as patch:
        patch.setattr(evaluations, "evaluate", fail)
        with pytest.raises(ZeroDivisionError):
            explorer.devices = 2
    assert explorer.df is frame
    assert explorer.error == "The calculation failed: ZeroDivisionError: <b>(2,)"
    assert "<summary>Traceback</summary>" in line.value
    assert "in fail" in line.value
    assert "<b>" not in line.value
    explorer.devices = 4
    assert (explorer.error, line.value) == ("", "")
    assert set(explorer.df["devices"]) == {4}
    explorer.close()


def test_a_failure_of_what_is_said_later_is_shown_too_beside_nothing_of_the_plan_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=1, phase="decode")

    said = explorer.chart._head, explorer.chart._said, explorer.details._table

    def fail_later(_: Evaluation, row: int) -> None:
        raise ZeroDivisionError(row)

    with monkeypatch.context() as patch:
        patch.setattr(Evaluation, "plan", fail_later)
        with pytest.raises(ZeroDivisionError):
            explorer.devices = 2
    assert explorer.error.startswith("Showing the result failed: ZeroDivisionError: ")
    assert not any(words.value for words in said)
    assert "in fail_later" in explorer.form.children[-1].value
    explorer.devices = 4
    assert explorer.error == ""
    assert all(words.value for words in said)
    assert set(explorer.df["devices"]) == {4}
    explorer.close()


def test_a_failure_while_an_answer_is_written_is_shown_too(monkeypatch: pytest.MonkeyPatch) -> None:
    comparer = HardwareComparer(model="llama2_7b", devices=1)
    answer = comparer.answer.value
    with monkeypatch.context() as patch:
        patch.setattr(comparer, "draw", fail)
        with pytest.raises(AttributeError):
            comparer.devices = 2
    assert comparer.error.startswith("Showing the result failed: AttributeError")
    assert comparer.answer.value == answer
    comparer._runner.submit()
    assert comparer.error == ""
    assert comparer.answer.value != answer
    comparer.close()


def test_an_error_in_ones_own_observer_is_no_failed_calculation() -> None:
    explorer = ParetoExplorer(model="llama2_7b", hardware="A100_80GB", devices=1, phase="decode")

    def read_what_is_not_there(change: dict[str, pd.DataFrame]) -> None:
        change["new"]["no such column"]

    explorer.observe(read_what_is_not_there, "df")
    with pytest.raises(KeyError):
        explorer.devices = 2
    assert explorer.error == "Showing the result failed: KeyError: 'no such column'"
    assert "in read_what_is_not_there" in explorer.form.children[-1].value
    explorer.close()
