"""Every built-in device: figures that can be, rates without sparsity, a source for each."""

from __future__ import annotations

import math
import re

import pytest

from llmcalc_core import HARDWARE_CONFIGS, explore, find_hardware, hardware_sources, list_hardware
from llmcalc_core.hardware.tables import FIGURES, built_in_tables

# (device, type, dense TFLOP/s or TOP/s, GB, GB/s, W), from the documents its `sources` name
FACTS = [
    ("V100_16GB", "fp16", 125, 16, 900, 300),  # NVIDIA Tesla V100 datasheet
    ("A10", "bf16", 125, 24, 600, 150),  # NVIDIA A10 datasheet
    ("A10G", "bf16", 70, 24, 600, 300),  # NVIDIA's specification for AWS G5
    ("A30", "bf16", 165, 24, 933, 165),  # NVIDIA A30 datasheet
    ("A40", "bf16", 149.7, 48, 696, 300),  # NVIDIA A40 datasheet
    ("L40", "fp8", 362, 48, 864, 300),  # NVIDIA L40 datasheet
    ("GB300_279GB", "fp4", 15_000, 279, 8000, 1400),  # Verda, GB300 NVL72
    ("DGX_Spark", "fp4", 500, 128, 273, 140),  # 1 PFLOP/s with sparsity, NVIDIA at Hot Chips 2025
    ("Jetson_Thor", "fp4", 1035, 128, 273, 130),  # 2,070 TFLOPS with sparsity
    ("MI210", "bf16", 181, 64, 1638.4, 300),  # AMD MI210 data sheet
    ("MI250X", "bf16", 383 / 2, 64, 3276.8 / 2, 560 / 2),  # AMD MI250X: two dies
    ("MI350X", "fp4", 9227.5, 288, 8000, 1000),  # AMD MI350X data sheet
    ("MI355X", "fp8", 5033.2, 288, 8000, 1400),  # AMD MI355X data sheet
    ("TPUv5p", "bf16", 459, 95, 2765, 320),  # Google Cloud TPU documentation; power assumed
    ("TPUv7", "fp8", 4614, 192, 7380, 980),
    ("Trainium1", "bf16", 190, 32, 820, 244),  # AWS Neuron documentation; power assumed
    ("Trainium2", "fp8", 1299, 96, 2900, 500),
    ("Trainium3", "fp8", 2517, 144, 4900, 1000),
    ("Inferentia2", "bf16", 190, 32, 820, 244),
    ("Gaudi2", "bf16", 432, 96, 2460, 600),  # Kaplan (Intel), Hot Chips 2024
    ("Gaudi3", "fp8", 1678, 128, 3670, 900),  # Intel Gaudi 3 white paper, OAM card
    ("B300_270GB", "fp4", 13_500, 270, 7700, 1100),  # Blackwell Technical Brief V2.1, Table 3
    ("Max_1550", "bf16", 839, 128, 3276.8, 600),
    ("M3_Ultra", "fp16", 28.2, 512, 819, 270),
    ("M4_Max", "fp16", 18.4, 128, 546, 145),
    # cores x 1,024 operations per clock x turbo of all cores: 56 x 1,024 x 3.0 GHz = 172 TFLOP/s
    ("Xeon_8480", "bf16", 172.032, 512, 307.2, 350),
    ("Xeon_6980P", "bf16", 419.4304, 768, 844.8, 500),
]


@pytest.mark.parametrize("facts", FACTS, ids=[row[0] for row in FACTS])
def test_figures(facts: tuple[str, str, float, float, float, float]) -> None:
    name, kind, rate, nominal, bandwidth, power = facts
    device = find_hardware(name)
    assert dict(device.flops)[kind] == pytest.approx(rate * 1e12, rel=1e-9)
    assert device.nominal_memory_gb == nominal
    assert device.memory_bandwidth == pytest.approx(bandwidth * 1e9, rel=1e-9)
    assert device.power_watts == power


def test_networks_and_hosts_of_servers() -> None:
    # 200 Gb/s for each GPU (NVIDIA Enterprise Reference Architecture 2-8-5-200), 25 GB/s each way
    assert find_hardware("RTX_PRO_6000").node_link_bandwidth == 200e9 / 8
    # 12,800 Gb/s of EFA and 8,192 GiB for 64 devices (Amazon EC2 Trn3 Architecture, AWS Neuron)
    trainium = find_hardware("Trainium3")
    assert trainium.node_link_bandwidth == 12_800e9 / 8 / 64
    assert trainium.host_memory_bytes == 8192 * 2**30 / 64
    # half of the 480 GB and 512 GB/s of the Grace that two GPUs share (NVIDIA GB200 NVL72 page)
    blackwell = find_hardware("GB200_186GB")
    assert (blackwell.host_memory_bytes, blackwell.host_link_bandwidth) == (240e9, 256e9)


