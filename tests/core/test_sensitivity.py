"""``sensitivity`` and ``largest_that_fits``: each figure is what an evaluation of its own gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from llmcalc_core import (
    Evaluation,
    estimate_decode_performance,
    evaluate,
    find_hardware,
    largest_that_fits,
    make_request,
    sensitivity,
)
from llmcalc_core.calibration.constants import fitted

CASES: dict[str, dict[str, Any]] = {
    "dense": {"model": "llama2_70b", "hardware": "H100_80GB", "devices": 8},
    "mixture": {"model": "deepseek_v2_lite", "hardware": "H200_141GB", "devices": 8},
    "divided prompts": {
        "model": "llama2_70b", "hardware": "H100_80GB", "devices": 8, "context_parallel": [1, 2],
    },
    "offload": {
        "model": "llama2_70b", "hardware": "H100_80GB", "devices": 4, "weights_offload": 0.2,
        "kv_offload": [0.0, 0.5],
    },
    "no calibration": {"model": "llama2_7b", "hardware": "TPUv4", "devices": 2},
    "techniques": {
        "model": "llama2_70b", "hardware": "H100_80GB", "devices": 4, "precision": "fp8",
        "prefix_hit_rate": [0.0, 0.5], "speculative_tokens": [0, 3], "acceptance_rate": 0.7,
        "draft_model": "llama2_7b", "lora_adapters": 4,
    },
}  # fmt: skip
COLUMNS = {
    "memory bandwidth": ("memory_bandwidth",),
    "link bandwidth": ("link_bandwidth", "node_link_bandwidth", "host_link_bandwidth"),
    "memory capacity": ("memory_bytes",),
}
SAME = (
    *("tp", "pp", "ep", "attention_dp", "cp", "replicas", "batch", "input_tokens"),
    *("prefix_hit_rate", "speculative_tokens", "kv_offload"),
)
FIGURES = ["ttft_s", "tpot_s", "tokens_per_s"]


def asked(case: str, phase: str, **changes: Any) -> Evaluation:
    common = {"batch": [1, 48], "input_tokens": [700], "phase": phase}
    return evaluate(make_request(**{**CASES[case], **common, **changes}))


@pytest.mark.parametrize("phase", ["prefill", "decode", "serving"])
@pytest.mark.parametrize("case", CASES)
def test_without_change_it_is_the_row(case: str, phase: str) -> None:
    found = asked(case, phase)
    for _, plan in found.frame.sample(4, random_state=3).iterrows():
        own = sensitivity(found.request, plan).set_index("change").loc["none"]
        assert own[FIGURES].tolist() == pytest.approx(plan[FIGURES].tolist(), rel=1e-12)
        assert not own[[name for name in own.index if name.endswith("change")]].any()


@pytest.mark.parametrize("phase", ["prefill", "decode", "serving"])
@pytest.mark.parametrize("case", CASES)
def test_a_change_is_an_evaluation_of_the_changed_device(case: str, phase: str) -> None:
    found = asked(case, phase)
    own = found.request.hardware[0]
    changed = {
        change: own.replace(**{name: 1.1 * getattr(own, name) for name in names})
        for change, names in COLUMNS.items()
    }
    changed["compute"] = own.replace(flops={kind: 1.1 * rate for kind, rate in own.flops})
    for row in found.frame.sample(2, random_state=4).index:
        table = sensitivity(found.request, found.frame.loc[row]).set_index("change")
        for change, device in changed.items():
            expected = asked(case, phase, hardware=device).frame.loc[row]
            shown = table.loc[change]
            assert shown[FIGURES].tolist() == pytest.approx(expected[FIGURES].tolist(), rel=1e-9)
            ratio = expected["tpot_s"] / found.frame.loc[row, "tpot_s"] - 1
            assert shown["tpot_change"] == pytest.approx(ratio, abs=1e-9)


def test_a_faster_host_is_one_with_smaller_overheads() -> None:
    host = ("step_overhead_s", "sequence_overhead_s", "host_launch_s")
    values = {name: number for name, scope, number in fitted().entries if not scope}
    faster = fitted().replace({(name, ""): values[name] / 1.25 for name in host})
    found = asked("dense", "decode")
    plan = found.frame[(found.frame["tp"] == 8) & (found.frame["batch"] == 48)].iloc[0]
    shown = sensitivity(found.request, plan, by=0.25).set_index("change").loc["host speed"]
    expected = estimate_decode_performance(
        "llama2_70b", 48, 1, 700, 256, "H100_80GB", tensor_parallel=8, constants=faster
    )
    assert shown["tpot_s"] == pytest.approx(expected["tpot_ms"] / 1e3, rel=1e-9)
    assert shown["tpot_change"] < -0.0001


@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize("case", CASES)
def test_more_is_never_slower_nor_better_than_in_proportion(case: str, phase: str) -> None:
    found = asked(case, phase)
    for _, plan in found.frame.sample(2, random_state=5).iterrows():
        table = sensitivity(found.request, plan, by=0.5)
        for name in ("ttft_change", "tpot_change"):
            assert (table[name] <= 1e-12).all()
            assert (table[name] >= 1 / 1.5 - 1).all()
        assert (table["tokens_per_s_change"] >= -1e-12).all()
        assert (table["largest_batch_change"] >= 0).all()


@pytest.mark.parametrize("of", ["batch", "input_tokens"])
@pytest.mark.parametrize("case", CASES)
def test_the_largest_fits_and_one_more_does_not(case: str, of: str) -> None:
    found = asked(case, "decode")
    rows = found.frame[found.frame["memory_headroom_bytes"] > 0].sample(2, random_state=6).index
    for row in rows:
        plan = found.frame.loc[row]
        most = largest_that_fits(found.request, plan, of)
        again = asked(case, "decode", **{of: [most, most + 1]}).frame
        same = again
        for name in SAME:
            if name in plan and name != of:
                same = same[same[name] == plan[name]]
        assert same[of].tolist() == [most, most + 1]
        assert (same["memory_headroom_bytes"] >= 0).tolist() == [True, False]


def test_nothing_fits_where_the_weights_do_not() -> None:
    found = evaluate(make_request("llama2_70b", "L40S", 1))
    plan = found.frame.iloc[0]
    assert largest_that_fits(found.request, plan) == 0
    table = sensitivity(found.request, plan)
    assert table["largest_batch"].tolist() == [0] * len(table)
    assert table["largest_batch_change"].tolist() == [0.0] * len(table)
    larger = sensitivity(found.request, plan, by=3.0).set_index("change")  # of 48 GB: 138 GB fit
    assert larger.loc["memory capacity", "largest_batch_change"] == np.inf
    assert larger.loc["compute", "largest_batch_change"] == 0.0


def test_a_row_of_several_devices_of_one_name_is_told_by_its_number() -> None:
    own = find_hardware("H100_80GB")
    several = [own.replace(memory_bandwidth=factor * own.memory_bandwidth) for factor in (2, 3)]
    found = evaluate(make_request("llama2_7b", several, 1, batch=1))
    assert found.frame["hardware"].tolist() == ["H100_80GB (edited)", "H100_80GB (edited) (2)"]
    for _, plan in found.frame.iterrows():
        assert sensitivity(found.request, plan)["tpot_s"][0] == pytest.approx(plan["tpot_s"])


def test_a_plan_may_be_a_dict_from_a_frame_of_several_models() -> None:
    request = make_request(
        ["llama2_7b", "llama2_70b"], "H100_80GB", [4, 8], precision=["bf16", "fp8"]
    )
    for plan in evaluate(request).frame.sample(5, random_state=1).to_dict("records"):
        shown = sensitivity(request, plan).iloc[0]
        assert shown[FIGURES].tolist() == pytest.approx([plan[name] for name in FIGURES])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hardware": "H100"}, "hardware of the plan must be one of the request's, H100_80GB"),
        ({"prefix_hit_rate": 0.25}, "techniques of the plan must be some of the request's"),
        ({"tp": 7}, "tensor_parallel must divide"),
        ({"batch": 0}, "batch must be a whole number of at least 1"),
    ],
)
def test_a_plan_that_is_none_of_the_request_is_refused(
    change: dict[str, Any], message: str
) -> None:
    found = asked("techniques", "decode")
    plan = {**found.frame.iloc[0].to_dict(), **change}
    with pytest.raises(ValueError, match=message):
        sensitivity(found.request, plan)


def test_what_is_no_plan_and_no_share_is_refused() -> None:
    found = asked("dense", "decode")
    with pytest.raises(ValueError, match="plan must be a row of the request's frame"):
        sensitivity(found.request, {"model": found.frame["model"].iloc[0]})
    with pytest.raises(ValueError, match="by must be a finite number above 0"):
        sensitivity(found.request, found.frame.iloc[0], by=0)
    with pytest.raises(ValueError, match="of must be one of batch, input_tokens"):
        largest_that_fits(found.request, found.frame.iloc[0], "batches")
    other = replace(found.request, models=make_request("llama2_7b", "H100_80GB").models)
    with pytest.raises(
        ValueError, match="model of the plan must be one of the request's, meta-llama/Llama-2-7b-hf"
    ):
        sensitivity(other, found.frame.iloc[0])
