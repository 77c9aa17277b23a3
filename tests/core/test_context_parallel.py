"""Prompts divided over devices: work, messages, memory and search, by hand and as published."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import llmcalc_core as llm
from llmcalc_core import Precision, find_hardware, find_model, parse_precision
from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.phases import phase_times
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.layers.work import Message, Operation, make_pass
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout
from tests.core.neutral import NEUTRAL
from tests.core.one_layer import layer_section

BF16 = parse_precision("bf16")
LLAMA, MIXTRAL, DEEPSEEK = (
    architecture(find_model(name)) for name in ("llama2_70b", "mixtral_8x7b", "deepseek_v3")
)


def grid_of(layout: Layout, batch: int = 1, prompt: int = 8192) -> Grid:
    return make_grid(
        (layout,), batches=(batch,), inputs=(prompt,), outputs=(100,), engine="lmdeploy"
    )


def operations(model: Model, layout: Layout, *, decode: bool, batch: int = 1) -> list[Operation]:
    step = make_pass(model.hidden, grid_of(layout, batch), BF16, decode=decode)
    return list(layer_section(model.layers[-1], step).operations)


def messages(
    model: Model, layout: Layout, *, decode: bool, batch: int = 1
) -> list[tuple[float, ...]]:
    step = make_pass(model.hidden, grid_of(layout, batch), BF16, decode=decode)
    return [
        described(one)
        for one in layer_section(model.layers[-1], step).messages
        if np.max(one.participants) > 1
    ]


def described(one: Message) -> tuple[float, ...]:
    figures = (one.size, one.participants, one.copies, one.stride)
    return (one.collective.passes, *(np.asarray(value).item() for value in figures))


def flops(model: Model, layout: Layout, *, decode: bool) -> float:
    step = make_pass(model.hidden, grid_of(layout), BF16, decode=decode)
    return sum(
        count * np.asarray(operation.flops).item()
        for section, count in zip(sections(model, step)[:-1], section_counts(model), strict=False)
        for operation in section.operations
    )


@pytest.mark.parametrize("model", [LLAMA, MIXTRAL], ids=["dense", "mixture"])
def test_groups_share_the_work_of_a_prompt(model: Model) -> None:
    whole = flops(model, Layout(), decode=False)
    part = flops(model, Layout(cp=8), decode=False)
    assert part * 8 == pytest.approx(whole, rel=1e-12)


def test_latent_keys_of_the_whole_prompt_are_unpacked_by_each_group() -> None:
    # 61 layers unpack 8,192 latents of rank 512 into 128 heads of 128 + 128 elements; all else,
    # the experts too, each of which is cut in four, is shared by four.
    unpacking = 61 * 2 * 8192 * 512 * 128 * 256
    whole, part = (flops(DEEPSEEK, Layout(cp=width), decode=False) for width in (1, 4))
    assert part - unpacking == pytest.approx((whole - unpacking) / 4, rel=1e-12)


def test_every_group_repeats_a_decode_step() -> None:
    layouts = (Layout(tp=2), Layout(tp=2, cp=4))
    one, divided = (
        [(work.flops, work.moved, work.size) for work in operations(LLAMA, layout, decode=True)]
        for layout in layouts
    )
    assert one == divided
    assert messages(LLAMA, Layout(tp=2, cp=4), decode=True) == messages(
        LLAMA, Layout(tp=2), decode=True
    )


def test_attention_of_a_part_reads_the_keys_of_the_whole_prompt() -> None:
    # Of 8,192 tokens 2,048 query, in 64/2 heads of 128: in and out, 16 bits each. Read are all
    # keys and values of 8/2 heads. A quarter of the causal half of the pairs.
    (found,) = (
        one
        for one in operations(LLAMA, Layout(tp=2, cp=4), decode=False)
        if one.kind == "attention"
    )
    read = 8192 * 2 * 4 * 128 * 2 + 2048 * 2 * 32 * 128 * 2
    assert np.asarray(found.moved).item() == read
    assert np.asarray(found.flops).item() == 4 * 128 * 32 * 8192**2 / 2 / 4


TOKENS = 3 * 8192
# (model, layout, messages of a layer in the prefill of three prompts): passes, size, participants,
# copies, stride
SENT: list[tuple[str, Model, Layout, list[tuple[float, ...]]]] = [
    # sums of a quarter of the tokens, twice; keys and values of four heads, two devices apart
    ("dense", LLAMA, Layout(tp=2, cp=4), [
        (2, TOKENS / 4 * 8192 * 2, 2, np.inf, 1),
        (1, TOKENS * 2 * 4 * 128 * 2, 4, np.inf, 2),
        (2, TOKENS / 4 * 8192 * 2, 2, np.inf, 1),
    ]),
    # each device sends a quarter of the tokens to two experts, and back
    ("mixture", MIXTRAL, Layout(cp=4, ep=4), [
        (1, TOKENS * 2 * 8 * 128 * 2, 4, np.inf, 1),
        (1, TOKENS / 4 * 2 * 4096 * 2, 4, 2, 1),
        (1, TOKENS / 4 * 2 * 4096 * 2, 4, 2, 1),
    ]),
    # latents of 512 and 64 elements, whatever the heads
    ("latent", DEEPSEEK, Layout(tp=2, cp=2, ep=4), [
        (2, TOKENS / 2 * 7168 * 2, 2, np.inf, 1),
        (1, TOKENS * 576 * 2, 2, np.inf, 2),
        (1, TOKENS / 4 * 4 * 7168 * 2, 4, 4, 1),
        (1, TOKENS / 4 * 4 * 7168 * 2, 4, 4, 1),
    ]),
]  # fmt: skip


@pytest.mark.parametrize("case", [row[1:] for row in SENT], ids=[row[0] for row in SENT])
def test_messages_of_a_prefill(case: tuple[Model, Layout, list[tuple[float, ...]]]) -> None:
    model, layout, expected = case
    assert messages(model, layout, decode=False, batch=3) == expected


def test_groups_that_repeat_a_decode_step_send_their_tokens_to_experts() -> None:
    # Eight sequences on each of four devices, each to two experts and back.
    expected = [(1, 8 * 2 * 4096 * 2, 4, 1, 1)] * 2
    assert messages(MIXTRAL, Layout(cp=4, ep=4), decode=True, batch=8) == expected
    one, four = (
        next(o for o in operations(MIXTRAL, layout, decode=True, batch=8) if o.family == "mixture")
        for layout in (Layout(), Layout(cp=4, ep=4))
    )
    # Of four groups of two experts, the busiest (formulas/mixture.py).
    busiest = 1 + 1.36 * 1.0294 / 2**0.5
    expected_flops = busiest * np.asarray(one.flops).item()
    assert np.asarray(four.flops).item() == pytest.approx(expected_flops, rel=1e-12)


def test_each_group_holds_the_weights_and_the_whole_cache() -> None:
    layouts = (Layout(tp=8), Layout(tp=8, cp=4))
    one, four = (device_memory(LLAMA, BF16, grid_of(layout, 4, 60_000)) for layout in layouts)
    assert (one.weights, one.kv_cache, one.activations) == (
        four.weights, four.kv_cache, four.activations,
    )  # fmt: skip
    # Experts are divided over all groups: six of eight are elsewhere.
    spread, whole = (
        device_memory(MIXTRAL, BF16, grid_of(layout)).weights.item()
        for layout in (Layout(cp=4, ep=4), Layout())
    )
    assert whole - spread == 6 * 2 * 32 * 176_160_768


def prefill_seconds(layout: Layout, domain: int) -> float:
    hardware = replace(find_hardware("A100_80GB"), devices_per_domain=domain)
    efficiency = efficiency_for(hardware, Precision(), constants=NEUTRAL)
    found = phase_times(LLAMA, hardware, BF16, grid_of(layout), efficiency, decode=False)
    return found.latency_s.item()


def test_keys_cross_between_nodes_where_each_holds_a_group() -> None:
    # A whole node for each of two groups: half of one KV head's keys and values of 8,192 tokens
    # crosses in each of 80 layers, at 0.8 of 25 GB/s and 25 us. In a node of 16 it takes 3.04 us
    # and 0.573 of 300 GB/s (two devices, efficiency.toml).
    size = 8192 * 2 * 128 * 2
    added = prefill_seconds(Layout(tp=8, cp=2), 8) - prefill_seconds(Layout(tp=8, cp=2), 16)
    links = efficiency_for(find_hardware("A100_80GB"), Precision(), constants=NEUTRAL).links
    near = links.latencies_s[0] + size / 2 / (links.fractions[0] * 300e9)
    assert links.log_widths[0] == 1.0
    # But for the little that the host, which starts the kernels beside, hides in both.
    assert added == pytest.approx(80 * (25e-6 + size / 2 / 20e9 - near), rel=5e-5)


def test_a_group_has_its_part_of_a_prompt_alive() -> None:
    # 4,096 tokens over two groups are as many as 2,048 on one; the weights are in both.
    whole, part, half = (
        device_memory(LLAMA, BF16, grid_of(layout, prompt=prompt))
        for layout, prompt in (
            (Layout(tp=8), 4096),
            (Layout(tp=8, cp=2), 4096),
            (Layout(tp=8), 2048),
        )
    )
    assert part.activations == half.activations < whole.activations
    assert part.weights == whole.weights


# Yang et al., Context Parallelism for Scalable Million-Token Inference, arXiv:2411.01783, abstract:
# Llama 3 405B on 128 H100 in 16 nodes (tensor parallel in each), in a ring that hides messages.
# A short one is read quicker here than there: the messages of its parts are not all hidden.
PUBLISHED = [(131_072, 3.8, 0.4), (1_000_000, 77.0, 0.3)]


@pytest.mark.parametrize(("prompt", "seconds", "within"), PUBLISHED)
def test_a_long_prompt_takes_about_what_was_published(
    prompt: int, seconds: float, within: float
) -> None:
    found = llm.estimate_prefill_performance(
        "llama3_405b", 1, prompt, "H100_80GB", "fp8", 8, context_parallel=16
    )
    assert found["devices"] == 128
    assert found["latency"] / 1e3 == pytest.approx(seconds, rel=within)
