"""Latency, throughput and memory of one plan: prefill, and decode."""

from __future__ import annotations

import logging
from typing import Any, Unpack

from llmcalc_core.api.make_request import (
    HardwareLike,
    ModelLike,
    PrecisionLike,
    find_technique,
    known_constants,
    make_workload,
    resolve,
)
from llmcalc_core.calibration.constants import Constants
from llmcalc_core.checks import truth
from llmcalc_core.defaults import GUIDE_INPUT_TOKENS, OUTPUT_TOKENS
from llmcalc_core.engines import DEFAULT_ENGINE, Engine, told_engine
from llmcalc_core.planning.legality import check_engine_layout, check_layout
from llmcalc_core.planning.static_estimate import estimate_phases, static_figures
from llmcalc_core.precision import CHECKPOINT
from llmcalc_core.workload.techniques import TechniqueArguments, takes_techniques

_log = logging.getLogger(__name__)


@takes_techniques
def estimate_prefill_performance(
    model: ModelLike = "llama2_7b",
    batch_size: int = 1,
    input_tokens: int = GUIDE_INPUT_TOKENS,
    system_name: HardwareLike | None = None,
    bits: PrecisionLike = CHECKPOINT,
    tensor_parallel: int = 1,
    pipeline_parallel: int = 1,
    expert_parallel: int = 1,
    debug: bool = False,  # noqa: FBT001, FBT002 - the guide's signature
    *,
    attention_data_parallel: int | None = None,
    context_parallel: int = 1,
    memory_fraction: float | None = None,
    engine: str = DEFAULT_ENGINE,
    engine_version: str | None = None,
    enforce_eager: bool = False,
    constants: Constants | None = None,
    price_per_hour: float | None = None,
    power_watts: float | None = None,
    **techniques: Unpack[TechniqueArguments],
) -> dict[str, Any]:
    """Estimate how long a batch of prompts takes until its first tokens.

    Parameters
    ----------
    model : name, path, dict or ModelConfig
        The model.
    batch_size : int
        Prompts that start together.
    input_tokens : int
        Length of each [tokens].
    system_name : name, dict or Hardware, optional
        The device; an A100 of 80 GB where not given.
    bits : str or Precision
        Such as 'bf16', 'fp8', 'w4a16'; 'checkpoint': the types of the model's own checkpoint. 'fp8'
        and 'nvfp4' have an FP8 KV cache, which vLLM keeps in 16 bits unless told: a Precision can.
    tensor_parallel, pipeline_parallel, expert_parallel : int
        Layout; expert parallel up to tensor parallel uses the same devices.
    debug : bool, default False
        Log the result at level INFO.
    attention_data_parallel : int, optional
        Attention replicas inside a stage; without it a stage has the wider of ``tensor_parallel``
        times ``context_parallel`` and ``expert_parallel`` devices.
    context_parallel : int, default 1
        Groups of devices that the tokens of a prompt are divided over; see :func:`explore`.
    memory_fraction : float, optional
        Part of a device's memory that may be used, the engine's own default where not given; with
        TensorRT-LLM that of what weights and buffers leave free, for the cache.
    engine : str, default 'vllm'
        The serving engine, whose overheads were measured.
    engine_version : str, optional
        Its release, such as '0.11', of what changed times between versions; the newest known where
        not given.
    enforce_eager : bool, default False
        Whether no graph is captured, so that the host starts every kernel of every step.
    constants : Constants, optional
        In place of the fitted ones, to try others.
    price_per_hour, power_watts : float, optional
        Price [USD/h] and design power [W] of a device; its own where not given.
    **techniques : optional
        What is done with requests: ``prefix_hit_rate`` and other fields of :class:`Techniques`.

    Returns
    -------
    dict
        ``latency`` [ms] and ``throughput`` [prompt tokens/s]; ``ttft_ms``, ``tokens_per_s``,
        ``requests_per_s``, ``time_by_kind_ms`` (gemm, attention, communication, memory,
        overhead), ``bound_by``, ``memory_by_kind_bytes`` (weights, kv_cache, activations,
        reserve) and ``memory_bytes`` of the fullest device, ``memory_capacity_bytes``,
        ``host_memory_bytes`` (what it has offloaded), ``fits`` (whether the engine starts),
        ``rejected_for`` ('', 'memory' or what it refuses), ``devices``; ``latency_low`` and
        ``latency_high`` (80 % band) and ``basis`` (measured, calibrated, transferred or assumed;
        ``basis_reason`` says why in a sentence);
        ``cost_usd_per_hour``, ``cost_usd_per_million_input_tokens``, ``power_w``,
        ``energy_j_per_input_token`` of the devices (NaN where price or power is not known; see
        :func:`llmcalc_core.planning.cost.cost_figures`).

    Raises
    ------
    ValueError
        For an unknown name, a value out of range or a layout the model can't have.

    Examples
    --------
    >>> result = estimate_prefill_performance(model="llama2_7b", input_tokens=2048)
    >>> 100 < result["latency"] < 200, result["bound_by"]
    (True, 'compute')
    """
    (found,) = estimate_static(
        ("prefill",), model, (batch_size, input_tokens, 1, 1),
        system_name=system_name, bits=bits,
        widths=(
            tensor_parallel, pipeline_parallel, expert_parallel, attention_data_parallel,
            context_parallel,
        ),
        debug=debug, memory_fraction=memory_fraction,
        engine=told_engine(engine, engine_version, enforce_eager=enforce_eager),
        constants=constants,
        terms=(price_per_hour, power_watts), techniques=techniques,
    )  # fmt: skip
    return found


