"""Latencies of the links: what each device states, and what a changed one does to messages."""

from __future__ import annotations

import numpy as np
import pytest

from llmcalc_core import (
    Hardware,
    Precision,
    estimate_decode_performance,
    find_hardware,
    list_hardware,
)
from llmcalc_core.calibration.constants import fitted
from llmcalc_core.costmodel.collectives import message_seconds, participants_of
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.engines import ENGINE_RECORDS, Engine
from llmcalc_core.formulas.collectives import Collective
from tests.core.neutral import NEUTRAL

A100, H100 = find_hardware("A100_80GB"), find_hardware("H100_80GB")

# Empty all-reduces of two devices [us], from efficiency.toml: fits to kernel measurements
MEASURED = {"A100_80GB": 5, "H100_80GB": 4.29, "H200_141GB": 4.46, "B200_180GB": 7.12, "L40S": 5.32}
# and of the devices that stand in for
TRANSFERRED = {"B300_270GB": 7.12, "GB200_186GB": 7.12, "A800_80GB": 5, "RTX_4090": 5.32}


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know an engine that has no kernels of its own."""
    own = Engine(name="unmeasured", label="Unmeasured")
    monkeypatch.setitem(ENGINE_RECORDS, own.name, own)


def empty(hardware: Hardware, devices: int) -> float:
    """Time of an all-reduce of nothing [s], of no engine's own and without what one hides."""
    links = efficiency_for(hardware, Precision(), engine="unmeasured", constants=NEUTRAL).links
    between = participants_of(float(devices), hardware, links)
    found = message_seconds(Collective.ALL_REDUCE, 0.0, between)
    return np.asarray(found).item()


@pytest.mark.parametrize(("name", "us"), [*MEASURED.items(), *TRANSFERRED.items()])
def test_a_measured_latency_is_the_measured_one(name: str, us: float) -> None:
    device = find_hardware(name)
    assert device.link_latency_s == pytest.approx(us * 1e-6)
    assert empty(device, 2) == pytest.approx(us * 1e-6)


@pytest.mark.parametrize("name", list_hardware())
def test_latencies_of_links_are_plausible_and_kept_by_wider_collectives(name: str) -> None:
    device = find_hardware(name)
    if device.devices_per_domain == 1:
        assert device.link_latency_s is None
    if device.node_link_latency_s is not None:
        assert 10e-6 < device.node_link_latency_s < 1e-3
    if device.link_latency_s is not None:
        assert 1e-6 < device.link_latency_s < (device.node_link_latency_s or 1e-3)
        unstated = device.replace(link_latency_s=None)
        assert empty(device, 8) == pytest.approx(
            empty(unstated, 8) * device.link_latency_s / empty(unstated, 2)
        )


def test_wider_collectives_grow_with_it() -> None:
    # 6.24 us of eight A100 over 5 us of two, in efficiency.toml
    assert empty(A100.replace(link_latency_s=10e-6), 8) == pytest.approx(10e-6 * 6.24 / 5)
    assert empty(A100.replace(link_latency_s=0), 8) == 0
    # two nodes of eight: the network's latency besides
    assert empty(A100.replace(node_link_latency_s=50e-6), 16) == pytest.approx(56.24e-6)


def test_a_what_if_reaches_the_estimates() -> None:
    slower = H100.replace(link_latency_s=104.29e-6)
    found, own = (
        estimate_decode_performance(  # before 0.14 vLLM's host works while no device does
            "llama3_8b", 8, system_name=one, tensor_parallel=2, engine_version="0.11"
        )
        for one in (slower, H100)
    )
    # 100 us more for 2 all-reduces in each of 32 layers and the gathered logits, of which an engine
    # shows a part.
    part = fitted().of("vllm", "H100_80GB")["collective_latency"]
    assert found["latency"] - own["latency"] == pytest.approx(65 * 0.1 * part, rel=1e-3)
    assert (own["basis"], found["basis"]) == ("calibrated", "transferred")
    assert "104.3 us" in slower.describe()


@pytest.mark.parametrize(("given", "hop"), [(None, 10e-6), (1e-6, 10e-6), (40e-6, 40e-6)])
def test_a_hand_over_takes_as_long_at_least(given: float | None, hop: float) -> None:
    links = efficiency_for(H100.replace(link_latency_s=given), Precision()).links
    assert links.hand_over_latency_s == pytest.approx(hop)


@pytest.mark.parametrize("field", ["link_latency_s", "node_link_latency_s"])
def test_a_latency_is_a_time(field: str) -> None:
    with pytest.raises(ValueError, match=rf"{field} must be .*\[s\], got -1"):
        H100.replace(**{field: -1})
