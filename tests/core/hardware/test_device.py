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
    # NVIDIA's datasheets and white papers, as catalog/devices names them; nvidia-smi's MiB
    ("A800_80GB", 312, 80, 2039, 400, 81_920 * 2**20),
    ("H100_PCIE_80GB", 756.5, 80, 2000, 128, 81_559 * 2**20),
    ("H100_NVL_94GB", 835.5, 94, 3900, 128, 95_830 * 2**20),
    ("GH200_96GB", 989, 96, 4000, 900, 97_871 * 2**20),
    ("GH200_144GB", 989, 144, 4900, 900, 146_831 * 2**20),
    ("H20_96GB", 148, 96, 4000, 900, 97_871 * 2**20),
    ("H20_141GB", 148, 141, 4800, 900, 143_771 * 2**20),
    ("B300_270GB", 2250, 270, 7700, 1800, 275_040 * 2**20),
    ("GB200_186GB", 2500, 186, 8000, 1800, 189_471 * 2**20),
    ("RTX_PRO_6000", 480, 96, 1597, 128, 97_887 * 2**20),
    ("RTX_6000_Ada", 364.2, 48, 960, 64, 49_140 * 2**20),
    ("RTX_A6000", 154.8, 48, 768, 64, 49_140 * 2**20),
    ("RTX_5090", 209.5, 32, 1792, 128, 32_607 * 2**20),
    ("RTX_4090", 165.2, 24, 1008, 64, 24_564 * 2**20),
    ("RTX_4090D", 147.1, 24, 1008, 64, 24_564 * 2**20),
    ("RTX_3090", 71.2, 24, 936, 64, 24_576 * 2**20),
    ("T4", 65, 16, 320, 32, 15_360 * 2**20),
    ("V100S_32GB", 130, 32, 1134, 32, 32_768 * 2**20),
    # Google Cloud TPU documentation: 918 TFLOPs, 1,638 GBps, 800 GBps; XLA: 31.25 GiB
    ("TPUv6e", 918, 32, 1638, 800, 31.25 * 2**30),
]


@pytest.mark.parametrize("facts", FACTS, ids=[row[0] for row in FACTS])
def test_figures_and_units(facts: tuple[str, float, int, int, int, float]) -> None:
    name, tflops, nominal, bandwidth, links, driver = facts
    config, device = get_hardware_config(name), find_hardware(name)
    shown = (config["Flops"], config["Memory_size"], config["Memory_BW"], config["ICN"])
    assert shown == (tflops, nominal, bandwidth, links)
    assert device.memory_bandwidth == bandwidth * 1e9  # GB/s are decimal
    assert device.link_bandwidth == links * 1e9
    assert device.memory_bytes == driver  # not nominal x 10^9 nor x 2^30


# (device, type, dense TFLOP/s or TOP/s): half of what the datasheet gives with sparsity, and FP32
# accumulation where a GeForce card is quicker with FP16 accumulation
DENSE = [
    ("H100_PCIE_80GB", "fp8", 1513),
    ("H20_96GB", "fp8", 296),
    ("GB200_186GB", "fp4", 10_000),
    ("B300_270GB", "fp4", 13_500),
    ("B300_270GB", "int8", 150),
    ("RTX_6000_Ada", "fp8", 728.5),
    ("RTX_5090", "fp8", 419),
    ("RTX_5090", "fp4", 1676),
    ("RTX_4090", "fp8", 330.3),
    ("RTX_4090", "int8", 660.6),
    ("RTX_3090", "int8", 284),
    ("T4", "int8", 130),
]


@pytest.mark.parametrize(("name", "kind", "rate"), DENSE)
def test_rates_by_type(name: str, kind: str, rate: float) -> None:
    assert dict(find_hardware(name).flops)[kind] == pytest.approx(rate * 1e12, rel=1e-9)


@pytest.mark.parametrize(
    "spelling", ["H100_80GB", "h100-80gb", "H100", " h100_sxm ", "NVIDIA H100 80GB HBM3"]
)
def test_spellings(spelling: str) -> None:
    assert find_hardware(spelling) is find_hardware("H100_80GB")


# (name in published measurements or as the driver spells it, device)
ALIASES = [
    ("A100_SXM_40GB", "A100_40GB"),
    ("A100_SXM_80GB", "A100_80GB"),
    ("A800_SXM_80GB", "A800_80GB"),
    ("H100_SXM_80GB", "H100_80GB"),
    ("H100 PCIe", "H100_PCIE_80GB"),
    ("NVIDIA H100 NVL", "H100_NVL_94GB"),
    ("NVIDIA GH200 480GB", "GH200_96GB"),
    ("NVIDIA GH200 144G HBM3e", "GH200_144GB"),
    ("H200_SXM_141GB", "H200_141GB"),
    ("H20", "H20_96GB"),
    ("H20_3e_141GB", "H20_141GB"),
    ("B200_SXM_180GB", "B200_180GB"),
    ("B300_SXM_270GB", "B300_270GB"),
    ("GB200_NVL72_192GB", "GB200_186GB"),
    ("L40S_48GB", "L40S"),
    ("L4_24GB", "L4"),
    ("RTX_PRO_6000_Blackwell_Server_96GB", "RTX_PRO_6000"),
    ("RTX_6000_Ada_48GB", "RTX_6000_Ada"),
    ("RTX_A6000_48GB", "RTX_A6000"),
    ("RTX_5090_32GB", "RTX_5090"),
    ("RTX_4090_24GB", "RTX_4090"),
    ("geforce rtx 4090 d", "RTX_4090D"),
    ("RTX_3090_24GB", "RTX_3090"),
    ("T4_16GB", "T4"),
    ("V100S_PCIE_32GB", "V100S_32GB"),
    ("MI300X_192GB", "MI300X"),
    ("TPU_v4_32GB", "TPUv4"),
    ("TPU_v5e_16GB", "TPUv5e"),
    ("TPU_v6e_32GB", "TPUv6e"),
]


@pytest.mark.parametrize(("alias", "name"), ALIASES)
def test_aliases(alias: str, name: str) -> None:
    assert find_hardware(alias).name == name


MISSPELT = [("RTX_4O90", "RTX_4090"), ("H20_14GB", "H20_141GB"), ("GB200_168GB", "GB200_186GB")]


@pytest.mark.parametrize(("written", "meant"), MISSPELT)
def test_the_nearest_name(written: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean .*'{meant}'"):
        find_hardware(written)


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


# (device, basis): what the efficiencies are known from; of vLLM on A100 no run was fitted
BASES = [
    *((name, "calibrated") for name in ("H100_80GB", "H200_141GB")),
    *((name, "transferred") for name in (
        "A100_80GB", "A100_40GB", "A800_80GB", "H100_PCIE_80GB", "H100_NVL_94GB", "GH200_96GB",
        "GH200_144GB",
        "H20_96GB", "H20_141GB", "B300_270GB", "GB200_186GB", "L4", "RTX_PRO_6000", "RTX_6000_Ada",
        "RTX_A6000", "RTX_5090", "RTX_4090", "RTX_4090D", "RTX_3090")),
    *((name, "assumed") for name in ("T4", "V100S_32GB", "MI300X", "TPUv5e", "TPUv6e")),
]  # fmt: skip


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
    ("unknown base", {**GOOD, "name": "H1000"}, "unknown hardware 'H1000'; did you mean"),
    ("unknown name", "A100_8OGB", "unknown hardware 'A100_8OGB'; did you mean 'A100_80GB'"),
    ("empty name", "", "unknown hardware ''; list_hardware"),
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
