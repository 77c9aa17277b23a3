"""Devices: names, dicts of the guide that users edit, units, and errors that help."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from llmcalc_core import (
    HARDWARE_CONFIGS,
    Hardware,
    estimate_decode_performance,
    estimate_prefill_performance,
    find_hardware,
    get_hardware_config,
    get_minimum_system_size,
    hardware_sources,
    list_hardware,
)

GUIDE_NAMES = ("A100_40GB", "A100_80GB", "H100_80GB", "MI300X", "TPUv4", "TPUv5e")
FIGURES = ("flops", "memory_bytes", "memory_bandwidth", "link_bandwidth", "devices_per_domain",
           "node_link_bandwidth")  # fmt: skip


@pytest.mark.parametrize("name", GUIDE_NAMES)
def test_the_guides_devices(name: str) -> None:
    config = HARDWARE_CONFIGS[name]
    assert {"Flops", "Memory_size", "Memory_BW", "ICN"} <= set(config)
    assert config["name"] == name


# (device, TFLOP/s at 16 bits, nominal GB, GB/s of memory, GB/s of links, bytes by the driver)
FACTS = [
    # NVIDIA A100 datasheet: 312 TFLOPS, 2,039 and 1,555 GB/s, NVLink 600 GB/s
    ("A100_80GB", 312, 80, 2039, 600, 81_559 * 2**20),
    ("A100_40GB", 312, 40, 1555, 600, 40_960 * 2**20),
    # NVIDIA H100 datasheet: 989 TFLOPS dense, NVLink 900 GB/s; nvidia-smi: 81,559 MiB
    ("H100_80GB", 989, 80, 3352, 900, 81_559 * 2**20),
    # AMD MI300X data sheet: 1,307 TFLOPS, 5.3 TB/s; amd-smi: 196,592 MiB
    ("MI300X", 1307, 192, 5300, 896, 196_592 * 2**20),
]


@pytest.mark.parametrize("facts", FACTS, ids=[row[0] for row in FACTS])
def test_figures_and_units(facts: tuple[str, int, int, int, int, int]) -> None:
    name, tflops, nominal, bandwidth, links, driver = facts
    config, device = get_hardware_config(name), find_hardware(name)
    shown = (config["Flops"], config["Memory_size"], config["Memory_BW"], config["ICN"])
    assert shown == (tflops, nominal, bandwidth, links)
    assert device.memory_bandwidth == bandwidth * 1e9  # GB/s are decimal
    assert device.link_bandwidth == links * 1e9
    assert device.memory_bytes == driver  # not nominal x 10^9 nor x 2^30


@pytest.mark.parametrize("name", list_hardware())
def test_every_figure_has_a_source(name: str) -> None:
    sources = hardware_sources(name)
    assert set(sources) == set(FIGURES)
    dated_or_assumed = [text for text in sources.values() if "20" in text or "assumed" in text]
    assert len(dated_or_assumed) == len(FIGURES)


@pytest.mark.parametrize(
    "spelling", ["H100_80GB", "h100-80gb", "H100", " h100_sxm ", "NVIDIA H100 80GB HBM3"]
)
def test_spellings(spelling: str) -> None:
    assert find_hardware(spelling) is find_hardware("H100_80GB")


def test_a_config_is_a_copy() -> None:
    config = get_hardware_config("A100_80GB")
    config["Flops"] = 1
    assert get_hardware_config("A100_80GB")["Flops"] == 312
    assert HARDWARE_CONFIGS["A100_80GB"]["Flops"] == 312
    sources = hardware_sources("A100_80GB")
    sources.clear()
    assert hardware_sources("A100_80GB")


@pytest.mark.parametrize("name", list_hardware())
def test_an_unedited_dict_is_the_device(name: str) -> None:
    config = get_hardware_config(name)
    assert find_hardware(config) == find_hardware(name)
    nameless = {key: config[key] for key in ("Flops", "Memory_size", "Memory_BW", "ICN")}
    assert find_hardware(nameless).memory_bytes == find_hardware(name).memory_bytes


# (key, factor, attribute of the device): an edit moves its own figure in proportion, no other
EDITS = [
    ("Memory_size", 2, "memory_bytes"),
    ("Memory_BW", 3, "memory_bandwidth"),
    ("ICN", 0.5, "link_bandwidth"),
]


@pytest.mark.parametrize(("key", "factor", "attribute"), EDITS, ids=[row[0] for row in EDITS])
def test_an_edit_moves_its_figure(key: str, factor: float, attribute: str) -> None:
    base, config = find_hardware("A100_80GB"), get_hardware_config("A100_80GB")
    config[key] *= factor
    edited = find_hardware(config)
    for name in ("memory_bytes", "memory_bandwidth", "link_bandwidth"):
        expected = getattr(base, name) * (factor if name == attribute else 1)
        assert getattr(edited, name) == pytest.approx(expected, rel=1e-9)
    assert edited.flops == base.flops
    assert "edited" in edited.name


def test_more_flops_scale_every_type() -> None:
    base, config = find_hardware("H100_80GB"), get_hardware_config("H100_80GB")
    config["Flops"] *= 2
    edited = find_hardware(config)
    for (kind, rate), (own, faster) in zip(base.flops, edited.flops, strict=True):
        assert kind == own
        assert faster == pytest.approx(2 * rate)


def test_edits_reach_the_estimates() -> None:
    config = get_hardware_config("A100_80GB")
    plain = estimate_prefill_performance(system_name=config)["latency"]
    slow = estimate_decode_performance(system_name=config)["latency"]
    config |= {"Flops": 624, "Memory_BW": 4078}
    assert estimate_prefill_performance(system_name=config)["latency"] < 0.7 * plain
    assert estimate_decode_performance(system_name=config)["latency"] < 0.7 * slow
    # 16 of 80 GB: 0.9 x 17.1 = 15.4 GB may be used, less than the weights (13.5), the cache (1.2)
    # and the reserve (1.07) together, so two devices.
    assert get_minimum_system_size("llama2_7b", system_name=config) == 1
    assert get_minimum_system_size("llama2_7b", system_name={**config, "Memory_size": 16}) == 2


def test_a_dict_of_ones_own() -> None:
    device = find_hardware({"Flops": 100, "Memory_size": 50, "Memory_BW": 1000, "ICN": 200})
    assert device.memory_bytes == 50e9
    assert device.memory_bandwidth == 1e12
    assert device.rate("fp8") == ("bf16", 1e14)
    result = estimate_decode_performance(
        system_name={"Flops": 100, "Memory_size": 50, "Memory_BW": 1000, "ICN": 200}
    )
    assert result["basis"] == "assumed"


# (device, basis): what the efficiencies are known from
BASES = [("A100_80GB", "calibrated"), ("H100_80GB", "calibrated"), ("A100_40GB", "transferred"),
         ("MI300X", "assumed"), ("TPUv5e", "assumed")]  # fmt: skip


@pytest.mark.parametrize(("name", "basis"), BASES, ids=[name for name, _ in BASES])
def test_what_a_device_is_known_from(name: str, basis: str) -> None:
    assert estimate_decode_performance(system_name=name)["basis"] == basis
    assert estimate_prefill_performance(system_name=name)["basis"] == basis


GOOD = {"Flops": 100, "Memory_size": 50, "Memory_BW": 1000, "ICN": 200}
WRONG: list[tuple[str, Any, str]] = [
    ("no keys", {}, "missing: Flops, Memory_size, Memory_BW, ICN"),
    ("missing two", {"Flops": 1, "ICN": 1}, "missing: Memory_size, Memory_BW$"),
    ("misspelt", {**GOOD, "Memory_bw": 1}, "got 'Memory_bw'; did you mean 'Memory_BW'"),
    ("negative", {**GOOD, "Flops": -1}, r"Flops must be .*above 0 \[TFLOP/s\], got -1"),
    ("zero", {**GOOD, "Memory_size": 0}, r"Memory_size must be .*\[GB\], got 0"),
    ("nan", {**GOOD, "Memory_BW": math.nan}, r"Memory_BW must be .*\[GB/s\], got nan"),
    ("infinite", {**GOOD, "ICN": math.inf}, r"ICN must be .*\[GB/s\], got inf"),
    ("text", {**GOOD, "Flops": "fast"}, "Flops must be .*got 'fast'"),
    ("truth", {**GOOD, "Flops": True}, "Flops must be .*got True"),
    ("none", {**GOOD, "Flops": None}, "Flops must be .*got None"),
    ("unknown base", {**GOOD, "name": "H1000"}, "got 'H1000'.*did you mean"),
    ("unknown name", "A100_8OGB", "must be one of A100_40GB, .*got 'A100_8OGB'.*did you mean"),
    ("empty name", "", "must be one of .*got ''"),
    ("number", 80, "must be a name, a dict .*got int"),
]


@pytest.mark.parametrize(
    ("value", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_wrong_hardware(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_hardware(value)


WRONG_FACTS: list[tuple[str, Any, str]] = [
    ("flops", (("bf17", 1e14),), "flops must be one of .*did you mean 'bf16'"),
    ("flops", (("bf16", 0.0),), r"flops of bf16 must be .*\[FLOP/s\], got 0.0"),
    ("flops", (("int8", 1e14),), "need a rate for bf16, fp16 or fp32"),
    ("memory_bytes", -1, "memory_bytes must be .*got -1"),
    ("memory_bandwidth", math.nan, "memory_bandwidth must be .*got nan"),
    ("devices_per_domain", 0, "devices_per_domain must be a whole number .*got 0"),
]


@pytest.mark.parametrize(("field", "value", "message"), WRONG_FACTS)
def test_wrong_facts(field: str, value: object, message: str) -> None:
    facts: dict[str, Any] = {
        "name": "toy", "flops": (("bf16", 1e14),), "memory_bytes": 16e9, "nominal_memory_gb": 16,
        "memory_bandwidth": 1e12, "link_bandwidth": 6e11,
    }  # fmt: skip
    assert Hardware(**facts).usable_bytes(0.5) == 8e9
    with pytest.raises(ValueError, match=message):
        Hardware(**(facts | {field: value}))


def test_facts_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        find_hardware("A100_80GB").memory_bytes = 1
