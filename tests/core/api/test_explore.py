"""``explore``: every candidate as a row that equals the single call, with reasons and fronts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import llmcalc_core as llm
from llmcalc_core import COST_COLUMNS, MEMORY_COLUMNS, PHASES, TIME_COLUMNS, ModelConfig, explore
from llmcalc_core.calibration.bands import band

_WHOLE = ("cost_usd_per_million_tokens", "energy_j_per_token")
COLUMNS = [
    "model", "hardware", "precision", "devices", "tp", "pp", "ep", "attention_dp", "replicas",
    "batch", "micro_batch", "input_tokens", "output_tokens", "ttft_s", "tpot_s", "e2e_latency_s",
    "ttft_low_s", "ttft_high_s", "tpot_low_s", "tpot_high_s", "tokens_per_s",
    "tokens_per_s_per_device", "requests_per_s", "gemm_s", "attention_s", "communication_s",
    "memory_traffic_s", "overhead_s", "bound_by", *COST_COLUMNS, *_WHOLE, "weights_bytes",
    "kv_cache_bytes", "activations_bytes", "reserve_bytes", "device_memory_bytes",
    "memory_headroom_bytes",
    "rejected_for", "on_front", "basis",
]  # fmt: skip
UNITS = ("_s", "_tokens", "_token", "_bytes", "_per_device", "_per_hour", "_w")
WORDS = {"model", "hardware", "precision", "bound_by", "rejected_for", "basis", "on_front"}
COUNTS = {"devices", "tp", "pp", "ep", "attention_dp", "replicas", "batch", "micro_batch"}

MODELS = ["llama2_7b", "llama2_70b", "mixtral_8x7b", "deepseek_v2_lite", "mistral_7b"]


def sample(frame: pd.DataFrame, count: int = 12) -> list[dict[str, Any]]:
    return frame.sample(min(count, len(frame)), random_state=1).to_dict("records")


def single(row: dict[str, Any], function: Any, **settings: Any) -> dict[str, Any]:
    """Ask the guide's function about one row."""
    widths = {"tensor_parallel": row["tp"], "pipeline_parallel": row["pp"]}
    return function(
        row["model"],
        batch_size=row["batch"],
        input_tokens=row["input_tokens"],
        system_name=row["hardware"],
        expert_parallel=row["ep"],
        attention_data_parallel=row["attention_dp"],
        **(widths | settings),
    )


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("phase", ["decode", "prefill"])
def test_a_row_equals_the_single_call(phase: str, name: str) -> None:
    frame = explore(
        name, "H100_80GB", [3, 8], phase=phase, batch=[1, 7, 64], precision="fp8",
        input_tokens=[100, 3000], output_tokens=[50, 400],
    )  # fmt: skip
    for row in sample(frame):
        decode = single(
            row, llm.estimate_decode_performance, output_tokens=row["output_tokens"], bits="fp8"
        )
        prefill = single(row, llm.estimate_prefill_performance, bits="fp8")
        own = decode if phase == "decode" else prefill
        assert row["tpot_s"] == pytest.approx(decode["latency"] / 1e3, rel=1e-9)
        assert row["ttft_s"] == pytest.approx(prefill["latency"] / 1e3, rel=1e-9)
        assert row["tokens_per_s"] == pytest.approx(row["replicas"] * own["throughput"], rel=1e-9)
        assert row["requests_per_s"] == pytest.approx(
            row["replicas"] * own["requests_per_s"], rel=1e-9
        )
        assert row["devices"] == row["replicas"] * own["devices"]
        assert row["device_memory_bytes"] == pytest.approx(decode["memory_bytes"], rel=1e-12)
        assert (row["rejected_for"], row["rejected_for"] == "") == (
            decode["rejected_for"], decode["fits"],
        )  # fmt: skip
        assert (row["bound_by"], row["basis"]) == (own["bound_by"], own["basis"])
        for metric, figures in (("tpot", decode), ("ttft", prefill)):
            band = (row[f"{metric}_low_s"] * 1e3, row[f"{metric}_high_s"] * 1e3)
            assert band == pytest.approx((figures["latency_low"], figures["latency_high"]))
        times = [row[column] * 1e3 for column in TIME_COLUMNS]
        assert times == pytest.approx(list(own["time_by_kind_ms"].values()), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("phase", PHASES)
def test_parts_sum_to_the_whole(phase: str) -> None:
    frame = explore("mixtral_8x7b", "A100_80GB", [4, 6], phase=phase, output_tokens=[1, 300])
    latency = frame["ttft_s" if phase == "prefill" else "tpot_s"]
    np.testing.assert_allclose(frame[list(TIME_COLUMNS)].sum(axis=1), latency, rtol=1e-12)
    held = frame["device_memory_bytes"]
    np.testing.assert_allclose(frame[list(MEMORY_COLUMNS)].sum(axis=1), held, rtol=1e-12)
    usable = 0.92 * (81_559 * 2**20 - 0.5 * 2**30)  # the driver keeps half a GiB
    np.testing.assert_allclose(usable - held, frame["memory_headroom_bytes"], atol=1)
    shared = frame["tokens_per_s_per_device"] * frame["devices"]
    np.testing.assert_allclose(shared, frame["tokens_per_s"], rtol=1e-12)
    whole = frame["ttft_s"] + (frame["output_tokens"] - 1) * frame["tpot_s"]
    np.testing.assert_allclose(whole, frame["e2e_latency_s"], rtol=1e-12)


@pytest.mark.parametrize("phase", PHASES)
def test_columns_carry_their_unit(phase: str) -> None:
    frame = explore("llama2_7b", "A100_80GB", 2, phase=phase)
    assert list(frame.columns) == COLUMNS
    with_units = [name for name in COLUMNS if name not in WORDS | COUNTS]
    assert all(name.endswith(UNITS) for name in with_units)
    assert all(pd.api.types.is_integer_dtype(frame[name]) for name in COUNTS)
    assert frame["on_front"].dtype == bool
    assert not frame.drop(columns=list(COST_COLUMNS)).isna().any(axis=None)


@pytest.mark.parametrize("name", ["llama2_7b", "mixtral_8x7b", "gpt2", "mamba_2_8b"])
def test_any_device_count_has_plans(name: str) -> None:
    frame = explore(name, "A100_80GB", list(range(1, 18)), batch=4)
    assert sorted(frame["devices"].unique()) == list(range(1, 18))
    ranks = frame["tp"] * frame["attention_dp"] * frame["pp"] * frame["replicas"]
    assert (ranks == frame["devices"]).all()
    plans = frame[["devices", "tp", "pp", "ep", "attention_dp", "replicas"]]
    assert not plans.duplicated().any()
    assert (frame["micro_batch"] == np.ceil(frame["batch"] / frame["pp"])).all()


def test_rejected_rows_say_why_and_by_how_much() -> None:
    frame = explore("llama2_70b", "A100_80GB", [1, 2, 8], batch=[1, 64], tpot_limit_s=0.03)
    reasons = frame["rejected_for"]
    assert set(reasons) == {"", "memory", "TPOT limit"}
    assert ((frame["memory_headroom_bytes"] < 0) == (reasons == "memory")).all()
    slow = (frame["tpot_s"] > 0.03) & (frame["memory_headroom_bytes"] >= 0)
    assert (slow == (reasons == "TPOT limit")).all()
    assert not frame.loc[reasons != "", "on_front"].any()
    # 138 GB of weights on one device: 61 GB more than the 77 that may be used, and the rest.
    alone = frame[(frame["devices"] == 1) & (frame["batch"] == 1)].iloc[0]
    assert -70e9 < alone["memory_headroom_bytes"] < -61e9


def test_nothing_that_fits_is_no_exception() -> None:
    request = llm.make_request("llama3_405b", "A100_80GB", 1)
    found = llm.evaluate(request)
    assert set(found.frame["rejected_for"]) == {"memory"}
    assert found.recommended is None
    assert found.front.empty
    assert found.feasible.empty


def test_the_front_of_each_case_equals_its_definition() -> None:
    frame = explore(
        ["llama2_7b", "mixtral_8x7b"], ["A100_80GB", "H100_80GB"], [2, 3], batch=[1, 8, 64],
        precision=["bf16", "fp8"], input_tokens=[100, 4000], output_tokens=[10, 500],
    )  # fmt: skip
    case = ["model", "hardware", "precision", "input_tokens", "output_tokens"]
    groups = list(frame.groupby(case, observed=True))
    assert len(groups) == 32
    for _, rows in groups:
        fits = rows[rows["rejected_for"] == ""]
        cost, gain = (fits[name].to_numpy() for name in ("tpot_s", "tokens_per_s_per_device"))
        no_worse = (cost[:, None] <= cost) & (gain[:, None] >= gain)
        better = (cost[:, None] < cost) | (gain[:, None] > gain)
        beaten = (no_worse & better).any(axis=0)
        assert (fits["on_front"].to_numpy() == ~beaten).all()
        assert rows["on_front"].sum() == (~beaten).sum()


def test_every_length_of_answers_has_a_front_of_its_own() -> None:
    frame = explore("llama2_7b", "A100_80GB", 2, batch=[1, 8], output_tokens=[10, 500])
    for length in (10, 500):
        alone = explore("llama2_7b", "A100_80GB", 2, batch=[1, 8], output_tokens=length)
        own = frame[frame["output_tokens"] == length]
        assert own["on_front"].tolist() == alone["on_front"].tolist()


def test_an_evaluation_names_its_best() -> None:
    found = llm.evaluate(llm.make_request("llama2_7b", "A100_80GB", [1, 4]))
    assert found.latency_column == "tpot_s"
    assert found.front["tpot_s"].is_monotonic_increasing
    assert found.front["on_front"].all()
    best = found.frame.loc[found.recommended]
    most = found.feasible["tokens_per_s_per_device"].max()
    near = found.front[found.front["tokens_per_s_per_device"] >= 0.98 * most]
    assert best["tpot_s"] == near["tpot_s"].min()


def test_lists_are_all_combinations() -> None:
    models, devices = ["llama2_7b", "llama2_13b"], ["A100_80GB", "MI300X"]
    both = explore(models, devices, [2, 4], batch=[1, 8], engine="trtllm")
    assert len(both.groupby(["model", "hardware", "devices"], observed=True)) == 8
    parts = [
        explore(one, on, [2, 4], batch=[1, 8], engine="trtllm") for one in models for on in devices
    ]
    for name in ("tpot_s", "tp", "device_memory_bytes", "on_front"):
        expected = np.concatenate([part[name].to_numpy() for part in parts])
        assert (both[name].to_numpy() == expected).all()
    assert set(both.loc[both["hardware"] == "MI300X", "basis"]) == {"assumed"}
    assert set(both.loc[both["hardware"] == "A100_80GB", "basis"]) <= {"measured", "calibrated"}


TINY = ModelConfig(
    vocab_size=100, hidden_size=64, num_decoder_layers=2, num_attention_heads=4,
    intermediate_size=64,
)  # fmt: skip


def test_cases_of_one_name_are_told_apart() -> None:
    faster, wider = llm.get_hardware_config("A100_80GB"), llm.get_hardware_config("A100_80GB")
    faster["Flops"], wider["Memory_BW"] = 624, 4000
    frame = explore([TINY, replace(TINY, hidden_size=128)], [faster, wider, faster], 1, batch=1)
    assert list(frame["model"]) == ["custom", "custom", "custom (2)", "custom (2)"]
    edited = ["A100_80GB (edited)", "A100_80GB (edited) (2)"]
    assert list(frame["hardware"]) == edited * 2
    assert frame["tpot_s"].nunique() == 4


def test_many_models_at_once() -> None:
    models = [replace(TINY, model=f"m{width}", vocab_size=width) for width in range(100, 300)]
    frame = explore(models, "A100_80GB", 1, batch=1)
    assert list(frame["model"]) == [model.model for model in models]


def test_a_settings_order_does_not_matter() -> None:
    one = explore("llama2_7b", "A100_80GB", (4, 2), batch=np.array([8, 1]))
    other = explore("llama2_7b", "A100_80GB", [2, 4, 4], batch=[1, 8, 8.0])
    pd.testing.assert_frame_equal(one, other)


def test_beams_reach_every_row() -> None:
    rows = sample(explore("llama2_7b", "A100_80GB", 4, batch=[1, 9], beam_size=4), 6)
    for row in rows:
        found = single(row, llm.estimate_decode_performance, output_tokens=256, beam_size=4)
        assert row["tpot_s"] == pytest.approx(found["latency"] / 1e3, rel=1e-9)
        assert row["device_memory_bytes"] == pytest.approx(found["memory_bytes"], rel=1e-12)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"devices": 0}, "devices must be a whole number of at least 1, got 0"),
    ({"devices": []}, "devices must hold at least one whole number"),
    ({"devices": 5000}, "devices must be .*at most 4096, got 5000; .* value is 4096"),
    ({"devices": "8"}, "devices must be .*got '8'"),
    ({"batch": [1, 2.5]}, "batch must be .*got 2.5; the nearest valid value is 2"),
    ({"batch": 3_000_000_000}, "batch must be .*at most 2147483647, got 3000000000"),
    ({"input_tokens": math.nan}, "input_tokens must be .*got nan"),
    ({"output_tokens": -1}, "output_tokens must be .*got -1; the nearest valid value is 1"),
    ({"beam_size": 0}, "beam_size must be .*got 0"),
    (
        {"phase": "deocde"},
        "phase must be one of prefill, decode, serving, got 'deocde'; .*'decode'",
    ),
    ({"phase": "serving", "beam_size": 4}, "beam_size must be 1 in phase 'serving'.*got 4"),
    ({"engine": "vlm"}, "engine must be one of vllm, .*got 'vlm'; did you mean 'vllm'"),
    ({"precision": ["bf16", "fp9"]}, "bits must be one of .*got 'fp9'; did you mean"),
    ({"precision": []}, "need at least one entry"),
    ({"model": []}, "need at least one entry"),
    ({"model": ["llama2_7b", "llama2_7x"]}, "unknown model 'llama2_7x'; did you mean"),
    ({"hardware": "H10"}, "unknown hardware 'H10'; did you mean"),
    ({"memory_fraction": 0}, "memory_fraction must be a number above 0 and at most 1, got 0"),
    ({"tpot_limit_s": 0}, r"tpot_limit_s must be a finite number above 0 \[s\], got 0"),
    ({"tpot_limit_s": "fast"}, "got 'fast'"),
    ({"ttft_limit_s": -1}, r"ttft_limit_s must be a finite number above 0 \[s\], got -1"),
]


