"""What a device reaches at a precision with an engine: its kernels' facts and the constants."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from llmcalc_core.calibration.bands import BASES
from llmcalc_core.calibration.constants import Constants, fitted, specs
from llmcalc_core.calibration.facts import Behaviour, Curve, Efficiency, Links
from llmcalc_core.calibration.kernels import (
    Facts,
    facts_of,
    find_facts,
    kernels_of,
    mixture_facts,
    reduce_facts,
    table,
)
from llmcalc_core.checks import one_of
from llmcalc_core.engines import OVERLAPPING, PREFILL_FIRST
from llmcalc_core.formulas import Values
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.precision import Precision

_MOST, _NEARING = 0.97, 16
"""No fitted constant lets an operation come closer to a device's peak than this. It nears it as the
norm of that power of both has it: at a corner a fit would not find which way is down."""


@lru_cache(maxsize=512)
def efficiency_for(
    hardware: Hardware,
    precision: Precision,
    *,
    mixture: bool = False,
    engine: str = "vllm",
    constants: Constants | None = None,
) -> Efficiency:
    """Look up what a device reaches at a precision with an engine.

    Parameters
    ----------
    hardware : Hardware
        The device; its ``calibration`` names whose facts to use.
    precision : Precision
        Types of weights, activations and KV cache.
    mixture : bool, default False
        Whether the model has mixtures of experts, whose facts then count for the basis.
    engine : str, default 'vllm'
        The serving engine, one of ``ENGINES``.
    constants : Constants, optional
        In place of the device's own and the fitted ones.

    Returns
    -------
    Efficiency
        Curves by operation family, links and overheads, and the basis, which is that of the
        worst known family used: calibrated (measured on this device and type), transferred (from
        a relative or another type) or assumed.

    Raises
    ------
    ValueError
        If the hardware adjusts a constant that there is not, with the nearest one.

    Examples
    --------
    >>> from llmcalc_core.hardware.find import find_hardware
    >>> efficiency_for(find_hardware("H100_80GB"), Precision()).basis
    'calibrated'
    >>> efficiency_for(find_hardware("TPUv4"), Precision()).basis
    'assumed'
    """
    general, facts = table()["engine"], facts_of(hardware.calibration)
    basis, device = kernels_of(hardware.calibration)
    values = (constants or fitted()).of(engine, device)
    for name, step in hardware.adjustments:
        constant = one_of("adjustments", name, tuple(values))
        values[constant] = specs()[constant].moved(values[constant], step)
    rates = {
        "gemm": hardware.rate(precision.activations),
        "mixture": hardware.rate(precision.expert_activations),
    }
    apart = sorted(precision.computed - {"bf16", "fp16"})
    rates |= {f"gemm_{kind}": hardware.rate(kind) for kind in apart}
    wide = hardware.rate("bf16")
    looked_up = {
        "gemm": find_facts(facts, "gemm", rates["gemm"][0], engine),
        "gemm_wide": find_facts(facts, "gemm", wide[0], engine),
        "attention_prefill": find_facts(facts, "attention_prefill", wide[0]),
        "attention_decode": find_facts(facts, "attention_decode", precision.kv_cache, engine),
        "mixture": (mixture_facts(facts, rates["mixture"][0], precision.experts, engine), ""),
    } | {
        f"gemm_{kind}": find_facts(facts, "gemm", rates[f"gemm_{kind}"][0], engine)
        for kind in apart
    }
    base = {
        family: _curve(entry, rates.get(family, wide)[1])
        for family, (entry, _) in looked_up.items()
    }
    base["traffic"] = _traffic(general, wide[1])
    used = ("gemm", "attention_decode")
    known = [basis, *(looked_up[family][1] for family in used)]
    types = {family: entry["type"] for family, (entry, _) in looked_up.items() if family in rates}
    return Efficiency(
        decode=_scaled(base, values, types, decode=True),
        prefill=_scaled(base, values, types, decode=False),
        links=_links(facts, engine, general, hardware, values),
        decode_step_s=values["step_overhead_s"],
        sequence_step_s=values["sequence_overhead_s"],
        host_launch_s=values["host_launch_s"] * (values["mixture_launch"] if mixture else 1.0),
        draft_step_s=general["draft_step_us"] * 1e-6,
        draft_pass_s=general["draft_pass_us"] * 1e-6,
        behaviour=_behaviour(values, engine),
        device=hardware.calibration,
        data_type=precision.experts,
        basis=max(known, key=BASES.index),
    )


def _scaled(
    base: dict[str, Curve],
    values: dict[str, float],
    types: dict[str, str],
    *,
    decode: bool,
) -> dict[str, Curve]:
    """Scale the curves of kernels measured alone to what engines reach, below every peak."""
    device = values["decode_time"] if decode else values["prefill_time"]
    narrow: float = table()["engine"]["narrow_gemm_time"]
    narrower = {family: narrow for family, kind in types.items() if kind in ("fp8", "fp4")}
    return {
        family: replace(
            curve,
            compute=_reached(curve.compute / (narrower.get(family, 1.0) * device)),
            memory=_reached(curve.memory / device),
            floor_s=curve.floor_s * values["launch_floor"],
            ramp_s=curve.ramp_s * values["launch_floor"],
        )
        for family, curve in base.items()
    }


def _reached(share: Values) -> float:
    """Keep the share of a peak that constants ask for below the peak."""
    return float(share / (1 + (share / _MOST) ** _NEARING) ** (1 / _NEARING))


def _traffic(engine: dict[str, Any], peak: float) -> Curve:
    return Curve(
        peak=peak,
        compute=1.0,
        memory=engine["traffic_memory"],
        floor_s=engine["traffic_floor_us"] * 1e-6,
    )


def _behaviour(values: dict[str, float], engine: str) -> Behaviour:
    return Behaviour(
        first_token_s=values["first_token_s"],
        first_token_steps=values["first_token_steps"],
        prefill_first=float(engine in PREFILL_FIRST),
        overlaps=float(engine in OVERLAPPING),
    )


def _curve(entry: dict[str, Any], peak: float) -> Curve:
    return Curve(
        peak=peak,
        compute=entry.get("compute", 0.5),
        memory=entry.get("memory", 0.8),
        floor_s=entry["floor_us"] * 1e-6,
        sharpness=entry.get("sharpness", math.inf),
        half=entry.get("half", 0.0),
        ramp_s=entry.get("ramp_us", 0.0) * 1e-6,
    )


def _links(
    facts: Facts,
    engine: str,
    general: dict[str, Any],
    hardware: Hardware,
    values: dict[str, float],
) -> Links:
    """Look up what messages of an engine reach.

    A latency that the hardware states is that of an all-reduce that stands for every engine; an
    engine's own changes with it.
    """
    entries, every = reduce_facts(facts, engine), reduce_facts(facts, "")
    near, far = hardware.link_latency_s, hardware.node_link_latency_s
    own = 1.0 if near is None else near * 1e6 / every[0]["latency_us"]
    later = values["collective_latency"] * own
    return Links(
        log_widths=np.array([math.log2(entry["devices"]) for entry in entries]),
        latencies_s=np.array([later * entry["latency_us"] * 1e-6 for entry in entries]),
        fractions=np.array([entry["fraction"] for entry in entries]),
        ramps_s=np.array([entry.get("ramp_us", 0.0) * 1e-6 for entry in entries]),
        node_latency_s=general["node_latency_us"] * 1e-6 if far is None else far,
        node_fraction=general["node_fraction"],
        hand_over_latency_s=max(general["hand_over_latency_us"] * 1e-6, near or 0.0),
        hand_over_fraction=general["hand_over_fraction"],
        host_fraction=general["host_fraction"],
    )
