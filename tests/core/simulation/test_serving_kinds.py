"""Where the time of an output token goes under load, and what bounds it."""

from __future__ import annotations

import pytest

from llmcalc_core import estimate_serving_performance


def test_long_prompts_bind_by_what_binds_their_prefill() -> None:
    asked = {"system_name": "H200_141GB", "tensor_parallel": 8, "concurrency": 4}
    long, short = (
        estimate_serving_performance("llama3_70b", input_tokens=tokens, output_tokens=256, **asked)
        for tokens in (64_000, 100)
    )
    assert long["bound_by"] == "compute"
    assert short["bound_by"] != "compute"


def test_a_prompt_beside_decoding_has_no_step_of_its_own_to_prepare() -> None:
    # A step that reads beside decoding is prepared once; one that stops it is a step more. Neither
    # has more tokens than are captured.
    asked = {
        "system_name": "H100_80GB", "concurrency": 64, "input_tokens": 128, "streaming": False,
    }  # fmt: skip
    chunked, stopped = (
        estimate_serving_performance(
            "mixtral_8x7b", output_tokens=256, tensor_parallel=8, chunked_prefill=chunks, **asked
        )
        for chunks in (True, False)
    )
    assert chunked["time_by_kind_ms"]["overhead"] < stopped["time_by_kind_ms"]["overhead"]
    assert chunked["tpot_ms"] < stopped["tpot_ms"]
    for found in (chunked, stopped):
        assert sum(found["time_by_kind_ms"].values()) == pytest.approx(found["tpot_ms"], rel=1e-9)
