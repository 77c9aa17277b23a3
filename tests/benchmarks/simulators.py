"""The same requests through simulators of serving: llmcalc, vidur and inference-lab.

Run as ``python -m tests.benchmarks.simulators [FOLDER]``, with npm, node and pip's index at hand.
Each simulator gets an environment of its own in a temporary folder, or in FOLDER, where it is found
again by the next run. What can't be installed or run is said in the table's place.

The server is the same, too: Llama 70B in bf16 on 4 H100, its steps timed by llmcalc. vidur reads
them from tables in the form of its profiles. inference-lab knows a rate of computing and a
bandwidth; they are set so that a step of the mean load and one that also reads a mean prompt last
as long. It takes no trace, so that its own draw, which its answer tells, is what the others serve.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from llmcalc_core import LognormalLengths, simulate
from llmcalc_core.api.server import Widths, make_server
from llmcalc_core.defaults import MEMORY_FRACTION
from llmcalc_core.engines import DEFAULT_ENGINE
from llmcalc_core.simulation.server import ServerOptions
from llmcalc_core.workload.requests import draw_requests
from tests.benchmarks.inference_lab import INFERENCE_LAB, ask_inference_lab
from tests.benchmarks.side import DidNotRunError, Server, Side, Trace, Workload, ask_llmcalc
from tests.benchmarks.vidur import VIDUR, ask_vidur

PLAN: dict[str, Any] = {
    "model": "meta-llama/Llama-3.1-70B",
    "hardware": "H100_80GB",
    "precision": "bf16",
    "tp": 4,
}
CHAT = Workload(
    count=9000, seed=1, request_rate=1.0, input_tokens=500.0, output_tokens=250.0, sigma=0.6
)
NOTES = """\
vidur starts from tables of llmcalc's step times, as its wheel has no profiles, and trains before it
is timed. Its TTFT ends with the prompt's step; llmcalc adds what a server does outside of steps,
and inference-lab the next step. The process is with one simulation."""

LOAD = 0.8
"""Of the requests per second that the plan serves at the most [1]."""


def main(folder: Path) -> str:
    """Run all sides in a folder, and give a Markdown table and what was served."""
    folder.mkdir(parents=True, exist_ok=True)
    workload, server, trace = _prepare()
    lab = _run(lambda: ask_inference_lab(folder / "inference-lab", server, workload))
    if isinstance(lab, Side) and not lab.found["preemptions"]:
        order = np.argsort(lab.found["arrival_s"], kind="stable")
        trace = {name: np.array(lab.found[name])[order].tolist() for name in trace}
    sides = {"llmcalc": _run(lambda: ask_llmcalc(folder / "llmcalc", PLAN, trace))}
    for writes, name in ((False, "nothing written"), (True, "as it comes: metrics, plots, trace")):
        ask = partial(ask_vidur, folder / "vidur", trace, server, writes=writes)
        sides[f"vidur {VIDUR}, {name}"] = _run(ask)
    sides[f"inference-lab {INFERENCE_LAB}"] = lab
    tokens = [f"{np.mean(trace[name]):.0f}" for name in ("input_tokens", "output_tokens")]
    return (
        f"{workload.count:,} requests, {workload.request_rate:.2f} a second, {tokens[0]} tokens in "
        f"and {tokens[1]} out in the mean. {os.cpu_count()} cores; {os.getloadavg()[0]:.1f} "
        f"processes wanted one in the last minute.\n\n{_table(sides, workload.count)}\n\n{NOTES}"
    )


def _prepare() -> tuple[Workload, Server, Trace]:
    """Find the rate, the server's settings and step times, and a draw of llmcalc's own."""
    drawn = draw_requests(
        CHAT.count, rate=CHAT.request_rate, seed=CHAT.seed,
        input_lengths=LognormalLengths(mean=CHAT.input_tokens, sigma=CHAT.sigma),
        output_lengths=LognormalLengths(mean=CHAT.output_tokens, sigma=CHAT.sigma),
    )  # fmt: skip
    at_once = simulate(requests=replace(drawn, arrival_s=0 * drawn.arrival_s), **PLAN)
    workload = replace(CHAT, request_rate=LOAD * at_once.summary["requests_per_s"])
    sent = replace(drawn, arrival_s=drawn.arrival_s * CHAT.request_rate / workload.request_rate)
    busy = simulate(requests=sent, **PLAN)
    mean = busy.summary["requests_per_s"] * busy.summary["e2e_mean_s"]  # Little's law
    engine = make_server(
        PLAN["model"], PLAN["hardware"], PLAN["precision"], Widths(tp=PLAN["tp"]),
        DEFAULT_ENGINE, MEMORY_FRACTION, ServerOptions(),
    )  # fmt: skip
    server = Server(
        settings=busy.settings,
        times=engine.step_times(sent, busy.settings),
        devices=PLAN["tp"],
        running=(round(mean), int(busy.timeline["running"].max())),
    )
    columns = ("arrival_s", "input_tokens", "output_tokens")
    return workload, server, {name: getattr(sent, name).tolist() for name in columns}


def _run(ask: Callable[[], Side]) -> Side | str:
    try:
        return ask()
    except DidNotRunError as error:
        return str(error)


def _table(sides: dict[str, Side | str], count: int) -> str:
    heads = (
        "", "simulation, wall (CPU) [s]", "the second [s]", "process [s]",
        "requests/s simulated", "TTFT mean, p99 [ms]", "TPOT mean, p99 [ms]",
        "end to end mean, p99 [s]",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, side in sides.items():
        if isinstance(side, str):
            lines.append(f"| {name} | did not run: {side} | | | | | | |")
            continue
        times = [f"{wall:.3g} ({cpu:.3g})" for wall, cpu in side.runs]
        times += [""] * (2 - len(times))
        found = side.latencies
        figures = [
            f"{values.mean() * scale:,.4g}, {np.quantile(values, 0.99) * scale:,.4g}"
            for values, scale in ((found["ttft"], 1e3), (found["tpot"], 1e3), (found["e2e"], 1.0))
        ]
        cells = (*times, f"{side.process_s:.3g}", f"{count / side.runs[-1][0]:,.0f}", *figures)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(main(Path(sys.argv[1]).resolve()))  # noqa: T201
    else:
        with tempfile.TemporaryDirectory() as temporary:
            print(main(Path(temporary)))  # noqa: T201
