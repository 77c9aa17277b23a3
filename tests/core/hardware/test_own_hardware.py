"""Hardware of one's own: files, dicts of fields, edited copies, clusters, and how it is shown."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from llmcalc_core import (
    DoesNotFitError,
    Hardware,
    estimate_decode_performance,
    estimate_serving_performance,
    explore,
    find_hardware,
    get_best_parallelization_strategy,
    get_minimum_system_size,
    load_hardware,
)
from llmcalc_core.hardware.tables import FIELDS as FIELD_NAMES

H100 = find_hardware("H100_80GB")
FIELDS: dict[str, Any] = {
    "flops": {"bf16": 1e14, "fp8": 2e14},
    "memory_bytes": 32e9,
    "memory_bandwidth": 1e12,
    "link_bandwidth": 1e11,
}
TABLE = """
[{name}]
flops = {{ bf16 = 1e14, fp8 = 2e14 }}
memory_bytes = 32_000_000_000
memory_bandwidth = 1e12
link_bandwidth = 1e11
"""


def test_a_dict_of_fields() -> None:
    device = find_hardware({"name": "mine", **FIELDS, "power_watts": 300, "price_per_hour": 0.5})
    made = Hardware(
        name="mine", nominal_memory_gb=32, power_watts=300, price_per_hour=0.5, **FIELDS
    )
    assert device == made
    assert device.rate("fp8") == ("fp8", 2e14)
    assert estimate_decode_performance(system_name=FIELDS)["basis"] == "assumed"


def test_every_figure_can_stand_in_a_table() -> None:
    own = {
        "name",
        "calibration",
        "adjustments",
        "own_runs",
        "edited",
    }  # of the package, not of the user
    assert {field.name for field in fields(Hardware)} - own == {*FIELD_NAMES} - {"like"}


def test_a_file_is_hardware(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(TABLE.format(name="mine"), "utf-8")
    assert (
        find_hardware(file) == find_hardware(str(file)) == find_hardware({"name": "mine"} | FIELDS)
    )
    assert explore("llama2_7b", file, 1, batch=1)["hardware"].tolist() == ["mine"]


def test_a_folder_gives_all_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TABLE.format(name="one") + TABLE.format(name="two"), "utf-8")
    (tmp_path / "b.toml").write_text(
        '[cheap]\nlike = "H100"\nprice_per_hour = 1.5\n[cheap.sources]\nprice_per_hour = "ours"',
        "utf-8",
    )
    found = load_hardware(tmp_path)
    assert list(found) == ["one", "two", "cheap"]
    cheap = found["cheap"]
    assert (cheap.name, cheap.price_per_hour, cheap.edited) == ("cheap", 1.5, False)
    assert (cheap.flops, cheap.calibration) == (H100.flops, "H100_80GB")
    with pytest.raises(
        ValueError, match=r"a\.toml must hold one device .*got 2: one, two; load_har"
    ):
        find_hardware(tmp_path / "a.toml")


WRONG_FILES = [
    ("[mine]\nmemory = 3", r"mine\.toml, \[mine\]: .*got 'memory'; did you mean 'memory_bytes'"),
    ("[mine]\nmemory_bytes = 1", r"\[mine\]: .*missing: flops, memory_bandwidth, link_bandwidth"),
    (TABLE.format(name="mine").replace("1e12", "-1"), r"memory_bandwidth must be .*got -1"),
    (TABLE.format(name="mine").replace("bf16", "bf17"), "flops must be one of .*'bf16'"),
    (TABLE.format(name="mine").replace("{ bf16 = 1e14, fp8 = 2e14 }", "5"), "flops must be a dict"),
    (TABLE.format(name="mine") + "power_watts = 0", r"power_watts must be .*\[W\], got 0"),
    (TABLE.format(name="mine") + "price_per_hour = -1", r"price_per_hour must be .*\[USD/h\]"),
    ('[mine]\nlike = "H1000"', r"\[mine\]: unknown hardware 'H1000'; did you mean"),
    ("memory_bytes = 3", r"mine\.toml must hold one table per device.*'memory_bytes'"),
    ("[mine", r"mine\.toml must be a TOML file"),
    ("", r"mine\.toml must hold one device to be used as hardware, got 0"),
]


@pytest.mark.parametrize(("text", "message"), WRONG_FILES, ids=[row[1] for row in WRONG_FILES])
def test_wrong_files(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=message):
        find_hardware(file)


def test_wrong_paths(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path must be a \.toml file or a folder with such files"):
        load_hardware(tmp_path)
    with pytest.raises(ValueError, match=r"path must be .*none\.toml"):
        find_hardware(str(tmp_path / "none.toml"))
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(TABLE.format(name="same"), "utf-8")
    with pytest.raises(ValueError, match=r"b\.toml: .*must be used once, got 'same' again"):
        load_hardware(tmp_path)


def test_a_faster_copy_is_faster_and_says_what_it_is() -> None:
    twice = H100.replace(memory_bandwidth=2 * H100.memory_bandwidth)
    assert (twice.name, twice.edited, twice.calibration) == (
        "H100_80GB (edited)",
        True,
        "H100_80GB",
    )
    assert H100.memory_bandwidth == 3.352e12
    plain, quick = (
        estimate_decode_performance("llama3_8b", system_name=device) for device in (H100, twice)
    )
    assert quick["latency"] < 0.8 * plain["latency"]
    assert (plain["basis"], quick["basis"]) == ("calibrated", "transferred")


def test_what_does_not_change_times_leaves_what_they_rest_on() -> None:
    cheap = H100.replace(price_per_hour=1.0, name="ours")
    assert (cheap.name, cheap.edited) == ("ours", False)
    assert estimate_decode_performance("llama3_8b", system_name=cheap)["basis"] == "calibrated"
    assert H100.replace() == H100
    assert H100.replace(memory_bandwidth=H100.memory_bandwidth).name == "H100_80GB"
    bigger = H100.replace(memory_bytes=2 * H100.memory_bytes)
    assert (bigger.nominal_memory_gb, bigger.edited) == (160, False)


def test_an_unknown_field_has_a_nearest_one() -> None:
    with pytest.raises(ValueError, match="'memory_bandwith'; did you mean 'memory_bandwidth'"):
        H100.replace(memory_bandwith=1e12)
    with pytest.raises(ValueError, match=r"memory_bandwidth must be .*got nan"):
        H100.replace(memory_bandwidth=math.nan)


def test_a_cluster_has_nodes_and_a_network() -> None:
    four = H100.cluster(nodes=2, devices_per_node=4, node_link_bandwidth=12.5e9)
    assert (four.name, four.devices_per_domain, four.device_limit) == ("2 x 4 H100_80GB", 4, 8)
    assert four.node_link_bandwidth == 12.5e9
    assert H100.cluster(3).device_limit == 24
    inside, across = (
        estimate_decode_performance("llama3_8b", 8, system_name=one, tensor_parallel=8)["latency"]
        for one in (H100, four)
    )
    assert across > 1.05 * inside  # eight devices span two nodes of four


def test_a_network_has_a_latency() -> None:
    near, far = (H100.cluster(2, 4, node_link_latency_s=latency) for latency in (5e-6, 105e-6))
    assert "50 GB/s each way per device, 105 us" in far.describe()
    quick, slow = (
        estimate_decode_performance(  # before 0.14 vLLM's host works while no device does
            "llama3_8b", 8, system_name=one, tensor_parallel=8, engine_version="0.11"
        )
        for one in (near, far)
    )
    # 100 us more for each message between the nodes: 2 all-reduces in each of 32 layers, and the
    # gathered logits
    assert slow["latency"] - quick["latency"] == pytest.approx(65 * 0.1)
    with pytest.raises(ValueError, match=r"node_link_latency_s must be .*\[s\], got -1"):
        H100.cluster(2, node_link_latency_s=-1)


def test_plans_use_a_cluster_up_and_no_more() -> None:
    small = H100.cluster(nodes=1, devices_per_node=4)
    assert set(explore("llama3_8b", small, batch=1)["devices"]) == {4}
    assert set(explore("llama3_8b", [small, "A100"], batch=1)["devices"]) == {4}
    assert set(explore("llama3_8b", "A100", batch=1)["devices"]) == {8}
    beyond = "must be at most 4, the devices of 1 x 4 H100_80GB, got 8"
    with pytest.raises(ValueError, match=beyond):
        explore("llama3_8b", small, devices=[4, 8])
    with pytest.raises(ValueError, match="total_nodes " + beyond):
        get_best_parallelization_strategy(model="llama3_8b", total_nodes=8, system_name=small)
    with pytest.raises(ValueError, match=beyond):
        estimate_decode_performance("llama3_8b", system_name=small, tensor_parallel=8)
    with pytest.raises(ValueError, match=beyond):
        estimate_serving_performance("llama3_8b", system_name=small, tensor_parallel=8)
    with pytest.raises(DoesNotFitError, match=r"needs \d+ devices, and 1 x 4 H100_80GB has 4"):
        get_minimum_system_size("llama3_405b", system_name=small)


@pytest.mark.parametrize("field", ["nodes", "devices_per_node"])
def test_wrong_clusters(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} must be a whole number .*got 0"):
        H100.cluster(**({"nodes": 2, "devices_per_node": 2} | {field: 0}))


def test_a_device_in_words() -> None:
    said = H100.describe()
    for part in ("80 GB, 3,352 GB/s", "450 GB/s each way between 8 devices", "700 W",
                 "3.99 USD per device hour, cloud, 2026-11-09"):  # fmt: skip
        assert part in said
    assert "at most 16" in H100.cluster(nodes=2).describe()
    assert "not known" in find_hardware("MI350X").describe()


def test_a_price_says_whose_it_is() -> None:
    bought = "assumed: list price over 4 years, 2026-11-23"
    assert f"0.114 USD per device hour, {bought}" in find_hardware("DGX_Spark").describe()
    assert "2 USD per device hour, as given" in H100.replace(price_per_hour=2).describe()
    own = find_hardware(FIELDS | {"price_per_hour": 1.5})
    assert "1.5 USD per device hour, as given" in own.describe()
    # another figure leaves the price the catalogue's
    assert "cloud, 2026-11-09" in H100.replace(memory_bandwidth=4e12).describe()


# calibration/efficiency.toml: A100's kernels are fitted, the H20 is like the H100, nothing of the
# MI325X is; bands.toml: runs of Llama 3.1 405B on the MI300X
@pytest.mark.parametrize(("name", "known"), [
    ("A100_40GB", "kernels borrowed from A100_80GB; no runs measured"),
    ("H20_96GB", "kernels borrowed from H100_80GB; no runs measured"),
    ("MI300X", "kernels assumed; runs of 1 model measured"),
    ("MI325X", "kernels assumed; no runs measured"),
])  # fmt: skip
def test_efficiencies_are_measured_borrowed_or_assumed(name: str, known: str) -> None:
    assert known in find_hardware(name).describe()


def test_efficiencies_of_an_edited_or_unknown_device() -> None:
    assert re.search(r"kernels measured; runs of \d+ models measured\n?$", H100.describe())
    faster = H100.replace(memory_bandwidth=4e12).describe()
    assert faster.endswith("models measured, before its figures were edited")
    assert "kernels assumed; no runs measured" in find_hardware(FIELDS).describe()


def test_html_is_escaped() -> None:
    odd = H100.replace(name="<script>", description="a & b", calibration="<i>")
    shown = odd._repr_html_()
    assert "<script>" not in shown
    assert "<i>" not in shown
    assert "&lt;script&gt;" in shown
    assert "a &amp; b" in shown
