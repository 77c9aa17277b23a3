"""What separate pools cost: each its own price, and in all what their devices cost."""

from __future__ import annotations

import numpy as np
import pytest

from llmcalc_core import explore, explore_disaggregated, find_hardware

IN, OUT = "cost_usd_per_million_input_tokens", "cost_usd_per_million_output_tokens"
ASKED = {"devices": 8, "input_tokens": 3000, "output_tokens": 200, "batch": [8, 32, 64]}


def test_each_pool_pays_for_its_tokens() -> None:
    reads = find_hardware("H100").replace(price_per_hour=4.0, name="dear")
    writes = find_hardware("H100").replace(price_per_hour=1.0, name="cheap")
    frame = explore_disaggregated("llama3_8b", reads, writes, precision="bf16", **ASKED)
    pools = frame[frame["serving"] == "disaggregated"]
    size = {
        name: pools[f"{name}_workers"] * pools[f"{name}_tp"] * pools[f"{name}_pp"]
        for name in ("prefill", "decode")
    }
    paid = 4.0 * size["prefill"], 1.0 * size["decode"]
    np.testing.assert_allclose(pools["cost_usd_per_hour"], paid[0] + paid[1])
    for usd, column, tokens in ((paid[0], IN, 3000), (paid[1], OUT, 200)):
        # USD an hour over the tokens of an hour, for a million
        per_hour = pools["requests_per_s"] * tokens * 3600
        np.testing.assert_allclose(pools[column], usd / per_hour * 1e6)


@pytest.mark.filterwarnings("error")
def test_replicas_cost_what_their_devices_cost() -> None:
    frame = explore_disaggregated("llama3_8b", "H100", precision="bf16", **ASKED)
    replicas = frame[frame["serving"] == "colocated"]
    np.testing.assert_allclose(replicas["cost_usd_per_hour"], 3.99 * replicas["devices"])
    spent = (replicas[IN] * 3000 + replicas[OUT] * 200) / 1e6 * replicas["requests_per_s"] * 3600
    np.testing.assert_allclose(spent, replicas["cost_usd_per_hour"])
    lengths = {name: ASKED[name] for name in ("input_tokens", "output_tokens", "batch")}
    served = explore("llama3_8b", "H100", 8, phase="serving", precision="bf16", **lengths)
    same = served[(served["tp"] == 8) & (served["batch"] == 32)].iloc[0]
    own = replicas[(replicas["decode_tp"] == 8) & (replicas["decode_batch"] == 32)].iloc[0]
    assert own[OUT] == pytest.approx(same[OUT], rel=1e-5)


def test_an_unknown_price_stays_unknown() -> None:
    frame = explore_disaggregated("llama3_8b", "H100", "MI350X", precision="bf16", **ASKED)
    pools = frame[frame["serving"] == "disaggregated"]
    assert pools[IN].notna().all()
    assert pools[[OUT, "cost_usd_per_hour"]].isna().all(axis=None)


IN_J, OUT_J = "energy_j_per_input_token", "energy_j_per_output_token"


def test_each_pool_draws_by_its_load() -> None:
    reads = find_hardware("H100").replace(power_watts=1000.0, name="reads")
    writes = find_hardware("H100").replace(power_watts=500.0, name="writes")
    frame = explore_disaggregated("llama3_8b", reads, writes, precision="bf16", **ASKED)
    pools = frame[frame["serving"] == "disaggregated"]
    watts = [pools[column] * pools["requests_per_s"] * tokens
             for column, tokens in ((IN_J, 3000), (OUT_J, 200))]  # fmt: skip
    np.testing.assert_allclose(sum(watts), pools["power_w"])
    for name, full, drawn in zip(("prefill", "decode"), (1000.0, 500.0), watts, strict=True):
        own = pools.filter(regex=f"^{name}_")
        devices = own[f"{name}_workers"] * own[f"{name}_tp"] * own[f"{name}_pp"]
        share = (drawn / devices / full - 0.15) / 0.85  # idle at 0.15 of full power, by load to it
        load = own[f"{name}_load"]
        assert (share <= load * (1 + 1e-9)).all()  # all of it where compute bounds all the time
        most = 1.0 if name == "prefill" else 0.5  # decoding is bound by memory: a load of one half
        assert (share / load).max() <= most + 1e-9
        assert (share / load).max() > 0.6 * most


def test_a_pool_in_use_draws_what_a_static_batch_does() -> None:
    frame = explore_disaggregated("llama3_8b", "H100", precision="bf16", **ASKED)
    rows = frame[(frame["serving"] == "disaggregated") & (frame["decode_tp"] == 1)]
    row = rows.sort_values("decode_load").iloc[-1]
    alone = explore(
        "llama3_8b", "H100", 1, batch=int(row["decode_batch"]), precision="bf16",
        input_tokens=3000, output_tokens=200,
    ).iloc[0]  # fmt: skip
    busy = (alone["power_w"] / 700 - 0.15) * row["decode_load"] + 0.15  # an H100 draws 700 W
    own = row[OUT_J] * row["requests_per_s"] * 200 / row["decode_workers"]
    assert own == pytest.approx(busy * 700, rel=1e-6)


def test_replicas_draw_what_they_draw_in_serving() -> None:
    frame = explore_disaggregated("llama3_8b", "H100", precision="bf16", **ASKED)
    lengths = {name: ASKED[name] for name in ("input_tokens", "output_tokens", "batch")}
    served = explore("llama3_8b", "H100", 8, phase="serving", precision="bf16", **lengths)
    own = frame[(frame["serving"] == "colocated") & (frame["decode_tp"] == 4)]
    for _, row in own[own["decode_pp"] == 1].iterrows():
        alike = (served["tp"] == 4) & (served["pp"] == 1) & (served["batch"] == row["decode_batch"])
        same = served[alike].iloc[0]
        for column in (IN_J, OUT_J, "power_w"):
            assert row[column] == pytest.approx(same[column], rel=1e-5)
