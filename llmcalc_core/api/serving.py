"""Continuous batching: what a request meets when others are always in flight."""

from __future__ import annotations

from collections.abc import Sequence
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
from llmcalc_core.checks import inner_share, positive, share, truth, whole_number
from llmcalc_core.defaults import CONCURRENCY, INPUT_TOKENS, OUTPUT_TOKENS
from llmcalc_core.engines import DEFAULT_ENGINE, check_joins_batches, told_engine
from llmcalc_core.planning.legality import check_engine_layout, check_layout
from llmcalc_core.planning.serving_estimate import serving_figures
from llmcalc_core.precision import CHECKPOINT
from llmcalc_core.shown import shown
from llmcalc_core.workload.requests import ROUNDS, Arrivals
from llmcalc_core.workload.techniques import TechniqueArguments, takes_techniques


@takes_techniques
def estimate_serving_performance(
    model: ModelLike = "llama2_7b",
    concurrency: int | None = None,
    input_tokens: int = INPUT_TOKENS,
    output_tokens: int = OUTPUT_TOKENS,
    system_name: HardwareLike | None = None,
    bits: PrecisionLike = CHECKPOINT,
    tensor_parallel: int = 1,
    pipeline_parallel: int = 1,
    expert_parallel: int = 1,
    *,
    attention_data_parallel: int | None = None,
    context_parallel: int = 1,
    request_rate: float | None = None,
    num_prompts: int | None = None,
    percentile: float | None = None,
    engine: str = DEFAULT_ENGINE,
    engine_version: str | None = None,
    max_num_seqs: int | None = None,
    enforce_eager: bool = False,
    chunked_prefill: bool = True,
    memory_fraction: float | None = None,
    fixed_lengths: bool = False,
    held_steps: float = 0.0,
    in_step: float = 1.0,
    streaming: bool = True,
    graph_batch_sizes: Sequence[int] | None = None,
    constants: Constants | None = None,
    price_per_hour: float | None = None,
    power_watts: float | None = None,
    **techniques: Unpack[TechniqueArguments],
) -> dict[str, Any]:
    """Estimate one replica under continuous batching, at a fixed concurrency or a request rate.

    Parameters
    ----------
    model : name, path, dict or ModelConfig
        The model.
    concurrency : int, default 32
        Requests in flight at the replica: as one ends, the next arrives.
    input_tokens, output_tokens : int
        Mean lengths of prompt and answer [tokens].
    system_name : name, dict or Hardware, optional
        The device; an A100 of 80 GB where not given.
    bits : str or Precision
        Such as 'bf16', 'fp8', 'w4a16'; 'checkpoint': the types of the model's own checkpoint. 'fp8'
        and 'nvfp4' have an FP8 KV cache, which vLLM keeps in 16 bits unless told: a Precision can.
    tensor_parallel, pipeline_parallel, expert_parallel : int
        Layout.
    attention_data_parallel : int, optional
        Attention replicas inside a stage; without it a stage has the wider of ``tensor_parallel``
        times ``context_parallel`` and ``expert_parallel`` devices.
    context_parallel : int, default 1
        Groups of devices that the tokens of a prompt are divided over; see :func:`explore`.
    request_rate : float, optional
        In place of ``concurrency``: requests per second that come at random [1/s].
    num_prompts : int, optional
        Requests of the run: of a fixed concurrency ten for each in flight where not given, the
        first of which come at once; at a rate that overloads the server the queue grows with them,
        without a number forever.
    percentile : float, optional
        With ``request_rate``: share of the requests that are no slower than ``ttft_ms``,
        ``tpot_ms`` and ``e2e_latency_ms``, such as 0.99; see :func:`explore`.
    engine : str, default 'vllm'
        'vllm', 'trtllm' or 'sglang', whose overheads and scheduling were measured.
    engine_version : str, optional
        Its release, such as '0.11', of what changed times between versions; the newest known where
        not given.
    max_num_seqs : int, optional
        Most requests that run at once on an attention replica, as the rest waits; the engine's
        default on the device where not given.
    enforce_eager : bool, default False
        Whether no graph is captured, so that the host starts every kernel of every step.
    chunked_prefill : bool, default True
        Whether prompts are read in chunks beside decode steps, as engines do by default; else a
        prompt interrupts decoding for its whole length.
    memory_fraction : float, optional
        Part of a device's memory that may be used, the engine's own default where not given; with
        TensorRT-LLM that of what weights and buffers leave free, for the cache. What does not fit
        waits.
    fixed_lengths : bool, default False
        Whether a benchmark's prompts and answers are all of these lengths, and not drawn from 0.8
        to 1.0 of a longest one: its requests then stay in step, and wait longer for each other.
    held_steps : float, default 0
        Decode steps for which a setting of the server holds a prompt, or its first token, back:
        TensorRT-LLM's ``batch_wait_timeout_iters``, half of SGLang's ``--scheduler-recv-interval``.
    in_step : float, default 1
        With ``fixed_lengths``, how far requests stay together in an engine that reads all prompts
        before it decodes again: 1 as clients do that answer at once, 0 where they come apart.
    streaming : bool, default True
        Whether the server's one process before the engine sends every token to its client as it is
        given, 20,000 of them a second with vLLM and SGLang; offline runs have none.
    graph_batch_sizes : sequence of int, optional
        Batches of an attention replica that decode steps are padded to: TensorRT-LLM's
        ``cuda_graph_config.batch_sizes`` with ``enable_padding``. Where none are given, steps are
        as large as their batch.
    constants : Constants, optional
        In place of the fitted ones, to try others.
    price_per_hour, power_watts : float, optional
        Price [USD/h] and design power [W] of a device; its own where not given.
    **techniques : optional
        What is done with requests: ``prefix_hit_rate`` and other fields of :class:`Techniques`.

    Returns
    -------
    dict
        ``ttft_ms`` (mean of a closed-loop benchmark), ``ttft_burst_ms`` (all arrive at once),
        ``ttft_steady_ms`` (random, even arrivals), ``tpot_ms``, ``e2e_latency_ms``,
        ``tokens_per_s`` (generated), ``tokens_per_s_per_device``, ``tokens_per_s_per_user``,
        ``requests_per_s``, ``time_by_kind_ms`` of an output token, ``bound_by``; ``running``
        (requests that the memory lets in; at a rate, those in flight in the mean),
        ``max_concurrency``, ``fits``, ``rejected_for`` ('', 'memory' or what the engine refuses),
        ``memory_bytes``,
        ``memory_capacity_bytes``, ``host_memory_bytes`` (offloaded), ``devices``, ``engine``,
        ``engine_version``;
        ``ttft_ms_low``, ``ttft_ms_high``, ``tpot_ms_low``, ``tpot_ms_high`` (80 % bands) and
        ``basis`` (measured, calibrated, transferred or assumed; ``basis_reason`` says why in a
        sentence); ``cost_usd_per_hour`` and
        ``power_w`` of all devices, ``cost_usd_per_million_input_tokens``,
        ``cost_usd_per_million_output_tokens``, ``energy_j_per_input_token``,
        ``energy_j_per_output_token`` (NaN where price or power is not known; see
        :func:`llmcalc_core.planning.cost.cost_figures`). At a rate also ``request_rate`` and
        ``overloaded`` (whether requests come faster than they are served); ``ttft_ms`` is then that
        of requests at random. With a percentile also ``percentile``, ``ttft_mean_ms`` and
        ``tpot_mean_ms``; where all places are taken times are NaN, and infinite where it is
        overloaded. Other percentiles of other lengths: :func:`simulate`, :func:`load_curve`.

    Raises
    ------
    ValueError
        For an unknown name, a value out of range or a layout the model can't have.

    Examples
    --------
    >>> busy = estimate_serving_performance("llama3_8b", 64, 1000, 200, "H100_80GB")
    >>> alone = estimate_serving_performance("llama3_8b", 1, 1000, 200, "H100_80GB")
    >>> busy["tpot_ms"] > alone["tpot_ms"], busy["tokens_per_s"] > alone["tokens_per_s"]
    (True, True)
    """
    technique = find_technique(techniques)
    chunked = truth("chunked_prefill", chunked_prefill)
    if not chunked and technique.prefill_chunk_tokens is not None:
        msg = (
            "prefill_chunk_tokens must be None where chunked_prefill is False, got "
            f"{technique.prefill_chunk_tokens}"
        )
        raise ValueError(msg)
    if concurrency is not None and request_rate is not None:
        msg = f"concurrency must be None where request_rate is given, got {shown(concurrency)}"
        raise ValueError(msg)
    if percentile is not None and (request_rate is None or num_prompts is not None):
        msg = (
            "percentile needs request_rate, and no num_prompts, as it is of requests that come "
            f"without end, got {shown(percentile)}"
        )
        raise ValueError(msg)
    asked = whole_number("concurrency", CONCURRENCY if concurrency is None else concurrency)
    prompts = None if num_prompts is None else whole_number("num_prompts", num_prompts)
    rounds = float(ROUNDS) if prompts is None else max(prompts / asked, 1.0)
    target = resolve(model, system_name, bits, memory_fraction, price_per_hour, power_watts)
    target.model.check_phase("serving")
    technique.check_draft(target.model.name, target.model.vocabulary)
    layout = check_layout(
        target.model,
        tp=tensor_parallel,
        pp=pipeline_parallel,
        ep=expert_parallel,
        attention_dp=attention_data_parallel,
        cp=context_parallel,
    )
    serves = told_engine(
        engine, engine_version, max_num_seqs=max_num_seqs, enforce_eager=enforce_eager
    )
    check_joins_batches(serves)
    check_engine_layout(serves, layout)
    target.hardware.check_devices("devices", layout.devices)
    return serving_figures(
        target.model,
        target.hardware,
        target.precision,
        layout,
        make_workload(
            asked,
            input_tokens,
            output_tokens,
            name="concurrency",
            techniques=technique,
            graph_sizes=graph_batch_sizes,
        ),
        engine=serves,
        memory_fraction=target.memory_fraction,
        chunked=chunked,
        arrivals=Arrivals(
            fixed_lengths=truth("fixed_lengths", fixed_lengths),
            held_steps=positive("held_steps", held_steps, zero=True),
            in_step=share("in_step", in_step),
            streamed=truth("streaming", streaming),
            rounds=rounds,
        ),
        request_rate=None
        if request_rate is None
        else positive("request_rate", request_rate, unit="1/s"),
        num_prompts=prompts,
        percentile=None if percentile is None else inner_share("percentile", percentile),
        constants=known_constants(constants),
    )
