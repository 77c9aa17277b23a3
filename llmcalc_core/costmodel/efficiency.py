"""What a device reaches at a precision with an engine: its kernels' facts and the constants."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np

from llmcalc_core.calibration.band_tables import BASES
from llmcalc_core.calibration.constants import RENAMED, Constants, fitted, fitted_engines, specs
from llmcalc_core.calibration.facts import Behaviour, Curve, Efficiency, Links
from llmcalc_core.calibration.kernel_facts import DeviceFacts, KernelFacts, SharedFacts
from llmcalc_core.calibration.kernels import (
    facts_of,
    find_facts,
    grouped_facts,
    kernels_of,
    reduce_facts,
    shared_facts,
)
from llmcalc_core.checks import one_of
from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.engines import DEFAULT_ENGINE, find_engine
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
    engine: str = DEFAULT_ENGINE,
    constants: Constants | None = None,
) -> Efficiency:
    """Look up what a device reaches at a precision with an engine.

    Parameters
    ----------
    hardware : Hardware
        The device; its ``calibration`` names whose facts to use.
    precision : Precision
        Types of weights, activations and KV cache.
    engine : str, default 'vllm'
        The serving engine, one of ``ENGINES``.
    constants : Constants, optional
        In place of the device's own and the fitted ones.

    Returns
    -------
    Efficiency
        Curves by operation family, links and overheads, and the basis, which is that of the
        worst known of dense products and of attention that reads the cache: calibrated (measured
        on this device and type), transferred (from a relative or another type) or assumed (of no
        device, or for an engine that was never measured).

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
    shared, facts = shared_facts(), facts_of(hardware.calibration)
    basis, device = kernels_of(hardware.calibration)
    values = (constants or fitted()).of(engine, device)
    for name, step in hardware.adjustments:
        constant = one_of("adjustments", RENAMED.get(name, name), tuple(values))
        values[constant] = specs()[constant].moved(values[constant], step)
    rates = {
        "gemm": hardware.rate(precision.activations),
        "mixture": hardware.rate(precision.expert_activations),
    }
    apart = sorted(one for one in precision.computed if not DATA_TYPES[one].has_16_bits)
    rates |= {f"gemm_{kind}": hardware.rate(kind) for kind in apart}
    wide = hardware.rate("bf16")
    looked_up = {
        "gemm": find_facts(facts, "gemm", rates["gemm"][0], engine),
        "gemm_wide": find_facts(facts, "gemm", wide[0], engine),
        "attention_prefill": find_facts(facts, "attention_prefill", precision.kv_cache, engine),
        "attention_decode": find_facts(facts, "attention_decode", precision.kv_cache, engine),
        "latent_prefill": _latent_facts(facts, "prefill", precision.kv_cache, engine),
        "latent_decode": _latent_facts(facts, "decode", precision.kv_cache, engine),
        "recurrent_prefill": find_facts(facts, "recurrent_prefill", wide[0], engine),
        "mixture": (grouped_facts(facts, rates["mixture"][0], precision.experts, engine), ""),
    } | {
        f"gemm_{kind}": find_facts(facts, "gemm", rates[f"gemm_{kind}"][0], engine)
        for kind in apart
    }
    rates |= {
        family: hardware.rate(entry.computed)
        for family, (entry, _) in looked_up.items()
        if entry.computed
    }
    if engine in shared.fused_quantisation:
        alone = looked_up["gemm_wide"][0].floor_us
        looked_up |= {
            family: (_without_quantising(entry, alone), known)
            for family, (entry, known) in looked_up.items()
            if family.startswith("gemm") and entry.tiles and DATA_TYPES[entry.type].narrow_gemm
        }
    base = {
        family: curve_of(entry, rates.get(family, wide)[1])
        for family, (entry, _) in looked_up.items()
    }
    base["traffic"] = _traffic(shared, wide[1])
    used = ("gemm", "attention_decode")
    known = [basis, *(looked_up[family][1] for family in used)]
    if engine not in fitted_engines():
        known.append("assumed")
    narrow = {
        family
        for family, (entry, _) in looked_up.items()
        if family.startswith("gemm") and DATA_TYPES[entry.type].narrow_gemm and not entry.tiles
    }
    return Efficiency(
        curves=_scaled(base, values, narrow),
        links=_links(facts, engine, shared, hardware, values),
        step_s=values["step_overhead_s"],
        sequence_step_s=values["sequence_overhead_s"],
        host_launch_s=values["host_launch_s"],
        draft_step_s=shared.draft_step_us * 1e-6,
        draft_pass_s=shared.draft_pass_us * 1e-6,
        behaviour=_behaviour(values, engine),
        device=hardware.calibration,
        engine=engine,
        data_type=precision.experts,
        kv_cache=precision.kv_cache,
        basis=max(known, key=BASES.index),
    )


