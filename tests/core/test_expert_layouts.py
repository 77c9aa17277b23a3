"""Experts and attention replicas over devices: widths, memory, work and messages by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from llmcalc_core import (
    ModelConfig,
    find_hardware,
    find_model,
    get_minimum_system_size,
    parse_precision,
)
from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.layers.work import make_pass
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.planning.feasibility import minimum_devices
from llmcalc_core.planning.layouts import plans
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout
from tests.core.one_layer import layer_section

BF16 = parse_precision("bf16")
# Mixtral 8x7B: 32 layers of 8 experts with 3 x 4096 x 14,336 parameters, two for each token; 32
# query and 8 KV heads of 128: 2 x 4096 x 4096 + 2 x 4096 x 1024 parameters of attention.
MIXTRAL = architecture(find_model("mixtral_8x7b"))
EXPERT, ATTENTION = 176_160_768, 41_943_040
ROUTER, NORMS, EMBEDDING = 4096 * 8, 2 * 4096, 32_000 * 4096


def grid_of(layout: Layout, *, batch: int = 8, prompt: int = 2000) -> Grid:
    return make_grid((layout,), batches=(batch,), inputs=(prompt,), outputs=(256,))


# (model, devices, tensor parallel, attention replicas, expert parallel widths)
WIDTHS = [
    ("mixtral_8x7b", 8, 8, 1, {1, 2, 4, 8}),
    ("mixtral_8x7b", 8, 1, 8, {1, 8}),  # columns of all on each, or one each
    ("mixtral_8x7b", 8, 2, 4, {1, 4, 8}),  # or two on each pair, a half of the columns each
    ("mixtral_8x7b", 3, 1, 3, {1, 3}),  # nine slots, one for a copy of a busy expert
    ("mixtral_8x7b", 16, 1, 16, {8}),  # more devices than experts: two share an expert's columns
    ("mixtral_8x7b", 6, 1, 6, {1, 3}),  # six would need twelve slots for eight experts
    ("deepseek_v3", 16, 2, 8, {8, 16}),  # not of 16 devices the columns of each
    ("deepseek_v3", 32, 2, 16, {16, 32}),
    ("qwen3_30b_a3b", 8, 2, 4, {4, 8}),  # 768 / 8 columns are less than a block of 128
    ("deepseek_v3", 72, 1, 72, {72}),  # 288 slots for 256 experts, as in its own deployment
    ("deepseek_v3", 48, 48, 1, set()),  # 48 does not divide 128 heads
]


@pytest.mark.parametrize("case", WIDTHS, ids=str)
def test_widths_that_are_tried(case: tuple[str, int, int, int, set[int]]) -> None:
    name, devices, tp, replicas, expected = case
    found = {
        plan.layout.ep
        for plan in plans(architecture(find_model(name)), devices)
        if (plan.layout.tp, plan.layout.attention_dp, plan.layout.pp) == (tp, replicas, 1)
    }
    assert found == expected


def test_replicas_of_attention_hold_a_cache_on_fewer_devices() -> None:
    # The latent cache of DeepSeek-V2-Lite, 27 layers x 576 x 2 bytes a token, is whole on each
    # tensor parallel device, and divided by attention replicas: 2048 requests of 32,256 tokens have
    # 2.05 TB, more than 26 x 77 GB. 27 stages of a layer each with 76 GB have no room for weights.
    asked: dict[str, Any] = {
        "batch": 2048, "input_tokens": 32_000, "output_tokens": 256,
    }  # fmt: skip
    model, device = architecture(find_model("deepseek_v2_lite")), find_hardware("H100_80GB")
    assert minimum_devices(model, device, BF16, **asked, splits_only=True) is None
    found = minimum_devices(model, device, BF16, **asked)
    assert found is not None
    fit = [
        np.min(device_memory(model, BF16, make_grid(
            tuple(plan.layout for plan in plans(model, devices) if plan.replicas == 1),
            batches=(2048,), inputs=(32_000,), outputs=(256,),
        )).total) <= device.usable_bytes(0.9)
        for devices in range(1, found + 1)
    ]  # fmt: skip
    assert fit == [False] * (found - 1) + [True]
    asked = {"batch_size": 2048, "input_tokens": 32_000, "output_tokens": 256}
    assert get_minimum_system_size("deepseek_v2_lite", **asked, system_name="H100_80GB") == found


# (layout, experts' weights of a layer on a device in units of one expert)
HELD = [
    (Layout(ep=8, attention_dp=8), 1.0),
    (Layout(tp=2, ep=8, attention_dp=4), 1.0),
    (Layout(tp=2, ep=4, attention_dp=4), 2 / 2),  # two experts, of each half the columns
    (Layout(ep=8, attention_dp=16), 1 / 2),
    (Layout(ep=3, attention_dp=3), 3.0),  # three slots on each of three devices
    (Layout(tp=4, ep=2), 4 / 2),
]


@pytest.mark.parametrize(("layout", "experts"), HELD, ids=[str(row[0]) for row in HELD])
def test_weights_of_a_device(layout: Layout, experts: float) -> None:
    layer = experts * EXPERT + ATTENTION / layout.tp + ROUTER + NORMS
    expected = 32 * layer + 2 * EMBEDDING / layout.tp + 4096
    found = device_memory(MIXTRAL, BF16, grid_of(layout)).weights.item()
    assert found == pytest.approx(2 * expected, rel=1e-12)


def test_replicas_of_attention_share_the_sequences_and_stages_the_layers() -> None:
    # Ten sequences over four replicas: three on the fullest. 2,256 tokens of 16 layers, four of
    # the eight KV heads, keys and values of 128 elements of two bytes.
    layout = Layout(tp=2, pp=2, ep=8, attention_dp=4)
    found = device_memory(MIXTRAL, BF16, grid_of(layout, batch=10)).kv_cache.item()
    assert found == 3 * 2256 * 16 * 4 * 2 * 128 * 2


# (layout, sequences, distinct experts that the busiest device reads, its part of the rows). Of the
# held experts h a part p = 2 m / (8 + 2 (m - 1)) is touched in the mean; the busiest of g devices
# touches k sqrt(h p (1 - p)) more, at most all; the largest of 2, 3, 4, 8 normal variables is
# k = 0.564, 0.84, 1.029, 1.424 above their mean. Of the tokens, which spread 1.36 times their mean
# over single experts (DeepSeek-R1, TensorRT-LLM's wide_ep), it gets 1 + 1.36 k / sqrt(h) times it.
READ = [
    # 2 p = 1.45, and 0.65 more are above the two that it holds halves of
    (
        Layout(tp=2, ep=4, attention_dp=4),
        8,
        2 / 2,
        8 * 2 / 4 * (1 + 1.36 * 1.0294 / 2**0.5),
        14_336 / 2,
    ),
    # the one expert that it holds a half of, nearly always
    (Layout(ep=8, attention_dp=16), 32, 1 / 2, 32 * 2 / 8 * (1 + 1.36 * 1.4236), 14_336 / 2),
    # three of nine slots: 3 p = 2, and 0.836 sqrt(2 / 3) more
    (
        Layout(ep=3, attention_dp=3),
        6,
        2 + (0.5642 + 0.4652 * np.log2(1.5)) * np.sqrt(2 / 3),
        6 * 2 / 3 * (1 + 1.36 * (0.5642 + 0.4652 * np.log2(1.5)) / 3**0.5),
        14_336,
    ),
    # four held of eight, two sequences: 4 p = 1.6, and 0.5642 sqrt(1.6 x 0.6) = 0.55 more
    (
        Layout(ep=2, attention_dp=2),
        2,
        1.6 + 0.5642 * np.sqrt(1.6 * 0.6),
        2 * 2 / 2 * (1 + 1.36 * 0.5642 / 2),
        14_336,
    ),
]


@pytest.mark.parametrize("case", READ, ids=[str(row[0]) for row in READ])
def test_work_of_the_experts_on_a_device(case: tuple[Layout, int, float, float, float]) -> None:
    layout, batch, experts, rows, columns = case
    step = make_pass(MIXTRAL.hidden, grid_of(layout, batch=batch), BF16, decode=True)
    (found,) = (
        one for one in layer_section(MIXTRAL.layers[0], step).operations if one.family == "mixture"
    )
    # Two matrices up and one down: rows of the stream in, columns through, the stream out.
    assert np.asarray(found.flops).item() == pytest.approx(2 * rows * 3 * 4096 * columns, rel=1e-12)
    activations = 2 * rows * (4096 + columns + 2 * columns + 4096)
    expected = 2 * experts * EXPERT + activations
    assert np.asarray(found.moved).item() == pytest.approx(expected, rel=1e-12)


def rows_of_experts(experts: int, top_k: int, layout: Layout, batch: int) -> float:
    """Count the rows that a mixture of Mixtral's width computes on the busiest device."""
    config = replace(find_model("mixtral_8x7b"), num_experts=experts, expert_top_k=top_k)
    model = architecture(config)
    step = make_pass(model.hidden, grid_of(layout, batch=batch), BF16, decode=True)
    (found,) = (
        one for one in layer_section(model.layers[0], step).operations if one.family == "mixture"
    )
    return np.asarray(found.flops).item() / (2 * 3 * 4096 * 14_336)