def test_there_are_fifty_and_every_maker() -> None:
    assert len(list_hardware()) >= 50
    makers = {table.get("vendor") for table in built_in_tables().values()}
    assert makers >= {"NVIDIA", "AMD", "Google", "AWS", "Intel", "Apple"}


@pytest.mark.parametrize("name", list_hardware())
def test_no_rate_counts_sparsity(name: str) -> None:
    rates = dict(find_hardware(name).flops)
    wide = rates.get("bf16", rates.get("fp16", 0.0))
    assert wide == rates.get("fp16", wide)
    # Halving the width doubles the rate; GeForce cards double it once more for int8 and fp4, which
    # they accumulate at full speed; Blackwell Ultra's fp4 is at three times fp8. Trainium3's
    # narrow types are at 3.75 times its wide ones, in AWS's own dense figures.
    narrow = 3.76 if name == "Trainium3" else 2
    most = {"fp32": 1, "tf32": 0.5, "fp8": narrow, "int8": 4, "fp4": 8, "int4": 8}
    if name.startswith(("Trainium", "Inferentia")):
        most["tf32"] = 1  # at the rate of bf16 (AWS Neuron documentation)
    for kind, factor in most.items():
        assert rates.get(kind, 0) <= 1.015 * factor * wide
    assert rates.get("fp4", 0) <= 4 * rates.get("fp8", math.inf)


@pytest.mark.parametrize("name", list_hardware())
def test_figures_are_plausible(name: str) -> None:
    device = find_hardware(name)
    assert 0.95 < device.memory_bytes / (device.nominal_memory_gb * 1e9) < 1.08  # GB or GiB
    assert 20 < device.rate("bf16")[1] / device.memory_bandwidth < 1000  # FLOP per byte
    assert device.link_bandwidth / 2 < 1.01 * device.memory_bandwidth
    assert device.node_link_bandwidth <= device.link_bandwidth / 2
    assert device.link_bandwidth >= (3e10 if device.devices_per_domain > 1 else 1e10)
    if device.power_watts is not None:
        assert 0.02 < device.rate("bf16")[1] / 1e12 / device.power_watts < 3  # TFLOP/s per watt
    if device.price_per_hour is not None:
        assert 0.02 < device.price_per_hour < 20


DATED = r"(read|checked) 20\d\d-\d\d-\d\d"


@pytest.mark.parametrize("name", list_hardware())
def test_every_figure_has_a_source(name: str) -> None:
    sources = hardware_sources(name)
    assert set(sources) == set(FIGURES) & set(built_in_tables()[name]) | {"price_per_hour"}
    assert {"flops", "memory_bytes", "memory_bandwidth", "link_bandwidth"} <= set(sources)


@pytest.mark.parametrize("name", list_hardware())
def test_a_source_is_a_document_with_its_date_or_assumed(name: str) -> None:
    for text in hardware_sources(name).values():
        assert text.startswith(("assumed: ", "not known: ")) or re.search(DATED, text), text
        # what is recalled only is called assumed before it is called recalled
        assert "recalled" not in text.split("assumed")[0].casefold(), text


PRICES = {
    "cloud: ": DATED,
    "assumed: ": rf"(?=.*({DATED}|recalled .*not read)).*(over 4 years|commitment)",
    "not known: ": r"looked for on 20\d\d-\d\d-\d\d|none was looked for",
}
"""How a price is known, and what its source then says."""


@pytest.mark.parametrize("name", list_hardware())
def test_a_price_says_of_what_kind_it_is(name: str) -> None:
    source = hardware_sources(name)["price_per_hour"]
    (kind,) = (kind for kind in PRICES if source.startswith(kind))
    assert re.search(PRICES[kind], source), source
    assert (kind == "not known: ") == (find_hardware(name).price_per_hour is None)


# (device, list price [USD], hours of four years): 4 x 365.25 x 24 = 35,064
BOUGHT = [("DGX_Spark", 3999), ("M3_Ultra", 9499), ("Gaudi3", 125_000 / 8), ("Xeon_6980P", 12_460)]


@pytest.mark.parametrize(("name", "list_price"), BOUGHT)
def test_a_bought_device_costs_its_price_over_four_years(name: str, list_price: float) -> None:
    hourly = find_hardware(name).price_per_hour
    assert hourly == pytest.approx(list_price / 35_064, rel=1e-3)


def test_catalogue_and_guide_say_the_same() -> None:
    assert tuple(HARDWARE_CONFIGS) == list_hardware()


@pytest.mark.parametrize("name", list_hardware())
def test_every_device_serves_a_model(name: str) -> None:
    frame = explore("llama3_8b", name, devices=[1, 4], batch=4, phase="serving")
    fits = frame[frame["rejected_for"] == ""]
    assert len(fits)
    # 8.03e9 parameters less the 0.53e9 of the embedding (128,256 x 4,096), 2 bytes each, split over
    # tp devices, are read at most at the peak bandwidth
    bound = 15.0e9 / (fits["tp"] * find_hardware(name).memory_bandwidth)
    assert (fits["tpot_s"] > bound).all()
