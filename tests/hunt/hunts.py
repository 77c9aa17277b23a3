"""Rounds of the hunt: what is tried with a seed, and what fell of it."""

from __future__ import annotations

import gc
import random
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.hunt import calls, junk
from tests.hunt.files import KINDS
from tests.hunt.limits import fault

FILE_S, FILE_MB, CALL_S = 0.2, 100, 2.0
"""Most processor time of a file and of a call [s], and memory of a file [MB]."""


def peak_mb() -> float:
    """Give the most memory that this process has had [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def mutated_file(kind: str, seed: int, folder: Path) -> str | None:
    """Read a mutated file; say what is wrong with what comes of it."""
    given = KINDS[kind].mutate(random.Random(seed))  # noqa: S311 - mutations
    before = peak_mb()
    found = fault(lambda: KINDS[kind].read(given, folder), seconds=FILE_S)
    if found and found.endswith(" s"):  # a neighbour's load, or a table's first reading
        gc.collect()
        found = fault(lambda: KINDS[kind].read(given, folder), seconds=FILE_S)
    took = peak_mb() - before
    return f"{took:.0f} MB" if found is None and took > FILE_MB else found


def bad_call(seed: int) -> tuple[str, str | None]:
    """Make a bad call; give what it was, and what is wrong with what comes of it."""
    chance = random.Random(seed)  # noqa: S311 - as above
    call = chance.choice(calls.good())
    argument, given = chance.choice(call.names()), chance.choice(junk.kinds())()
    bad = call.with_junk(argument, given)
    what = f"{call.name}({argument}={repr(given)[:60]})"
    return what, fault(bad.ask, seconds=CALL_S, says=calls.says(argument))


def fallen(start: int, count: int, kinds: tuple[str, ...] = tuple(KINDS)) -> Iterator[str]:
    """Read mutated files of each kind; give a line for each that falls, with its seed."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(start, start + count):
            for kind in kinds:
                found = mutated_file(kind, seed, Path(folder))
                if found:
                    yield f"{kind}, seed {seed}: {found}"
