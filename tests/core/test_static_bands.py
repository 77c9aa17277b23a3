"""Bands of batches that start together: of prefills for first tokens, else of whole batches."""

from __future__ import annotations

import pytest

import llmcalc_core as llm
from llmcalc_core.calibration.bands import band

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
