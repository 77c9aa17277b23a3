"""Speculative decoding: verifying passes and drafts by hand, and what holds for any of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmcalc_core as llm
from llmcalc_core import ModelConfig, Precision, Techniques
from llmcalc_core.architecture.drafting import draft_grid
from llmcalc_core.architecture.model import architecture
from llmcalc_core.calibration.facts import Behaviour
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.formulas.speculation import tokens_per_step
from llmcalc_core.layers.work import Section, make_pass
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.planning.static_estimate import Workload, estimate_phases
from llmcalc_core.simulation.load import load_of
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.requests import DRAWN
from tests.core.random_cases import QUICK, ROUNDING, Case, cases

SMALL = ModelConfig(
    vocab_size=1000, hidden_size=64, num_decoder_layers=2, num_attention_heads=4,
    intermediate_size=128,
)  # fmt: skip


AT_ONCE = Behaviour(
    first_token_s=0.0, first_token_steps=0.0, prefill_first=0.0, overlaps=0.0, captured_tokens=0.0
)
"""An engine in which nobody waits for steps of others."""

REJECTED = 1e-15
"""Too rarely accepted to be seen in a figure; at 0 nothing would be drafted."""


def drafted(tokens: int, acceptance: float = REJECTED, draft: ModelConfig = SMALL) -> Techniques:
    return Techniques(speculative_tokens=tokens, acceptance_rate=acceptance, draft_model=draft)


@given(st.integers(0, 20), st.floats(0, 1))
def test_tokens_of_a_step_are_a_sum(tokens: int, acceptance: float) -> None:
    # Leviathan et al., section 3.1: 1 + a + a² + ... + a^k.
    whole = sum(acceptance**place for place in range(tokens + 1))
    assert tokens_per_step(drafted=tokens, acceptance=acceptance) == pytest.approx(whole, rel=1e-9)


def verifying(config: ModelConfig, techniques: Techniques) -> tuple[Section, ...]:
    """Work of a decode step of three sequences, at 1000 tokens in and 9 out."""
    grid = make_grid((Layout(),), batches=(3,), inputs=(1000,), outputs=(9,), techniques=techniques)
    model = architecture(config)
    return sections(model, make_pass(model.hidden, grid, Precision(), decode=True))


def test_a_verifying_pass_by_hand() -> None:
    layer, *_, last = verifying(SMALL, drafted(4, 1.0))
    projections, _, kernel, *_ = layer.operations
    # Three sequences of 4 + 1 tokens, through queries, keys and values of 64 elements each.
    assert projections.flops == 2 * 15 * 64 * 192
    # The context of the nine generated tokens is 1001 to 1009, 1005 in the mean: if all drafts are
    # kept each of them is a query once. 15 queries of 2 x 4 heads x (16 + 16) FLOP a pair.
    assert kernel.flops == 15 * 1005 * 2 * 4 * 32
    # A sequence's cache is read once for its five queries, up to the last of them, two tokens
    # beyond their mean: 256 bytes a token. Queries and results are 15 x 2 x 64 x 2 bytes.
    assert kernel.moved == 3 * 1007 * 256 + 15 * 256
    # Logits of every token: 15 x 1000.
    assert last.operations[0].flops == 2 * 15 * 64 * 1000


def test_rejected_tokens_are_behind_nobody() -> None:
    # With all rejected a step keeps one of its five tokens: each step starts where the last one
    # did plus one, so that its queries see 1001 to 1005 first and 1009 to 1013 at the end.
    kernel = verifying(SMALL, drafted(4))[0].operations[2]
    assert kernel.flops == 15 * 1007 * 2 * 4 * 32


def test_states_are_kept_for_every_draft() -> None:
    tiny = ModelConfig(
        vocab_size=1000, hidden_size=64, num_decoder_layers=1, num_attention_heads=4,
        intermediate_size=0, layer_types=["mamba"], mamba_d_state=16, mamba_dt_rank=4,
    )  # fmt: skip
    scan = next(one for one in verifying(tiny, drafted(4))[0].operations if one.launches == 2)
    # A state is 128 channels x (16 x 4 + 3 x 2) bytes: of three sequences one is read and five are
    # written. A token's streams are (4 x 128 + 2 x 16) x 2 bytes.
    assert scan.moved == 3 * 6 * 128 * 70 + 15 * 544 * 2
    grid = make_grid(
        (Layout(),),
        batches=(3,),
        inputs=(9,),
        outputs=(9,),
        techniques=drafted(4),
        engine="lmdeploy",
    )
    alone = replace(grid, techniques=Techniques(), draft_tokens=0.0)
    held = [device_memory(architecture(tiny), Precision(), one).kv_cache for one in (grid, alone)]
    # The five of each sequence, beside the draft's cache: 2 blocks of 16 tokens of 2 x 256 bytes.
    assert held[0] == 3 * 5 * 128 * 70 + 3 * 32 * 512
    assert held[1] == 3 * 128 * 70


@QUICK
@given(cases(), st.integers(1, 8), st.floats(0, 1))
def test_nothing_drafted_or_accepted_is_no_speculation(
    case: Case, tokens: int, acceptance: float
) -> None:
    usual = case.estimate()
    for techniques in (drafted(0, acceptance), drafted(tokens, 0.0)):
        found = case.with_work(techniques=techniques).estimate()
        assert found.times.latency_s == usual.times.latency_s
        assert found.times.period_s == usual.times.period_s
        assert found.memory.total == usual.memory.total


@QUICK
@given(cases(), st.integers(1, 8), st.floats(REJECTED, 1), st.floats(REJECTED, 1))
def test_more_accepted_is_never_slower(case: Case, tokens: int, one: float, other: float) -> None:
    case = replace(case.with_work(beam_size=1), phase="decode")
    few, many = (case.with_work(techniques=drafted(tokens, rate)) for rate in sorted((one, other)))
    assert many.latency() <= few.latency() * ROUNDING
    assert many.memory() == few.memory()
    # Rejected drafts only cost time, and accepted ones spare at most a step each.
    assert few.with_work(techniques=drafted(tokens)).latency() * ROUNDING >= case.latency()
    assert case.latency() <= (tokens + 1) * many.latency() * ROUNDING
    assert few.memory() * ROUNDING >= case.memory()


MAMBA = llm.find_model("mamba_2_8b")


def latency(model: ModelConfig, techniques: Techniques, layout: Layout, batch: int = 4) -> float:
    (found,) = estimate_phases(
        architecture(model), llm.find_hardware("H100_80GB"), Precision(), (layout,),
        Workload(batches=(batch,), input_tokens=500, output_tokens=100, techniques=techniques),
        phases=("decode",),
    )  # fmt: skip
    return found.times.latency_s.item()


@pytest.mark.parametrize(
    "layout", [Layout(), Layout(tp=4), Layout(pp=3), Layout(tp=2, pp=2)], ids=str
)
def test_a_step_is_spread_over_what_it_gives(layout: Layout) -> None:
    # Without attention the context is of no account: the step is the same whatever it gives.
    step = latency(MAMBA, drafted(3), layout)
    # 1 + 0.7 + 0.49 + 0.343 tokens of a step.
    assert latency(MAMBA, drafted(3, 0.7), layout) == pytest.approx(step / 2.533, rel=1e-12)
    assert latency(MAMBA, drafted(3, 1.0), layout) == pytest.approx(step / 4, rel=1e-12)


def test_drafts_take_their_passes() -> None:
    # A draft of twice the layers takes twice the time beside its ends; one as large as the model
    # itself takes at least its weights' time for each token: 16.06 GB at 3.352 TB/s, 4.79 ms.
    large = llm.find_model("llama3_8b")
    deep = replace(SMALL, num_decoder_layers=4)
    none, small, deeper, itself = (
        latency(large, drafted(3, REJECTED, draft), Layout())
        for draft in (replace(SMALL, num_decoder_layers=1), SMALL, deep, large)
    )
    assert deeper - small == pytest.approx(2 * (small - none), rel=1e-9)
    assert itself - none > 3 * 4.79e-3


# vLLM issue 20780 (2025-07-10; read 2026-11-23): Llama 3.1 8B, one sequence, EAGLE's time per token
# [ms] and tokens per step by the number drafted; 7.07 ms without.
WITHOUT = 7.07
EAGLE = {2: (4.37, 2.10), 3: (4.29, 2.29), 4: (4.48, 2.39), 5: (4.71, 2.43), 6: (4.94, 2.45),
         7: (5.20, 2.47)}  # fmt: skip


def test_steps_with_eagle_are_those_of_a_published_run() -> None:
    # EAGLE drafts with one layer of the model's own sizes and its head (Li et al., 2401.15077).
    large = llm.find_model("llama3.1_8b")
    draft = replace(large, num_decoder_layers=1)
    none = latency(large, Techniques(), Layout(), batch=1)
    for count, (token, gained) in EAGLE.items():
        found = latency(large, drafted(count, REJECTED, draft), Layout(), batch=1)
        assert found - none == pytest.approx((token * gained - WITHOUT) / 1e3, rel=0.06)


def test_the_last_stage_drafts_for_every_micro_batch() -> None:
    # Four sequences, one on each of four stages: the last runs the three passes of a draft as large
    # as the model for one after the other, and each reads 16.06 GB at 3.352 TB/s, 4.79 ms.
    large = llm.find_model("llama3_8b")
    found = latency(large, drafted(3, REJECTED, large), Layout(pp=4))
    assert found > 4 * 3 * 4.79e-3


def test_requests_end_sooner_and_more_arrive_in_a_step() -> None:
    # A hundred requests of 101 tokens, five in a step where all of four drafts are accepted: each
    # is read in one step and then decodes in 20 in place of 100, in which 99 others are read, less
    # those that are read with it. Tokens that are verified take room from prompts.
    for techniques, steps, room in (
        (Techniques(), 100, 8192 - 100), (drafted(4, 1.0), 20, 8192 - 500),
        (drafted(4), 100, 8192 - 500),
    ):  # fmt: skip
        grid = make_grid(
            (Layout(),), batches=(100,), inputs=(100,), outputs=(101,), techniques=techniques
        )
        load = load_of(grid, mixes=1.0, arrivals=DRAWN, behaviour=AT_ONCE)
        assert (load.steps, load.room) == (pytest.approx(steps + 1), room)
        assert load.own == pytest.approx(1 + 99 / (steps + 1))
        assert load.arriving == pytest.approx((99 - 99 / (steps + 1)) / steps)


def test_a_draft_takes_its_memory() -> None:
    large, draft = llm.find_model("llama3_70b"), llm.find_model("llama3_8b")
    asked: dict[str, Any] = {"batches": (16,), "inputs": (1000,), "outputs": (200,)}
    layouts = (Layout(tp=4), Layout(tp=2, pp=2))
    usual, found = (
        device_memory(
            architecture(large), Precision(), make_grid(layouts, **asked, techniques=techniques)
        )
        for techniques in (Techniques(), drafted(3, 0.8, draft))
    )
    # 8,030,261,248 parameters over four devices, and over the two of the last stage (where layers
    # and head of the large model are as many as in the first, so that it is the fullest).
    added = (found.weights - usual.weights).reshape(-1)
    assert added[0] == pytest.approx(2 * 8_030_261_248 / 4, rel=1e-3)
    assert added[1] == pytest.approx(2 * 8_030_261_248 / 2, rel=1e-3)
    # 1,203 tokens are 76 blocks of 16 where 1,200 were 75: 16 x 16 tokens more of 2 x 80 layers x
    # 8 / 4 heads x 128 x 2 bytes; of the draft 16 x 1,200 tokens of 2 x 32 x 8 / 4 x 128 x 2.
    cache = (found.kv_cache - usual.kv_cache).reshape(-1)
    assert cache[0] == 256 * 81_920 + 19_200 * 32_768


def test_a_draft_whose_heads_do_not_divide_is_repeated() -> None:
    six = architecture(replace(SMALL, num_attention_heads=6, num_key_value_heads=6))
    layouts = (Layout(tp=2), Layout(tp=4), Layout(tp=8, pp=2))
    grid = draft_grid(six, make_grid(layouts, batches=(8,), inputs=(10,), outputs=(1,)))
    assert grid.tp.reshape(-1).tolist() == [2, 1, 1]
    assert [layout.tp for layout in grid.layouts] == [2, 1, 1]
    assert {layout.pp for layout in grid.layouts} == {1}


ASKED: dict[str, Any] = {
    "model": "llama3_70b", "input_tokens": 1000, "output_tokens": 300, "bits": "fp8",
    "system_name": "H200_141GB", "tensor_parallel": 4,
}  # fmt: skip


def test_serving_speculates() -> None:
    def served(concurrency: int, tokens: int, acceptance: float) -> dict[str, Any]:
        return llm.estimate_serving_performance(
            **ASKED, concurrency=concurrency, speculative_tokens=tokens,
            acceptance_rate=acceptance, draft_model="llama3_8b",
        )  # fmt: skip

    usual = llm.estimate_serving_performance(**ASKED, concurrency=4)
    assert served(4, 0, 0.7) == served(4, 3, 0.0) == usual
    assert served(4, 3, 0.8)["tpot_ms"] < usual["tpot_ms"] < served(4, 3, 0.1)["tpot_ms"]
    # The draft reads the prompt too, and takes memory from requests.
    assert served(4, 3, 0.8)["ttft_ms"] > usual["ttft_ms"]
    assert served(4, 3, 0.8)["max_concurrency"] < usual["max_concurrency"]
    assert sum(served(4, 3, 0.8)["time_by_kind_ms"].values()) == pytest.approx(
        served(4, 3, 0.8)["tpot_ms"], rel=1e-12
    )


@pytest.mark.parametrize("phase", llm.PHASES)
def test_axes_are_columns(phase: str) -> None:
    frame = llm.explore(
        "llama3_70b", "H200_141GB", 4, batch=8, phase=phase, draft_model="llama3_8b",
        speculative_tokens=[0, 3], acceptance_rate=[0.0, 0.6, 0.8],
    )  # fmt: skip
    shown = frame[["speculative_tokens", "acceptance_rate", "draft_model"]].drop_duplicates()
    # Where none is drafted or accepted there is one case, not one for each rate.
    name = "meta-llama/Llama-3.1-8B"
    assert shown.to_numpy().tolist() == [[0, 0.0, ""], [3, 0.6, name], [3, 0.8, name]]
    latency = frame["ttft_s" if phase == "prefill" else "tpot_s"]
    parts = frame[list(llm.TIME_COLUMNS)].sum(axis=1)
    assert parts.to_numpy() == pytest.approx(latency.to_numpy(), rel=1e-12)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"speculative_tokens": 3, "acceptance_rate": 0.7},
            "draft_model must name what drafts 3 .*got None",
        ),
        ({"speculative_tokens": -1}, "speculative_tokens must be a whole .*got -1; .* value is 0"),
        ({"acceptance_rate": 1.1}, "acceptance_rate must be .* 0 to 1, got 1.1"),
        ({"draft_model": "llama_3_9b"}, "unknown model 'llama_3_9b'; did you mean"),
        (
            {
                "speculative_tokens": 2,
                "acceptance_rate": 0.7,
                "draft_model": "llama3_8b",
                "beam_size": 4,
            },
            "beam_size must be 1 with speculative_tokens, got 4 with 2",
        ),
    ],
)
def test_errors_help(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        llm.make_request("llama3_70b", "H100_80GB", **given)
    with pytest.raises(ValueError, match=message):
        llm.estimate_decode_performance("llama3_70b", **given)