@takes_techniques
def estimate_decode_performance(
    model: ModelLike = "llama2_7b",
    batch_size: int = 1,
    beam_size: int = 1,
    input_tokens: int = GUIDE_INPUT_TOKENS,
    output_tokens: int = OUTPUT_TOKENS,
    system_name: HardwareLike | None = None,
    bits: PrecisionLike = CHECKPOINT,
    tensor_parallel: int = 1,
    pipeline_parallel: int = 1,
    expert_parallel: int = 1,
    debug: bool = False,  # noqa: FBT001, FBT002 - the guide's signature
    *,
    attention_data_parallel: int | None = None,
    context_parallel: int = 1,
    memory_fraction: float | None = None,
    engine: str = DEFAULT_ENGINE,
    engine_version: str | None = None,
    enforce_eager: bool = False,
    constants: Constants | None = None,
    price_per_hour: float | None = None,
    power_watts: float | None = None,
    **techniques: Unpack[TechniqueArguments],
) -> dict[str, Any]:
    """Estimate the time per output token, averaged over a generation, in steady state.

    Parameters
    ----------
    model : name, path, dict or ModelConfig
        The model.
    batch_size, beam_size : int
        Requests in flight; sequences decoded for each, which share the prompt's cache.
    input_tokens, output_tokens : int
        Prompt and generated tokens.
    system_name : name, dict or Hardware, optional
        The device; an A100 of 80 GB where not given.
    bits : str or Precision
        Such as 'bf16', 'fp8', 'w4a16'; 'checkpoint': the types of the model's own checkpoint. 'fp8'
        and 'nvfp4' have an FP8 KV cache, which vLLM keeps in 16 bits unless told: a Precision can.
    tensor_parallel, pipeline_parallel, expert_parallel : int
        Layout; expert parallel up to tensor parallel uses the same devices.
    debug : bool, default False
        Log the result at level INFO.
    attention_data_parallel : int, optional
        Attention replicas inside a stage; without it a stage has the wider of ``tensor_parallel``
        times ``context_parallel`` and ``expert_parallel`` devices.
    context_parallel : int, default 1
        Groups of devices that the tokens of a prompt are divided over; see :func:`explore`.
    memory_fraction : float, optional
        Part of a device's memory that may be used, the engine's own default where not given; with
        TensorRT-LLM that of what weights and buffers leave free, for the cache.
    engine : str, default 'vllm'
        The serving engine, whose overheads were measured.
    engine_version : str, optional
        Its release, such as '0.11', of what changed times between versions; the newest known where
        not given.
    enforce_eager : bool, default False
        Whether no graph is captured, so that the host starts every kernel of every step.
    constants : Constants, optional
        In place of the fitted ones, to try others.
    price_per_hour, power_watts : float, optional
        Price [USD/h] and design power [W] of a device; its own where not given.
    **techniques : optional
        What is done with requests: ``prefix_hit_rate`` and other fields of :class:`Techniques`.

    Returns
    -------
    dict
        ``latency`` [ms per output token] and ``throughput`` [output tokens/s of all requests;
        a beam counts once]; ``tpot_ms``, ``total_latency_ms`` of all output tokens, and the
        rest as :func:`estimate_prefill_performance` has it, cost and energy per output token.

    Raises
    ------
    ValueError
        For an unknown name, a value out of range or a layout the model can't have.

    Examples
    --------
    The weights alone, 13.5 GB at 2,039 GB/s, take 6.6 ms.

    >>> result = estimate_decode_performance(model="llama2_7b", input_tokens=128)
    >>> 6.6 < result["latency"] < 13, result["bound_by"]
    (True, 'memory bandwidth')
    """
    (found,) = estimate_static(
        ("decode",), model, (batch_size, input_tokens, output_tokens, beam_size),
        system_name=system_name, bits=bits,
        widths=(
            tensor_parallel, pipeline_parallel, expert_parallel, attention_data_parallel,
            context_parallel,
        ),
        debug=debug, memory_fraction=memory_fraction,
        engine=told_engine(engine, engine_version, enforce_eager=enforce_eager),
        constants=constants,
        terms=(price_per_hour, power_watts), techniques=techniques,
    )  # fmt: skip
    return found


