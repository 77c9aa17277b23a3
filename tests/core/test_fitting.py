"""The fit: its flat path beside the estimates, the solver, parameters, and physics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmcalc_core import (
    Precision,
    estimate_decode_performance,
    estimate_end_to_end_performance,
    estimate_prefill_performance,
    estimate_serving_performance,
    find_hardware,
    find_model,
    parse_precision,
)
from llmcalc_core.calibration.constants import Constants, Spec, fitted, specs
from llmcalc_core.calibration.efficiency import efficiency_for
from llmcalc_core.domain.model import architecture
from llmcalc_core.domain.parallelism import Layout
from llmcalc_core.estimate.grid import make_grid
from llmcalc_core.estimate.serving import serving_times
from llmcalc_core.fitting.own import SPREADS, fit_hardware, left_out_seconds
from llmcalc_core.fitting.parameters import Parameter, as_constants, fit, parameters
from llmcalc_core.fitting.predict import Runs
from llmcalc_core.fitting.runs import METRICS, Configuration, Run
from llmcalc_core.fitting.solve import solve
from llmcalc_core.formulas import Floats
from llmcalc_core.search.single import Workload
from tests.core.physical_bound import bound_s
from tests.core.random_cases import ROUNDING, Case, cases

# Model, device, precision, layout, engine: each kind of token mixer and of channel mixer, widths
# within a node and beyond one.
SAMPLE = {
    "dense": ("llama2_7b", "A100_80GB", "bf16", Layout(tp=1), "fastertransformer"),
    "grouped query": ("llama3_70b", "H100_80GB", "fp8", Layout(tp=4), "vllm"),
    "two nodes": ("llama3_70b", "H100_80GB", "bf16", Layout(tp=16), "trtllm"),
    "unpacked": ("llama3_8b", "L40S", "w4a16", Layout(tp=2), "lmdeploy"),
    "mixture": ("mixtral_8x7b", "MI300X", "bf16", Layout(tp=2), "vllm"),
    "expert parallel": ("mixtral_8x7b", "H200_141GB", "fp8", Layout(tp=8, ep=4), "sglang"),
    "latent": ("deepseek_v3", "H200_141GB", "fp8", Layout(tp=8, ep=8), "sglang"),
    "attention ranks": ("deepseek_v3", "B200_180GB", "fp4", Layout(tp=1, ep=8, dp=8), "trtllm"),
    "hybrid": ("qwen3_5_397b_a17b", "B200_180GB", "fp8", Layout(tp=4, ep=4), "vllm"),
    "state space": ("jamba_v0_1", "H100_80GB", "bf16", Layout(tp=4), "vllm"),
    "window": ("gpt_oss_120b", "B200_180GB", "fp4", Layout(tp=2), "trtllm"),
}
SAMPLED = pytest.mark.parametrize("sample", SAMPLE.values(), ids=list(SAMPLE))
WORKLOADS = [(1, 100, 1), (3, 2000, 100), (40, 600, 300)]
EXACT = 1e-9


def configuration(sample: tuple[Any, ...], work: tuple[int, int, int], *, loop: bool) -> Any:
    name, device, bits, layout, engine = sample
    return Configuration(
        model=architecture(find_model(name)),
        hardware=find_hardware(device),
        precision=parse_precision(bits),
        layout=layout,
        engine=engine,
        loop=loop,
        batch=work[0],
        input_tokens=work[1],
        output_tokens=work[2],
    )


def runs_of(*configurations: Configuration) -> Runs:
    """Every metric of every configuration, with a time that is not the estimate."""
    return Runs(
        [
            Run(configuration=one, metric=metric, seconds=1.0)
            for one in configurations
            for metric in METRICS
        ]
    )


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
        attention_data_parallel=sample[3].dp, constants=constants,
    )  # fmt: skip
    assert expected["running"] == work[0]
    names = ("ttft_ms", "tpot_ms", "e2e_latency_ms")
    assert 1e3 * found == pytest.approx([expected[name] for name in names], rel=EXACT)


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
    slower = replace(one.hardware, adjustments=(("decode_time", 0.5),))
    there = runs_of(replace(one, hardware=slower)).seconds()
    assert runs_of(one).seconds(hardware=slower) == pytest.approx(there, rel=1e-12)
    assert (there > runs_of(one).seconds()).all()


def test_misses_are_logarithms_of_estimate_over_measurement() -> None:
    one = configuration(SAMPLE["dense"], (3, 2000, 100), loop=False)
    estimate = runs_of(one).seconds()[1]
    (miss,) = Runs([Run(configuration=one, metric="tpot", seconds=estimate / 2)]).misses()
    assert miss == pytest.approx(np.log(2), rel=1e-12)


def test_runs_of_a_kind() -> None:
    dense = configuration(SAMPLE["dense"], (3, 2000, 100), loop=False)
    mixture = configuration(SAMPLE["mixture"], (3, 2000, 100), loop=True)
    runs = runs_of(dense, mixture)  # ttft, tpot and latency of each, in this order
    assert np.flatnonzero(runs.where("tpot", loop=False)).tolist() == [1]
    assert np.flatnonzero(runs.where("ttft", loop=True, mixture=True)).tolist() == [3]
    assert not runs.where("ttft", loop=True, mixture=False).any()


# A line through the points (0, 1), (1, 3), ... with noise that sums to nothing.
ACROSS = np.arange(20.0)
NOISE = 0.02 * np.where(np.arange(20) % 2, 1, -1)
LINE = 1 + 2 * ACROSS + NOISE


def line_fit(measured: Floats, **changes: Any) -> Floats:
    given = {"prior": np.zeros(2), "spread": np.full(2, 1e3)} | changes
    return solve(lambda at: at[0] + at[1] * ACROSS - measured, **given)


def test_solve_finds_known_parameters() -> None:
    assert line_fit(LINE) == pytest.approx([1, 2], abs=0.02)
    assert line_fit(LINE, start=np.array([50.0, -7.0])) == pytest.approx([1, 2], abs=0.02)


def test_solve_is_hardly_moved_by_outliers() -> None:
    measured = LINE.copy()
    measured[[3, 11, 17]] += [40.0, -60.0, 500.0]
    plain = np.polyfit(ACROSS, measured, 1)[::-1]
    assert abs(plain - [1, 2]).max() > 2
    assert line_fit(measured) == pytest.approx([1, 2], abs=0.1)


def test_solve_weighs_the_prior_by_its_spread() -> None:
    # One small residual x - 0.01 and a belief of 0 within s: the loss is nearly square there, so
    # x = 0.01 / (1 + (scale / s)**2), which is half of it where s is the scale.
    for spread, part in ((0.15, 0.5), (0.05, 0.1), (1e6, 1.0)):
        (found,) = solve(
            lambda at: at - 0.01, prior=np.zeros(1), spread=np.array([spread]), scale=0.15
        )
        assert found == pytest.approx(0.01 * part, rel=0.01)


def test_solve_leaves_what_nothing_is_known_of() -> None:
    found = solve(
        lambda at: at[:1] - 1.0, prior=np.array([0.0, 0.7]), spread=np.full(2, 10.0),
        start=np.array([0.0, -3.0]),
    )  # fmt: skip
    assert found == pytest.approx([1.0, 0.7], abs=0.01)


def test_solve_steps_back_from_where_there_is_no_number() -> None:
    def residuals(at: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            return np.log(at) - np.log(0.001)

    (found,) = solve(residuals, prior=np.array([5.0]), spread=np.array([1e3]))
    assert found == pytest.approx(0.001, rel=1e-3)


def two_engines() -> Runs:
    """One engine serving a dense model, another running a static batch of a mixture."""
    serving = configuration(SAMPLE["grouped query"], (3, 2000, 100), loop=True)
    static = configuration(SAMPLE["attention ranks"], (3, 2000, 100), loop=False)
    return runs_of(serving, static)


def test_steps_of_zero_are_the_priors() -> None:
    moved = parameters(two_engines())
    constants = as_constants(moved, np.zeros(len(moved)))
    for scope in (("vllm", "H100_80GB"), ("trtllm", "A100_80GB"), ("sglang", "")):
        assert constants.of(*scope) == {name: spec.prior for name, spec in specs().items()}


def step_between(spec: Spec, before: float, after: float) -> float:
    odds = [value / (1 - value) if spec.scale == "logit" else value for value in (before, after)]
    return float(np.log(odds[1] / odds[0]))


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_steps_come_back_from_constants(data: st.DataObject) -> None:
    moved = parameters(two_engines())
    steps = np.array([data.draw(st.floats(-2, 2)) for _ in moved])
    constants = as_constants(moved, steps)
    drawn = dict(zip(((one.spec.name, one.scope) for one in moved), steps, strict=True))
    for engine, device in (("vllm", "H100_80GB"), ("trtllm", "L40S"), ("sglang", "none")):
        for name, value in constants.of(engine, device).items():
            total = sum(drawn.get((name, scope), 0.0) for scope in ("", engine, device))
            back = step_between(specs()[name], specs()[name].prior, value)
            assert back == pytest.approx(total, abs=1e-6)


def test_engines_have_shifts_of_what_their_runs_tell_about() -> None:
    runs = two_engines()
    every = parameters(runs)
    found = {(one.spec.name, one.scope) for one in every}
    assert len(found) == len(every)
    assert ("first_token_s", "vllm") in found
    assert ("first_token_s", "trtllm") not in found  # it served nothing
    assert ("mixture_time", "trtllm") in found
    assert ("mixture_time", "vllm") not in found  # it ran no mixture
    assert {scope for _, scope in found} >= {"", "vllm", "trtllm", "H100_80GB"}
    assert "gemm_time" in {name for name, _ in found}
    assert "gemm_time" not in {one.spec.name for one in parameters(runs, fixed=["gemm_time"])}


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
    slower = replace(device, adjustments=(("decode_time", 0.3), ("prefill_time", 0.2)))
    runs = measured_on(slower, (1, 4, 16, 64, 128), metrics=("ttft", "tpot"))
    fitted_to = fit_hardware(runs, device)
    before, after = (abs(runs.misses(hardware=one)).max() for one in (device, fitted_to))
    assert after < before / 2
    assert {name for name, _ in fitted_to.adjustments} <= set(SPREADS)


def test_what_runs_tell_nothing_of_stays() -> None:
    device = find_hardware("H100_80GB")
    slower = replace(device, adjustments=(("decode_time", 0.3),))
    runs = measured_on(slower, (1, 8, 64), metrics=("tpot",))
    start = replace(device, adjustments=(("first_token_s", 0.9), ("gemm_time", 0.1)))
    steps = dict(fit_hardware(runs, start).adjustments)
    assert steps["first_token_s"] == 0.9  # the first token's time is in no time per token
    assert steps["gemm_time"] == 0.1  # no constant of a user's own
    assert steps["decode_time"] != 0


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
    slower = replace(device, adjustments=(("decode_time", 0.4),))
    runs = measured_on(slower, tuple(range(1, 46)), metrics=("tpot",))
    predicted = left_out_seconds(runs, device, range(45))
    assert predicted == pytest.approx(runs.measured, rel=0.05)


STEPS = st.dictionaries(st.sampled_from(sorted(specs())), st.floats(-6, 6), max_size=8)


@settings(max_examples=100, deadline=None)
@given(cases(), STEPS)
def test_no_efficiency_is_above_the_peak(case: Case, steps: dict[str, float]) -> None:
    hardware = replace(case.hardware, adjustments=tuple(steps.items()))
    found = efficiency_for(hardware, case.precision, mixture=case.config.num_experts > 1)
    for curve in (*found.decode.values(), *found.prefill.values()):
        assert 0 < curve.compute <= 1
        assert 0 < curve.memory <= 1
    assert all(0 < fraction <= 1 for fraction in found.links.fractions)


@settings(max_examples=300, deadline=None)
@given(cases(), STEPS)
def test_no_adjustment_beats_physics(case: Case, steps: dict[str, float]) -> None:
    hardware = replace(case.hardware, adjustments=tuple(steps.items()))
    found = replace(case, hardware=hardware).estimate().times
    assert found.latency_s.item() * ROUNDING >= bound_s(case)
    if case.stage == "decode":
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
        stage="decode",
    )
    assert_serving_is_possible(case)


def assert_serving_is_possible(case: Case) -> None:
    work, model = case.workload, architecture(case.config)
    grid = make_grid(
        (case.layout,), batches=work.batches, inputs=(work.input_tokens,),
        outputs=(work.output_tokens,),
    )  # fmt: skip
    efficiency = efficiency_for(case.hardware, case.precision, mixture=model.has_mixture)
    found = serving_times(model, case.hardware, case.precision, grid, efficiency)
    alone = bound_s(replace(case.with_work(batches=(1,)), stage="prefill"))
    for first in (found.ttft_s, found.burst_ttft_s, found.steady_ttft_s):
        assert first.item() * ROUNDING >= alone
    assert found.tpot_s.item() * ROUNDING >= bound_s(replace(case, stage="decode"))
    # While a request is in flight every other one is replaced once, so the devices read all
    # prompts in that time, whose arithmetic can't be hidden.
    unlimited = replace(case.hardware, memory_bandwidth=1e30)
    prompts = bound_s(replace(case, hardware=unlimited, stage="prefill"))
    assert found.e2e_s.item() * ROUNDING >= prompts
