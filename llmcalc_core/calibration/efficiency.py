"""Efficiency facts of a device and precision, looked up in the table beside this file."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from llmcalc_core.domain.hardware import Hardware
from llmcalc_core.domain.precision import STORED_BITS, Precision

_NEAREST = {"int8": ("fp8",), "fp8": ("int8",), "fp4": ("fp8", "int8"), "int4": ("int8", "fp8")}
"""Types of like width, whose kernels reach a like part of their peak."""

BASES = ("calibrated", "transferred", "assumed")
"""How an estimate's efficiencies are known, from best to worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What a family of operations reaches.

    Attributes
    ----------
    peak : float
        Peak rate of the type it computes in [FLOP/s].
    compute, memory : float
        Fractions of the peak rate and of the memory bandwidth [1].
    floor_s : float
        Time of an empty operation [s].
    sharpness : float
        The p of the norm that joins compute and memory time [1].
    half : float
        Size at which half of ``compute`` is reached [tokens].
    """

    peak: float
    compute: float
    memory: float
    floor_s: float
    sharpness: float = math.inf
    half: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What messages reach: latency and fraction of the one-directional link rate, by width.

    Attributes
    ----------
    log_widths, latencies_s, fractions : tuple of float
        Binary logarithm of the participants measured [1], time of an empty all-reduce [s], bus
        bandwidth over the link's rate in one direction [1].
    """

    log_widths: tuple[float, ...]
    latencies_s: tuple[float, ...]
    fractions: tuple[float, ...]
    node_latency_s: float
    node_fraction: float
    hand_over_latency_s: float
    hand_over_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiency:
    """Everything time estimates need to know of a device beside its peaks."""

    curves: dict[str, Curve]
    links: Links
    decode_step_s: float
    prefill_step_s: float
    basis: str


@cache
def _table() -> dict[str, Any]:
    text = files("llmcalc_core.calibration").joinpath("efficiency.toml").read_text("utf-8")
    return tomllib.loads(text)


@lru_cache(maxsize=512)
def efficiency_for(
    hardware: Hardware, precision: Precision, *, mixture: bool = False
) -> Efficiency:
    """Look up what a device reaches at a precision.

    Parameters
    ----------
    hardware : Hardware
        The device; its ``calibration`` names whose facts to use.
    precision : Precision
        Types of weights, activations and KV cache.
    mixture : bool, default False
        Whether the model has mixtures of experts, whose facts then count for the basis.

    Returns
    -------
    Efficiency
        Curves by operation family, links and overheads, and the basis, which is that of the
        worst known family used: calibrated (measured on this device and type), transferred (from
        a relative or another type) or assumed.

    Examples
    --------
    >>> from llmcalc_core.catalog.hardware import find_hardware
    >>> efficiency_for(find_hardware("H100_80GB"), Precision()).basis
    'calibrated'
    >>> efficiency_for(find_hardware("MI300X"), Precision()).basis
    'assumed'
    """
    table = _table()
    facts = table.get(hardware.calibration, table["assumed"])
    basis = facts["basis"]
    if "like" in facts:
        facts = table[facts["like"]]
    main, wide = hardware.rate(precision.activations), hardware.rate("bf16")
    grouped = hardware.rate(precision.expert_activations)
    looked_up = {
        "gemm": _find(facts, "gemm", main[0]),
        "gemm_wide": _find(facts, "gemm", wide[0]),
        "attention_prefill": _find(facts, "attention_prefill", wide[0]),
        "attention_decode": _find(facts, "attention_decode", precision.kv_cache),
        "mixture": _mixture_facts(facts, grouped[0], precision),
    }
    curves = {
        family: _curve(entry, {"gemm": main, "mixture": grouped}.get(family, wide)[1])
        for family, (entry, _) in looked_up.items()
    }
    engine = table["engine"]
    curves["traffic"] = Curve(
        peak=wide[1],
        compute=1.0,
        memory=engine["traffic_memory"],
        floor_s=engine["traffic_floor_us"] * 1e-6,
    )
    used = ("gemm", "attention_decode", *(("mixture",) if mixture else ()))
    known = [basis, *(looked_up[family][1] for family in used)]
    return Efficiency(
        curves=curves,
        links=_links(facts, engine),
        decode_step_s=engine["decode_step_us"] * 1e-6,
        prefill_step_s=engine["prefill_step_us"] * 1e-6,
        basis=max(known, key=BASES.index),
    )


def _find(facts: dict[str, Any], family: str, data_type: str) -> tuple[dict[str, Any], str]:
    """Give the facts of a family for a type, else for the nearest one, and how they are known."""
    if family not in facts:
        return _table()["assumed"][family][0], "assumed"
    by_type = {entry["type"]: entry for entry in facts[family]}
    same = {"fp16": "bf16"}.get(data_type, data_type)
    if same in by_type:
        return by_type[same], "calibrated"
    nearest = next(near for near in (*_NEAREST.get(same, ()), "bf16") if near in by_type)
    return by_type[nearest], "transferred"


def _mixture_facts(
    facts: dict[str, Any], computed: str, precision: Precision
) -> tuple[dict[str, Any], str]:
    """Give the facts of grouped kernels for weights of this width.

    At few rows per expert such a kernel takes as long as reading the weights, which its curve
    holds as the rows at half efficiency: for narrower weights than measured they shrink alike.
    """
    narrow = any(entry["type"] == precision.experts for entry in facts.get("mixture", ()))
    entry, basis = _find(facts, "mixture", precision.experts if narrow else computed)
    share = min(1.0, STORED_BITS[precision.experts] / STORED_BITS[entry["type"]])
    return {**entry, "half": entry.get("half", 0.0) * share}, basis


def _curve(entry: dict[str, Any], peak: float) -> Curve:
    return Curve(
        peak=peak,
        compute=entry.get("compute", 0.5),
        memory=entry.get("memory", 0.8),
        floor_s=entry["floor_us"] * 1e-6,
        sharpness=entry.get("sharpness", math.inf),
        half=entry.get("half", 0.0),
    )


def _links(facts: dict[str, Any], engine: dict[str, Any]) -> Links:
    entries = facts.get("all_reduce") or _table()["assumed"]["all_reduce"]
    return Links(
        log_widths=tuple(math.log2(entry["devices"]) for entry in entries),
        latencies_s=tuple(entry["latency_us"] * 1e-6 for entry in entries),
        fractions=tuple(entry["fraction"] for entry in entries),
        node_latency_s=engine["node_latency_us"] * 1e-6,
        node_fraction=engine["node_fraction"],
        hand_over_latency_s=engine["hand_over_latency_us"] * 1e-6,
        hand_over_fraction=engine["hand_over_fraction"],
    )
