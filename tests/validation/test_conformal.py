"""Bands by groups that no fit had seen."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from llmcalc_core import find_model
from llmcalc_core.architecture.model import architecture
from llmcalc_core.calibration.band_tables import BASES, METRICS
from llmcalc_core.fitting.run import Configuration, Run
from llmcalc_core.fitting.runs import Runs
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.precision import Precision
from llmcalc_core.validation.conformal import Miss, bands, coverage, misses_of
from llmcalc_core.validation.measured_runs import left_alone
from llmcalc_core.validation.report import errors
from llmcalc_core.validation.schemas import predict_file, read_cases
from llmcalc_core.workload.layout import Layout

MODELS = ("llama3_8b", "llama2_7b", "llama2_13b", "mistral_7b", "qwen2.5_7b")
PARTS = ("rows", "pairs", "devices", "assumed")


def run_of(model: str, batch: int) -> Run:
    return Run(
        configuration=Configuration(
            model=architecture(find_model(model)), hardware=find_hardware("H100_80GB"),
            precision=Precision(), layout=Layout(), engine="vllm", loop=True, batch=batch,
            input_tokens=100, output_tokens=100,
        ),
        metric="tpot", seconds=1.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs() -> Runs:
    """Of one model twenty runs, of four others one each."""
    most = [run_of(MODELS[0], batch) for batch in range(1, 21)]
    return Runs([*most, *(run_of(model, 1) for model in MODELS[1:])])


def misses(runs: Runs, *, of_one: float, of_others: float) -> dict[str, np.ndarray]:
    each = np.array([of_one] * 20 + [of_others] * (len(runs.runs) - 20))
    return {part: each * factor for part, factor in zip(PARTS, (1, 1, 2, 3), strict=True)}


def unseen(count: int, miss: float, *, basis: str = "calibrated", source: str = "") -> list[Miss]:
    return [
        Miss(
            metric="tpot", basis=basis, mixture=False, source=source or f"blog {place}",
            engine="vllm", group=place, miss=miss,
        )
        for place in range(count)
    ]  # fmt: skip


def test_a_group_counts_once_however_many_runs_it_has(runs: Runs) -> None:
    # Four of five models take twice as long as estimated, though of 24 runs just four do.
    table = bands(runs, misses(runs, of_one=0.0, of_others=-math.log(2)))
    assert table["tpot", "calibrated", False] == pytest.approx((1.0, 2.0))


def test_few_groups_widen_a_band_of_new_ones(runs: Runs) -> None:
    # One of five models is far off: of five groups the quantile of nine in ten is the worst one.
    only = misses(runs, of_one=0.0, of_others=0.0)
    for part in only.values():
        part[-1] = -math.log(3)
    table = bands(runs, only)
    assert table["tpot", "calibrated", False][1] == pytest.approx(3.0)
    mild = misses(runs, of_one=0.0, of_others=0.0)
    for part in mild.values():
        part[5] = -math.log(3)  # one of twenty runs of one of five models: one in a hundred
    assert bands(runs, mild)["tpot", "measured", False][1] == 1.0


def test_unseen_sources_count_as_much_as_the_fit(runs: Runs) -> None:
    none = misses(runs, of_one=0.0, of_others=0.0)
    far = bands(runs, none, unseen(40, -math.log(2)))
    assert far["tpot", "calibrated", False] == pytest.approx((1.0, 2.0))
    assert far["tpot", "measured", False] == (1.0, 1.0)
    assert far["ttft", "calibrated", False] == (1.0, 1.0)
    # A worse basis never has a narrower band.
    assert far["tpot", "assumed", False] == pytest.approx((1.0, 2.0))


def test_strangers_alone_say_what_strangers_miss(runs: Runs) -> None:
    far = misses(runs, of_one=0.0, of_others=0.0) | {"assumed": np.full(24, -math.log(9))}
    own = bands(runs, far)["tpot", "assumed", False]
    theirs = bands(runs, far, unseen(12, math.log(2), basis="assumed"))["tpot", "assumed", False]
    assert own == pytest.approx((1.0, 9.0))
    assert theirs == pytest.approx((0.5, 1.0))


def test_bands_are_around_the_estimate_and_never_narrower_with_a_worse_basis(runs: Runs) -> None:
    table = bands(runs, misses(runs, of_one=0.2, of_others=-0.1))
    for metric in METRICS:
        for mixture in (False, True):
            lows, highs = zip(*(table[metric, basis, mixture] for basis in BASES), strict=True)
            assert list(lows) == sorted(lows, reverse=True)
            assert list(highs) == sorted(highs)
            assert max(lows) <= 1 <= min(highs)


def test_a_source_is_judged_by_bands_that_never_saw_it(runs: Runs) -> None:
    none = misses(runs, of_one=0.0, of_others=0.0)
    others = [*unseen(30, 0.0), *unseen(10, -1.0, source="a source of its own")]
    held = {(one.by, one.value): one for one in coverage(runs, none, others)}
    # Its own ten, which the bands of the others don't hold; with it they would.
    assert held["basis", "calibrated"].count == 40
    assert held["basis", "calibrated"].inside == pytest.approx(0.75)
    # A quarter of them are estimated at exp(-1) of what they took.
    assert held["basis", "calibrated"].median == held["basis", "calibrated"].bias == 0
    assert held["basis", "calibrated"].p90 == pytest.approx(1 - math.exp(-1))
    assert held["engine", "vllm"].inside == held["metric", "tpot"].inside


def test_what_a_source_misses_is_the_time_of_a_request() -> None:
    table = Path(__file__).parents[2] / "examples" / "measured" / "saturated.csv"
    staged = left_alone(read_cases(table))
    missed = misses_of(staged)
    listed = errors(predict_file(table)[1])
    listed = listed[listed["device"] == "RTX_PRO_6000"]
    assert len(missed) == len(listed) == 3
    assert {(one.metric, one.engine) for one in missed} == {("full_load", "trtllm")}
    found = sorted(one.miss for one in missed)
    assert found == pytest.approx(np.sort(np.log1p(listed["error"])))


def test_a_full_engine_is_no_better_known_than_its_steps(runs: Runs) -> None:
    # No run of a full engine: without its steps nothing would be known to go wrong.
    table = bands(runs, misses(runs, of_one=math.log(1.5), of_others=-math.log(2)))
    assert table["tpot", "calibrated", False] == pytest.approx((1 / 1.5, 2.0))
    assert table["full_load", "calibrated", False] == table["tpot", "calibrated", False]