def test_the_busiest_device_gets_no_token_twice_for_one_expert() -> None:
    # One of 256 experts: 1 + 1.36 x 2.8269 times the mean of 8 / 256 of 1,024 tokens. One of two,
    # to both of which every token goes: all of them, not 1 + 1.36 x 0.5642 times as many.
    wide = rows_of_experts(256, 8, Layout(ep=256, attention_dp=256), 1024)
    assert wide == pytest.approx(32 * (1 + 1.36 * 2.8269), rel=1e-12)
    assert rows_of_experts(2, 2, Layout(ep=2, attention_dp=2), 8) == 8


TINY: dict[str, Any] = {
    "vocab_size": 1000, "hidden_size": 64, "num_decoder_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 256, "num_experts": 4, "expert_top_k": 2,
}  # fmt: skip
TOKEN = 64 * 2
# (layout, whether decoding, messages of a layer: passes, size, participants, copies). Eight
# sequences; of a decode step one token each, of a prefill ten.
MESSAGES: list[tuple[Layout, bool, list[tuple[float, ...]]]] = [
    # attention sums four tokens over two devices; each of the four sends its two tokens to two
    # experts of their own, and back
    (Layout(tp=2, attention_dp=2, ep=4), True,
     [(2, 4 * TOKEN, 2, np.inf), *[(1, 2 * 2 * TOKEN, 4, 1)] * 2]),
    # ten times as much, and what two devices of a node need goes there once
    (Layout(tp=2, attention_dp=2, ep=4), False, [(2, 40 * TOKEN, 2, np.inf),
                                       *[(1, 20 * 2 * TOKEN, 4, 2)] * 2]),
    # two groups of experts, of two devices each: a token goes to all four
    (Layout(attention_dp=4, ep=2), True, [(1, 2 * 4 * TOKEN, 4, 1)] * 2),
    # one group: everything is gathered everywhere, and summed where it came from
    (Layout(attention_dp=4, ep=1), True, [(1, 2 * 4 * TOKEN, 4, np.inf)] * 2),
    (Layout(tp=4, ep=4), True, [(2, 8 * TOKEN, 4, np.inf)] * 2),
]  # fmt: skip


@pytest.mark.parametrize("case", MESSAGES, ids=[f"{row[0]}, {row[1]}" for row in MESSAGES])
def test_messages_of_a_mixture(case: tuple[Layout, bool, list[tuple[float, ...]]]) -> None:
    layout, decode, expected = case
    model: Model = architecture(ModelConfig(**TINY))
    step = make_pass(model.hidden, grid_of(layout, prompt=10), BF16, decode=decode)
    found = [
        (
            one.collective.passes,
            *(np.asarray(v).item() for v in (one.size, one.participants, one.copies)),
        )
        for one in layer_section(model.layers[0], step).messages
        if np.max(one.participants) > 1
    ]
    assert found == expected
