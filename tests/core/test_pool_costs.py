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
    served = explore("llama3_8b", "H100", 8, stage="serving", precision="bf16", **lengths)
    same = served[(served["tp"] == 8) & (served["batch"] == 32)].iloc[0]
    own = replicas[(replicas["decode_tp"] == 8) & (replicas["decode_batch"] == 32)].iloc[0]
    assert own[OUT] == pytest.approx(same[OUT], rel=1e-5)


def test_an_unknown_price_stays_unknown() -> None:
    frame = explore_disaggregated("llama3_8b", "H100", "MI350X", precision="bf16", **ASKED)
    pools = frame[frame["serving"] == "disaggregated"]
    assert pools[IN].notna().all()
    assert pools[[OUT, "cost_usd_per_hour"]].isna().all(axis=None)
