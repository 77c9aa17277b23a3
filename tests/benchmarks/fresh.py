"""Run code in a fresh interpreter, and take what it measured of itself."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

_TIMED_IMPORT = """
import json, sys, time
start = time.perf_counter()
__import__(sys.argv[1])
print(json.dumps(time.perf_counter() - start))
"""

# VmHWM is the largest resident size so far; getrusage's ru_maxrss would start from the parent's.
_PEAK_MEMORY = """
import json, sys
import pandas
from llmcalc_core import explore
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
before = peak()
frame = explore(**json.loads(sys.argv[1]))
print(json.dumps({"rows": len(frame), "before": before, "peak": peak()}))
"""


def import_seconds(module: str) -> float:
    """Return how long importing a module takes [s]."""
    return _run(_TIMED_IMPORT, module)


def peak_memory(question: dict[str, Any]) -> dict[str, int]:
    """Return the rows that ``explore`` gives, and the peak memory before and after it [bytes].

    Linux only.
    """
    return _run(_PEAK_MEMORY, json.dumps(question))


def _run(code: str, argument: str) -> Any:
    done = subprocess.run(  # noqa: S603 - the code above, in this interpreter
        [sys.executable, "-c", code, argument], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])
