"""Compare the simulator with vLLM's own scheduler: see the README beside this file."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests.vllm_scheduler.agreement import difference
from tests.vllm_scheduler.random_sets import KINDS

VLLM = "0.33.0"
ROOT = Path(__file__).parents[2]


def main() -> int:
    """Make the environment, record, compare, and give the exit status."""
    options = argparse.ArgumentParser(prog="python -m tests.vllm_scheduler", description=__doc__)
    options.add_argument("folder", nargs="?", type=Path, help="keeps the environment and the steps")
    options.add_argument("--python", type=Path, help=f"one that has vllm {VLLM} already")
    options.add_argument("--sets", type=int, default=240)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (asked.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        steps = folder / f"steps_{asked.seed}.jsonl"
        python = asked.python or _environment(folder)
        _call(python, "-m", "tests.vllm_scheduler.recording", asked.sets, steps, asked.seed)
        with steps.open(encoding="utf-8") as lines:
            return _report([json.loads(line) for line in lines])


def _environment(folder: Path) -> Path:
    """Make an environment with vLLM, unless the folder has one."""
    python = folder / "environment" / "bin" / "python"
    if not python.exists():
        _call(sys.executable, "-m", "venv", folder / "environment")
        _call(python, "-m", "pip", "install", "--quiet", f"vllm=={VLLM}")
    return python


def _call(*command: object) -> None:
    subprocess.run(  # noqa: S603 - commands of this file
        [str(part) for part in command], cwd=ROOT, env=os.environ | {"PYTHONPATH": "."}, check=True
    )


def _report(recorded: list[dict[str, Any]]) -> int:
    """Print how many sets agree, by what they have, and every difference; 1 if there is any."""
    counts: dict[str, Counter[str]] = {}
    differ = 0
    for index, one in enumerate(recorded):
        limits, found = one["limits"], difference(one)
        name = (
            f"{KINDS[index % len(KINDS)]}, {limits['stages']} stages"
            f"{', a step ahead' if limits['steps_ahead'] else ''}"
        )
        preempted = sum(len(lost) for *_, lost in one["steps"])
        counts.setdefault(name, Counter()).update(
            sets=1, agree=int(not found), steps=len(one["steps"]), preemptions=preempted
        )
        if found:
            differ += 1
            print(f"set {index} ({name}): {found}")  # noqa: T201
    for name, count in sorted(counts.items()):
        print(f"{name}: {count['agree']} of {count['sets']} sets agree, "  # noqa: T201
              f"{count['steps']} steps, {count['preemptions']} preemptions")  # fmt: skip
    print(f"{len(recorded) - differ} of {len(recorded)} sets agree, all of their steps")  # noqa: T201
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main())
