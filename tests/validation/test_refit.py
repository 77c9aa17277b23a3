"""Fitting constants again: what is used, what is left out, what is written."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import numpy as np
import pytest

from llmcalc_core import find_hardware, find_model
from llmcalc_core.architecture.model import architecture
from llmcalc_core.calibration.band_tables import BASES, METRICS, Coverage, as_band_tables
from llmcalc_core.calibration.bands import last_coverage, last_errors, last_worth
from llmcalc_core.calibration.constants import fitted, specs
from llmcalc_core.fitting.parameters import as_constants, parameters
from llmcalc_core.fitting.run import Configuration, Run
from llmcalc_core.fitting.runs import Runs
from llmcalc_core.precision import Precision
from llmcalc_core.validation import (
    closed_loop,
    left_out,
    published,
    refit,
    write_tables,
)
from llmcalc_core.validation.conformal import bands
from llmcalc_core.validation.estimated import saturated_run
from llmcalc_core.validation.measured_runs import runs_of, weights_of
from llmcalc_core.workload.layout import Layout
from tests.validation.measured_rows import closed_loop_row, published_row

SLOWER = {("compute_time", ""): 1.7, ("launch_floor", ""): 1.3}
"""What the made-up engines of these tests take longer for, within its physical range."""


def configurations() -> list[Configuration]:
    common = Configuration(
        model=architecture(find_model("llama3_8b")),
        hardware=find_hardware("H100_80GB"),
        precision=Precision(),
        layout=Layout(),
        engine="vllm",
        loop=True,
        batch=1,
        input_tokens=1000,
        output_tokens=200,
    )
    loops = [
        replace(common, batch=batch, input_tokens=length, model=architecture(find_model(name)))
        for batch in (1, 8, 64)
        for length in (200, 3000)
        for name in ("llama3_8b", "mixtral_8x7b")
    ]
    batches = [
        replace(common, loop=False, batch=batch, engine="trtllm", hardware=find_hardware(device))
        for batch in (1, 32)
        for device in ("H100_80GB", "A100_80GB")
    ]
    return [*loops, *batches]


@pytest.fixture(scope="module")
def runs() -> Runs:
    known = [
        Run(configuration=one, metric=metric, seconds=1.0)
        for one in configurations()
        for metric in (("ttft", "tpot", "latency") if one.loop else ("latency", "ttft"))
    ]
    seconds = Runs(known).seconds(fitted().replace(SLOWER))
    return Runs([replace(run, seconds=one) for run, one in zip(known, seconds, strict=True)])


@pytest.fixture(scope="module")
def found(runs: Runs) -> refit.Refit:
    return refit.refit(runs, weights_of(list(runs.runs)))


def test_a_fit_explains_what_was_made_up(runs: Runs, found: refit.Refit) -> None:
    before, after = runs.log_errors(fitted()), found.misses["fit"]
    assert np.abs(after).mean() < 0.3 * np.abs(before).mean()
    of_all = found.constants.of("lmdeploy", "")  # which ran nothing
    assert of_all["compute_time"] == pytest.approx(1.7, rel=0.15)
    # What was believed before holds it back.
    assert fitted().of("lmdeploy", "")["launch_floor"] < of_all["launch_floor"] < 1.3
    for engine in ("vllm", "trtllm"):
        for name, value in found.constants.of(engine, "H100_80GB").items():
            assert specs()[name].low <= value <= specs()[name].high, name
    assert found.constants == as_constants(found.moved, found.steps)


def test_what_is_left_out_is_harder(runs: Runs, found: refit.Refit) -> None:
    fit, rows, pairs, devices = (
        np.abs(found.misses[part]).mean() for part in ("fit", "rows", "pairs", "devices")
    )
    assert 1.2 * fit < rows
    assert 1.9 * rows < pairs < devices
    assert len(set(left_out.pairs(runs))) == 3
    assert set(left_out.devices(runs)) == {"H100_80GB", "A100_80GB"}
    parts = left_out.rows(runs)
    owners = {run.configuration: set() for run in runs.runs}
    for run, part in zip(runs.runs, parts, strict=True):
        owners[run.configuration].add(part)
    assert all(len(own_parts) == 1 for own_parts in owners.values())


def test_an_engine_has_shifts_only_of_what_was_measured(runs: Runs) -> None:
    moved = {(one.spec.name, one.scope) for one in parameters(runs)}
    for name, spec in specs().items():
        assert ((name, "trtllm") in moved) == (spec.engine_spread > 0), name
        assert (name, "sglang") not in moved  # it ran nothing
    assert ("launch_floor", "trtllm") in moved
    assert "launch_floor" not in {one.spec.name for one in parameters(runs, fixed=["launch_floor"])}


def test_what_is_written_is_read_again(
    found: refit.Refit, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_tables, "_table", lambda name: tmp_path / name)
    write_tables.write_constants(found.constants)
    worth = {"step_overhead_s": (6, 0.5)}
    table = bands(found.runs, found.misses)
    held = [
        Coverage(
            by="engine", value="vllm", count=8, median=0.1, p90=0.3, bias=-0.05, inside=0.75
        )
    ]  # fmt: skip
    write_tables.write_bands(table, refit.errors(found), held, worth, found.runs)
    constants = tomllib.loads((tmp_path / "constants.toml").read_text())["constant"]
    assert list(constants) == list(specs())
    for name, scope, number in found.constants.entries:
        entry = constants[name]
        if not scope:
            assert entry["value"] == pytest.approx(number, rel=1e-3)
        elif abs(number) > 1e-2:
            known = entry.get("engines", {}) | entry.get("devices", {})
            assert known[scope] == pytest.approx(number, rel=1e-2)
    written = tomllib.loads((tmp_path / "bands.toml").read_text())
    assert len(written["band"]) == len(METRICS) * len(BASES) * 2
    assert written["worth"] == [{"constant": "step_overhead_s", "numbers": 6, "rise": 0.5}]
    run = ["meta-llama/Llama-3.1-8B", "H100_80GB", "bf16", "bf16", "vllm"]
    assert run in written["measured"]["runs"]
    assert as_band_tables(written).coverage == tuple(held)


def test_without_files_the_last_errors_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    refit.main([])
    printed = capsys.readouterr().out
    for entry in last_errors():
        assert f"{100 * entry.median:.1f} / {100 * entry.p90:.1f}" in printed
    for held in last_coverage():
        error = f"{100 * held.median:.0f} / {100 * held.p90:.0f} ({100 * held.bias:+.0f})"
        line = f"| {held.count} | {error} | {held.inside:.0%} |"
        assert line in printed
    for name, (count, rise) in last_worth().items():
        assert f"| {name} | {count} | {rise:+.1%} |" in printed


def test_cases_become_runs() -> None:
    served = closed_loop.read_case(closed_loop_row(ttft_ms="120", tpot_ms=""))
    (run,) = runs_of([served])
    assert (run.metric, run.seconds, run.configuration.loop) == ("ttft", 0.12, True)
    stated = published_row(kind="static_batch", stage_or_metric="throughput_output_tok_s",
                           batch_or_concurrency="8", output_tokens="100", value="400")  # fmt: skip
    (whole,) = runs_of([published.read_case(stated)])
    assert (whole.metric, whole.seconds) == ("latency", 8 * 100 / 400)
    staged = replace(served, layout=Layout(pp=2))
    judged_only = replace(served, source="AccelMark verified results")
    assert runs_of([staged, judged_only]) == []
    # Twelve requests, eight at a time: while eight are in flight, one takes the run's time
    # 12 x 100 / 400 s over the time of the run in times of such a request.
    case = replace(published.read_case(stated), kind="saturated", requests=12)
    (full,) = runs_of([case])
    waves = saturated_run(case, {}).waves
    assert (full.metric, full.configuration.loop, full.configuration.batch) == ("latency", True, 8)
    assert full.seconds == pytest.approx(12 * 100 / 400 / waves)
    assert 1.5 < waves < 2
    unexplained = replace(run, configuration=replace(
        run.configuration, engine="vllm", model=architecture(find_model("Qwen/Qwen3-235B-A22B"))
    ))  # fmt: skip
    assert weights_of([run, whole, full, unexplained]).tolist() == [0.6, 1.0, 0.5, 0.0]
