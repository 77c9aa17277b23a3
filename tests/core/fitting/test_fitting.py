"""Fitting constants: parameters, the fit, and a device of one's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmcalc_core import (
    find_hardware,
)
from llmcalc_core.calibration.constants import specs
from llmcalc_core.fitting.fit_hardware import SPREADS, fit_hardware, left_out_seconds
from llmcalc_core.fitting.parameters import Parameter, as_constants, as_steps, fit, parameters
from llmcalc_core.fitting.run import Run
from llmcalc_core.fitting.runs import Runs
from tests.core.sampled_runs import SAMPLE, configuration, runs_of, two_engines


def test_steps_of_zero_are_the_priors() -> None:
    moved = parameters(two_engines())
    constants = as_constants(moved, np.zeros(len(moved)))
    for scope in (("vllm", "H100_80GB"), ("trtllm", "A100_80GB"), ("sglang", "")):
        assert constants.of(*scope) == {name: spec.prior for name, spec in specs().items()}


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_steps_come_back_from_constants(data: st.DataObject) -> None:
    moved = parameters(two_engines())
    steps = np.array([data.draw(st.floats(-2, 2)) for _ in moved])
    constants = as_constants(moved, steps)
    assert as_steps(moved, constants) == pytest.approx(steps, abs=1e-6)
    drawn = dict(zip(((one.spec.name, one.scope) for one in moved), steps, strict=True))
    for engine, device in (("vllm", "H100_80GB"), ("trtllm", "L40S"), ("sglang", "none")):
        for name, value in constants.of(engine, device).items():
            total = sum(drawn.get((name, scope), 0.0) for scope in ("", engine, device))
            spec = specs()[name]  # all are on the scale 'log'
            moved_to = min(max(spec.prior * np.exp(total), spec.low), spec.high)
            assert value == pytest.approx(moved_to, rel=1e-6)


def test_engines_that_ran_have_shifts() -> None:
    runs = two_engines()
    every = parameters(runs)
    found = {(one.spec.name, one.scope) for one in every}
    assert len(found) == len(every)
    assert {("launch_floor", "vllm"), ("launch_floor", "trtllm")} <= found
    assert ("launch_floor", "sglang") not in found  # it ran nothing
    assert {scope for _, scope in found} >= {"", "vllm", "trtllm", "H100_80GB"}
    assert "mixture_time" in {name for name, _ in found}
    fixed = parameters(runs, fixed=["mixture_time"])
    assert "mixture_time" not in {one.spec.name for one in fixed}
    assert "step_overhead_s" not in {name for name, _ in found}  # assumed


def test_a_fit_of_constants_recovers_them() -> None:
    several = [
        configuration(SAMPLE["dense"], (batch, 1000, 100), loop=False) for batch in (1, 8, 64)
    ]
    spec = specs()["step_overhead_s"]
    moved = (Parameter(spec=spec, scope="", spread=10.0),)
    truth = as_constants(moved, np.array([0.8]))
    seconds = runs_of(*several).seconds(truth)
    runs = Runs(
        [
            replace(run, seconds=time)
            for run, time in zip(runs_of(*several).runs, seconds.tolist(), strict=True)
        ]
    )
    everything = np.ones(len(seconds))
    assert fit(runs, everything, moved) == pytest.approx([0.8], abs=0.01)
    wrong = [
        replace(run, seconds=run.seconds * (1 if counted else 1.5))
        for run, counted in zip(runs.runs, (False, True, False) * 3, strict=True)
    ]
    assert abs(fit(Runs(wrong), everything, moved) - 0.8) > 0.05
    only_tpot = np.array([0.0, 1.0, 0.0] * 3)
    assert fit(Runs(wrong), only_tpot, moved) == pytest.approx([0.8], abs=0.01)


def measured_on(hardware: Any, batches: tuple[int, ...], *, metrics: tuple[str, ...]) -> Runs:
    """What the calculator itself says of a device, as if it were measured."""
    known = [configuration(SAMPLE["grouped query"], (n, 2000, 200), loop=True) for n in batches]
    wanted = [
        Run(configuration=one, metric=metric, seconds=1.0) for one in known for metric in metrics
    ]
    seconds = Runs(wanted).seconds(hardware=hardware).tolist()
    return Runs([replace(run, seconds=time) for run, time in zip(wanted, seconds, strict=True)])


def test_own_steps_are_nearly_recovered() -> None:
    device = find_hardware("H100_80GB")
    slower = replace(device, adjustments=(("memory_time", 0.3), ("compute_time", 0.2)))
    runs = measured_on(slower, (1, 4, 16, 64, 128), metrics=("ttft", "tpot"))
    fitted_to = fit_hardware(runs, device)
    before, after = (abs(runs.log_errors(hardware=one)).max() for one in (device, fitted_to))
    assert after < before / 2
    assert {name for name, _ in fitted_to.adjustments} <= set(SPREADS)


def test_what_runs_tell_nothing_of_stays() -> None:
    device = find_hardware("H100_80GB")
    slower = replace(device, adjustments=(("memory_time", 0.3),))
    runs = measured_on(slower, (1, 8, 64), metrics=("tpot",))
    start = replace(device, adjustments=(("first_token_s", 0.9), ("mixture_time", 0.1)))
    steps = dict(fit_hardware(runs, start).adjustments)
    assert steps["first_token_s"] == 0.9  # the first token's time is in no time per token
    assert steps["mixture_time"] == 0.1  # no constant of a user's own
    assert steps["memory_time"] != 0


def test_left_out_rows_are_not_seen() -> None:
    device = find_hardware("H100_80GB")
    runs = measured_on(device, (1, 8, 64), metrics=("ttft", "tpot"))
    odd = [replace(run, seconds=run.seconds * (3 if at in (2, 3) else 1))
           for at, run in enumerate(runs.runs)]  # fmt: skip
    predicted = left_out_seconds(Runs(odd), device, [0, 0, 1, 1, 2, 2])
    # Without the odd row the others agree with the device as it is ...
    assert predicted[[2, 3]] == pytest.approx(runs.seconds(hardware=device)[[2, 3]], rel=1e-6)
    # ... with it they do not.
    assert (abs(predicted / runs.measured - 1)[[0, 1, 4, 5]] > 0.01).any()


def test_many_rows_are_left_out_in_parts() -> None:
    device = find_hardware("H100_80GB")
    slower = replace(device, adjustments=(("memory_time", 0.4),))
    runs = measured_on(slower, tuple(range(1, 46)), metrics=("tpot",))
    predicted = left_out_seconds(runs, device, range(45))
    assert predicted == pytest.approx(runs.measured, rel=0.05)
