"""Many unlike runs at once, beside the estimates of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from llmcalc_core import (
    estimate_decode_performance,
    estimate_end_to_end_performance,
    estimate_prefill_performance,
    estimate_serving_performance,
)
from llmcalc_core.calibration.constants import Constants, fitted, specs
from llmcalc_core.fitting.run import Run
from llmcalc_core.fitting.runs import Runs
from tests.core.sampled_runs import EXACT, SAMPLE, SAMPLED, WORKLOADS, configuration, runs_of


def arguments(sample: tuple[Any, ...], work: tuple[int, int, int], first: str) -> dict[str, Any]:
    name, device, bits, layout, engine = sample
    return {
        "model": name, "system_name": device, "bits": bits, "engine": engine,
        first: work[0], "input_tokens": work[1], "tensor_parallel": layout.tp,
        "expert_parallel": layout.ep, "memory_fraction": 1.0,
    }  # fmt: skip


MOVED = {name: 0.3 if spec.scale == "log" else -0.4 for name, spec in specs().items()}
"""A step of every constant, so that no two of them can stand in for each other."""


def moved_constants() -> Constants:
    known = fitted()
    return known.replace({
        (name, ""): specs()[name].moved(number, MOVED[name])
        for name, scope, number in known.entries
        if not scope
    })  # fmt: skip


@SAMPLED
@pytest.mark.parametrize("work", WORKLOADS, ids=str)
def test_a_closed_loop_is_what_serving_says(sample: tuple[Any, ...], work: Any) -> None:
    constants = moved_constants()
    found = runs_of(configuration(sample, work, loop=True)).seconds(constants)
    expected = estimate_serving_performance(
        **arguments(sample, work, "concurrency"), output_tokens=work[2],
        attention_data_parallel=sample[3].attention_dp, constants=constants,
    )  # fmt: skip
    assert expected["running"] == work[0]
    names = ("ttft_ms", "tpot_ms", "e2e_latency_ms")
    # Estimates take steps that read prompts from a table; a fit works each out. Between its knots
    # it is furthest off where starting kernels takes as long as running them.
    assert 1e3 * found == pytest.approx([expected[name] for name in names], rel=0.025)


@SAMPLED
@pytest.mark.parametrize("work", WORKLOADS, ids=str)
def test_a_static_batch_is_what_the_estimates_say(sample: tuple[Any, ...], work: Any) -> None:
    constants = moved_constants()
    found = runs_of(configuration(sample, work, loop=False)).seconds(constants)
    asked = arguments(sample, work, "batch_size") | {"constants": constants}
    expected = [
        estimate_prefill_performance(**asked)["ttft_ms"],
        estimate_decode_performance(**asked, output_tokens=work[2])["tpot_ms"],
        estimate_end_to_end_performance(**asked, output_tokens=work[2])["latency"],
    ]
    assert 1e3 * found == pytest.approx(expected, rel=EXACT)


def test_runs_do_not_touch_each_other() -> None:
    several = [
        configuration(sample, work, loop=loop)
        for sample in SAMPLE.values()
        for work in WORKLOADS
        for loop in (True, False)
    ]
    together = runs_of(*several, several[0])
    apart = [runs_of(one).seconds() for one in [*several, several[0]]]
    assert together.seconds() == pytest.approx(np.concatenate(apart), rel=1e-12)
    assert len(together.configurations) == len(several)


def test_a_run_takes_the_hardware_that_is_given() -> None:
    one = configuration(SAMPLE["grouped query"], (3, 2000, 100), loop=True)
    slower = replace(one.hardware, adjustments=(("memory_time", 0.5),))
    there = runs_of(replace(one, hardware=slower)).seconds()
    assert runs_of(one).seconds(hardware=slower) == pytest.approx(there, rel=1e-12)
    assert (there > runs_of(one).seconds()).all()


def test_misses_are_logarithms_of_estimate_over_measurement() -> None:
    one = configuration(SAMPLE["dense"], (3, 2000, 100), loop=False)
    estimate = runs_of(one).seconds()[1]
    (miss,) = Runs([Run(configuration=one, metric="tpot", seconds=estimate / 2)]).log_errors()
    assert miss == pytest.approx(np.log(2), rel=1e-12)


def test_runs_of_a_kind() -> None:
    dense = configuration(SAMPLE["dense"], (3, 2000, 100), loop=False)
    mixture = configuration(SAMPLE["mixture"], (3, 2000, 100), loop=True)
    runs = runs_of(dense, mixture)  # ttft, tpot and latency of each, in this order
    assert np.flatnonzero(runs.where("tpot", loop=False)).tolist() == [1]
    assert np.flatnonzero(runs.where("ttft", loop=True, mixture=True)).tolist() == [3]
    assert not runs.where("ttft", loop=True, mixture=False).any()
