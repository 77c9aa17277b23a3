"""Latency, throughput and memory of one plan: prefill, and decode."""

from __future__ import annotations

from typing import Any, Unpack

from llmcalc_core.api.make_request import HardwareLike, ModelLike, PrecisionLike
from llmcalc_core.api.static_phase import estimate_stage
from llmcalc_core.calibration.constants import Constants
from llmcalc_core.engines import DEFAULT_ENGINE
from llmcalc_core.precision import CHECKPOINT
from llmcalc_core.workload.arguments import takes_techniques
from llmcalc_core.workload.techniques import TechniqueArguments


@takes_techniques
def estimate_prefill_performance(
    model: ModelLike = "llama2_7b",
    batch_size: int = 1,
    input_tokens: int = 2048,
    system_name: HardwareLike | None = None,
    bits: PrecisionLike = CHECKPOINT,
    tensor_parallel: int = 1,
    pipeline_parallel: int = 1,
    expert_parallel: int = 1,
    debug: bool = False,  # noqa: FBT001, FBT002 - the guide's signature
    *,
    attention_data_parallel: int | None = None,
    context_parallel: int = 1,
    memory_fraction: float = 0.9,
    engine: str = DEFAULT_ENGINE,
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
        Such as 'bf16', 'fp8', 'w4a16'; 'checkpoint': the types of the model's own checkpoint.
    tensor_parallel, pipeline_parallel, expert_parallel : int
        Layout; expert parallel up to tensor parallel uses the same devices.
    debug : bool, default False
        Log the result at level INFO.
    attention_data_parallel : int, optional
        Attention replicas inside a stage; without it a stage has the wider of ``tensor_parallel``
        times ``context_parallel`` and ``expert_parallel`` devices.
    context_parallel : int, default 1
        Groups of devices that the tokens of a prompt are divided over; see :func:`explore`.
    memory_fraction : float, default 0.9
        Part of a device's memory that may be used; with TensorRT-LLM that of what weights and
        buffers leave free, for the cache.
    engine : str, default 'vllm'
        The serving engine, whose overheads were measured.
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
        ``host_memory_bytes`` (what it has offloaded), ``fits``, ``devices``; ``latency_low`` and
        ``latency_high`` (80 % band) and ``basis`` (measured, calibrated, transferred or assumed);
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
    return estimate_stage(
        "prefill", model, (batch_size, input_tokens, 1, 1),
        system_name=system_name, bits=bits,
        widths=(
            tensor_parallel, pipeline_parallel, expert_parallel, attention_data_parallel,
            context_parallel,
        ),
        debug=debug, memory_fraction=memory_fraction, engine=engine, constants=constants,
        terms=(price_per_hour, power_watts), techniques=techniques,
    )  # fmt: skip


@takes_techniques
def estimate_decode_performance(
    model: ModelLike = "llama2_7b",
    batch_size: int = 1,
    beam_size: int = 1,
    input_tokens: int = 2048,
    output_tokens: int = 256,
    system_name: HardwareLike | None = None,
    bits: PrecisionLike = CHECKPOINT,
    tensor_parallel: int = 1,
    pipeline_parallel: int = 1,
    expert_parallel: int = 1,
    debug: bool = False,  # noqa: FBT001, FBT002 - the guide's signature
    *,
    attention_data_parallel: int | None = None,
    context_parallel: int = 1,
    memory_fraction: float = 0.9,
    engine: str = DEFAULT_ENGINE,
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
        Such as 'bf16', 'fp8', 'w4a16'; 'checkpoint': the types of the model's own checkpoint.
    tensor_parallel, pipeline_parallel, expert_parallel : int
        Layout; expert parallel up to tensor parallel uses the same devices.
    debug : bool, default False
        Log the result at level INFO.
    attention_data_parallel : int, optional
        Attention replicas inside a stage; without it a stage has the wider of ``tensor_parallel``
        times ``context_parallel`` and ``expert_parallel`` devices.
    context_parallel : int, default 1
        Groups of devices that the tokens of a prompt are divided over; see :func:`explore`.
    memory_fraction : float, default 0.9
        Part of a device's memory that may be used; with TensorRT-LLM that of what weights and
        buffers leave free, for the cache.
    engine : str, default 'vllm'
        The serving engine, whose overheads were measured.
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
    return estimate_stage(
        "decode", model, (batch_size, input_tokens, output_tokens, beam_size),
        system_name=system_name, bits=bits,
        widths=(
            tensor_parallel, pipeline_parallel, expert_parallel, attention_data_parallel,
            context_parallel,
        ),
        debug=debug, memory_fraction=memory_fraction, engine=engine, constants=constants,
        terms=(price_per_hour, power_watts), techniques=techniques,
    )  # fmt: skip