def estimate_static(
    phases: tuple[str, ...],
    model: ModelLike,
    lengths: tuple[int, int, int, int],
    *,
    system_name: HardwareLike | None,
    bits: PrecisionLike,
    widths: tuple[int, int, int, int | None, int],
    debug: bool,
    memory_fraction: float | None,
    engine: Engine,
    constants: Constants | None,
    terms: tuple[float | None, float | None],
    techniques: TechniqueArguments,
) -> list[dict[str, Any]]:
    """Estimate phases of a static batch on one plan, from names to figures.

    Parameters
    ----------
    phases : tuple of {'prefill', 'decode'}
        What is estimated.
    model, system_name, bits, memory_fraction, engine, constants, debug, techniques
        As for :func:`estimate_prefill_performance`.
    lengths : tuple of int
        Requests, input and output tokens of each, and beams.
    widths : tuple of int or None
        Tensor, pipeline and expert parallel width, attention replicas, context parallel width.
    terms : tuple of float or None
        Price [USD/h] and design power [W] of a device.

    Returns
    -------
    list of dict
        Of each phase, as :func:`estimate_prefill_performance` has it.

    Raises
    ------
    ValueError
        For an unknown name, a value out of range or a layout the model can't have.
    """
    target = resolve(model, system_name, bits, memory_fraction, *terms)
    tp, pp, ep, attention_dp, cp = widths
    layout = check_layout(target.model, tp=tp, pp=pp, ep=ep, attention_dp=attention_dp, cp=cp)
    check_engine_layout(engine, layout)
    target.hardware.check_devices("devices", layout.devices)
    workload = make_workload(*lengths, techniques=find_technique(techniques, target.model))
    for phase in phases:
        target.model.check_phase(phase, prefix_hit_rate=workload.techniques.prefix_hit_rate)
        workload.techniques.check_phase(phase)
    estimates = estimate_phases(
        target.model, target.hardware, target.precision, (layout,), workload, phases=phases,
        memory_fraction=target.memory_fraction, engine=engine,
        constants=known_constants(constants),
    )  # fmt: skip
    results = [
        static_figures(
            found, target.model, target.hardware, workload, precision=target.precision, phase=phase
        )
        for phase, found in zip(phases, estimates, strict=True)
    ]
    if truth("debug", debug):
        for phase, result in zip(phases, results, strict=True):
            name, device = target.model.name, target.hardware.name
            _log.info("%s of %s on %s: %s", phase, name, device, result)
    return results