@pytest.mark.parametrize(("given", "message"), WRONG, ids=[str(given) for given, _ in WRONG])
def test_errors_help(given: dict[str, Any], message: str) -> None:
    settings: dict[str, Any] = {"model": "llama2_7b", "hardware": "A100_80GB"}
    with pytest.raises(ValueError, match=message):
        explore(**(settings | given))


ASKED = {"input_tokens": 1000, "devices": 1, "batch": 8}


@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_first_tokens_have_the_band_of_prefills(phase):
    row = llm.explore("llama3_8b", "H100_80GB", phase=phase, **ASKED).iloc[0]
    for name, metric in (("ttft", "prefill"), ("tpot", "latency")):
        around = band(metric, row["basis"], mixture=False)
        assert row[f"{name}_low_s"] == pytest.approx(row[f"{name}_s"] * around.low)
        assert row[f"{name}_high_s"] == pytest.approx(row[f"{name}_s"] * around.high)
    assert band("prefill", row["basis"], mixture=False) != around


def test_single_estimates_have_the_same():
    asked = {"system_name": "H100_80GB", "input_tokens": 1000}
    first = llm.estimate_prefill_performance("llama3_8b", 8, **asked)
    around = band("prefill", first["basis"], mixture=False)
    assert first["latency_high"] == pytest.approx(first["latency"] * around.high)
    token = llm.estimate_decode_performance("llama3_8b", 8, **asked)
    around = band("latency", token["basis"], mixture=False)
    assert token["latency_high"] == pytest.approx(token["latency"] * around.high)
