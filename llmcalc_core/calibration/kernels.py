"""Facts of a device's kernels, looked up in the table beside this file."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

Facts = dict[str, Any]
"""An entry of the table, or all of a device."""

_NEAREST = {"int8": ("fp8",), "fp8": ("int8",), "fp4": ("fp8", "int8"), "int4": ("int8", "fp8")}
"""Types of like width, whose kernels reach a like part of their peak."""

_STANDS_FOR = {"bf16": "bf16", "fp8": "fp8", "fp4": "fp8"}
"""Of which type a relative's products have the curve that a device's own do."""


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
            for kind, stands in _STANDS_FOR.items()
            for entry in found["gemm"]
            if entry["type"] == stands
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
    same = {"fp16": "bf16"}.get(data_type, data_type)
    if same in by_type:
        return by_type[same], "calibrated"
    nearest = next(near for near in (*_NEAREST.get(same, ()), "bf16") if near in by_type)
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
    if computed in ("bf16", "fp16"):
        kind = f"{stored} to 16 bits" if stored in ("fp4", "int4") else "bf16"
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
