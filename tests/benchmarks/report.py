"""Print the summary of all benchmarks as a Markdown table.

Run as ``python -m tests.benchmarks.report`` with the extra ``bench``; the chart joins in where the
extra ``test`` and Debian's Chromium are there too. Figures are medians of one run: the machine's
load at the time is in all of them alike. Simulators of requests, each in an environment of its
own, are compared by ``python -m tests.benchmarks.simulators``.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

Benchmark = dict[str, Any]
_FILES = ("test_speed.py", "test_grid.py", "test_paint.py")


def run() -> list[Benchmark]:
    """Run the benchmarks and return pytest-benchmark's records.

    Raises
    ------
    RuntimeError
        With pytest's output, where a benchmark did not pass.
    """
    output = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "benchmarks.json"
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            # The project's options ask for plugins that the extra "bench" does not install.
            status = pytest.main(
                [
                    *(str(Path(__file__).with_name(name)) for name in _FILES),
                    "--override-ini=addopts=--import-mode=importlib",
                    f"--benchmark-json={file}",
                ]
            )
        if status != pytest.ExitCode.OK:
            raise RuntimeError(output.getvalue())
        records: list[Benchmark] = json.loads(file.read_text(encoding="utf-8"))["benchmarks"]
    return records


def summary(records: list[Benchmark]) -> str:
    """Markdown table with a line for each question, and one for the memory of each grid."""
    groups: dict[str, dict[str, Benchmark]] = defaultdict(dict)
    for record in records:
        groups[record["group"]][record["extra_info"]["by"]] = record
    lines = ["| | llmcalc | limit | beside it | ratio |", "|---|---|---|---|---|"]
    for name, sides in groups.items():
        lines += _lines(name, sides["llmcalc"], sides.get("GenZ"))
    return "\n".join(lines)


def _lines(name: str, ours: Benchmark, genz: Benchmark | None) -> list[str]:
    info, seconds = ours["extra_info"], ours["stats"]["median"]
    beside, ratio = "", ""
    if genz is not None:
        theirs = genz["stats"]["median"]
        beside, ratio = f"GenZ: {_time(theirs)}", f"{theirs / seconds:,.0f} times faster"
    elif "bqplot_s" in info:
        name = f"{name}, {info['marks']} marks"
        beside, ratio = _bqplot(seconds, info["bqplot_s"])
    elif "rows" in info:
        name = f"{name} ({info['rows']:,})"
    lines = [f"| {name} | {_time(seconds)} | {_time(info['limit_s'])} | {beside} | {ratio} |"]
    if "peak_bytes" in info:
        peak, limit = info["peak_bytes"] / 1e6, info["limit_bytes"] / 1e6
        added = f"{info['added_bytes'] / 1e6:.0f} MB of it for the grid"
        lines.append(
            f"| its peak memory, all of Python | {peak:.0f} MB | {limit:.0f} MB | {added} | |"
        )
    if "p95_s" in info:
        if "p95_bqplot_s" in info:
            beside, ratio = _bqplot(info["p95_s"], info["p95_bqplot_s"])
        limit = _time(info["p95_limit_s"])
        lines.append(
            f"| 95 of 100 within | {_time(info['p95_s'])} | {limit} | {beside} | {ratio} |"
        )
    if "repaints" in info:
        limit = f"at least {info['repaints_limit']}"
        beside = f"bqplot alone: {info['repaints_bqplot']}"
        lines.append(f"| its repaints, the fewest | {info['repaints']} | {limit} | {beside} | |")
    return lines


def _bqplot(seconds: float, alone: float) -> tuple[str, str]:
    """Write what bqplot alone takes, and how many times that ours is."""
    return f"bqplot alone: {_time(alone)}", f"{seconds / alone:.2f}" if alone else ""


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:,.3g} ms" if seconds < 1 else f"{seconds:.2g} s"


if __name__ == "__main__":
    try:
        print(summary(run()))  # noqa: T201
    except RuntimeError as error:
        sys.exit(str(error))
