"""Requests drawn one by one: when they come, and how long they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcalc_core.workload.lengths import (
    FixedLengths,
    Lengths,
    LognormalLengths,
    UniformLengths,
)
from llmcalc_core.workload.requests import arrival_times, draw_requests

SHORT = FixedLengths(tokens=8)


@pytest.mark.parametrize("burstiness", [0.5, 1.0, 4.0])
def test_times_between_requests_are_as_even_as_asked_for(burstiness: float) -> None:
    gaps = np.diff(arrival_times(50_000, rate=5, burstiness=burstiness))
    assert gaps.mean() == pytest.approx(0.2, rel=0.01)
    # A gamma distribution of shape k varies by 1 / sqrt(k).
    assert gaps.std() / gaps.mean() == pytest.approx(burstiness**-0.5, rel=0.02)


@given(st.integers(1, 300), st.floats(1e-3, 1e3), st.floats(0.1, 10), st.integers(0, 9))
def test_times_ascend_and_end_when_so_many_are_due(
    count: int, rate: float, burstiness: float, seed: int
) -> None:
    times = arrival_times(count, rate=rate, burstiness=burstiness, seed=seed)
    assert (np.diff(times) >= 0).all()
    assert times[-1] == pytest.approx(count / rate)
    again = arrival_times(count, rate=rate, burstiness=burstiness, seed=seed)
    assert (times == again).all()


def test_other_seeds_give_other_requests() -> None:
    lengths = LognormalLengths(mean=500, sigma=1)
    first, same, other = (
        draw_requests(50, input_lengths=lengths, output_lengths=lengths, rate=1, seed=seed)
        for seed in (0, 0, 1)
    )
    for name in ("arrival_s", "input_tokens", "output_tokens"):
        assert (getattr(first, name) == getattr(same, name)).all()
        assert (getattr(first, name) != getattr(other, name)).any()
    assert (first.input_tokens != first.output_tokens).any()


@pytest.mark.parametrize(
    ("lengths", "least", "most", "mean"),
    [
        (FixedLengths(tokens=7), 7, 7, 7),
        (UniformLengths(tokens=100, range_ratio=0.25), 75, 125, 100),
        (UniformLengths(tokens=2, range_ratio=0.9), 1, 4, 2.5),
        (LognormalLengths(mean=100, sigma=0), 100, 100, 100),
        (LognormalLengths(mean=300, sigma=0.5, most=2000), 1, 2000, 300),
    ],
    ids=str,
)
def test_lengths_are_in_their_range(lengths: Lengths, least: int, most: int, mean: float) -> None:
    drawn = lengths.draw(np.random.default_rng(1), 20_000)
    assert drawn.min() >= least
    assert drawn.max() <= most
    assert drawn.mean() == pytest.approx(mean, rel=0.02)


def test_a_shared_beginning_makes_prompts_longer() -> None:
    requests = draw_requests(
        3, input_lengths=SHORT, output_lengths=SHORT, concurrency=2, prefix_tokens=100
    )
    assert requests.input_tokens.tolist() == [108] * 3
    assert requests.prefix.tolist() == [0] * 3
    assert requests.prefix_tokens.tolist() == [100] * 3
    assert requests.concurrency == 2


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"rate": 0}, r"rate must be a finite number above 0 \[1/s\], got 0"),
        ({"rate": -1}, "got -1"),
        ({"rate": math.inf}, "got inf"),
        ({"rate": math.nan}, "got nan"),
        ({"rate": 1, "burstiness": 0}, "burstiness must be a finite number above 0"),
        ({"rate": 1, "concurrency": 1}, "exactly one of rate and concurrency"),
        ({}, "exactly one of rate and concurrency"),
        ({"concurrency": 0}, "concurrency must be a whole number of at least 1"),
        ({"rate": 1, "count": 10**7}, "the nearest valid value is 2000000"),
        ({"rate": 1, "count": 0}, "nearest valid value is 1"),
    ],
    ids=str,
)
def test_arrivals_out_of_range_are_refused(arguments: dict[str, float], rule: str) -> None:
    arguments = {"count": 5} | arguments
    with pytest.raises(ValueError, match=rule):
        draw_requests(**arguments, input_lengths=SHORT, output_lengths=SHORT)


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: FixedLengths(tokens=0), "tokens must be a whole number of at least 1"),
        (lambda: UniformLengths(tokens=9, range_ratio=1.0), "range_ratio must be .* below 1"),
        (lambda: UniformLengths(tokens=9, range_ratio=-0.1), "nearest valid value is 0"),
        (lambda: LognormalLengths(mean=0, sigma=1), r"mean must be a finite number above 0"),
        (lambda: LognormalLengths(mean=9, sigma=math.nan), "sigma must be a finite number"),
        (lambda: LognormalLengths(mean=9, sigma=1, most=0), "most must be a whole number"),
    ],
)
def test_lengths_out_of_range_are_refused(make: object, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        make()
