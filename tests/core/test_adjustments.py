"""Physics: whatever the constants and adjustments, nothing beats it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmcalc_core import (
    Precision,
    find_hardware,
    find_model,
)
from llmcalc_core.architecture.model import architecture
from llmcalc_core.calibration.constants import specs
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.planning.static_estimate import Workload
from llmcalc_core.simulation.serving import serving_times
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from tests.core.physical_bound import bound_s
from tests.core.random_cases import ROUNDING, Case, cases

STEPS = st.dictionaries(st.sampled_from(sorted(specs())), st.floats(-6, 6), max_size=8)


@settings(max_examples=100, deadline=None)
@given(cases(), STEPS)
def test_no_efficiency_is_above_the_peak(case: Case, steps: dict[str, float]) -> None:
    hardware = replace(case.hardware, adjustments=tuple(steps.items()))
    found = efficiency_for(hardware, case.precision)
    for curve in found.curves.values():
        assert 0 < curve.compute <= 1
        assert 0 < curve.memory <= 1
    assert all(0 < fraction <= 1 for fraction in found.links.fractions)


@settings(max_examples=300, deadline=None)
@given(cases(), STEPS)
def test_no_adjustment_beats_physics(case: Case, steps: dict[str, float]) -> None:
    hardware = replace(case.hardware, adjustments=tuple(steps.items()))
    found = replace(case, hardware=hardware).estimate().times
    assert found.latency_s.item() * ROUNDING >= bound_s(case)
    if case.phase == "decode":
        assert found.period_s.item() * ROUNDING >= bound_s(case)


@settings(max_examples=300, deadline=None)
@given(cases(), STEPS)
def test_no_adjustment_serves_faster_than_physics(case: Case, steps: dict[str, float]) -> None:
    hardware = replace(case.hardware, adjustments=tuple(steps.items()))
    assert_serving_is_possible(replace(case.with_work(beam_size=1), hardware=hardware))


FASTEST = dict.fromkeys(specs(), -6.0)
"""Every overhead gone, every kernel at the cap, prefills all but hidden behind decode steps."""


@pytest.mark.parametrize(
    "work", [(1, 16_000, 2), (64, 8000, 100), (64, 8000, 1), (256, 100, 2000)], ids=str
)
@pytest.mark.parametrize("name", ["llama3_8b", "mixtral_8x7b", "deepseek_v2_lite"])
def test_the_fastest_constants_are_possible(name: str, work: tuple[int, int, int]) -> None:
    device = find_hardware("A100_80GB")
    case = Case(
        config=find_model(name),
        hardware=replace(
            device,
            flops=(("bf16", dict(device.flops)["bf16"]),),
            adjustments=tuple(FASTEST.items()),
        ),
        precision=Precision(),
        layout=Layout(tp=4),
        workload=Workload(batches=work[:1], input_tokens=work[1], output_tokens=work[2]),
        phase="decode",
    )
    assert_serving_is_possible(case)


def assert_serving_is_possible(case: Case) -> None:
    work, model = case.workload, architecture(case.config)
    grid = make_grid(
        (case.layout,), batches=work.batches, inputs=(work.input_tokens,),
        outputs=(work.output_tokens,),
    )  # fmt: skip
    efficiency = efficiency_for(case.hardware, case.precision)
    found = serving_times(model, case.hardware, case.precision, grid, efficiency)
    alone = bound_s(replace(case.with_work(batches=(1,)), phase="prefill"))
    for first in (found.ttft_s, found.burst_ttft_s, found.steady_ttft_s):
        assert first.item() * ROUNDING >= alone
    # By Little's law so many decode at a time, in the mean; the others' prompts are read or wait.
    written = (work.output_tokens - 1) * found.tpot_s.item() / found.e2e_s.item()
    decoding = (max(math.floor(work.batches[0] * written), 1),)
    decode = replace(case.with_work(batches=decoding), phase="decode")
    assert found.tpot_s.item() * ROUNDING >= bound_s(decode)
    # While a request is in flight every other one is replaced once, so the devices read all
    # prompts in that time, whose arithmetic can't be hidden.
    unlimited = replace(case.hardware, memory_bandwidth=1e30)
    prompts = bound_s(replace(case, hardware=unlimited, phase="prefill"))
    assert found.e2e_s.item() * ROUNDING >= prompts
