"""Time of a pass: pipelines by hand, messages between nodes, what bounds a step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from llmcalc_core import Hardware, ModelConfig, Precision, find_hardware
from llmcalc_core.architecture.model import architecture
from llmcalc_core.costmodel.collectives import message_seconds, participants_of
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.phases import PhaseTimes, phase_latency, phase_times
from llmcalc_core.costmodel.times import BOUNDS
from llmcalc_core.engines import find_engine
from llmcalc_core.formulas.collectives import Collective
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import Techniques
from tests.core.neutral import NEUTRAL, STEP

A100 = find_hardware("A100_80GB")
HOP = 10e-6
"""Latency of a hand-over between stages, from efficiency.toml, section [engine] [s]."""


def config(layers: int, **fields: Any) -> ModelConfig:
    """Make a model of big layers and a small vocabulary, so that stages differ by layers only."""
    given = {
        "vocab_size": 256, "hidden_size": 4096, "num_decoder_layers": layers,
        "num_attention_heads": 32, "intermediate_size": 11_008,
    }  # fmt: skip
    return ModelConfig(**(given | fields))


def times(
    model: ModelConfig,
    layout: Layout | None = None,
    *,
    decode: bool = True,
    batch: int = 1,
    hardware: Hardware = A100,
    tokens: tuple[int, int] = (1000, 101),
    overlaps: float = 0.0,
    captured: float = 0.0,
    **facts: Any,
) -> PhaseTimes:
    """Time a phase; the host starts kernels at once unless told otherwise."""
    grid = make_grid((layout or Layout(),), batches=(batch,), inputs=tokens[:1], outputs=tokens[1:])
    precision = Precision()
    known = efficiency_for(hardware, precision, constants=NEUTRAL)
    behaviour = replace(known.behaviour, overlaps=overlaps, captured_tokens=captured)
    facts = {"host_launch_s": 0.0} | facts
    return phase_times(
        architecture(model),
        hardware,
        precision,
        grid,
        replace(known, behaviour=behaviour, **facts),
        decode=decode,
    )


@cache
def alone(layers: int, batch: int = 1, *, decode: bool = True) -> float:
    """Time of so many layers on one device, its overhead included [s]."""
    return times(config(layers), decode=decode, batch=batch).latency_s.item()


def layer_time(batch: int = 1, *, decode: bool = True) -> float:
    return (alone(8, batch, decode=decode) - alone(4, batch, decode=decode)) / 4


# Time of the first and the last part (embedding, norm and a head of 256 rows) is below 40 us.
ENDS = 40e-6


@pytest.mark.parametrize("decode", [True, False], ids=["decode", "prefill"])
def test_layers_add_up(decode: bool) -> None:  # noqa: FBT001
    rest = alone(4, decode=decode) - 4 * layer_time(decode=decode) - STEP
    assert 0 < rest < ENDS
    whole = STEP + rest + 12 * layer_time(decode=decode)
    assert alone(12, decode=decode) == pytest.approx(whole, rel=1e-9)


def hops(sequences: float, stages: int) -> float:
    """Time of the hand-overs: 10 us and 8 KiB a token at 0.8 of 300 GB/s, inside a node."""
    return (stages - 1) * (HOP + sequences * 8192 / (0.8 * 300e9))


@pytest.mark.parametrize(("layers", "stages"), [(8, 2), (8, 4), (8, 8), (5, 2), (7, 3)])
def test_one_sequence_passes_through_all_stages(layers: int, stages: int) -> None:
    found = times(config(layers), Layout(pp=stages))
    expected = alone(layers) + hops(1, stages)
    assert found.latency_s.item() == pytest.approx(expected, rel=1e-9)
    assert found.period_s.item() == pytest.approx(expected, rel=1e-9)


def between(time: Callable[[int], float], micro: float) -> float:
    """Time of the mean of uneven micro batches, which grows evenly from one to the next."""
    low, part = int(micro), micro % 1
    return time(low) + (part * (time(low + 1) - time(low)) if part else 0.0)


# (layers, stages, batch, sequences of a micro batch, micro batches, layers of the largest stage)
PIPELINES = [
    ("even", 32, 4, 32, 8, 4, 8),
    ("uneven 3 + 2", 5, 2, 2, 1, 2, 3),
    ("uneven 3 + 3 + 2", 8, 3, 12, 4, 3, 3),
    ("uneven 6 + 5 + ... + 5", 26, 5, 40, 8, 5, 6),
    ("seven sequences, four stages", 8, 4, 7, 7 / 4, 4, 2),  # 2, 2, 2 and 1: their mean
]
BY_HAND = pytest.mark.parametrize(
    "case", [row[1:] for row in PIPELINES], ids=[row[0] for row in PIPELINES]
)


@BY_HAND
def test_decode_is_steady_state(case: tuple[Any, ...]) -> None:
    layers, stages, batch, micro, flights, largest = case
    found = times(config(layers), Layout(pp=stages), batch=batch)
    # The slowest stage takes its layers and the step's overhead for each micro batch; a
    # sequence returns when all had their turn, or when it has passed through all stages.
    pace = largest * between(layer_time, micro) + STEP
    through = between(partial(alone, layers), micro) + hops(micro, stages)
    latency = found.latency_s.item()
    assert max(through, flights * pace) <= latency <= max(through, flights * (pace + ENDS))
    assert found.period_s.item() == latency


@BY_HAND
def test_prefill_fills_and_drains(case: tuple[Any, ...]) -> None:
    layers, stages, batch, micro, flights, largest = case
    found = times(config(layers), Layout(pp=stages), batch=batch, decode=False)
    pace = largest * between(partial(layer_time, decode=False), micro) + STEP
    through = between(partial(alone, layers, decode=False), micro) + hops(1000 * micro, stages)
    latency, period = found.latency_s.item(), found.period_s.item()
    ends = 2 * ENDS + micro * 1000 * 4 * 8192 / 1e12  # embedding and norm move every token
    assert through + (flights - 1) * pace <= latency <= through + (flights - 1) * (pace + ends)
    assert flights * pace <= period <= flights * (pace + ends)


def test_the_batch_is_divided_once() -> None:
    # Four stages with 32 sequences do what four devices do with 8 each, but for three more
    # overheads in a cycle: 4 x (8 layers + 0.5 ms) instead of 32 layers + 0.5 ms.
    alone_8, four_32 = alone(32, 8), times(config(32), Layout(pp=4), batch=32).period_s.item()
    rate, piped = 8 / alone_8, 32 / four_32
    expected = 4 * rate * alone_8 / (alone_8 + 3 * STEP)
    assert piped == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("decode", [True, False], ids=["decode", "prefill"])
@pytest.mark.parametrize(
    "layout", [Layout(), Layout(tp=4), Layout(pp=4), Layout(tp=2, pp=3)], ids=str
)
def test_kinds_sum_to_the_latency(layout: Layout, decode: bool) -> None:  # noqa: FBT001
    found = times(config(8), layout, batch=16, decode=decode)
    total = sum(np.asarray(part).item() for part in found.by_kind.parts())
    assert total == pytest.approx(found.latency_s.item(), rel=1e-12)
    communication = np.asarray(found.by_kind.communication).item()
    assert (communication > 0) == (layout.devices > 1)


@pytest.mark.parametrize(
    "layout", [Layout(), Layout(tp=4), Layout(pp=4), Layout(tp=2, pp=3)], ids=str
)
def test_bounds_sum_to_one_pass(layout: Layout) -> None:
    # One prompt passes through all stages, and no other waits for it.
    found = times(config(8), layout, decode=False)
    parts = [float(part) for part in found.by_bound.parts()]
    assert sum(parts) == pytest.approx(found.latency_s.item(), rel=1e-12)
    assert (found.by_bound.link > 0) == (layout.devices > 1)


@pytest.mark.parametrize("decode", [True, False], ids=["decode", "prefill"])
@pytest.mark.parametrize(
    "techniques",
    [
        Techniques(),
        Techniques(
            speculative_tokens=2, acceptance_rate=0.5, draft_model=config(2, hidden_size=1024)
        ),
        Techniques(prefill_chunk_tokens=300),
    ],
    ids=["plain", "drafted", "chunked"],
)
def test_the_latency_alone_is_the_same(techniques: Techniques, decode: bool) -> None:  # noqa: FBT001
    layouts = (Layout(), Layout(tp=2, pp=4), Layout(pp=8))
    grid = make_grid(layouts, batches=(1, 32), inputs=(900,), outputs=(9,), techniques=techniques)
    precision = Precision()
    efficiency = efficiency_for(A100, precision)
    case = (architecture(config(8)), A100, precision, grid, efficiency)
    latency = phase_latency(*case, decode=decode)
    np.testing.assert_allclose(latency, phase_times(*case, decode=decode).latency_s, rtol=1e-12)


@pytest.mark.parametrize("decode", [True, False], ids=["decode", "prefill"])
def test_drafts_are_in_the_parts_too(decode: bool) -> None:  # noqa: FBT001
    drafting = Techniques(
        speculative_tokens=3, acceptance_rate=0.7, draft_model=config(2, hidden_size=1024)
    )
    grid = make_grid(
        (Layout(tp=2),), batches=(4,), inputs=(1000,), outputs=(101,), techniques=drafting
    )
    efficiency = efficiency_for(A100, Precision(), constants=NEUTRAL)
    model = architecture(config(8))
    found = phase_times(model, A100, Precision(), grid, efficiency, decode=decode)
    for record in (found.by_kind, found.by_bound):
        total = sum(float(part) for part in record.parts())
        assert total == pytest.approx(found.latency_s.item(), rel=1e-12)


# 1 MB over NVLink, 8 devices: 6.24 us and 2 x 7/8 of it at 0.674 x 300 GB/s (efficiency.toml); an
# all-reduce loses a third of 26.7 us, as 1 MB is a third of 1 + 2 MB
ALL_REDUCE = 6.24e-6 + 26.7e-6 / 3 + 2 * 7 / 8 * 1e6 / (0.674 * 300e9)
MESSAGES = [
    ("alone", 1, Collective.ALL_REDUCE, 0.0),
    ("all-reduce", 8, Collective.ALL_REDUCE, ALL_REDUCE),
    *(
        (one.label, 8, one, 6.24e-6 + 7 / 8 * 1e6 / (0.674 * 300e9))
        for one in (Collective.ALL_TO_ALL, Collective.ALL_GATHER, Collective.REDUCE_SCATTER)
    ),
    # two nodes: besides, 25 us and an eighth of it at 0.8 x 25 GB/s
    ("two nodes", 16, Collective.ALL_REDUCE, ALL_REDUCE + 25e-6 + 2 / 2 * 1e6 / 8 / (0.8 * 25e9)),
]


@pytest.mark.parametrize(
    ("participants", "collective", "expected"),
    [row[1:] for row in MESSAGES],
    ids=[row[0] for row in MESSAGES],
)
def test_time_of_a_message(participants: int, collective: Collective, expected: float) -> None:
    links = efficiency_for(A100, Precision(), constants=NEUTRAL).links
    between = participants_of(float(participants), A100, links)
    found = message_seconds(collective, 1e6, between)
    assert np.asarray(found).item() == pytest.approx(expected, rel=1e-9)


def test_stages_in_another_node_are_further_away() -> None:
    near = times(config(8), Layout(pp=8)).latency_s.item()
    split = replace(A100, devices_per_domain=4)
    far = times(config(8), Layout(pp=8), hardware=split).latency_s.item()
    # One of the seven hand-overs crosses: 25 us and 8 KiB at 0.8 x 25 GB/s.
    crossing = 25e-6 + 8192 / (0.8 * 25e9)
    assert far - near == pytest.approx(crossing - hops(1, 2), rel=1e-6)


SLOW_LINKS = replace(A100, link_bandwidth=1e8)
SMALL = {"hidden_size": 64, "intermediate_size": 64, "num_attention_heads": 4}
BOUND: list[tuple[str, dict[str, Any], Layout, bool, Hardware]] = [
    ("compute", {}, Layout(), False, A100),
    ("memory bandwidth", {}, Layout(), True, A100),
    ("link", {}, Layout(tp=8), False, SLOW_LINKS),
    ("overhead", SMALL, Layout(), True, A100),
]


@pytest.mark.parametrize(
    ("expected", "fields", "layout", "decode", "hardware"), BOUND, ids=[row[0] for row in BOUND]
)
def test_what_bounds_a_step(
    expected: str,
    fields: dict[str, Any],
    layout: Layout,
    decode: bool,  # noqa: FBT001
    hardware: Hardware,
) -> None:
    found = times(config(4, **fields), layout, decode=decode, hardware=hardware)
    assert BOUNDS[found.bound.item()] == expected


def test_a_batch_in_one_grid_is_the_batch_alone() -> None:
    layouts = (Layout(), Layout(tp=2, pp=2), Layout(pp=3))
    grid = make_grid(layouts, batches=(1, 6, 9), inputs=(500, 1000), outputs=(101,))
    efficiency = efficiency_for(
        A100, Precision(), constants=NEUTRAL, engine=find_engine("vllm", "0.11")
    )
    found = phase_times(
        architecture(config(8)), A100, Precision(), grid, efficiency, decode=True
    )  # fmt: skip
    whole = np.broadcast_to(found.latency_s, grid.shape)
    assert not math.isnan(whole.sum())
    for row, layout in enumerate(layouts):
        for column, batch in enumerate((1, 6, 9)):
            single = times(config(8), layout, batch=batch).latency_s.item()
            assert whole[row, column, 1, 0] == pytest.approx(single, rel=1e-12)


def test_the_host_starts_the_kernels_of_a_prefill() -> None:
    # With 1 ms for each of 2.2 calls to start one the device waits: sqrt(device^2 + host^2),
    # beside what prepares the step. Kernels of a dense layer: four matrices, attention, rotary,
    # activation and two norms; the embedding before them, a norm and the head after them.
    launches, model = 8 * 9 + 3, config(8, **SMALL)
    given = {"decode": False, "tokens": (10, 1)}
    devices = times(model, **given).latency_s.item() - STEP
    busy = times(model, **given, host_launch_s=1e-3).latency_s.item()
    assert busy == pytest.approx(STEP + np.hypot(devices, 2.2 * launches * 1e-3), rel=1e-9)
    # A decode step is captured as a whole.
    assert times(model, host_launch_s=1e-3).latency_s == times(model).latency_s


def test_a_short_prefill_runs_as_captured_pieces() -> None:
    # Up to 512 tokens: of each of eight layers two graphs and attention between them, a call each;
    # beyond, 2.2 calls for every kernel.
    model = config(8, **SMALL)
    for tokens, launches in ((512, 8 * 3), (513, 2.2 * (8 * 9 + 3))):
        given = {"decode": False, "tokens": (tokens, 1)}
        devices = times(model, **given).latency_s.item() - STEP
        busy = times(model, **given, host_launch_s=1e-3, captured=512.0).latency_s.item()
        assert busy == pytest.approx(STEP + np.hypot(devices, launches * 1e-3), rel=1e-9)


def test_the_host_prepares_a_prefill_as_it_does_a_decode_step() -> None:
    # 2 ms and 1 ms for each of three prompts.
    slow, quick = (
        times(config(8), decode=False, batch=3, **both).latency_s.item()
        for both in ({"step_s": 2e-3, "sequence_step_s": 1e-3}, {"step_s": 0.0})
    )
    assert slow - quick == pytest.approx(5e-3, rel=1e-9)


def test_an_engine_that_overlaps_host_and_devices_takes_the_longer() -> None:
    model, both = config(8), {"step_s": 2e-3, "sequence_step_s": 1e-3}
    devices = times(model, batch=3, step_s=0.0, sequence_step_s=0.0).latency_s.item()
    # Three sequences keep the host busy for 2 + 3 x 1 = 5 ms.
    assert times(model, batch=3, **both).latency_s == pytest.approx(devices + 5e-3)
    assert devices < 5e-3
    hosted = times(model, batch=3, **both, overlaps=1.0)
    longer = (5e-3**4 + devices**4) ** (1 / 4)  # the 4-norm
    assert hosted.latency_s == pytest.approx(longer)
    assert hosted.by_kind.overhead == pytest.approx(
        longer - devices + times(model).by_kind.overhead - STEP
    )
    idle = times(model, batch=3, step_s=0.0, sequence_step_s=1e-6, overlaps=1.0)
    assert idle.latency_s == pytest.approx(devices)


def test_a_pipeline_overlaps_the_host_with_its_slowest_stage() -> None:
    model, layout = config(8), Layout(pp=2)
    alone = times(model, layout, batch=2, step_s=0.0).latency_s.item()
    slow = times(model, layout, batch=2, step_s=0.1, overlaps=1.0).latency_s.item()
    # Two micro batches a cycle, each at the pace of the host.
    assert slow == pytest.approx(2 * 0.1)
    assert alone < 0.1
