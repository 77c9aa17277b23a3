"""Facts of a device's kernels, looked up in the table beside this file."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from llmcalc_core.dtypes import DATA_TYPES

Facts = dict[str, Any]
"""An entry of the table, or all of a device."""


@cache
def table() -> dict[str, Facts]:
    """Read the table: devices, ``assumed`` and ``engine``."""
    text = files("llmcalc_core.calibration").joinpath("efficiency.toml").read_text("utf-8")
    return tomllib.loads(text)


def facts_of(device: str) -> Facts:
    """Give the facts of a device: its own families, and those of the relative it names.

    Examples
    --------
    >>> [entry["compute"] for entry in facts_of("RTX_PRO_6000")["gemm"] if entry["type"] == "bf16"]
    [0.891, 0.891]
    >>> facts_of("RTX_PRO_6000")["attention_decode"] == facts_of("L40S")["attention_decode"]
    True
    """
    own = table().get(device, table()["assumed"])
    found: Facts = table().get(own.get("like", device), {}) | own
    if "products" in own:
        found["gemm"] = [
            entry | {"type": kind, "compute": own["products"][kind]}
            for kind in DATA_TYPES
            if kind in own["products"]
            for entry in found["gemm"]
            if entry["type"] == DATA_TYPES[kind].curve
        ]
    return found


def kernels_of(device: str) -> tuple[str, str]:
    """Say how well the kernels of a device are known, and whose stand for them.

    Examples
    --------
    >>> kernels_of("H20_96GB")
    ('transferred', 'H100_80GB')
    """
    facts = table().get(device, table()["assumed"])
    return facts["basis"], facts.get("like", device)


def find_facts(facts: Facts, family: str, data_type: str, engine: str = "") -> tuple[Facts, str]:
    """Give the facts of a family for a type, else for the nearest one, and how they are known.

    Facts of the engine's own kernels go before those that stand for every engine.
    """
    if family not in facts:
        return find_facts(table()["assumed"], family, data_type)[0], "assumed"
    usable = [entry for entry in facts[family] if entry.get("engine", engine) == engine]
    by_type = {entry["type"]: entry for entry in sorted(usable, key=lambda own: "engine" in own)}
    same = DATA_TYPES[data_type].kernels
    if same in by_type:
        return by_type[same], "calibrated"
    nearest = next(near for near in (*DATA_TYPES[same].like, "bf16") if near in by_type)
    return by_type[nearest], "transferred"


def mixture_facts(facts: Facts, computed: str, stored: str, engine: str) -> Facts:
    """Give the facts of grouped kernels: those assumed for all, and what is known to differ.

    They reach a share of what the device's dense products of the type do. Weights of 4 bits that
    are multiplied in 16 are unpacked by kernels of their own.

    Examples
    --------
    >>> facts = mixture_facts(facts_of("H200_141GB"), "fp8", "fp8", "trtllm")
    >>> dense, _ = find_facts(facts_of("H200_141GB"), "gemm", "fp8", "trtllm")
    >>> facts["compute"] / dense["compute"]
    0.5
    """
    (entry,) = table()["assumed"]["mixture"]
    kind = computed
    if DATA_TYPES[computed].has_16_bits:
        kind = f"{stored} to 16 bits" if DATA_TYPES[stored].is_packed else "bf16"
    own = (
        other
        for other in facts.get("mixture", ())
        if other["type"] == kind and other.get("engine", engine) == engine
    )
    dense, _ = find_facts(facts, "gemm", computed, engine)
    compute = entry["dense_share"] * dense["compute"]
    found: Facts = entry | {"compute": compute} | next(own, {})
    return found


def reduce_facts(facts: Facts, engine: str) -> list[Facts]:
    """Give the all-reduces of the engine, else those that stand for every engine.

    Examples
    --------
    >>> [reduce_facts(facts_of("B200_180GB"), "vllm")[2][key] for key in ("engine", "devices")]
    ['trtllm', 8]
    """
    known: list[Facts] = facts.get("all_reduce") or table()["assumed"]["all_reduce"]
    own = [entry for entry in known if engine in (entry.get("engine"), *entry.get("serves", ()))]
    return own or [entry for entry in known if "engine" not in entry]
