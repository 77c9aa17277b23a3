"""Operations, bytes and messages of a pass, against arithmetic by hand. Knows no hardware."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llmcalc_core import ModelConfig, find_model, parse_precision
from llmcalc_core.architecture.model import architecture
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.layers.work import Message, Operation, make_pass
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from tests.core.one_layer import layer_section


def work(
    name: str | ModelConfig,
    layout: Layout | None = None,
    *,
    decode: bool,
    batch: int = 1,
    tokens: tuple[int, int] = (2000, 256),
    bits: str = "bf16",
    beams: int = 1,
) -> dict[str, dict[str, float]]:
    """Sum FLOPs and bytes of the whole model on one device, by family of operation."""
    model = architecture(find_model(name))
    grid = make_grid(
        (layout or Layout(),), batches=(batch,), inputs=tokens[:1], outputs=tokens[1:], beams=beams
    )
    step = make_pass(model.hidden, grid, parse_precision(bits), decode=decode)
    found: dict[str, dict[str, float]] = {"all": {"flops": 0.0, "moved": 0.0}}
    for section, count in zip(sections(model, step), section_counts(model), strict=True):
        for operation in section.operations:
            for family in ("all", operation.family):
                sums = found.setdefault(family, {"flops": 0.0, "moved": 0.0})
                sums["flops"] += count * np.asarray(operation.flops).item()
                sums["moved"] += count * np.asarray(operation.moved).item()
    return found


# Llama 2 7B: 32 layers with 202,375,168 parameters in projections, a head of 131,072,000.
PROJECTIONS, HEAD = 32 * 202_375_168, 131_072_000


@pytest.mark.parametrize(("batch", "prompt"), [(1, 2048), (4, 2048), (1, 300)])
def test_flops_of_a_prefill(batch: int, prompt: int) -> None:
    # Two for each parameter and token; the causal half of 4 n^2 d for each of 32 heads and
    # layers (FlashAttention-2, section 4.1); the head for each last position only.
    matrices = 2 * PROJECTIONS * batch * prompt
    attention = batch * 32 * 4 * prompt**2 / 2 * 128 * 32
    head = 2 * HEAD * batch
    found = work("llama2_7b", decode=False, batch=batch, tokens=(prompt, 1))
    assert found["all"]["flops"] == pytest.approx(matrices + attention + head, rel=1e-12)
    assert found["attention_prefill"]["flops"] == pytest.approx(attention, rel=1e-12)


@pytest.mark.parametrize("batch", [1, 64])
def test_flops_of_a_decode_step(batch: int) -> None:
    # The cache holds 2,000 + 1 ... 2,000 + 256 tokens, 2,128.5 on average.
    attention = batch * 32 * 4 * 2128.5 * 128 * 32
    expected = 2 * (PROJECTIONS + HEAD) * batch + attention
    found = work("llama2_7b", decode=True, batch=batch)
    assert found["all"]["flops"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("decode", [False, True], ids=["prefill", "decode"])
@pytest.mark.parametrize("width", [2, 4, 8])
def test_tensor_parallel_devices_share_the_flops(width: int, decode: bool) -> None:  # noqa: FBT001
    whole = work("llama2_7b", decode=decode)["all"]["flops"]
    part = work("llama2_7b", Layout(tp=width), decode=decode)["all"]["flops"]
    assert part * width == pytest.approx(whole, rel=1e-12)


# (precision, bytes of a projection's weight); the head stays at two bytes
READ = [("bf16", 2.0), ("fp8", 1.0), ("w4a16", 133 / 256)]


@pytest.mark.parametrize(("bits", "size"), READ, ids=[bits for bits, _ in READ])
def test_a_decode_step_reads_every_weight_once(bits: str, size: float) -> None:
    # Beside the weights each sequence moves, in every layer, (4096 + 12,288) + (4096 + 4096) +
    # (4096 + 22,016) + (11,008 + 4096) = 65,792 activations, and 36,096 at the head, of two bytes
    # at most.
    for batch in (1, 64):
        found = work("llama2_7b", decode=True, bits=bits, batch=batch)
        weights = PROJECTIONS * size + HEAD * 2
        activations = 2 * batch * (32 * 65_792 + 36_096)
        moved = found["gemm"]["moved"] + found["gemm_wide"]["moved"]
        assert weights + activations / 2 <= moved <= weights + activations


def test_a_decode_step_reads_the_cache() -> None:
    # 512 KiB for each of 2,128.5 tokens of each sequence; queries and results are small.
    cache = 8 * 2128.5 * 524_288
    moved = work("llama2_7b", decode=True, batch=8)["attention_decode"]["moved"]
    assert cache < moved < cache * 1.001


def test_grouped_queries_read_less() -> None:
    # 320 KiB for each token; at tp 16, more than the 8 KV heads, a whole head on each device.
    moved = work("llama2_70b", Layout(tp=16), decode=True)["attention_decode"]["moved"]
    # Queries in and results out: 4 heads of 128 elements of two bytes, in 80 layers.
    assert moved == pytest.approx(2128.5 * 327_680 / 8 + 80 * 2 * 4 * 128 * 2, rel=1e-12)


def test_beams_read_the_prompt_once() -> None:
    # Four beams, prompt 1,000, 100 generated: 1,000 + 4 x 50.5 tokens.
    moved = work("llama2_7b", decode=True, tokens=(1000, 100), beams=4)["attention_decode"]["moved"]
    queries = 4 * 32 * 2 * 4096 * 2  # in and out, of each beam, in 32 layers
    assert moved == pytest.approx(1202 * 524_288 + queries, rel=1e-12)
    one = work("llama2_7b", decode=True, tokens=(1000, 100))["all"]["flops"]
    four = work("llama2_7b", decode=True, tokens=(1000, 100), beams=4)["all"]["flops"]
    assert four == pytest.approx(4 * one, rel=1e-12)  # each beam is a sequence to decode


def test_a_window_bounds_what_is_read() -> None:
    # Mistral 7B looks back on 4,096 tokens: 128 KiB each.
    moved = work("mistral_7b", decode=True, tokens=(50_000, 10))["attention_decode"]["moved"]
    assert moved == pytest.approx(4096 * 131_072, rel=1e-2)


# Mixtral 8x7B: 8 experts of 3 x 4096 x 14,336 parameters in 32 layers, two for a token. Distinct
# experts touched by m tokens: 8 x 2 m / (8 + 2 (m - 1)).
TOUCHED = [(1, 2.0), (2, 3.2), (4, 64 / 14), (256, 4096 / 518)]


@pytest.mark.parametrize(("batch", "touched"), TOUCHED)
def test_the_weights_of_every_expert_touched_are_read(batch: int, touched: float) -> None:
    weights = touched * 32 * 176_160_768 * 2
    found = work("mixtral_8x7b", decode=True, batch=batch)["mixture"]
    rows = 2 * batch  # each reads the stream and a column, and writes two columns and the stream
    activations = 32 * rows * 2 * (4096 + 14_336 + 2 * 14_336 + 4096)
    assert found["moved"] == pytest.approx(weights + activations, rel=1e-9)
    assert found["flops"] == pytest.approx(2 * rows * 32 * 176_160_768, rel=1e-12)


def test_a_mixture_computes_two_experts_for_each_token() -> None:
    flops = work("mixtral_8x7b", decode=False, tokens=(2048, 1))["mixture"]["flops"]
    assert flops == pytest.approx(2 * 2048 * 2 * 32 * 176_160_768, rel=1e-12)


def test_expert_parallel_ranks_share_the_experts() -> None:
    # Eight attention replicas with four sequences each: 32 tokens over eight experts.
    one = work("mixtral_8x7b", decode=True, batch=32)["mixture"]
    spread = work("mixtral_8x7b", Layout(ep=8, attention_dp=8), decode=True, batch=32)["mixture"]
    # The busiest of eight gets 1 + 1.4236 x 1.36 times the mean of the tokens.
    busiest = 1 + 1.4236 * 1.36
    assert spread["flops"] * 8 == pytest.approx(one["flops"] * busiest, rel=1e-12)
    # Of eight, 512 / 70 are touched in the mean; the one of the busiest device is.
    read, read_there = 8 * 2 * 32 / (8 + 2 * 31), 8
    weights = 32 * 176_160_768 * 2
    activations = one["moved"] - read * weights
    expected = read_there * weights + activations * busiest
    assert spread["moved"] * 8 == pytest.approx(expected, rel=1e-12)


def test_norms_of_queries_and_keys_are_kernels_of_their_own() -> None:
    # Qwen3 32B: 64 heads and 8 of keys, of 128 elements of 2 bytes, are read and written.
    def norms(name: str, layout: Layout) -> list[Operation]:
        model = architecture(find_model(name))
        grid = make_grid((layout,), batches=(4,), inputs=(2000,), outputs=(256,))
        step = make_pass(model.hidden, grid, parse_precision("bf16"), decode=True)
        operations = layer_section(model.layers[0], step).operations
        return [one for one in operations if one.name == "norms of queries and keys"]

    (found,) = norms("qwen3_32b", Layout(tp=8))
    assert np.asarray(found.moved).item() == 4 * 2 * (8 + 1) * 128 * 2
    assert found.launches == 2
    assert norms("llama3_70b", Layout(tp=8)) == []


def test_latent_attention_decodes_from_the_compressed_cache() -> None:
    # DeepSeek-V3: 61 layers, 128 heads, rank 512 and 64 rotary elements: each pair costs
    # 2 x 128 x (576 + 512); 70,272 bytes for a token over all layers.
    found = work("deepseek_v3", decode=True, batch=4)["latent_decode"]
    assert found["flops"] == pytest.approx(4 * 2128.5 * 61 * 2 * 128 * 1088, rel=1e-12)
    assert found["moved"] > 4 * 2128.5 * 70_272


def test_a_recurrent_layer_moves_its_state_whatever_the_context() -> None:
    near, far = (
        work("mamba_2_8b", decode=True, tokens=(prompt, 10))["all"] for prompt in (10, 90_000)
    )
    assert near == far
    assert near["moved"] > 2 * architecture(find_model("mamba_2_8b")).parameters


TINY: dict[str, Any] = {
    "vocab_size": 1000, "hidden_size": 64, "num_decoder_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 256,
}  # fmt: skip
EXPERTS = {"num_experts": 4, "expert_top_k": 2}
# (fields, layout, messages of a layer that more than one device takes part in)
MESSAGES: list[tuple[str, dict[str, Any], Layout, list[tuple[int, float, float]]]] = [
    ("none alone", {}, Layout(), []),
    # two all-reduces of 8 tokens of 64 elements of two bytes
    ("dense", {}, Layout(tp=2), [(2, 8 * 64 * 2, 2), (2, 8 * 64 * 2, 2)]),
    ("mixture in a group", EXPERTS, Layout(tp=4, ep=2), [(2, 1024, 4), (2, 1024, 4)]),
    # four replicas of two tokens, each sent to two experts and back: two all-to-alls
    ("mixture of replicas", EXPERTS, Layout(ep=4, attention_dp=4), [(1, 2 * 2 * 64 * 2, 4)] * 2),
]


@pytest.mark.parametrize(
    ("fields", "layout", "expected"),
    [row[1:] for row in MESSAGES],
    ids=[row[0] for row in MESSAGES],
)
def test_messages_of_a_layer(
    fields: dict[str, Any], layout: Layout, expected: list[tuple[int, float, float]]
) -> None:
    model = architecture(ModelConfig(**(TINY | fields)))
    grid = make_grid((layout,), batches=(8,), inputs=(10,), outputs=(1,))
    step = make_pass(model.hidden, grid, parse_precision("bf16"), decode=True)
    messages = layer_section(model.layers[0], step).messages
    assert [described(one) for one in messages if np.max(one.participants) > 1] == expected


def described(message: Message) -> tuple[int, float, float]:
    return (
        message.collective.passes,
        np.asarray(message.size).item(),
        np.asarray(message.participants).item(),
    )
