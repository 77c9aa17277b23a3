"""A simulator beside others: a process that runs one trace and says what it found.

It reads ``question.json`` in its folder, runs the simulation, and prints as its last line what it
found: seconds and CPU seconds of each run, and latencies of every request.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.simulation.settings import Settings
from llmcalc_core.simulation.step_times import StepTimes

Trace = dict[str, list[float]]
"""Columns ``arrival_s`` [s], ``input_tokens``, ``output_tokens`` [tokens]."""

MOST_S = 900.0
"""After which a side that does not end is given up [s]."""

LLMCALC_CODE = """
import json, time
import pandas
from llmcalc_core import simulate
question = json.load(open("question.json"))
frame = pandas.DataFrame(question["trace"])
runs = []
for _ in range(2):
    start, used = time.perf_counter(), time.process_time()
    found = simulate(requests=frame, **question["plan"])
    found.summary
    runs.append([time.perf_counter() - start, time.process_time() - used])
rows = found.requests
print(json.dumps(
    {"runs": runs} | {name: rows[name].tolist() for name in ("ttft_s", "e2e_s", "output_tokens")}
))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Requests that come at random, of lognormal lengths.

    Attributes
    ----------
    count, seed : int
        How many, and of what is drawn.
    request_rate : float
        Requests per second [1/s].
    input_tokens, output_tokens : float
        Means of prompts and answers [tokens].
    sigma : float
        Standard deviation of their logarithms [1].
    """

    count: int
    seed: int
    request_rate: float
    input_tokens: float
    output_tokens: float
    sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What all sides serve with.

    Attributes
    ----------
    settings : Settings
        Of the engine: budget of tokens, most sequences, KV blocks.
    times : StepTimes
        Of its steps, as llmcalc has them.
    devices : int
        Tensor parallel width.
    running : tuple of int
        Mean and largest number of sequences that run at the load: where the tables and rates that
        others are given are near to ``times``.
    """

    settings: Settings
    times: StepTimes
    devices: int
    running: tuple[int, int]


class DidNotRunError(Exception):
    """A side that could not be installed or did not end; says why in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What a simulator found, and how long it took.

    Attributes
    ----------
    runs : list of list of float
        Wall and CPU time of the first and the second simulation [s].
    process_s : float
        Of the whole process with the first: start, imports, reading, simulating [s]. Of vidur the
        last one, which finds the predictions that the first process trained and stored.
    found : dict
        ``ttft_s``, ``e2e_s`` [s] and ``output_tokens`` of every request, and what else it printed.
    """

    runs: list[list[float]]
    process_s: float
    found: dict[str, Any]

    @property
    def latencies(self) -> dict[str, NDArray[np.float64]]:
        """Time to the first token, mean time of those after it, and end to end [s]."""
        ttft, e2e = np.array(self.found["ttft_s"]), np.array(self.found["e2e_s"])
        after = np.array(self.found["output_tokens"]) - 1
        return {"ttft": ttft, "tpot": (e2e - ttft)[after > 0] / after[after > 0], "e2e": e2e}


def call(command: Sequence[str | Path], folder: Path, **environment: str) -> str:
    """Run a command in a folder, and give what it printed.

    Raises
    ------
    DidNotRunError
        With its own words, where it failed, is not there or did not end.
    """
    try:
        done = subprocess.run(  # noqa: S603 - commands of this file
            [str(part) for part in command], cwd=folder, env=os.environ | environment,
            capture_output=True, text=True, check=True, timeout=MOST_S,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise DidNotRunError(f"{error.filename} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise DidNotRunError(f"no end after {MOST_S:.0f} s") from error
    except subprocess.CalledProcessError as error:
        raise DidNotRunError(_reason(error.stderr)) from error
    return done.stdout


def _reason(errors: str) -> str:
    """Give the errors that pip or npm name, or the last line of a traceback."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()] or ["no message"]
    named = [line for line in lines if line.startswith(("ERROR: ", "npm error "))]
    return "; ".join(named[:2] or lines[-1:]).replace("|", "/")


def ask(command: Sequence[str | Path], folder: Path, question: Any, **environment: str) -> Side:
    """Ask a side a question in a process of its own."""
    (folder / "question.json").write_text(json.dumps(question), encoding="utf-8")
    start = time.perf_counter()
    printed = call(command, folder, **environment)
    took = time.perf_counter() - start
    found = json.loads(printed.splitlines()[-1])
    runs = found.pop("runs")
    return Side(runs=runs, process_s=took - sum(wall for wall, _ in runs[1:]), found=found)


def ask_llmcalc(folder: Path, plan: dict[str, Any], trace: Trace) -> Side:
    """Send a trace through ``simulate``."""
    folder.mkdir(exist_ok=True)
    root = Path(__file__).parents[2]
    return ask(
        [sys.executable, "-c", LLMCALC_CODE], folder, {"plan": plan, "trace": trace},
        PYTHONPATH=str(root),
    )  # fmt: skip
