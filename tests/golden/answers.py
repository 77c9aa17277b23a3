"""Answers as flat records of words and numbers, in a file, and what differs between two of them."""

from __future__ import annotations

import json
import lzma
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.golden.questions import Question

FILE = Path(__file__).with_name("predictions.jsonl.xz")
TOLERANCE = 1e-12
"""Largest relative difference that is none: sums in another order move the last digits."""

DIGITS = 14
LEFT_OUT = ("_low_s", "_high_s", "_per_device", "cost_usd_per_million_input_tokens",
            "cost_usd_per_million_tokens", "energy_j_per_token",
            "energy_j_per_input_token", "device_memory_bytes", "most_", "peak_")  # fmt: skip
"""Figures of tables that follow from others, left out to keep the file small."""

SHARES_OF_CHANGE = "_change"
"""End of the figures that are a share of another already: what moves them is told beside 1."""

Record = dict[str, Any]


def ask(questions: Iterable[Question]) -> list[Record]:
    """Ask every question, and give its answers one by one."""
    return [record for question in questions for record in _answers(question)]


def _answers(question: Question) -> Iterator[Record]:
    try:
        answer = question.call(**question.arguments)
    except ValueError as error:  # a refusal is an answer too
        answer = {"refused": str(error)}
    if isinstance(answer, pd.DataFrame):
        kept = np.unique(np.linspace(0, len(answer) - 1, question.rows).astype(int))
        names = [name for name in answer if not any(part in str(name) for part in LEFT_OUT)]
        for row in kept:
            yield {"question": question.name, "row": int(row)} | {
                str(name): _plain(answer[name].iloc[row]) for name in names
            }
    else:
        flat = dict(_flattened(answer if isinstance(answer, Mapping) else {"value": answer}))
        yield {"question": question.name, "row": 0} | flat


def _flattened(answer: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in answer.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{before}{name}.")
        elif isinstance(value, (list, tuple, set)):
            yield f"{before}{name}", [_plain(one) for one in sorted(value, key=str)]
        else:
            yield f"{before}{name}", _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        whole = number.is_integer() and abs(number) < 10**DIGITS
        return int(number) if whole else float(f"{number:.{DIGITS}g}")
    return str(value)


def read(path: Path = FILE) -> list[Record]:
    """Read the records of a file."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def recorded(records: list[Record]) -> tuple[str, ...]:
    """Name the questions that records answer, in their order."""
    return tuple(dict.fromkeys(one["question"] for one in records))


def write(records: list[Record], path: Path = FILE) -> None:
    """Write records into a file, the same for the same records."""
    text = "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in records)
    path.write_bytes(lzma.compress(text.encode(), preset=9))


def differences(before: list[Record], after: list[Record]) -> pd.DataFrame:
    """Compare records by question and row; a question that was not asked before moves nothing.

    Returns
    -------
    DataFrame
        ``question``, ``row``, ``figure``, ``before``, ``after`` and ``moved``: the relative
        difference of numbers [1], infinite where there is none to tell.
    """
    old, new = ({(one["question"], one["row"]): one for one in all_} for all_ in (before, after))
    asked = {question for question, _ in old}
    moved = [
        {"question": key[0], "row": key[1], "figure": name, "before": was, "after": now,
         "moved": change}
        for key in dict.fromkeys([*old, *new])
        if key[0] in asked
        for name, was, now in _pairs(old.get(key, {}), new.get(key, {}))
        if (change := _change(name, was, now)) > TOLERANCE
    ]  # fmt: skip
    columns = ["question", "row", "figure", "before", "after", "moved"]
    return pd.DataFrame(moved, columns=columns)


def _pairs(old: Record, new: Record) -> Iterator[tuple[str, Any, Any]]:
    for name in dict.fromkeys([*old, *new]):
        yield name, old.get(name), new.get(name)


def _change(name: str, was: Any, now: Any) -> float:
    numbers = isinstance(was, (int, float)) and isinstance(now, (int, float))
    if was == now or (numbers and math.isnan(was) and math.isnan(now)):
        return 0.0
    if not numbers or isinstance(was, bool) or not (math.isfinite(was) and math.isfinite(now)):
        return math.inf
    share = 1.0 if name.endswith(SHARES_OF_CHANGE) else 0.0
    return abs(now - was) / max(abs(was), abs(now), share)
