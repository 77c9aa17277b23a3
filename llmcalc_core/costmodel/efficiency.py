"""What a device reaches at a precision with an engine: its kernels' facts and the constants."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np

from llmcalc_core.calibration.band_tables import BASES
from llmcalc_core.calibration.constants import RENAMED, Constants, fitted, fitted_engines, specs
from llmcalc_core.calibration.engine_kernels import back_end
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
from llmcalc_core.costmodel.host import PIECES_PER_LAYER
from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.engines import DEFAULT_ENGINE, Engine
from llmcalc_core.formulas import Values
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.precision import Precision

_OF_KERNELS = ("launch_floor", "memory_time", "compute_time", "mixture_time")
"""Constants that say how kernels measured alone differ from those in an engine."""

_MOST, _NEARING = 0.97, 16
"""No fitted constant lets an operation come closer to a device's peak than this. It nears it as the
norm of that power of both has it: at a corner a fit would not find which way is down."""


@lru_cache(maxsize=512)
def efficiency_for(
    hardware: Hardware,
    precision: Precision,
    *,
    engine: str | Engine = DEFAULT_ENGINE,
    constants: Constants | None = None,
) -> Efficiency:
    """Look up what a device reaches at a precision with an engine.

    Parameters
    ----------
    hardware : Hardware
        The device; its ``calibration`` names whose facts to use.
    precision : Precision
        Types of weights, activations and KV cache.
    engine : str or Engine, default 'vllm'
        The serving engine, one of ``ENGINES`` or a version of one.
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
    serves = hardware.engine(engine)
    name = serves.name
    shared, facts = shared_facts(), facts_of(hardware.calibration)
    basis, device = kernels_of(hardware.calibration)
    values = (constants or fitted()).of(name, device)
    if serves.has_own_kernels:
        values |= dict.fromkeys(_OF_KERNELS, 1.0)
    for adjusted, step in hardware.adjustments:
        constant = one_of("adjustments", RENAMED.get(adjusted, adjusted), tuple(values))
        values[constant] = specs()[constant].moved(values[constant], step)
    rates = {
        "gemm": hardware.rate(precision.activations),
        "mixture": hardware.rate(precision.expert_activations),
    }
    apart = sorted(one for one in precision.computed if not DATA_TYPES[one].has_16_bits)
    rates |= {f"gemm_{kind}": hardware.rate(kind) for kind in apart}
    rates["gemm_wide"] = wide = hardware.rate("bf16")
    if serves.has_own_kernels:
        looked_up = _of_own_kernels(hardware, precision, name, apart)
    else:
        computed = {kind: rates[kind][0] for kind in rates}
        experts = "int4" if serves.marlin and precision.experts == "fp4" else precision.experts
        looked_up = _of_device(facts, precision, name, computed, experts)
    rates |= {
        family: hardware.rate(entry.computed)
        for family, (entry, _) in looked_up.items()
        if entry.computed
    }
    base = {
        family: curve_of(entry, rates.get(family, wide)[1])
        for family, (entry, _) in looked_up.items()
    }
    base["traffic"] = _traffic(shared, wide[1])
    used = ("gemm", "attention_decode")
    known = [basis, *(looked_up[family][1] for family in used)]
    if name not in fitted_engines():
        known.append("assumed")
    narrow = {
        family
        for family, (entry, _) in looked_up.items()
        if family.startswith("gemm") and DATA_TYPES[entry.type].narrow_gemm and not entry.tiles
    }
    return Efficiency(
        curves=_scaled(base, values, narrow),
        links=_links(facts, name, shared, hardware, values),
        step_s=_own(serves.step_s, values["step_overhead_s"]),
        sequence_step_s=_own(serves.sequence_step_s, values["sequence_overhead_s"]),
        host_launch_s=values["host_launch_s"],
        draft_step_s=shared.draft_step_us * 1e-6,
        draft_pass_s=shared.draft_pass_us * 1e-6,
        behaviour=_behaviour(values, serves),
        device=hardware.calibration,
        engine=name,
        data_type=precision.experts,
        kv_cache=precision.kv_cache,
        basis=max(known, key=BASES.index),
    )


def _own(stated: float | None, fitted_to_all: float) -> float:
    return fitted_to_all if stated is None else stated


def _of_own_kernels(
    hardware: Hardware, precision: Precision, engine: str, apart: list[str]
) -> dict[str, tuple[KernelFacts, str]]:
    """Give the kernels that an engine brings, by the types of what is asked for."""
    own = back_end(engine, hardware.name)
    kinds = {
        "gemm": ("gemm", precision.activations),
        "gemm_wide": ("gemm", "bf16"),
        "attention_prefill": ("attention_prefill", "bf16"),
        "attention_decode": ("attention_decode", precision.kv_cache),
        "latent_prefill": ("attention_prefill", "bf16"),
        "latent_decode": ("attention_decode", precision.kv_cache),
        "recurrent_prefill": ("attention_prefill", "bf16"),
        "mixture": ("mixture", precision.expert_activations),
    } | {f"gemm_{kind}": ("gemm", kind) for kind in apart}
    return {name: (own.find(*asked), "assumed") for name, asked in kinds.items()}


def _of_device(
    facts: DeviceFacts, precision: Precision, engine: str, rates: dict[str, str], experts: str
) -> dict[str, tuple[KernelFacts, str]]:
    """Give the kernels of a device, by the types of what is asked for and the rates it has.

    ``experts`` is the type whose kernels unpack experts.
    """
    wide, cache = rates["gemm_wide"], precision.kv_cache
    return {
        "attention_prefill": find_facts(facts, "attention_prefill", cache, engine),
        "attention_decode": find_facts(facts, "attention_decode", cache, engine),
        "latent_prefill": _latent_facts(facts, "prefill", cache, engine),
        "latent_decode": _latent_facts(facts, "decode", cache, engine),
        "recurrent_prefill": find_facts(facts, "recurrent_prefill", wide, engine),
        "mixture": (grouped_facts(facts, rates["mixture"], experts, engine), ""),
    } | {
        family: find_facts(facts, "gemm", kind, engine, blocks=precision.has_block_scales)
        for family, kind in rates.items()
        if family.startswith("gemm")
    }


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


def _behaviour(values: dict[str, float], own: Engine) -> Behaviour:
    return Behaviour(
        first_token_s=values["first_token_s"],
        first_token_steps=values["first_token_steps"],
        prefill_first=float(own.prefill_first),
        overlaps=float(own.overlaps_host),
        captured_tokens=float(own.captured_tokens),
        captured_sequences=float(own.captured_sequences),
        decode_pieces=0.0 if own.whole_decode_graphs else PIECES_PER_LAYER,
        calls_per_kernel=own.calls_per_kernel,
        stream_token_s=own.stream_token_s,
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
