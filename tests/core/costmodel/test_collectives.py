"""Collectives: what sets each apart, which links it takes, and where it is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llmcalc_core import Precision, estimate_decode_performance, find_hardware
from llmcalc_core.costmodel import step_pass
from llmcalc_core.costmodel.collectives import (
    hand_over_seconds,
    host_transfer_seconds,
    message_seconds,
    participants_of,
)
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.formulas.collectives import Collective
from tests.core.neutral import NEUTRAL

A100 = find_hardware("A100_80GB")
LINKS = efficiency_for(A100, Precision(), constants=NEUTRAL).links


@pytest.mark.parametrize(
    ("collective", "label", "passes", "ramp"),
    [
        (Collective.ALL_REDUCE, "all-reduce", 2.0, 1.0),
        (Collective.ALL_GATHER, "all-gather", 1.0, 0.0),
        (Collective.REDUCE_SCATTER, "reduce-scatter", 1.0, 0.0),
        (Collective.ALL_TO_ALL, "all-to-all", 1.0, 0.0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_sets_a_collective_apart(
    collective: Collective, label: str, passes: float, ramp: float
) -> None:
    assert (collective.label, collective.passes, collective.ramp) == (label, passes, ramp)
    assert collective.latency == 1.0
    assert collective.network_steps(16.0) == 4.0


def test_there_are_four() -> None:
    assert len(Collective) == 4  # equal records would be one


def test_the_cost_of_an_all_to_all_is_said_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    # Times of tokens are kept by all that a question can change, which no collective is.
    kept = step_pass.token_pass_times
    monkeypatch.setattr(step_pass, "token_pass_times", kept.__wrapped__)

    def latency(expert_parallel: int) -> float:
        found = estimate_decode_performance(
            "deepseek_v3", 8, system_name="H200_141GB", tensor_parallel=1,
            attention_data_parallel=8, expert_parallel=expert_parallel,
        )  # fmt: skip
        return float(found["time_by_kind_ms"]["communication"])

    exchanged, gathered = latency(8), latency(1)
    monkeypatch.setattr(Collective.ALL_TO_ALL, "latency", 3.0)
    links = efficiency_for(find_hardware("H200_141GB"), Precision()).links
    each = participants_of(8.0, find_hardware("H200_141GB"), links).latency
    # 58 mixtures (61 layers, three of them dense) send two messages each.
    assert latency(8) - exchanged == pytest.approx(58 * 2 * 2 * each * 1e3, rel=1e-9)
    assert latency(1) == gathered


@pytest.mark.parametrize("stride", [1.0, 4.0])
def test_numbers_and_arrays_have_the_same_participants(stride: float) -> None:
    counts = np.array([1.0, 2.0, 8.0, 9.0, 64.0])
    several = participants_of(counts, A100, LINKS, stride=stride)
    assert several.crosses
    for index, count in enumerate(counts.tolist()):
        one = participants_of(count, A100, LINKS, stride=stride)
        for name in ("inside", "domains", "latency", "ramp", "bandwidth"):
            assert getattr(one, name) == pytest.approx(getattr(several, name)[index], rel=1e-12)
        for collective in Collective:
            alone = message_seconds(collective, 1e6, one, copies=2.0)
            among = message_seconds(collective, 1e6, several, copies=2.0)
            assert alone == pytest.approx(np.asarray(among)[index], rel=1e-12)


def test_distant_participants_share_a_domain_with_fewer() -> None:
    # Every fourth of eight: two are inside a domain of eight, so that four are in two domains.
    found = participants_of(4.0, A100, LINKS, stride=4.0)
    assert (found.inside, found.domains, found.crosses) == (2.0, 2.0, True)
    found = participants_of(2.0, A100, LINKS, stride=4.0)
    assert (found.inside, found.domains, found.crosses) == (2.0, 1.0, False)
    # Further apart than a domain is wide, none shares one.
    assert participants_of(2.0, A100, LINKS, stride=16.0).inside == 1.0


def test_a_transfer_takes_the_link_to_the_host() -> None:
    host = replace(A100, host_link_bandwidth=32e9)
    found = host_transfer_seconds(8e9, host, replace(LINKS, host_fraction=0.5))
    assert found == pytest.approx(0.5, rel=1e-12)


def test_hand_overs_cross_domains_where_the_pipeline_does() -> None:
    # Four stages of four devices over domains of eight: three hops, one of them between domains.
    links = replace(
        LINKS, hand_over_latency_s=1.0, hand_over_fraction=0.5, node_latency_s=5.0,
        node_fraction=0.25,
    )  # fmt: skip
    device = replace(A100, link_bandwidth=8e6, node_link_bandwidth=4e6)
    found = hand_over_seconds(4e6, stages=4.0, stage_devices=4.0, hardware=device, links=links)
    # Inside: 1 s and 4 MB at 8 / 2 x 0.5 = 2 MB/s; between: 5 s and 4 MB at 1 MB/s.
    assert found == pytest.approx(2 * (1 + 2) + (5 + 4), rel=1e-12)
