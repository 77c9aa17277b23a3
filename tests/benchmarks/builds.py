"""This build beside another one: single estimates, the best strategy, and grids of a million.

Run as ``python -m tests.benchmarks.builds FOLDER [ROUNDS]``, where FOLDER is a checkout of the
other build, such as ``git worktree add FOLDER v0.1.0`` makes. Both are asked in turn, each time in
a fresh process of this interpreter, and CPU time is taken, the least of all rounds: other programs
of the machine are in wall time far more. Of an estimate one batch after the other is asked for,
and then one length of prompts after the other, of which nothing can have been kept.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.test_grid import GRIDS

_ROUNDS = 3

_CODE = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import pandas
import llmcalc_core as core

asked = json.loads(sys.argv[1])
prompts = {"model": "llama3_8b", "system_name": "A100_80GB"}
dense = {**prompts, "output_tokens": 256}
mixture = {"model": "deepseek_v3", "system_name": "H200_141GB", "output_tokens": 256}
one_plan = {"tensor_parallel": 8}
estimates = {
    "decode, TP 8": lambda batch, read: core.estimate_decode_performance(
        batch_size=batch, input_tokens=read, **dense, **one_plan),
    "decode, TP 4 x PP 2": lambda batch, read: core.estimate_decode_performance(
        batch_size=batch, input_tokens=read, **dense, tensor_parallel=4, pipeline_parallel=2),
    "decode, mixture, TP 8 x EP 8": lambda batch, read: core.estimate_decode_performance(
        batch_size=batch, input_tokens=read, **mixture, **one_plan, expert_parallel=8),
    "prefill, TP 8": lambda batch, read: core.estimate_prefill_performance(
        batch_size=batch, input_tokens=read, **prompts, **one_plan),
    "serving, TP 8": lambda batch, read: core.estimate_serving_performance(
        concurrency=batch, input_tokens=read, **dense, **one_plan),
    "end to end, TP 8": lambda batch, read: core.estimate_end_to_end_performance(
        batch_size=batch, input_tokens=read, **dense, **one_plan),
    "best strategy on 8 devices": lambda batch, read: core.get_best_parallelization_strategy(
        total_nodes=8, batch_size=batch, input_tokens=read, **dense),
}


def cpu_s(call, *cases):
    start = time.process_time()
    for case in cases:
        call(*case)
    return (time.process_time() - start) / len(cases)


def of_grid(question, phase):
    for name in ("phase", "stage"):  # as it was called in 0.1.0
        try:
            return len(core.explore(**question, **{name: phase}))
        except TypeError:
            continue


def peak_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


found = {}
if asked["kind"] == "estimates":
    for name, call in estimates.items():
        batches = [(32 + at % 16, 2000) for at in range(50)]
        cpu_s(call, *batches)
        found[name] = {
            "cpu_s": min(cpu_s(call, *batches) for _ in range(10)),
            "new_s": min(
                cpu_s(call, *((32, 100 * part + at) for at in range(50))) for part in range(1, 11)
            ),
        }
else:
    question, phase = asked["question"], asked["phase"]
    rows = of_grid(question, phase)
    found[asked["name"]] = {
        "cpu_s": min(cpu_s(of_grid, (question, phase)) for _ in range(3)),
        "rows": rows, "peak_bytes": peak_bytes(),
    }
print(json.dumps(found))
"""

Found = dict[str, dict[str, float]]


def ask(tree: Path, question: dict[str, Any]) -> Found:
    """Ask the build of a checkout, in a process of its own."""
    done = subprocess.run(  # noqa: S603 - the code above, in this interpreter
        [sys.executable, "-c", _CODE, json.dumps(question)],
        cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: Found = json.loads(done.stdout.splitlines()[-1])
    return found


def questions() -> list[dict[str, Any]]:
    """List what is asked: all estimates in a process, each grid in one of its own."""
    grids = [
        {"kind": "grid", "name": f"a million candidates, {phase}, {name}", "phase": phase}
        | {"question": question}
        for phase in ("serving", "decode")
        for name, question in GRIDS.items()
    ]
    return [{"kind": "estimates"}, *grids]


def summary(other: Path, rounds: int) -> str:
    """Markdown table of what both builds take."""
    own = Path(__file__).parents[2]
    lines = ["| CPU time | the other build | this one | ratio |", "|---|---|---|---|"]
    for question in questions():
        found = [(ask(other, question), ask(own, question)) for _ in range(rounds)]
        for name in found[0][0]:
            sides = [[one[side][name] for one in found] for side in (0, 1)]
            for figure, words in (("cpu_s", name), ("new_s", f"{name}, of new lengths")):
                if figure in sides[0][0]:
                    lines.append(_line(words, *(min(one[figure] for one in of) for of in sides)))
            if "peak_bytes" in sides[0][0]:
                before, after = (min(one["peak_bytes"] for one in of) / 1e6 for of in sides)
                lines.append(
                    f"| its peak memory | {before:.0f} MB | {after:.0f} MB | {after / before:.2f} |"
                )
    return "\n".join(lines)


def _line(name: str, before: float, after: float) -> str:
    figures = " | ".join(f"{seconds * 1e3:.3g} ms" for seconds in (before, after))
    return f"| {name} | {figures} | {after / before:.2f} |"


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit(__doc__)
    asked_rounds = int(sys.argv[2]) if len(sys.argv) > 2 else _ROUNDS
    print(summary(Path(sys.argv[1]).resolve(), asked_rounds))  # noqa: T201
