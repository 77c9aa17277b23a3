"""Mutated files of every kind: read, or our error in a sentence, within 0.2 s and 100 MB."""

from __future__ import annotations

from pathlib import Path

import pytest

import llmcalc_core
from tests.hunt.files import KINDS, LOG, budget
from tests.hunt.hunts import FILE_S, fallen
from tests.hunt.limits import fault


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_files_are_read_or_refused(kind: str) -> None:
    assert [*fallen(0, 40, (kind,))] == []


@pytest.mark.parametrize("line", ["a" * 10**5, "he_utils" * 10**4, "1," * 50_000, " " * 10**5])
def test_long_lines_of_a_log_take_no_time(line: str) -> None:
    """Patterns take time that grows with the square of a line: one of 32 kB took 10 s."""
    rows = budget().check(LOG)
    budget_rows = []
    assert fault(lambda: budget_rows.append(budget().check(f"{LOG}{line}")), seconds=FILE_S) is None
    assert budget_rows[0].equals(rows)


@pytest.mark.parametrize("log", [None, b"x", 5, ["x"]])
def test_what_is_no_log_is_refused(log: object) -> None:
    with pytest.raises(ValueError, match="log_text must be the text of a log, got"):
        budget().check(log)


@pytest.mark.parametrize("depth", [800, 5000, 50_000])
def test_thousands_of_levels_of_nesting_are_refused(depth: int, tmp_path: Path) -> None:
    levels = "[" * depth + "]" * depth
    for name, text, read in (
        ("d.toml", f"[x]\nflops = {levels}", llmcalc_core.load_hardware),
        ("config.json", f'{{"model_type": {levels}}}', llmcalc_core.find_model),
        ("b.json", levels, llmcalc_core.read_benchmark),
    ):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        with pytest.raises(ValueError, match=r".") as caught:
            read(path)
        assert len(str(caught.value)) < 400
