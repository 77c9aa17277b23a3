"""Records of time by kind and by bound, and sums of parts of different shapes."""

from __future__ import annotations

import numpy as np
import pytest

from llmcalc_core import TIME_COLUMNS
from llmcalc_core.costmodel.times import BOUNDS, KINDS, TimeByBound, TimeByKind, summed

WIDE = np.array([[1.0, 2.0], [4.0, 8.0]])


def test_the_names_are_those_of_the_fields() -> None:
    assert KINDS == ("gemm", "attention", "communication", "memory", "overhead")
    assert BOUNDS == ("compute", "memory bandwidth", "link", "overhead", "host link")
    assert TIME_COLUMNS == (
        "gemm_s", "attention_s", "communication_s", "memory_traffic_s", "overhead_s",
    )  # fmt: skip


def test_parts_are_in_the_order_of_the_names() -> None:
    kinds = TimeByKind(gemm=1.0, attention=2.0, communication=3.0, memory=4.0, overhead=5.0)
    assert kinds.parts() == tuple(getattr(kinds, name) for name in KINDS) == (1, 2, 3, 4, 5)
    bounds = TimeByBound(compute=1.0, memory_bandwidth=2.0, link=3.0, overhead=4.0, host_link=5.0)
    assert bounds.parts() == (1, 2, 3, 4, 5)
    assert bounds.parts() == tuple(getattr(bounds, name.replace(" ", "_")) for name in BOUNDS)


@pytest.mark.parametrize("record", [TimeByKind, TimeByBound])
def test_times_add_up_part_by_part(record: type[TimeByKind | TimeByBound]) -> None:
    names = list(record.__dataclass_fields__)
    one = record(**{name: 10.0**index for index, name in enumerate(names)})
    assert (one + one * 3.0).parts() == tuple(4 * 10.0**index for index in range(5))
    assert (one + record()).parts() == (record() + one).parts() == one.parts()
    assert one * 1.0 is one


def test_the_largest_bound_of_each_plan() -> None:
    wide = TimeByBound(compute=WIDE, memory_bandwidth=3.0, link=np.array([0.0, 9.0]))
    assert wide.largest().tolist() == [[1, 2], [0, 2]]
    # Of equals the first.
    assert TimeByBound(compute=2.0, memory_bandwidth=2.0, overhead=1.0).largest().item() == 0
    assert TimeByBound(host_link=1.0).largest().item() == 4


def test_sums_leave_their_parts_alone() -> None:
    before = WIDE.copy()
    found = summed([WIDE, np.array([1.0, 1.0]), WIDE, 1.0])
    assert np.asarray(found).tolist() == (2 * before + 2).tolist()
    assert WIDE.tolist() == before.tolist()
    assert summed([WIDE, 0.0]) is WIDE
    assert summed([]) == 0.0
    assert TimeByKind(gemm=WIDE, overhead=1.0).total() == pytest.approx(before + 1)
