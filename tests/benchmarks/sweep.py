"""A sweep larger than memory: ``python -m tests.benchmarks.sweep FOLDER [MILLIONS] [KEEP]``.

Prints candidates, seconds and the peak of resident memory, of a dense model on up to 32 devices.
Of all rows, 100 million take 25 GB of the folder while their parts are joined.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

from llmcalc_core import explore

_BATCHES, _PROMPTS, _PLANS = 1024, 64, 46


def main() -> None:
    """Run the sweep that the arguments ask for."""
    folder, millions, keep = [*sys.argv[1:], *("", "100", "all")[len(sys.argv) - 1 :]]
    answers = round(int(millions) * 1e6 / (_PLANS * _BATCHES * _PROMPTS))
    start, path = time.perf_counter(), Path(folder) / "plans.parquet"
    best = explore(
        "llama3_70b",
        "H100_80GB",
        devices=[8, 16, 32],
        batch=range(1, _BATCHES + 1),
        input_tokens=range(100, 100 + 50 * _PROMPTS, 50),
        output_tokens=range(10, 10 + 10 * max(answers, 1), 10),
        to=path,
        keep=keep,
        progress=True,
    )
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    rows = _BATCHES * _PROMPTS * max(answers, 1) * _PLANS
    sys.stdout.write(
        f"{rows:,} candidates, {len(best):,} pairs of lengths, {seconds:.0f} s, "
        f"{rows / seconds / 1e6:.2f} million/s, peak {peak / 1e6:.0f} MB, "
        f"file {path.stat().st_size / 1e6:.0f} MB\n"
    )


if __name__ == "__main__":
    main()
