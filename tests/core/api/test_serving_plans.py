"""``explore`` in phase "serving": each row is what a single replica does under load."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

import llmcalc_core as llm
from llmcalc_core import PHASES, TIME_COLUMNS, explore
from llmcalc_core.calibration.constants import fitted
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.defaults import BATCHES
from llmcalc_core.planning import case_grid

CASES = {
    "dense": ("llama2_70b", "H100_80GB", "fp8"),
    "mixture": ("mixtral_8x7b", "A100_80GB", "bf16"),
    "latent mixture": ("deepseek_v2_lite", "H100_80GB", "bf16"),
    "window": ("mistral_7b", "L40S", "bf16"),
}
PAIRS = {  # column: key of estimate_serving_performance, in its unit
    "ttft_s": ("ttft_ms", 1e-3),
    "ttft_low_s": ("ttft_ms_low", 1e-3),
    "ttft_high_s": ("ttft_ms_high", 1e-3),
    "tpot_s": ("tpot_ms", 1e-3),
    "tpot_low_s": ("tpot_ms_low", 1e-3),
    "tpot_high_s": ("tpot_ms_high", 1e-3),
    "e2e_latency_s": ("e2e_latency_ms", 1e-3),
    "tokens_per_s_per_device": ("tokens_per_s_per_device", 1.0),
    "device_memory_bytes": ("memory_bytes", 1.0),
}


def single(row: dict[str, Any], engine: str) -> dict[str, Any]:
    """Ask for the replica of one row."""
    return llm.estimate_serving_performance(
        row["model"], row["batch"], row["input_tokens"], row["output_tokens"], row["hardware"],
        row["precision"], row["tp"], row["pp"], row["ep"],
        attention_data_parallel=row["attention_dp"], engine=engine,
    )  # fmt: skip


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
@pytest.mark.parametrize("case", CASES)
def test_a_row_equals_the_single_call(case: str, engine: str) -> None:
    model, hardware, precision = CASES[case]
    frame = explore(
        model, hardware, [3, 8], phase="serving", engine=engine, batch=[1, 7, 64],
        precision=precision, input_tokens=[100, 3000], output_tokens=[1, 400],
    )  # fmt: skip
    fits = frame[frame["rejected_for"] == ""]
    wide = fits[(fits["attention_dp"] > 1) & (fits["pp"] > 1)]
    assert len(wide) if "mixture" in case else fits["pp"].max() > 1
    rows = pd.concat([wide.head(4), fits.sample(12, random_state=1)]).to_dict("records")
    for row in rows:
        own = single(row, engine)
        for column, (key, unit) in PAIRS.items():
            assert row[column] == pytest.approx(own[key] * unit, rel=1e-9), column
        for name in ("tokens_per_s", "requests_per_s"):
            assert row[name] == pytest.approx(row["replicas"] * own[name], rel=1e-9)
        assert row["devices"] == row["replicas"] * own["devices"]
        assert (row["bound_by"], row["basis"]) == (own["bound_by"], own["basis"])
        times = [row[column] * 1e3 for column in TIME_COLUMNS]
        assert times == pytest.approx(list(own["time_by_kind_ms"].values()), rel=1e-9, abs=1e-12)
    crowded = frame[frame["rejected_for"] == "memory"].head(4).to_dict("records")
    assert not any(single(row, engine)["fits"] for row in crowded)
    assert all(single(row, engine)["fits"] for row in rows)


def test_throughput_is_what_is_generated_while_requests_last() -> None:
    frame = explore("llama2_7b", "A100_80GB", 6, phase="serving", batch=[3, 50], output_tokens=90)
    generated = frame["replicas"] * frame["batch"] * 90 / frame["e2e_latency_s"]
    np.testing.assert_allclose(frame["tokens_per_s"], generated, rtol=1e-12)
    np.testing.assert_allclose(frame["requests_per_s"], generated / 90, rtol=1e-12)


def test_the_limit_is_on_the_time_per_output_token() -> None:
    free = explore("llama2_7b", "A100_80GB", 4, phase="serving")
    limit = float(free["tpot_s"].median())
    assert (free["ttft_s"] > limit).all()
    frame = explore("llama2_7b", "A100_80GB", 4, phase="serving", tpot_limit_s=limit)
    late = frame["rejected_for"] == "TPOT limit"
    assert (late == (frame["tpot_s"] > limit) & (frame["memory_headroom_bytes"] >= 0)).all()
    assert late.any()
    assert not frame.loc[late, "on_front"].any()


@pytest.mark.parametrize("phase", ["decode", "serving"])
def test_both_limits_hold_at_once(phase: str) -> None:
    free = explore("llama2_7b", "A100_80GB", 4, phase=phase, batch=BATCHES)
    first, each = float(free["ttft_s"].median()), float(free["tpot_s"].median())
    frame = explore(
        "llama2_7b", "A100_80GB", 4, phase=phase, batch=BATCHES, tpot_limit_s=each,
        ttft_limit_s=first,
    )  # fmt: skip
    fits = frame["memory_headroom_bytes"] >= 0
    slow, waits = frame["tpot_s"] > each, frame["ttft_s"] > first
    assert (fits & ~slow & waits).any()
    assert ((frame["rejected_for"] == "TTFT limit") == (fits & ~slow & waits)).all()
    assert ((frame["rejected_for"] == "TPOT limit") == (fits & slow)).all()
    assert frame["on_front"].any()
    assert not frame.loc[slow | waits, "on_front"].any()


def test_an_evaluation_of_serving_is_about_the_time_per_output_token() -> None:
    found = llm.evaluate(llm.make_request("llama2_7b", "A100_80GB", 4, phase="serving"))
    assert found.latency_column == "tpot_s"
    assert found.front["tpot_s"].is_monotonic_increasing
    fits = found.feasible
    cost, gain = (fits[name].to_numpy() for name in ("tpot_s", "tokens_per_s_per_device"))
    beaten = [((cost <= c) & (gain >= g) & ((cost < c) | (gain > g))).any() for c, g in
              zip(cost, gain, strict=True)]  # fmt: skip
    assert (fits["on_front"].to_numpy() == ~np.array(beaten)).all()


@pytest.mark.parametrize("phase", PHASES)
def test_the_engine_changes_the_figures(phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slower = fitted().replace({(name, "sglang"): 1.0 for name in ("memory_time", "compute_time")})
    monkeypatch.setattr(case_grid, "efficiency_for", partial(efficiency_for, constants=slower))
    usual, slow = (
        explore("llama2_7b", "H100_80GB", 2, phase=phase, engine=engine, batch=BATCHES)
        for engine in ("vllm", "sglang")
    )
    assert (slow["tpot_s"] > usual["tpot_s"]).all()
    assert (slow["ttft_s"] > usual["ttft_s"]).all()


def test_an_engine_goes_by_several_names() -> None:
    request = llm.make_request("llama2_7b", "A100_80GB", 2, engine="TensorRT-LLM")
    assert request.engine == "trtllm"
    assert llm.make_request("llama2_7b", "A100_80GB", 2).engine == "vllm"


@pytest.mark.parametrize("phase", PHASES)
def test_bands_surround_their_times(phase: str) -> None:
    frame = explore(["llama2_7b", "mixtral_8x7b"], ["A100_80GB", "TPUv4"], 2, phase=phase)
    for name in ("ttft", "tpot"):
        assert (frame[f"{name}_low_s"] < frame[f"{name}_s"]).all()
        assert (frame[f"{name}_s"] < frame[f"{name}_high_s"]).all()
    assert set(frame.loc[frame["hardware"] == "TPUv4", "basis"]) == {"assumed"}


def test_replicas_of_a_layout_share_its_place_on_the_front() -> None:
    frame = explore("mixtral_8x7b", "H100_80GB", list(range(1, 13)), batch=[8, 64])
    layout = ["tp", "pp", "ep", "attention_dp", "batch"]
    copies = frame.groupby(layout)
    assert copies.size().max() == 12
    for name in ("tpot_s", "tokens_per_s_per_device", "on_front"):
        assert (copies[name].min() == copies[name].max()).all()


@pytest.mark.parametrize("stage", ["decode", "prefill"])
def test_the_guides_functions_know_no_serving(stage: str) -> None:
    find = llm.get_best_parallelization_strategy
    assert len(find(stage=stage, model="llama2_7b", total_nodes=2, batch_size=4)) == 1
    with pytest.raises(ValueError, match="stage must be one of prefill, decode, got 'serving'"):
        find(stage="serving", model="llama2_7b", total_nodes=2, batch_size=4)
