"""The front equals its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from llmcalc_core.planning import pareto
from llmcalc_core.planning.pareto import pareto_mask

Floats = NDArray[np.float64]
QUICK = settings(max_examples=60, deadline=None)


def by_definition(cost: Floats, gain: Floats, group: NDArray[np.intp]) -> list[bool]:
    """On the front: finite, and no other of the group is as good in both and better in one."""
    finite = np.isfinite(cost) & np.isfinite(gain)
    return [
        bool(finite[one])
        and not any(
            finite[other]
            and group[other] == group[one]
            and cost[other] <= cost[one]
            and gain[other] >= gain[one]
            and (cost[other] < cost[one] or gain[other] > gain[one])
            for other in range(len(cost))
        )
        for one in range(len(cost))
    ]


# Few distinct values, so that ties are common; some that are not numbers.
values = st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0, 7.0, float("nan"), float("inf")])
points = st.lists(st.tuples(values, values, st.integers(0, 2)), max_size=25)
smooth = st.lists(
    st.tuples(st.floats(1e-6, 1e6), st.floats(0, 1e9), st.integers(0, 3)), max_size=40
)


@QUICK
@given(st.one_of(points, smooth))
def test_the_front_equals_its_definition(rows: list[tuple[float, float, int]]) -> None:
    cost = np.array([row[0] for row in rows], dtype=float)
    gain = np.array([row[1] for row in rows], dtype=float)
    group = np.array([row[2] for row in rows], dtype=np.intp)
    assert pareto_mask(cost, gain, group).tolist() == by_definition(cost, gain, group)
    one_group = np.zeros(len(rows), dtype=np.intp)
    assert pareto_mask(cost, gain).tolist() == by_definition(cost, gain, one_group)


CASES: list[tuple[str, list[float], list[float], list[bool]]] = [
    ("empty", [], [], []),
    ("one", [1], [1], [True]),
    ("beaten on both", [1, 2], [2, 1], [True, False]),
    ("a trade", [1, 2], [1, 2], [True, True]),
    ("same cost", [1, 1], [1, 2], [False, True]),
    ("same gain", [1, 2], [1, 1], [True, False]),
    ("equal ones both stay", [1, 1, 2], [1, 1, 1], [True, True, False]),
    ("not a number", [np.nan, 1, 2], [9, 1, np.nan], [False, True, False]),
    ("infinite", [np.inf, 1], [9, 1], [False, True]),
    ("none is a number", [np.nan, np.nan], [1, 2], [False, False]),
    ("no gain at all", [1, 2], [0, 0], [True, False]),
]


@pytest.mark.parametrize(
    ("cost", "gain", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_small_cases(cost: list[float], gain: list[float], expected: list[bool]) -> None:
    assert pareto_mask(np.array(cost, float), np.array(gain, float)).tolist() == expected


def test_groups_do_not_compete() -> None:
    cost, gain = np.array([1.0, 2.0, 1.0, 2.0]), np.array([9.0, 1.0, 1.0, 0.5])
    assert pareto_mask(cost, gain, np.array([0, 1, 1, 1])).tolist() == [True, False, True, False]


def test_an_order_of_no_consequence() -> None:
    random = np.random.default_rng(3)
    cost, gain = random.integers(1, 40, 500) / 4, random.integers(1, 40, 500) / 4
    group = random.integers(0, 3, 500)
    order = random.permutation(500)
    shuffled = pareto_mask(cost[order], gain[order], group[order])
    assert shuffled.tolist() == pareto_mask(cost, gain, group)[order].tolist()


def many(kind: str, count: int) -> tuple[Floats, Floats, NDArray[np.intp]]:
    random = np.random.default_rng(11)
    group = random.integers(0, 5, count)
    if kind == "uniform":
        return random.uniform(0.001, 10, count), random.uniform(0, 1e5, count), group
    if kind == "ties":
        return random.integers(1, 50, count) / 8, random.integers(0, 50, count) / 8, group
    if kind == "a long front":
        cost = np.exp(random.normal(0, 2, count))
        return cost, np.sqrt(cost), group
    if kind == "one cost":
        return np.ones(count), random.uniform(0, 1, count), group
    cost = np.where(random.uniform(size=count) < 0.5, np.nan, random.uniform(1, 2, count))
    return cost, random.uniform(0, 1, count), group


@pytest.mark.parametrize("kind", ["uniform", "ties", "a long front", "one cost", "half rejected"])
def test_many_points_as_few(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than 20,000 points are thinned before the sweep: the front is the same."""
    cost, gain, group = many(kind, 50_000)
    assert np.isfinite(cost).sum() > pareto._SMALL
    thinned = pareto_mask(cost, gain, group)
    monkeypatch.setattr(pareto, "_SMALL", len(cost))
    swept = pareto_mask(cost, gain, group)
    assert swept.sum() > 0
    assert (thinned == swept).all()


@pytest.mark.parametrize("kind", ["uniform", "ties"])
def test_many_points_by_definition(kind: str) -> None:
    """Every point off the front is beaten by one on it, and none on it by any."""
    cost, gain, group = many(kind, 30_000)
    mask = pareto_mask(cost, gain, group)
    for own in range(5):
        ours, leads = group == own, (group == own) & mask
        no_worse = (cost[leads][:, None] <= cost[ours]) & (gain[leads][:, None] >= gain[ours])
        better = (cost[leads][:, None] < cost[ours]) | (gain[leads][:, None] > gain[ours])
        beaten = (no_worse & better).any(axis=0)
        assert (beaten == ~mask[ours]).all()
