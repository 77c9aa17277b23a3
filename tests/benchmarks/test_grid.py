"""A grid of a million candidates: its time and its memory; and how long the import takes.

Memory is measured in an interpreter of its own: ``peak`` is all of it, interpreter, numpy and
pandas included; ``added`` what the grid put on top. Run as ``tests/benchmarks/test_speed.py`` says.
"""

from __future__ import annotations

import pytest

from llmcalc_core import explore
from tests.benchmarks.clock import REPORTED
from tests.benchmarks.fresh import import_seconds, peak_memory
from tests.benchmarks.genz import genz

GRID_LIMIT_S, GRID_LIMIT_BYTES, IMPORT_LIMIT_S = 0.25, 500e6, 0.5

LENGTHS = {"output_tokens": [64 * step for step in range(1, 9)], "batch": [*range(1, 257)]}
GRIDS = {
    "dense": {
        "model": "llama2_70b",
        "hardware": "H100_80GB",
        "devices": [*range(1, 13)],
        "input_tokens": [128 * step for step in range(1, 11)],
        **LENGTHS,
    },
    "mixture": {
        "model": "mixtral_8x7b",
        "hardware": "H100_80GB",
        "devices": [*range(1, 13)],
        "input_tokens": [128 * step for step in range(1, 4)],
        **LENGTHS,
    },
    "compressed attention": {
        "model": "deepseek_v4_flash",
        "hardware": "H100_80GB",
        "devices": [*range(1, 13)],
        "input_tokens": [128 * step for step in range(1, 4)],
        **LENGTHS,
    },
}


@pytest.mark.parametrize(
    "question",
    [
        pytest.param(
            question, id=name, marks=pytest.mark.benchmark(group=f"a million candidates, {name}")
        )
        for name, question in GRIDS.items()
    ],
)
def test_grid(benchmark, question):
    memory = peak_memory(question)
    benchmark.extra_info |= {
        "by": "llmcalc",
        "limit_s": GRID_LIMIT_S,
        "rows": memory["rows"],
        "limit_bytes": GRID_LIMIT_BYTES,
        "peak_bytes": memory["peak"],
        "added_bytes": memory["peak"] - memory["before"],
    }
    found = benchmark.pedantic(explore, kwargs=question, rounds=7, warmup_rounds=1)
    assert len(found) == memory["rows"] >= 1_000_000


@pytest.mark.benchmark(group="import", timer=REPORTED)
def test_import(benchmark):
    benchmark.extra_info |= {"by": "llmcalc", "limit_s": IMPORT_LIMIT_S}
    benchmark.pedantic(lambda: REPORTED.add(import_seconds("llmcalc_core")), rounds=7)


@pytest.mark.benchmark(group="import", timer=REPORTED)
def test_import_genz(benchmark):
    benchmark.extra_info |= {"by": "GenZ"}
    module = genz().__name__
    benchmark.pedantic(lambda: REPORTED.add(import_seconds(module)), rounds=3)
