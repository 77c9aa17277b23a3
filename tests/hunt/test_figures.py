"""Figures that an earlier hunt found wrong, each with what must hold of it."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

import llmcalc_core
from llmcalc_core import (
    estimate_decode_performance,
    estimate_prefill_performance,
    estimate_serving_performance,
    explore,
    find_hardware,
)


def serving(
    model: str, device: str, figure: str, questions: Sequence[tuple[int, int, int]], tp: int = 1
) -> list[float]:
    """Ask for requests in flight, prompts and answers, one question after the other."""
    return [
        estimate_serving_performance(model, *one, device, tensor_parallel=tp)[figure]
        for one in questions
    ]


def test_no_cliff_where_requests_reach_twice_the_tokens_of_an_answer() -> None:
    """75, 118 and 79 ms at 100, 199 and 200 requests in flight of 100 and 100 tokens."""
    asked = [(count, 100, 100) for count in (100, 150, 199, 200, 201, 250)]
    tpot = serving("qwen3_30b_a3b", "H100_80GB", "tpot_ms", asked)
    assert tpot == sorted(tpot)
    assert tpot[3] / tpot[2] < 1.01
    rates = serving("qwen3_30b_a3b", "H100_80GB", "requests_per_s", asked)
    assert rates == sorted(rates)


def test_a_token_more_than_half_a_step_moves_the_first_token_little() -> None:
    """16 to 41 % from 4,096 to 4,097 tokens, as whole prompts alone went into a step."""
    ttft = serving("llama3_8b", "H100_80GB", "ttft_ms", [(16, one, 200) for one in (4096, 4097)])
    assert ttft[1] / ttft[0] == pytest.approx(1, abs=0.005)


def test_longer_answers_let_no_more_requests_through() -> None:
    """2.29, 2.41, 2.82 and 2.95 requests a second for answers of 16, 32, 64 and 128 tokens."""
    asked = [(64, 6000, answer) for answer in (16, 32, 64, 128)]
    rates = serving("llama3_70b", "H100_80GB", "requests_per_s", asked, tp=8)
    assert rates == sorted(rates, reverse=True)


def test_two_clients_get_more_through_than_one() -> None:
    rates = serving("gpt_neox_20b", "H20", "requests_per_s", [(one, 3134, 42) for one in (1, 2, 3)])
    assert rates == sorted(rates)


REFUSED: list[tuple[Callable[[], object], str]] = [
    (
        lambda: estimate_serving_performance("llama3_8b", chunked_prefill="no"),  # type: ignore[arg-type]
        "chunked_prefill must be True or False",
    ),
    (
        lambda: replace(find_hardware("L4"), memory_bandwidth=3350),
        r"memory_bandwidth must be .* did you mean 3.35e[+]12 [(]3350 GB/s[)]",
    ),
    (lambda: replace(find_hardware("L4"), memory_bandwidth=1e-308), "memory_bandwidth must be"),
    (
        lambda: llmcalc_core.find_slo_plan("llama3_8b", "L4", 1e300, replica_devices=[1]),
        "requests_per_s must be .* at most 1e[+]09",
    ),
    (
        lambda: llmcalc_core.explore_disaggregated(
            "llama3_8b", "L4", devices=4, context_parallel=3
        ),
        "context_parallel must divide devices",
    ),
    (lambda: llmcalc_core.calibrate("http://localhost:9/x.csv", "L4"), "no file on this machine"),
    (lambda: llmcalc_core.calibrate("", "L4"), "no file on this machine"),
    (lambda: explore("llama3_8b", "L4", 1, batch=range(10**12)), "batch must hold at most 100000"),
    (lambda: explore("llama3_8b", "L4", 1, batch=range(1, 10**6)), "batch must hold at most"),
    (
        lambda: explore("llama3_8b", "L4", 8, batch=range(1, 10**5), input_tokens=range(1, 101)),
        "at most 20000000 candidates .* got .*a frame of about",
    ),
]


@pytest.mark.parametrize(("ask", "message"), REFUSED)
def test_what_changes_the_meaning_is_refused_at_once(
    ask: Callable[[], object], message: str
) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match=message):
        ask()
    assert time.process_time() - began < 1


def test_an_evaluation_is_pickled_before_its_frame_is_read() -> None:
    found = llmcalc_core.evaluate(llmcalc_core.make_request("llama3_8b", "H100_80GB", 2, batch=[1]))
    again = pickle.loads(pickle.dumps(found))  # noqa: S301 - of this test's own
    assert again.frame.equals(found.frame)


def test_the_single_call_counts_the_memory_of_its_row() -> None:
    """FasterTransformer holds the longest context from the first step on: in both."""
    row = explore("llama3_8b", "H100_80GB", 1, batch=[4], engine="fastertransformer").iloc[0]
    alone = llmcalc_core.estimate_decode_performance(
        "llama3_8b", 4, 1, 2000, 256, "H100_80GB", engine="fastertransformer"
    )
    assert alone["memory_bytes"] == row["device_memory_bytes"]


def test_columns_of_32_bits_are_good_arguments() -> None:
    """A cost of -0.143 USD: the tokens of a batch in 32 bits."""
    sizes = {"batch_size": 1000, "input_tokens": 100_000, "output_tokens": 30_000}
    plan = {"model": "qwen3_8b", "system_name": "H100_80GB", "price_per_hour": 2.0}
    of_numpy = {name: np.int32(value) for name, value in sizes.items()}
    found = llmcalc_core.estimate_end_to_end_performance(**plan, **of_numpy)
    assert found == llmcalc_core.estimate_end_to_end_performance(**plan, **sizes)


@pytest.mark.parametrize("stages", [2, 4])
def test_more_sequences_in_a_pipeline_are_never_quicker(stages: int) -> None:
    """Micro batches of ceil(batch / stages) left a stage without work: 5 were quicker than 4."""
    times = [
        estimate_decode_performance(
            "llama3_8b", batch, 1, 2000, 256, "H100_80GB", pipeline_parallel=stages
        )["latency"]
        for batch in range(1, 14)
    ]
    assert times == sorted(times)
    # of uneven micro batches the cycle is that of their mean: between those of even ones
    assert times[stages - 1] < times[stages] < times[2 * stages - 1]


def test_three_prompts_take_less_than_four_in_two_stages() -> None:
    three, four = (
        estimate_prefill_performance(
            "llama3_70b", prompts, 2000, "H100_80GB", tensor_parallel=4, pipeline_parallel=2
        )["latency"]
        for prompts in (3, 4)
    )
    assert three < 0.8 * four
