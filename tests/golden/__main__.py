"""``python -m tests.golden``: what a change moved; ``--write`` makes it the new truth."""

from __future__ import annotations

import argparse
import sys

import numpy as np
import pandas as pd

from tests.golden.answers import FILE, ask, differences, read, recorded, write
from tests.golden.questions import questions


def main() -> int:
    """Compare the answers of now with the file, by kind of question and by figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=main.__doc__)
    parser.add_argument("--write", action="store_true", help="renew the file")
    parser.add_argument("--most", type=int, default=20, help="rows of each table to print")
    asked = parser.parse_args()
    before = read() if FILE.exists() else []
    now = ask(questions(recorded(before)))
    moved = differences(before, now)
    new = len({*recorded(now)} - {*recorded(before)})
    _say(f"{len(now)} predictions, {_several(len(moved), 'figure')} moved")
    if new:
        _say(f"{_several(new, 'question')} that the file does not answer; --write adds them")
    if len(moved):
        _show(moved, asked.most)
    if asked.write:
        write(now)
        _say(f"wrote {FILE.name}, {FILE.stat().st_size / 1e3:.0f} kB")
        return 0
    return int(len(moved) > 0)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _show(moved: pd.DataFrame, most: int) -> None:
    kind = moved["question"].str.split().str[0].rename("kind")
    finite = moved["moved"].replace(np.inf, np.nan)
    table = finite.groupby([kind, moved["figure"]]).agg(["size", "count", "median", "max"])
    table.columns = ["figures", "numbers", "median", "largest"]
    with pd.option_context("display.width", 140, "display.max_colwidth", 60):
        _say(table.sort_values("largest", ascending=False).head(most).to_string())
        _say(moved.sort_values("moved", ascending=False).head(most).to_string(index=False))


def _several(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


sys.exit(main())
