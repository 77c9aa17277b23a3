"""Offload as GiB of a device, and as much as a plan needs to fit: by hand, and never more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmcalc_core as llm
from llmcalc_core import Techniques, explore
from llmcalc_core.architecture.model import architecture
from llmcalc_core.memory.budget import MemoryBudget
from llmcalc_core.memory.device_memory import Memory, device_memory
from llmcalc_core.memory.offload import offloaded
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from tests.core.test_properties import QUICK, Case, cases

SERVED: dict[str, Any] = {"model": "llama3_70b", "hardware": "H100_80GB", "precision": "bf16"}
# Layers of Llama 3 70B: 70,553,706,496 parameters less embedding and head of 128,256 x 8192 each
# and a norm of 8192, two bytes each.
LAYERS = 2 * (70_553_706_496 - 2 * 128_256 * 8192 - 8192)


def held_with(usable: float, layout: Layout, batch: int, techniques: Techniques) -> Memory:
    model = architecture(llm.find_model("llama3_70b"))
    grid = make_grid(
        (layout,), batches=(batch,), inputs=(2000,), outputs=(256,), techniques=techniques
    )
    budget = MemoryBudget(device_bytes=usable)
    return device_memory(model, llm.Precision(), offloaded(model, llm.Precision(), grid, budget))


def test_gib_of_a_device_are_a_share_of_its_layers() -> None:
    asked: dict[str, Any] = {**SERVED, "devices": 2, "batch": 4}
    said = llm.explore(**asked, weights_offload_gib=[0.0, 30.0])
    frames = dict(list(said.groupby("weights_offload_gib")))
    for (_, usual), (_, found) in zip(frames[0.0].iterrows(), frames[30.0].iterrows(), strict=True):
        # 30 x 2^30 bytes leave each device, whatever its part of the model
        away = 30 * 2**30
        assert found["host_memory_bytes"] == pytest.approx(away, rel=1e-12)
        assert usual["device_memory_bytes"] - found["device_memory_bytes"] == pytest.approx(away)
        share = away / LAYERS * usual["tp"] * usual["pp"]
        alike = llm.explore(**asked, weights_offload=share)
        same = alike[(alike["tp"] == usual["tp"]) & (alike["pp"] == usual["pp"])].iloc[0]
        assert found["tpot_s"] == pytest.approx(same["tpot_s"], rel=1e-4)  # norms are in each


def test_no_more_than_there_is() -> None:
    found = held_with(np.inf, Layout(tp=4), 1, Techniques(weights_offload_gib=1000))
    expected = held_with(np.inf, Layout(tp=4), 1, Techniques(weights_offload=1))
    assert found.host_weights == expected.host_weights == pytest.approx(LAYERS / 4, rel=1e-3)
    assert found.total == expected.total


def test_weights_leave_until_the_plan_fits_and_no_longer() -> None:
    usual = held_with(np.inf, Layout(), 4, Techniques())
    usable = usual.total.item() - 20e9
    found = held_with(usable, Layout(), 4, Techniques(offload_to_fit=True))
    # What is missing, 20 GB, goes; rounded up to a 2^-30th of the layers' 136.9 GB, 128 bytes.
    assert float(found.host_weights) == pytest.approx(20e9, abs=LAYERS * 2**-30)
    assert float(found.host_weights) >= 20e9
    assert found.host_kv_cache == 0
    assert found.total <= usable
    plenty = held_with(usual.total.item(), Layout(), 4, Techniques(offload_to_fit=True))
    assert plenty.host == 0
    assert plenty.total == usual.total


def test_then_the_cache() -> None:
    usual = held_with(np.inf, Layout(), 64, Techniques())
    usable = usual.total.item() - LAYERS - 5e9
    found = held_with(usable, Layout(), 64, Techniques(offload_to_fit=True))
    assert float(found.host_weights) == pytest.approx(LAYERS, rel=1e-12)
    cache = usual.kv_cache.item()
    assert float(found.host_kv_cache) == pytest.approx(5e9, abs=cache * 2**-30)
    assert found.total <= usable
    nothing = held_with(1e9, Layout(), 64, Techniques(offload_to_fit=True))
    assert nothing.total > 1e9  # embedding, head and activations stay where they are
    assert float(nothing.host_kv_cache) == cache


def test_shares_that_are_given_are_the_least() -> None:
    given_share = Techniques(weights_offload=0.5, kv_offload=0.25, offload_to_fit=True)
    usual = held_with(np.inf, Layout(), 4, Techniques(weights_offload=0.5, kv_offload=0.25))
    assert held_with(usual.total.item(), Layout(), 4, given_share).host == usual.host
    found = held_with(usual.total.item() - 3e9, Layout(), 4, given_share)
    assert float(found.host_weights - usual.host_weights) == pytest.approx(3e9, abs=LAYERS * 2**-30)
    assert found.host_kv_cache == usual.host_kv_cache


@QUICK
@given(cases(), st.floats(0.05, 1.2))
def test_what_fits_is_never_more_than_what_may_be_used(case: Case, part: float) -> None:
    model, work = architecture(case.config), case.workload
    usual, bare, fitted = (
        make_grid(
            (case.layout,), batches=work.batches, inputs=(work.input_tokens,),
            outputs=(work.output_tokens,), techniques=one,
        )
        for one in (
            Techniques(), Techniques(weights_offload=1, kv_offload=1),
            Techniques(offload_to_fit=True),
        )
    )  # fmt: skip
    most, least = (device_memory(model, case.precision, one).total.item() for one in (usual, bare))
    usable = least + part * (most - least)
    grid = offloaded(model, case.precision, fitted, MemoryBudget(device_bytes=usable))
    found = device_memory(model, case.precision, grid)
    assert found.total <= usable * (1 + 1e-12)
    assert (float(found.host) > 0) == (most > usable)


def test_explore_finds_where_it_pays() -> None:
    frame = llm.explore(
        **SERVED, devices=2, batch=[8, 64], offload_to_fit=[False, True], engine="sglang",
        memory_fraction=0.9,
    )  # fmt: skip
    off, on = (frame[frame["offload_to_fit"] == way] for way in (False, True))
    assert set(on["rejected_for"]) == {""}
    fits = (off["rejected_for"] == "").to_numpy()
    assert 0 < fits.sum() < len(fits)
    for column in ("tpot_s", "device_memory_bytes", "tokens_per_s"):
        assert on[column].to_numpy()[fits] == pytest.approx(off[column].to_numpy()[fits], rel=0)
    assert (on["host_memory_bytes"].to_numpy() > 0).tolist() == (~fits).tolist()
    asked: dict[str, Any] = {"model": "llama3_70b", "system_name": "H100_80GB", "bits": "bf16"}
    assert llm.get_minimum_system_size(**asked, offload_to_fit=True) == 1


def test_single_estimates_agree_with_the_grid_and_its_what_ifs() -> None:
    request = llm.make_request(**SERVED, devices=1, batch=8, phase="serving", offload_to_fit=True)
    plan = llm.evaluate(request).frame.iloc[0]
    found = llm.estimate_serving_performance(
        "llama3_70b", 8, 2000, 256, "H100_80GB", bits="bf16", offload_to_fit=True
    )
    assert found["tpot_ms"] == pytest.approx(plan["tpot_s"] * 1e3, rel=1e-9)
    assert found["host_memory_bytes"] == plan["host_memory_bytes"] > 50e9
    table = llm.explain(request, plan)
    assert table["time_s"].sum() == pytest.approx(plan["tpot_s"], rel=1e-9)
    changes = llm.sensitivity(request, plan).set_index("change")
    assert changes.loc["memory capacity", "tpot_change"] < -0.05  # less has to cross the link
    single = llm.estimate_decode_performance(
        "llama3_70b", 8, 1, 2000, 256, "H100_80GB", "bf16", memory_fraction=0.5,
        offload_to_fit=True,
    )  # fmt: skip
    assert single["fits"]
    assert single["memory_bytes"] == pytest.approx(single["memory_capacity_bytes"])


def test_hosts_hold_the_cache_of_the_stage_that_has_most() -> None:
    # Of Jamba's 32 layers the 4th, 12th, 20th and 28th from 0 have attention: the second of three
    # stages, of layers 11 to 21, has two of them. 8,208 tokens in whole blocks of 64 requests, keys
    # and values of 8 heads of 128 elements of 2 bytes each.
    model = architecture(llm.find_model("jamba_v0_1"))
    grid = make_grid(
        (Layout(pp=3),), batches=(64,), inputs=(8000,), outputs=(200,),
        techniques=Techniques(kv_offload=1),
    )  # fmt: skip
    found = device_memory(model, llm.Precision(), grid)
    assert found.kv_cache == 0
    assert float(found.host_kv_cache) >= 2 * 64 * 8208 * 2 * 8 * 128 * 2


ERRORS: list[tuple[dict[str, Any], str]] = [
    ({"weights_offload_gib": -1}, r"weights_offload_gib must be a finite number from 0 \[GiB\]"),
    ({"weights_offload_gib": 1, "weights_offload": 0.1}, "give one of them, got 0.1 and 1.0"),
    ({"offload_to_fit": "yes"}, "offload_to_fit must be True or False, got 'yes'"),
]


@pytest.mark.parametrize(("given_techniques", "message"), ERRORS)
def test_errors_help(given_techniques: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        llm.make_request("llama3_8b", "H100_80GB", **given_techniques)


def test_pools_take_shares_only() -> None:
    with pytest.raises(ValueError, match="offload_to_fit must be False for separate pools"):
        llm.explore_disaggregated("llama3_8b", "H100_80GB", offload_to_fit=True)
    asked: dict[str, Any] = {"model": "llama3_8b", "prefill_hardware": "H100_80GB", "devices": 2}
    gib, share = (
        llm.explore_disaggregated(**asked, batch=8, **one)
        for one in ({"weights_offload_gib": 6.5}, {"weights_offload": 0.5})
    )
    assert gib["tpot_s"].iloc[0] == pytest.approx(share["tpot_s"].iloc[0], rel=1e-2)


def test_batches_and_lengths_side_by_side_are_those_one_by_one() -> None:
    asked = {"output_tokens": 100, "phase": "serving", "offload_to_fit": True}
    batches, inputs = [1, 8, 64], [500, 6000]
    together = explore("llama3_8b", "L4", 1, batch=batches, input_tokens=inputs, **asked)
    single = [
        explore("llama3_8b", "L4", 1, batch=batch, input_tokens=prompt, **asked).iloc[0]
        for batch in batches
        for prompt in inputs
    ]
    assert (together["host_memory_bytes"] > 0).tolist() == [False] * 3 + [True] * 3
    for name in ("tpot_s", "ttft_s", "host_memory_bytes"):
        assert together[name].tolist() == pytest.approx([one[name] for one in single], rel=1e-9)
