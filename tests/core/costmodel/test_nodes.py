"""Layouts over several nodes: which links each message takes, in whole passes, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from llmcalc_core import Hardware, ModelConfig, Precision, find_hardware
from llmcalc_core.architecture.model import architecture
from llmcalc_core.costmodel.collectives import message_seconds, participants_of
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.phases import phase_times
from llmcalc_core.engines import find_engine
from llmcalc_core.formulas.collectives import Collective
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from tests.core.neutral import NEUTRAL

NODES = find_hardware("A100_80GB")
"""Nodes of eight: 300 GB/s each way inside, 25 GB/s between."""
RACK = replace(NODES, devices_per_domain=64)
LATENCY, RATE = 25e-6, 0.8 * 25e9
"""Between nodes, from efficiency.toml, section [engine] [s, bytes/s]."""

FIELDS: dict[str, Any] = {
    "vocab_size": 32_000, "hidden_size": 4096, "num_decoder_layers": 8, "num_attention_heads": 32,
    "intermediate_size": 11_008,
}  # fmt: skip
EXPERTS = {"num_experts": 16, "expert_top_k": 4, "moe_intermediate_size": 1024}


def latency(
    layout: Layout, hardware: Hardware, *, decode: bool = True, batch: int = 64, **fields: Any
) -> float:
    grid = make_grid((layout,), batches=(batch,), inputs=(1000,), outputs=(101,))
    efficiency = efficiency_for(  # before 0.14 the host works while no device does
        hardware, Precision(), constants=NEUTRAL, engine=find_engine("vllm", "0.11")
    )
    return phase_times(
        architecture(ModelConfig(**(FIELDS | fields))),
        hardware, Precision(), grid, efficiency, decode=decode,
    ).latency_s.item()  # fmt: skip


# 1 MB between 16 devices of two nodes: inside, 6.24 us and 7/8 of it at 0.674 x 300 GB/s
# (efficiency.toml); between, half of what has to cross.
NEAR = 6.24e-6 + 7 / 8 * 1e6 / (0.674 * 300e9)
CROSSING = [
    ("all-gather: a device's part of its node's eighth", np.inf, 1e6 / 8),
    ("all-to-all, each part for one device", 1.0, 1e6),
    ("all-to-all, each part for four devices: two nodes", 4.0, 1e6 * 2 / 4),
    ("each part for two devices", 2.0, 1e6),
]


@pytest.mark.parametrize(("copies", "crossing"), [row[1:] for row in CROSSING],
                         ids=[row[0] for row in CROSSING])  # fmt: skip
def test_what_crosses_to_another_node(copies: float, crossing: float) -> None:
    links = efficiency_for(NODES, Precision(), constants=NEUTRAL).links
    between = participants_of(16.0, NODES, links)
    found = message_seconds(Collective.ALL_TO_ALL, 1e6, between, copies=copies)
    expected = NEAR + LATENCY + crossing / 2 / RATE
    assert np.asarray(found).item() == pytest.approx(expected, rel=1e-9)


def further(size: float, crossing: float, passes: int) -> float:
    """Time that two nodes of eight add to a rack of sixteen: half of what crosses, less a part.

    Inside a node goes 7/8 of a message, in a rack 15/16.
    """
    return LATENCY + passes * (crossing / 2 / RATE - size / 16 / (0.674 * 300e9))


def test_an_all_reduce_crosses_with_a_share() -> None:
    # 64 tokens of 4,096 elements of two bytes, twice in each of 8 layers, in two passes; then the
    # logits of 64 x 32,000, gathered in one. Of both a device's eighth crosses.
    stream, logits = 64 * 4096 * 2, 64 * 32_000 * 2
    layout = Layout(tp=16)
    added = latency(layout, NODES) - latency(layout, RACK)
    expected = 16 * further(stream, stream / 8, 2) + further(logits, logits / 8, 1)
    assert added == pytest.approx(expected, rel=1e-6)


def test_experts_of_another_node_are_reached_directly_in_decode() -> None:
    # Four sequences on each of sixteen replicas, each sent to four experts and back in 8 layers.
    size = 4 * 4 * 4096 * 2
    layout = Layout(attention_dp=16, ep=16)
    added = latency(layout, NODES, **EXPERTS) - latency(layout, RACK, **EXPERTS)
    assert added == pytest.approx(16 * further(size, size, 1), rel=1e-6)


def test_a_prompts_tokens_reach_another_node_once() -> None:
    # 4,000 tokens on each replica go to four experts, but to two nodes: two copies cross at most.
    size = 4000 * 4 * 4096 * 2
    layout = Layout(attention_dp=16, ep=16)
    near, far = (latency(layout, one, decode=False, **EXPERTS) for one in (RACK, NODES))
    # what the host takes to start kernels is less beside more of the devices' time
    assert far - near == pytest.approx(16 * further(size, size / 2, 1), rel=1e-5)


# (layout, hand-overs between nodes of eight)
PIPELINES = [
    ("a stage in each node", Layout(tp=8, pp=2), 1),
    ("two stages in each node", Layout(tp=4, pp=4), 1),
    ("a stage over two nodes", Layout(tp=16, pp=2), 1),
    ("four nodes", Layout(tp=8, pp=4), 3),
]


@pytest.mark.parametrize(("layout", "crossings"), [row[1:] for row in PIPELINES],
                         ids=[row[0] for row in PIPELINES])  # fmt: skip
def test_stages_over_nodes(layout: Layout, crossings: int) -> None:
    # One sequence goes through all stages; each device hands its share of the stream over, inside
    # a node in 10 us and at 0.8 of 300 GB/s. What tensor parallelism adds, one stage has too.
    part = 4096 * 2 / layout.tp
    hop = LATENCY + part / RATE - (10e-6 + part / (0.8 * 300e9))
    added, inside = (
        latency(one, NODES, batch=1) - latency(one, RACK, batch=1)
        for one in (layout, Layout(tp=layout.tp))
    )
    assert added == pytest.approx(crossings * hop + inside, rel=1e-6)


def test_attention_replicas_in_one_node_send_nothing_between_nodes() -> None:
    layout = Layout(tp=2, attention_dp=4, ep=8)
    assert latency(layout, NODES, **EXPERTS) == latency(layout, RACK, **EXPERTS)
