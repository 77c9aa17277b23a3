"""The long hunt: ``python -m tests.hunt [--seconds N] [--seed S] [--only KIND...]``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.hunt.files import KINDS
from tests.hunt.hunts import bad_call, mutated_file

CALLS = "calls"


def main() -> int:
    """Hunt for so long; print what fell, with its seed, and how much was tried of each kind."""
    parser = argparse.ArgumentParser(prog="python -m tests.hunt", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=[CALLS, *KINDS], default=[CALLS, *KINDS])
    asked = parser.parse_args()
    until, seed, tried, fell = time.monotonic() + asked.seconds, asked.seed, Counter(), Counter()
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < until:
            for kind in asked.only:
                what, found = kind, None
                if kind == CALLS:
                    what, found = bad_call(seed)
                else:
                    found = mutated_file(kind, seed, Path(folder))
                tried[kind] += 1
                if found:
                    fell[kind] += 1
                    sys.stdout.write(f"{what}, seed {seed}: {' '.join(found.split())}\n")
            seed += 1
    for kind, count in tried.items():
        sys.stdout.write(f"{kind}: {count} tried, {fell[kind]} fell\n")
    return min(sum(fell.values()), 1)


if __name__ == "__main__":
    sys.exit(main())
