"""A static batch from its prompts to its last tokens."""

from __future__ import annotations

from typing import Any, Unpack

from llmcalc_core.api.estimates import estimate_static
from llmcalc_core.api.make_request import HardwareLike, ModelLike, PrecisionLike
from llmcalc_core.calibration.constants import Constants
from llmcalc_core.checks import whole_number
from llmcalc_core.defaults import GUIDE_INPUT_TOKENS, OUTPUT_TOKENS
from llmcalc_core.engines import DEFAULT_ENGINE, told_engine
from llmcalc_core.planning.cost import whole_cost
from llmcalc_core.precision import CHECKPOINT
from llmcalc_core.workload.techniques import TechniqueArguments, takes_techniques


@takes_techniques
def estimate_end_to_end_performance(
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
    """Estimate a static batch from its prompts to its last tokens.

    Parameters
    ----------
    model, batch_size, beam_size, input_tokens, output_tokens, system_name, bits
        As for :func:`estimate_decode_performance`.
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
        ``latency`` [ms] of the whole batch and ``throughput`` [output tokens/s]; ``ttft``,
        ``average_tpot``, ``total_latency`` [ms] (prefill, then a step for each further token),
        ``total_throughput`` [tokens/s, prompts included], ``requests_per_s``, ``fits``,
        ``memory_bytes``, ``basis`` and ``basis_reason``, the two phases' own results under
        ``prefill`` and ``decode``; cost, power and energy as in both, split between input and
        output tokens by the time until the first tokens and from then on.

    Raises
    ------
    ValueError
        For an unknown name, a value out of range or a layout the model can't have.

    Examples
    --------
    >>> result = estimate_end_to_end_performance(model="llama2_7b", output_tokens=101)
    >>> steps = 100 * result["average_tpot"]
    >>> abs(result["total_latency"] - result["ttft"] - steps) < 1e-6
    True
    """
    layout = (
        tensor_parallel, pipeline_parallel, expert_parallel, attention_data_parallel,
        context_parallel,
    )  # fmt: skip
    serves = told_engine(engine, engine_version, enforce_eager=enforce_eager)
    batch_size = whole_number("batch_size", batch_size)
    input_tokens = whole_number("input_tokens", input_tokens)
    output_tokens = whole_number("output_tokens", output_tokens)
    lengths = (batch_size, input_tokens, output_tokens, beam_size)
    prefill, decode = estimate_static(
        ("prefill", "decode"), model, lengths, system_name=system_name, bits=bits, widths=layout,
        debug=debug, memory_fraction=memory_fraction, engine=serves, constants=constants,
        terms=(price_per_hour, power_watts), techniques=techniques,
    )  # fmt: skip
    total = prefill["latency"] + (output_tokens - 1) * decode["latency"]
    per_second = batch_size / (total / 1e3)
    low, high = (decode[f"latency_{end}"] / decode["latency"] for end in ("low", "high"))
    return {
        "latency": total,
        "latency_low": total * low,
        "latency_high": total * high,
        "throughput": per_second * output_tokens,
        "ttft": prefill["latency"],
        "average_tpot": decode["latency"],
        "total_latency": total,
        "total_throughput": per_second * (input_tokens + output_tokens),
        "requests_per_s": per_second,
        "fits": decode["fits"],
        "memory_bytes": decode["memory_bytes"],
        "memory_capacity_bytes": decode["memory_capacity_bytes"],
        "devices": decode["devices"],
        "basis": decode["basis"],
        "basis_reason": decode["basis_reason"],
        **whole_cost(
            prefill,
            decode,
            reading=prefill["latency"] / 1e3,
            writing=(total - prefill["latency"]) / 1e3,
            tokens=(batch_size * input_tokens, batch_size * output_tokens),
        ),
        "prefill": prefill,
        "decode": decode,
    }
