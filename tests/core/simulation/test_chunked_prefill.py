"""Prompts read in parts of a token budget: the work of a part by hand, and what holds for any."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmcalc_core as llm
from llmcalc_core import ModelConfig, Precision, Techniques
from llmcalc_core.architecture.model import architecture
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.phases import phase_times
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.layers.work import make_pass
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.simulation.load import load_of
from llmcalc_core.simulation.serving import ServingTimes, serving_times
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.requests import DRAWN
from tests.core.random_cases import QUICK, Case, cases

SLACK = 1.2
"""What the means of a closed loop may be off."""

SMALL = ModelConfig(
    vocab_size=1000, hidden_size=64, num_decoder_layers=2, num_attention_heads=4,
    intermediate_size=128,
)  # fmt: skip


def grid_of(budget: int | None, *, batch: int = 1, prompt: int = 1000, **more: Any) -> Grid:
    techniques = Techniques(prefill_chunk_tokens=budget, **more)
    return make_grid(
        (Layout(),),
        batches=(batch,),
        inputs=(prompt,),
        outputs=(50,),
        techniques=techniques,
        engine="lmdeploy",
    )


def test_a_part_by_hand() -> None:
    # Of a budget of 251 the one sequence decoded uses a token: 1000 tokens are four parts of 250.
    grid = grid_of(251)
    assert grid.prefill_chunks == 4
    model = architecture(SMALL)
    layer = sections(model, make_pass(model.hidden, grid, Precision(), decode=False))[0]
    projections, _, kernel, *_ = layer.operations
    # Queries, keys and values of 64 elements each; their weights are read for every part.
    assert projections.flops == 2 * 250 * 64 * 192
    assert projections.moved == 2 * (64 * 192 + 250 * (64 + 192))
    # A fourth of 1000²/2 pairs, of 2 x 4 heads x (16 + 16) FLOP. Keys and values of the part's own
    # tokens, and of 0, 250, 500 and 750 before it, 375 in the mean, 256 bytes each; queries and
    # results of 2 x 64 x 2 bytes.
    assert kernel.flops == 125_000 * 256
    assert kernel.moved == (250 + 375) * 256 + 250 * 256


def test_found_tokens_are_in_no_part() -> None:
    grid = grid_of(251, prefix_hit_rate=0.5)
    model = architecture(SMALL)
    step = make_pass(model.hidden, grid, Precision(), decode=False)
    assert grid.prefill_chunks == 2
    # The two parts begin behind 500 and 750 tokens.
    assert (step.tokens, step.past_tokens) == (250, 625)


def test_sequences_use_the_budget_up() -> None:
    assert grid_of(512, batch=12).prefill_chunks == 2
    assert grid_of(512, batch=13).prefill_chunks == 3  # 499 are left
    assert grid_of(512, batch=500).prefill_chunks == 84  # 12 are left: 1000 / 12 = 83.3
    assert grid_of(512, batch=5000).prefill_chunks == 1000  # one is left at least
    draft = {"speculative_tokens": 3, "acceptance_rate": 0.5, "draft_model": SMALL}
    assert grid_of(512, batch=3, **draft).prefill_chunks == 2
    assert grid_of(512, batch=4, **draft).prefill_chunks == 3  # 4 x (3 + 1) tokens are verified


@pytest.mark.parametrize(("prompt", "chunks"), [(8191, 1), (8192, 2), (16_382, 2), (16_383, 3)])
def test_a_prompt_is_read_in_so_many_steps(prompt: int, chunks: int) -> None:
    # One decodes, which leaves 8,191 tokens of the engine's own 8,192.
    model, device, precision = architecture(SMALL), llm.find_hardware("H100_80GB"), Precision()
    efficiency, grid = efficiency_for(device, precision), grid_of(None, prompt=prompt)
    load = load_of(grid, mixes=1.0, arrivals=DRAWN, behaviour=efficiency.behaviour)
    assert (load.chunks, load.chunk_tokens) == (chunks, prompt / chunks)
    # Alone it takes as long as its chunks do one after the other.
    found = serving_times(model, device, precision, grid, efficiency)
    in_parts = grid_of(prompt // chunks + 2, prompt=prompt)
    assert in_parts.prefill_chunks == chunks
    read = phase_times(model, device, precision, in_parts, efficiency, decode=False)
    assert found.ttft_s - efficiency.behaviour.first_token_s == pytest.approx(
        read.latency_s, rel=0.03
    )


CAPTURED = 512


def served(case: Case, techniques: Techniques) -> ServingTimes:
    work = case.workload
    grid = make_grid(
        (case.layout,), batches=work.batches, inputs=(work.input_tokens,),
        outputs=(work.output_tokens,), techniques=techniques,
    )  # fmt: skip
    efficiency = efficiency_for(case.hardware, case.precision)
    return serving_times(architecture(case.config), case.hardware, case.precision, grid, efficiency)


@QUICK
@given(cases(), st.floats(0.001, 1), st.floats(0.001, 1))
def test_smaller_parts_are_never_faster(case: Case, one: float, other: float) -> None:
    # Of a pipeline smaller ones fill the stages sooner.
    case = replace(case, phase="serving", layout=replace(case.layout, pp=1))
    # A budget that is below the sequences in flight is none: vLLM 0.33.0 refuses it.
    least = 2 * max(case.workload.batches)
    budgets = [max(round(part * case.workload.input_tokens), least) for part in (one, other)]
    parts = (Techniques(prefill_chunk_tokens=budget) for budget in sorted(budgets))
    small, large = (served(case, part) for part in parts)
    # A client waits the longer; what it waits before the first token it doesn't wait after.
    assert small.e2e_s * SLACK >= large.e2e_s
    # Steps of more than 512 tokens are not captured, which small ones are spared.
    if (budgets[0] > CAPTURED) == (budgets[1] > CAPTURED):
        assert small.burst_ttft_s * 1.3 >= large.burst_ttft_s


@QUICK
@given(cases())
def test_the_engines_own_budget_is_what_is_taken(case: Case) -> None:
    # The budget of vLLM is 8,192 tokens, said or not.
    usual = served(case, Techniques())
    found = served(case, Techniques(prefill_chunk_tokens=8192))
    assert (found.ttft_s, found.tpot_s) == (usual.ttft_s, usual.tpot_s)
    parts = np.asarray(sum(found.by_kind.parts()))
    np.testing.assert_allclose(parts, found.tpot_s, rtol=1e-9)


def test_a_budget_bounds_what_is_alive() -> None:
    model = architecture(llm.find_model("llama3_8b"))
    alive = [
        device_memory(model, Precision(), grid_of(budget, prompt=20_000)).activations
        for budget in (None, 8192, 1024)
    ]
    assert alive[0] == alive[1]
    # Three streams of 4096 and two of 14,336 with their product are alive for 7,168 tokens fewer.
    assert alive[0] - alive[2] == 7168 * (3 * 4096 + 3 * 14_336) * 2


def test_an_axis_is_a_column() -> None:
    asked: dict[str, Any] = {"devices": 2, "batch": [1, 64], "input_tokens": 6000}
    frame = llm.explore(
        "llama3_8b", "H100_80GB", **asked, phase="serving", prefill_chunk_tokens=[None, 1024]
    )
    assert frame["prefill_chunk_tokens"].unique().tolist() == [8192, 1024]
    row = frame[(frame["prefill_chunk_tokens"] == 1024) & (frame["tp"] == 2)].iloc[-1]
    found = llm.estimate_serving_performance(
        "llama3_8b", 64, 6000, 256, "H100_80GB", tensor_parallel=2, prefill_chunk_tokens=1024
    )
    assert row["ttft_s"] * 1e3 == pytest.approx(found["ttft_ms"], rel=1e-12)


def test_budgets_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match=r"prefill_chunk_tokens must be a whole .*got 0; .* is 1"):
        llm.make_request("llama3_8b", "H100_80GB", phase="serving", prefill_chunk_tokens=0)
    with pytest.raises(ValueError, match=r"must be None in phase 'decode', .*got 512; .*'serving'"):
        llm.make_request("llama3_8b", "H100_80GB", prefill_chunk_tokens=512)
    with pytest.raises(ValueError, match=r"must be None in phase 'prefill', .*got 512"):
        llm.estimate_prefill_performance("llama3_8b", prefill_chunk_tokens=512)
    with pytest.raises(ValueError, match=r"must be None in phase 'decode', .*got 512"):
        llm.get_best_parallelization_strategy(prefill_chunk_tokens=512)
    with pytest.raises(ValueError, match="must be None where chunked_prefill is False, got 512"):
        llm.estimate_serving_performance(chunked_prefill=False, prefill_chunk_tokens=512)
