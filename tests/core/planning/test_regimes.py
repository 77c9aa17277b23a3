"""Bands where the closed form of serving is far from a simulation: wider, and with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from llmcalc_core import estimate_serving_performance, explore

ASKED: dict[str, Any] = {"input_tokens": 500, "system_name": "H100_80GB"}


def ends(outputs: int, stages: int = 1) -> tuple[float, float, str]:
    said = estimate_serving_performance(
        "llama3_8b", 16, output_tokens=outputs, pipeline_parallel=stages, **ASKED
    )
    low, high = (said[f"tpot_ms_{end}"] / said["tpot_ms"] for end in ("low", "high"))
    return low, high, said["basis_reason"]


def test_answers_of_few_tokens_and_stages_have_wider_bands() -> None:
    usual_low, usual_high, reason = ends(200)
    assert "simulate()" not in reason
    for outputs, stages, factor in ((8, 1, 1.55), (200, 2, 1.4), (8, 2, 1.55 * 1.4)):
        low, high, reason = ends(outputs, stages)
        assert high == pytest.approx(usual_high * factor)
        assert low == pytest.approx(usual_low / factor)
        assert ("few tokens" in reason, "stages" in reason) == (outputs == 8, stages == 2)
    # No step between: a band widens from 32 tokens down to 15.
    assert ends(32)[1] == pytest.approx(usual_high)
    assert ends(31)[1] / usual_high < 1.05


def test_rows_have_the_bands_of_single_estimates() -> None:
    table = explore(
        "llama3_8b", "H100_80GB", 2, phase="serving", batch=16, input_tokens=500,
        output_tokens=[8, 200],
    )  # fmt: skip
    table = table[(table["tp"] == 1) & (table["replicas"] == 1)]
    assert set(table["pp"]) == {2}
    for row in table.to_dict("records"):
        low, high, _ = ends(row["output_tokens"], 2)
        assert row["tpot_high_s"] / row["tpot_s"] == pytest.approx(high)
        assert row["tpot_low_s"] / row["tpot_s"] == pytest.approx(low)
