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


def test_waiting_for_the_host_is_overhead_only_where_the_device_waits() -> None:
    # Long steps hide the start of a short prompt's kernels; a prompt that stops decoding does not.
    asked = {"system_name": "H100_80GB", "concurrency": 256, "input_tokens": 128}
    chunked, stopped = (
        estimate_serving_performance(
            "mixtral_8x7b", output_tokens=256, tensor_parallel=8, chunked_prefill=chunks, **asked
        )
        for chunks in (True, False)
    )
    assert chunked["time_by_kind_ms"]["overhead"] < 0.9 * stopped["time_by_kind_ms"]["overhead"]
    assert chunked["tpot_ms"] < stopped["tpot_ms"]
    for found in (chunked, stopped):
        assert sum(found["time_by_kind_ms"].values()) == pytest.approx(found["tpot_ms"], rel=1e-9)
