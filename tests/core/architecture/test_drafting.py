"""Multi-token prediction as what drafts: its module's work and memory, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import llmcalc_core as llm
from llmcalc_core import ModelConfig, Precision, Techniques
from llmcalc_core.architecture.drafting import draft_grid, draft_of
from llmcalc_core.architecture.model import architecture
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.layers.work import make_pass
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout

DRAFTED = Techniques(speculative_tokens=2, acceptance_rate=0.8)
SMALL = ModelConfig(
    vocab_size=1000, hidden_size=64, num_decoder_layers=4, num_attention_heads=4,
    intermediate_size=128, mtp_layers=1,
)  # fmt: skip
# Of a module: queries, keys, values and output 4 x 64², gate, up and down 3 x 64 x 128, the matrix
# that joins two rows of 64 into one, and five norms of 64: two of the layer, two before the join
# and one at the end.
MATRICES = 4 * 64**2 + 3 * 64 * 128 + 2 * 64**2
NORMS = 5 * 64


def test_parameters_of_a_module() -> None:
    # DeepSeek-V3, README_WEIGHTS.md (recalled): 11.5 billion parameters of its own, beside the
    # shared embedding and head.
    deepseek = architecture(replace(llm.find_model("deepseek_v3"), mtp_layers=1))
    module = draft_of(deepseek, DRAFTED).model
    assert module.parameters == deepseek.mtp_parameters
    assert module.parameters == pytest.approx(11.5e9, rel=0.015)
    assert draft_of(architecture(SMALL), DRAFTED).model.parameters == MATRICES + NORMS


def test_a_pass_of_a_module_by_hand() -> None:
    model = architecture(SMALL)
    grid = make_grid((Layout(),), batches=(3,), inputs=(1000,), outputs=(9,), techniques=DRAFTED)
    module = draft_of(model, DRAFTED).model
    step = make_pass(module.hidden, draft_grid(module, grid), Precision(), decode=True)
    parts = zip(section_counts(module), sections(module, step), strict=True)
    work = [(count, one) for count, section in parts for one in section.operations]
    # A token of each of three sequences through every matrix and the shared head of 64 x 1000, and
    # over the 1005 tokens of the mean context, with 2 x 4 heads x (16 + 16) FLOP a pair.
    flops = sum(count * one.flops for count, one in work)
    assert flops == 2 * 3 * (MATRICES + 64 * 1000) + 3 * 1005 * 256
    read = sum(count * one.weights for count, one in work)
    assert read == 2 * (MATRICES + 64 * 1000)


def held(config: ModelConfig, layout: Layout, techniques: Techniques) -> tuple[float, float]:
    """Weights and cache of the fullest device, of three sequences of 16 + 13 tokens."""
    grid = make_grid((layout,), batches=(3,), inputs=(16,), outputs=(13,), techniques=techniques)
    memory = device_memory(architecture(config), Precision(), grid)
    return memory.weights.item(), memory.kv_cache.item()


def test_modules_take_their_memory_when_they_draft() -> None:
    plain = replace(SMALL, mtp_layers=0)
    usual = held(plain, Layout(), Techniques())
    assert held(SMALL, Layout(), Techniques()) == usual
    for count in (1, 3):
        found = held(replace(SMALL, mtp_layers=count), Layout(), DRAFTED)
        assert found[0] - usual[0] == count * 2 * (MATRICES + NORMS)
        # 29 and 2 drafted tokens fill two blocks of 16 in the model's four layers, as 29 did; each
        # module adds those of one layer, 2 x 64 elements of 2 bytes a token.
        assert found[1] - usual[1] == count * 3 * 32 * 256


def test_the_last_stage_of_a_pipeline_needs_an_embedding_too() -> None:
    def added(config: ModelConfig, layout: Layout) -> float:
        return held(config, layout, DRAFTED)[0] - held(config, layout, Techniques())[0]

    # The last of two like stages (embedding here, head there) is the fullest then.
    assert added(SMALL, Layout(pp=2)) == 2 * (MATRICES + NORMS) + 2 * 64_000
    tied = replace(SMALL, tie_word_embeddings=True)
    assert added(tied, Layout(pp=2)) == 2 * (MATRICES + NORMS)


def test_more_modules_take_no_longer() -> None:
    asked: dict[str, Any] = {
        "batch_size": 4, "system_name": "H100_80GB", "bits": "bf16", "speculative_tokens": 3,
        "acceptance_rate": 0.5,
    }  # fmt: skip
    config = llm.find_model("llama3_8b")
    one, three = (
        llm.estimate_decode_performance(replace(config, mtp_layers=count), **asked)
        for count in (1, 3)
    )
    assert one["latency"] == three["latency"]
    # A module of one layer in 32 costs far less than a model as large as the whole.
    whole = llm.estimate_decode_performance(config, **asked, draft_model=config)
    assert one["latency"] < whole["latency"] / 2


@pytest.mark.parametrize("widths", [(8, 1, 8), (4, 2, 4), (1, 1, 8)], ids=str)
def test_experts_of_a_module_are_spread_like_the_models(widths: tuple[int, int, int]) -> None:
    config = replace(llm.find_model("deepseek_v3"), mtp_layers=1)
    asked: dict[str, Any] = dict(
        zip(("tensor_parallel", "pipeline_parallel", "expert_parallel"), widths, strict=True)
    )
    usual, found = (
        llm.estimate_serving_performance(
            config, 64, 2000, 1024, "H200_141GB", "fp8", **asked, speculative_tokens=count,
            acceptance_rate=0.85,
        )
        for count in (0, 1)
    )  # fmt: skip
    # 1.85 tokens a step that is longer by a module and a wider pass (DeepSeek-V3, section 5.4.3,
    # reports 1.8 times the tokens per second; recalled).
    assert 1 < usual["tpot_ms"] / found["tpot_ms"] < 1.85
    added = found["memory_bytes"] - usual["memory_bytes"]
    assert added > 11.2e9 / max(widths[0], widths[2])
