"""No estimate is below the physical bound, nor many times above it."""

from __future__ import annotations

import pytest

from tests.validation.bounds import CASES, Case, bound_ms, estimate_ms


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.model}-{case.hardware}")
def test_decode_lies_between_the_bound_and_a_few_times_it(case: Case) -> None:
    assert 1.0 < estimate_ms(case) / bound_ms(case) < 4.0