def _without_quantising(entry: KernelFacts, floor_us: float) -> KernelFacts:
    """Give a product whose input is quantised before it: an empty one takes as long as others."""
    return replace(entry, entering=0.0, floor_us=min(entry.floor_us, floor_us))


def _latent_facts(
    facts: DeviceFacts, kind: str, cache: str, engine: str
) -> tuple[KernelFacts, str]:
    """Look up the kernels of latent attention, for which those of attention stand."""
    family = f"latent_{kind}" if getattr(facts, f"latent_{kind}") else f"attention_{kind}"
    return find_facts(facts, family, cache, engine)


def _scaled(base: dict[str, Curve], values: dict[str, float], narrow: set[str]) -> dict[str, Curve]:
    """Scale the curves of kernels measured alone to what engines reach, below every peak.

    Rows of experts take longer in an engine, but not what fills their tiles, which is as much.
    """
    arithmetic, traffic = values["compute_time"], values["memory_time"]
    longer = dict.fromkeys(narrow, shared_facts().narrow_gemm_time)
    uneven = {"mixture": values["mixture_time"]}
    longer |= uneven
    return {
        family: replace(
            curve,
            compute=_reached(curve.compute / (longer.get(family, 1.0) * arithmetic)),
            memory=_reached(curve.memory / traffic),
            half=curve.half / uneven.get(family, 1.0),
            floor_s=curve.floor_s * values["launch_floor"],
            ramp_s=curve.ramp_s * values["launch_floor"],
            entering_bytes=curve.entering_bytes * traffic,
            leaving_bytes=curve.leaving_bytes * traffic,
        )
        for family, curve in base.items()
    }


def _reached(share: Values) -> float:
    """Keep the share of a peak that constants ask for below the peak."""
    return float(share / (1 + (share / _MOST) ** _NEARING) ** (1 / _NEARING))


def _traffic(shared: SharedFacts, peak: float) -> Curve:
    return Curve(
        peak=peak,
        compute=1.0,
        memory=shared.traffic_memory,
        floor_s=shared.traffic_floor_us * 1e-6,
    )


def _behaviour(values: dict[str, float], engine: str) -> Behaviour:
    own = find_engine(engine)
    return Behaviour(
        first_token_s=values["first_token_s"],
        first_token_steps=values["first_token_steps"],
        prefill_first=float(own.prefill_first),
        overlaps=float(own.overlaps_host),
        captured_tokens=float(own.captured_tokens),
    )


def curve_of(entry: KernelFacts, peak: float) -> Curve:
    """Make the curve of kernels measured alone, of a peak rate [FLOP/s]."""
    return Curve(
        peak=peak,
        compute=entry.compute,
        memory=entry.memory,
        floor_s=entry.floor_us * 1e-6,
        sharpness=entry.sharpness,
        half=entry.half,
        ramp_s=entry.ramp_us * 1e-6,
        half_columns=entry.half_columns,
        depth_s=entry.depth_us * 1e-6 / 1024,
        entering_bytes=2 * entry.entering,
        leaving_bytes=2 * entry.leaving,
        tiles=float(entry.tiles),
        whole_waves=entry.whole_waves,
    )


def _links(
    facts: DeviceFacts,
    engine: str,
    shared: SharedFacts,
    hardware: Hardware,
    values: dict[str, float],
) -> Links:
    """Look up what messages of an engine reach.

    A latency that the hardware states is that of an all-reduce that stands for every engine; an
    engine's own changes with it.
    """
    entries, every = reduce_facts(facts, engine), reduce_facts(facts, "")
    near, far = hardware.link_latency_s, hardware.node_link_latency_s
    own = 1.0 if near is None else near * 1e6 / every[0].latency_us
    later = values["collective_latency"] * own
    return Links(
        log_widths=np.array([math.log2(entry.devices) for entry in entries]),
        latencies_s=np.array([later * entry.latency_us * 1e-6 for entry in entries]),
        fractions=np.array([entry.fraction for entry in entries]),
        ramps_s=np.array([entry.ramp_us * 1e-6 for entry in entries]),
        node_latency_s=shared.node_latency_us * 1e-6 if far is None else far,
        node_fraction=shared.node_fraction,
        hand_over_latency_s=max(shared.hand_over_latency_us * 1e-6, near or 0.0),
        hand_over_fraction=shared.hand_over_fraction,
        host_fraction=shared.host_fraction,
    )
