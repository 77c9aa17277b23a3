"""Tables of devices check themselves: one message names file, table and every key at fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llmcalc_core.hardware.catalogue import device_from_table
from llmcalc_core.hardware.tables import catalogue_tables

SMALLEST = """\
[X1]
flops = {bf16 = 1e15}
memory_bytes = 80e9
memory_bandwidth = 3e12
link_bandwidth = 9e11
[X1.sources]
flops = "data sheet of its maker; read 2026-11-30"
memory_bytes = "assumed: as the X0."
memory_bandwidth = "assumed: as the X0."
link_bandwidth = "assumed: as the X0."
"""
OTHER = SMALLEST.replace("X1", "X2")


def test_four_figures_and_their_sources_are_a_device(tmp_path: Path) -> None:
    (table,) = catalogue_tables(_folder(tmp_path, SMALLEST)).values()
    device = device_from_table("X1", table)
    assert (device.nominal_memory_gb, device.description, device.price_per_hour) == (80, "", None)


def _folder(folder: Path, text: str) -> Path:
    (folder / "maker.toml").write_text(text, "utf-8")
    return folder


# (what is written, in place of what, the message)
WRONG = [
    ("memory_byte = 80e9", "memory_bytes = 80e9",
     "a key must be a field of a device, got 'memory_byte'; did you mean 'memory_bytes'?"),
    ("", "memory_bytes = 80e9\n", "missing: memory_bytes; sources has 'memory_bytes', which is no"),
    ("zzzz = 1\n[X1.sources]", "[X1.sources]", "must be a field of a device (flops, memory_bytes"),
    ("80", "80e9", "memory_bytes must be from 1e+09 to 1e+14 [bytes], got 80"),
    ("'80e9'", "80e9", "memory_bytes must be from 1e+09 to 1e+14 [bytes], got '80e9'"),
    ("{bf16 = 989}", "{bf16 = 1e15}", "flops.bf16 must be from 1e+11 to 1e+19 [FLOP/s], got 989"),
    ("{bf17 = 1e15, fp16 = 1e15}", "{bf16 = 1e15}", "got 'bf17'; did you mean 'bf16'"),
    ("{fp8 = 1e15}", "{bf16 = 1e15}", "flops must have a rate of bf16 or fp16 or fp32, got fp8"),
    ("1e15", "{bf16 = 1e15}", "flops must be a table of rates by type [FLOP/s], got 1000000000"),
    ("power_watts = 0\n[X1.s", "[X1.s", "power_watts must be from 1 to 100000 [W], got 0"),
    ("price_per_hour = -1\n[X1.s", "[X1.s", "price_per_hour must be from 0.0001 to 10000 [USD/h]"),
    ("link_latency_s = 5\n[X1.s", "[X1.s", "link_latency_s must be from 1e-08 to 0.01 [s], got 5"),
    ("devices_per_domain = 2.5\n[X1.s", "[X1.s", "devices_per_domain must be a whole number"),
    ("description = 3\n[X1.s", "[X1.s", "description must be a text, got 3"),
    ("aliases = 'X'\n[X1.s", "[X1.s", "aliases must be a list of texts, got 'X'"),
    ("like = 'X2'\n[X1.s", "[X1.s", "like can only be given in a file of your own"),
    ("node_link_bandwidth = 5e10\nhost_link_bandwidth = 5e10\n[X1.s", "[X1.s",
     "sources must say where node_link_bandwidth, host_link_bandwidth come from"),
    ("sources = 3", SMALLEST[SMALLEST.index("[X1.s"):], "sources must be a table of texts, got 3"),
    ('flop = "data', 'flops = "data', "sources has 'flop', which is no figure of the table; did"),
    ('data sheet"', 'data sheet of its maker; read 2026-11-30"',
     "sources.flops must name a document with 'read YYYY-MM-DD' or 'checked YYYY-MM-DD', or begin"),
    ("price_per_hour = 2\n[X1.sources]\nprice_per_hour = 'list; read 2026-11-30'", "[X1.sources]",
     "sources.price_per_hour must begin with 'cloud: ' or 'assumed: ' or 'not known: '"),
    ("[X1.sources]\nprice_per_hour = 'cloud: a page; read 2026-11-30'", "[X1.sources]",
     "sources.price_per_hour must be 'not known: why' where there is no price, else not"),
    ("price_per_hour = 2\n[X1.sources]\nprice_per_hour = 'not known: no offer'", "[X1.sources]",
     "sources.price_per_hour must be 'not known: why' where there is no price, else not"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "place", "message"), WRONG, ids=[row[2] for row in WRONG])
def test_a_mistake_is_named(tmp_path: Path, written: str, place: str, message: str) -> None:
    assert place in SMALLEST
    text = SMALLEST.replace(place, written, 1)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        catalogue_tables(_folder(tmp_path, text))
    assert str(caught.value).startswith(f"{tmp_path / 'maker.toml'}, [X1]: ")


def test_all_mistakes_of_a_table_are_said_at_once(tmp_path: Path) -> None:
    wrong = SMALLEST.replace("80e9", "80").replace("bf16", "bf17").replace("3e12", "3000")
    with pytest.raises(
        ValueError, match=r"memory_bytes must.*; memory_bandwidth must.*; flops must"
    ):
        catalogue_tables(_folder(tmp_path, wrong))


@pytest.mark.parametrize(("first", "second", "spelling"), [
    ("X2-Super", "x2_super", "x2_super"), ("X1", "x9", "X1"), ("x2", "x9", "X2"),
])  # fmt: skip
def test_a_name_is_of_one_device(tmp_path: Path, first: str, second: str, spelling: str) -> None:
    one = SMALLEST.replace("[X1.s", f"aliases = ['{first}']\n[X1.s")
    two = OTHER.replace("[X2.s", f"aliases = ['{second}']\n[X2.s")
    (tmp_path / "a.toml").write_text(one, "utf-8")
    (tmp_path / "b.toml").write_text(two, "utf-8")
    with pytest.raises(ValueError, match=r"must be used once") as caught:
        catalogue_tables(tmp_path)
    assert repr(spelling) in str(caught.value)
    assert "a.toml, [X1]" in str(caught.value)


def test_a_table_is_in_one_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(SMALLEST, "utf-8")
    with pytest.raises(ValueError, match=r"b\.toml, \[X1\]: .*used once, got 'X1'.*a\.toml"):
        catalogue_tables(tmp_path)


def test_a_file_of_a_new_maker_comes_last(tmp_path: Path) -> None:
    (tmp_path / "aaa.toml").write_text(SMALLEST, "utf-8")
    (tmp_path / "cpus.toml").write_text(OTHER, "utf-8")
    assert list(catalogue_tables(tmp_path)) == ["X2", "X1"]
