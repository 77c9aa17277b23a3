"""No prediction moves unnoticed: renew the file with ``python -m tests.golden --write``."""

from __future__ import annotations

from tests.golden.answers import ask, differences, read, recorded
from tests.golden.questions import questions


def test_no_prediction_moved() -> None:
    before = read()
    moved = differences(before, ask(questions(recorded(before))))
    assert moved.empty, (
        f"{len(moved)} figures moved; `python -m tests.golden` says which, `--write` renews the "
        f"file (say in CHANGELOG.md, Predictions, why):\n{moved.head(10)}"
    )
