"""Threads: the same results in the same order, and as many as there are processors."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pandas as pd
import pytest

from llmcalc_core import explore, find_model, parallel
from llmcalc_core.architecture.model import architecture
from llmcalc_core.engines import find_engine
from llmcalc_core.parallel import MOST_THREADS, in_threads, processors
from llmcalc_core.planning import blocks
from llmcalc_core.planning.plan_table import plan_table
from llmcalc_core.workload.grid import make_grid


@pytest.fixture
def four_processors(monkeypatch):
    monkeypatch.setattr(parallel, "processors", lambda: 4)


@pytest.mark.usefixtures("four_processors")
def test_items_run_at_the_same_time_and_keep_their_order():
    meeting = threading.Barrier(4, timeout=10)  # breaks where one of the four comes alone

    def double(item: int) -> int:
        meeting.wait()
        return 2 * item

    assert in_threads(double, range(4)) == [0, 2, 4, 6]


def test_one_processor_or_one_item_needs_no_thread(monkeypatch):
    here = threading.get_ident()

    def who(_: int) -> int:
        return threading.get_ident()

    monkeypatch.setattr(parallel, "processors", lambda: 1)
    assert set(in_threads(who, range(3))) == {here}
    monkeypatch.setattr(parallel, "processors", lambda: 4)
    assert in_threads(who, [0]) == [here]
    assert in_threads(who, []) == []


@pytest.mark.usefixtures("four_processors")
def test_an_error_of_one_item_is_raised():
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda item: 1 / item, [1, 0, 2])


def test_no_more_threads_than_are_worth_it(monkeypatch):
    monkeypatch.setattr(parallel, "processors", lambda: 64)
    used = set(in_threads(lambda _: threading.current_thread().name, range(200)))
    assert 1 <= len(used) <= MOST_THREADS


def test_a_browser_s_python_has_one_processor(monkeypatch):
    # Pyodide documentation, "Python standard library": threading can be imported, starting a
    # thread fails; read 2026-11-30.
    monkeypatch.setattr(sys, "platform", "emscripten")
    assert processors() == 1


def test_a_large_grid_in_threads_is_the_same(monkeypatch):
    asked = {
        "model": "mixtral_8x7b",
        "hardware": "H100_80GB",
        "devices": 8,
        "phase": "serving",
        "input_tokens": [128, 1000, 9000],
        "output_tokens": [1, 64, 512],
        "batch": [*range(1, 257)],
    }
    found = []
    for count in (1, 4):
        monkeypatch.setattr(parallel, "processors", lambda count=count: count)
        found.append(explore(**asked))
    pd.testing.assert_frame_equal(*found, check_exact=True)


@pytest.mark.parametrize(
    "question",
    [
        {"phase": "serving"},
        {"phase": "decode", "tpot_limit_s": 0.01, "exact_batch": True},
        {"phase": "prefill", "objective": "cost"},
    ],
    ids=str,
)
def test_candidates_in_blocks_are_the_same_as_all_at_once(monkeypatch, question):
    asked = {
        "model": "mixtral_8x7b",
        "hardware": "H100_80GB",
        "devices": [4, 8],
        "input_tokens": [1, 500, 20_000],
        "output_tokens": [10, 300],
        "batch": [1, 3, 70],
        **question,
    }
    found = []
    for rows in (1, 10**9):
        monkeypatch.setattr(blocks, "ROWS", rows)
        found.append(explore(**asked))
    pd.testing.assert_frame_equal(*found, check_exact=False, rtol=1e-12)
    assert found[0]["on_front"].sum() >= 6  # of each pair of lengths


def test_blocks_have_every_candidate_once():
    table = plan_table(architecture(find_model("mixtral_8x7b")), (4, 8), (1,), find_engine("vllm"))
    grid = make_grid(table.layouts, batches=range(1, 513), inputs=(10, 100), outputs=(8, 9))
    counted = np.zeros((len(table.replicas), *grid.shape[1:]))
    every = blocks.blocks_of(table, grid)
    assert len(every) > 2
    for one in every:
        counted[one.axes] += 1
        layouts = np.array(one.layouts)
        assert (layouts[one.layout] == table.layout[one.plans]).all()
        assert np.prod(one.of(grid).shape) <= blocks.ROWS
    assert (counted == 1).all()
    assert all(
        one.batches == slice(None) for one in blocks.blocks_of(table, grid, whole_batches=True)
    )
