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

import math
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmcalc_core import LognormalLengths, simulate
from llmcalc_core.api.simulate import Simulation, _from_plan
from llmcalc_core.simulation.step_times import StepTimes
from llmcalc_core.workload.requests import draw_requests
from tests.benchmarks.beside import (
    INFERENCE_LAB,
    VIDUR,
    DidNotRunError,
    Side,
    ask_inference_lab,
    ask_llmcalc,
    ask_vidur,
)

Trace = dict[str, list[float]]

DEVICES = 4
PLAN: dict[str, Any] = {
    "model": "meta-llama/Llama-3.1-70B",
    "hardware": "H100_80GB",
    "precision": "bf16",
    "tp": DEVICES,
}
COUNT, SEED = 9000, 1
INPUT, OUTPUT, SIGMA = 500.0, 250.0, 0.6
LOAD = 0.8
"""Of the requests per second that the plan serves at the most [1]."""


def main(folder: Path) -> str:
    """Run all sides in a folder, and give a Markdown table and what is to be said beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = draw_requests(
        COUNT, rate=1.0, seed=SEED,
        input_lengths=LognormalLengths(mean=INPUT, sigma=SIGMA),
        output_lengths=LognormalLengths(mean=OUTPUT, sigma=SIGMA),
    )  # fmt: skip
    trace: Trace = {
        "arrival_s": drawn.arrival_s.tolist(),
        "input_tokens": drawn.input_tokens.tolist(),
        "output_tokens": drawn.output_tokens.tolist(),
    }
    at_once = simulate(requests=pd.DataFrame(trace | {"arrival_s": 0.0}), **PLAN)
    rate = LOAD * at_once.summary["requests_per_s"]
    trace["arrival_s"] = (drawn.arrival_s / rate).tolist()
    busy = simulate(requests=pd.DataFrame(trace), **PLAN)
    settings = busy.settings
    times = _from_plan(**PLAN).step_times(drawn, settings)
    limits = {
        "devices": DEVICES,
        "token_budget": settings.token_budget,
        "max_num_seqs": settings.max_num_seqs,
        "kv_blocks": settings.kv_blocks,
        "block_tokens": settings.block_tokens,
    }
    sides: dict[str, Side | str] = {}
    lab = _run(lambda: ask_inference_lab(folder / "inference-lab", _lab(busy, times, rate)))
    if isinstance(lab, Side) and not lab.found["preemptions"]:
        order = np.argsort(lab.found["arrival_s"], kind="stable")
        trace = {name: np.array(lab.found[name])[order].tolist() for name in trace}
    sides["llmcalc"] = _run(lambda: ask_llmcalc(folder / "llmcalc", PLAN, trace))
    running = (_running(busy), int(busy.timeline["running"].max()))
    for writes, name in ((False, "nothing written"), (True, "as it comes: metrics, plots, trace")):
        ask = partial(ask_vidur, folder / "vidur", trace, times, limits, running, writes=writes)
        sides[f"vidur {VIDUR}, {name}"] = _run(ask)
    sides[f"inference-lab {INFERENCE_LAB}"] = lab
    cores, load = os.cpu_count(), os.getloadavg()[0]
    said = (
        f"{COUNT:,} requests, {rate:.2f} a second, {np.mean(trace['input_tokens']):.0f} tokens in "
        f"and {np.mean(trace['output_tokens']):.0f} out in the mean; {cores} cores, "
        f"{load:.1f} processes ready to run in the last minute."
    )
    return f"{said}\n\n{_table(sides)}"


def _run(ask: Callable[[], Side]) -> Side | str:
    try:
        return ask()
    except DidNotRunError as error:
        return str(error)


def _running(busy: Simulation) -> int:
    """Count the sequences that run in the mean of the time, by Little's law."""
    summary = busy.summary
    return round(summary["requests_per_s"] * summary["e2e_mean_s"])


def _lab(busy: Simulation, times: StepTimes, rate: float) -> dict[str, Any]:
    """Configure inference-lab 0.2.1 as the plan, its requests drawn as ours are.

    A step takes the longer of two times (src/compute/engine.rs of its 0.2): weights and caches over
    a bandwidth, and two operations of each weight a token, with those of attention, over a rate.
    """
    settings, parameters, layers, hidden = busy.settings, 70_553_706_496, 80, 8192
    cache_bytes = 2 * 8 * 128 * layers * 2
    decoding = _running(busy)
    mean = round(INPUT + OUTPUT * math.exp(SIGMA**2) / 2)
    new = round(INPUT)
    held = decoding * mean
    moved = 2 * parameters + held * cache_bytes
    attended = 4 * layers * hidden * (held + new * new)
    computed = 2 * parameters * (decoding + new) + attended
    cache = settings.kv_blocks * settings.block_tokens * cache_bytes

    def lengths(tokens: float) -> dict[str, Any]:
        middle = math.log(tokens) - SIGMA**2 / 2
        return {"type": "lognormal", "mean": middle, "std_dev": SIGMA}

    return {
        "hardware": {
            "name": "4 x H100",
            "compute_flops": computed / times.mixed(decoding, held, [(new, 0)]),
            "memory_bandwidth": moved / times.decode(decoding, held),
            "memory_capacity": 2 * parameters + cache,
            "kv_cache_capacity": cache,
            "bytes_per_param": 2,
        },
        "model": {
            "name": "Llama-3.1-70B",
            "num_parameters": parameters,
            "num_layers": layers,
            "hidden_dim": hidden,
            "num_heads": 64,
            "num_kv_heads": 8,
            "max_seq_len": 131072,
        },
        "scheduler": {
            "max_num_batched_tokens": settings.token_budget,
            "max_num_seqs": settings.max_num_seqs,
            "policy": "fcfs",
            "enable_chunked_prefill": True,
            "block_size": settings.block_tokens,
        },
        "workload": {
            "arrival_pattern": "poisson",
            "arrival_rate": rate,
            "num_requests": COUNT,
            "seed": SEED,
            "input_len_dist": lengths(INPUT),
            "output_len_dist": lengths(OUTPUT),
        },
        "simulation": {"log_interval": 1_000_000},
    }


def _table(sides: dict[str, Side | str]) -> str:
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
        cells = (*times, f"{side.process_s:.3g}", f"{COUNT / side.runs[-1][0]:,.0f}", *figures)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(main(Path(sys.argv[1]).resolve()))  # noqa: T201
    else:
        with tempfile.TemporaryDirectory() as temporary:
            print(main(Path(temporary)))  # noqa: T201
