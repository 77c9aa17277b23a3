"""The process that sends tokens to clients: alone, in a closed loop, and beside measured runs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llmcalc_core import UniformLengths, estimate_serving_performance, find_engine, simulate
from llmcalc_core.simulation.front_end import FrontEnd

SENT = 20_000
"""Tokens per second that one process sends at 50 us each [1/s]."""


def test_what_comes_faster_than_it_is_sent_waits() -> None:
    front = FrontEnd(0.5)
    front.note(1.0, 1)  # in time
    front.note(2.0, 4)  # two seconds of work, from 1 s on: until 3
    front.note(3.0, 1)  # half a second more
    front.note(6.0, 1)  # in time again
    assert front.later_s(3.0) == pytest.approx(3.0)
    front.note(7.0, 4)  # from 6 s on: until 8
    seen = front.seen([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 6.0, 7.0, 9.0, math.nan])
    expected = [0.5, 1.0, 2.0, 3.0, 3.25, 3.5, 6.0, 8.0, 9.0]
    assert seen.tolist()[:-1] == pytest.approx(expected)
    assert math.isnan(seen[-1])


def test_idle_it_is_in_time() -> None:
    front = FrontEnd(0.001)
    for now in np.arange(1.0, 9.0):
        front.note(float(now), 100)
    assert front.later_s(8.0) == 0
    assert front.seen([3.5]).tolist() == [3.5]


@pytest.mark.parametrize(
    ("tp", "lengths", "measured"),
    [  # Llama 3.1 8B in FP8 on H200, SGLang 0.5.6.post2, 512 in flight: published sweeps as
        # collected by aiconfigurator (Apache-2.0); tokens/s, TPOT and TTFT [ms].
        (8, (1000, 1000), (19_598, 23.0, 3178)),
        (4, (1000, 1000), (18_914, 24.9, 2216)),
        (8, (2000, 1000), (17_330, 25.6, 3940)),
        (8, (1000, 500), (19_156, 22.8, 1992)),
    ],
)
def test_measured_servers_end_where_one_process_does(
    tp: int, lengths: tuple[int, int], measured: tuple[float, float, float]
) -> None:
    (inputs, outputs), (tokens_per_s, tpot_ms, ttft_ms) = lengths, measured
    said = estimate_serving_performance(
        "llama3.1_8b", 512, inputs, outputs, "H200_141GB", "fp8", tp, engine="sglang"
    )
    assert said["tokens_per_s"] == pytest.approx(tokens_per_s, rel=0.17)
    assert said["tpot_ms"] == pytest.approx(tpot_ms, rel=0.1)
    assert ttft_ms / 3.5 < said["ttft_ms"] < ttft_ms * 1.5
    offline = estimate_serving_performance(
        "llama3.1_8b", 512, inputs, outputs, "H200_141GB", "fp8", tp, engine="sglang",
        streaming=False,
    )  # fmt: skip
    assert offline["tokens_per_s"] > 1.15 * said["tokens_per_s"]
    assert sum(said["time_by_kind_ms"].values()) == pytest.approx(said["tpot_ms"])


def test_the_closed_form_sends_what_the_simulator_does() -> None:
    drawn = UniformLengths(tokens=1000, range_ratio=1 / 9)
    seen = simulate(
        "llama3.1_8b", "H200_141GB", precision="fp8", engine="sglang", tp=8, concurrency=512,
        num_prompts=5120, input_tokens=drawn, output_tokens=drawn,
    ).outcome  # fmt: skip
    said = estimate_serving_performance(
        "llama3.1_8b", 512, 1000, 1000, "H200_141GB", "fp8", 8, engine="sglang"
    )
    assert said["tokens_per_s"] == pytest.approx(seen.tokens_per_s, rel=0.1)
    assert said["tpot_ms"] / 1e3 == pytest.approx(seen.mean("tpot"), rel=0.05)
    assert said["ttft_ms"] / 1e3 == pytest.approx(seen.mean("ttft"), rel=0.15)


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_no_server_sends_more(engine: str) -> None:
    known = find_engine(engine)
    assert 1 / known.stream_token_s == pytest.approx(SENT)
    said = estimate_serving_performance(
        "llama3.2_1b", 1024, 100, 500, "H200_141GB", engine=engine, max_num_seqs=2048
    )
    assert said["tokens_per_s"] <= SENT
    assert said["requests_per_s"] * said["e2e_latency_ms"] / 1e3 == pytest.approx(1024)
