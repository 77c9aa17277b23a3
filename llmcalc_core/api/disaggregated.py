"""Separate pools for prefill and decoding: which, how many workers of each, and whether it pays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from llmcalc_core.api.make_request import (
    HardwareLike,
    ModelLike,
    PrecisionLike,
    find_technique,
    resolve,
)
from llmcalc_core.checks import positive, whole_number, whole_numbers
from llmcalc_core.defaults import INPUT_TOKENS, OUTPUT_TOKENS
from llmcalc_core.engines import DEFAULT_ENGINE, check_joins_batches, told_engine
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.planning.deployments import deployments
from llmcalc_core.planning.pool_pairs import DeviceBudget
from llmcalc_core.planning.pools import Service
from llmcalc_core.planning.request import MOST_DEVICES
from llmcalc_core.precision import CHECKPOINT
from llmcalc_core.workload.techniques import TechniqueArguments, takes_techniques

if TYPE_CHECKING:
    import pandas as pd

IN_FLIGHT = tuple(sorted({step * 2**power for power in range(12) for step in (1, 2, 3)}))
"""Requests in flight that are tried, 1 to 6,144: a wide decode worker has many replicas."""


@takes_techniques
def explore_disaggregated(
    model: ModelLike,
    prefill_hardware: HardwareLike,
    decode_hardware: HardwareLike | None = None,
    devices: int | Sequence[int] = 16,
    *,
    prefill_devices: int | None = None,
    decode_devices: int | None = None,
    engine: str = DEFAULT_ENGINE,
    engine_version: str | None = None,
    enforce_eager: bool = False,
    input_tokens: int = INPUT_TOKENS,
    output_tokens: int = OUTPUT_TOKENS,
    batch: int | Sequence[int] = IN_FLIGHT,
    precision: PrecisionLike = CHECKPOINT,
    context_parallel: int | Sequence[int] = 1,
    link_bandwidth: float | None = None,
    memory_fraction: float | None = None,
    ttft_limit_s: float | None = None,
    tpot_limit_s: float | None = None,
    **techniques: Unpack[TechniqueArguments],
) -> pd.DataFrame:
    """Estimate serving with separate pools for prefill and decoding, beside serving with one.

    One pool reads prompts, another generates (Zheng et al., DistServe, arXiv:2401.09670; Patel et
    al., Splitwise, arXiv:2311.18677; NVIDIA Dynamo). Every layout of a worker of either is tried,
    those that another of its size beats are left out, and of each pair of the others as many
    workers are taken as serve the most requests on so many devices.

    Parameters
    ----------
    model : name, path, dict or ModelConfig
        What to deploy.
    prefill_hardware : name, dict or Hardware
        Devices of the prefill pool.
    decode_hardware : name, dict or Hardware, optional
        Devices of the decode pool; the same where not given.
    devices : int or several, default 16
        Devices of both pools together, at most.
    prefill_devices, decode_devices : int, optional
        Devices of each pool, at most.
    engine : str, default 'vllm'
        'vllm', 'trtllm' or 'sglang', whose overheads were measured.
    engine_version : str, optional
        Its release; the newest known where not given.
    enforce_eager : bool, default False
        Whether no graph is captured, so that the host starts every kernel of every step.
    input_tokens, output_tokens : int
        Prompt and generated tokens.
    batch : int or several
        Requests in flight per decode worker, and per replica of colocated serving; 1 to 6,144 in
        steps of a third or a half where not given.
    precision : str or Precision
        Such as 'bf16', 'fp8', 'w4a16', of both pools, as the cache goes from one to the other;
        'checkpoint' (the default) as for :func:`explore`.
    context_parallel : int or several, default 1
        Groups of devices of a prefill worker that a prompt is divided over; see :func:`explore`.
    link_bandwidth : float, optional
        Of each device to the other pool, one direction [bytes/s]. Where not given, 0.8 of the
        slower network (assumed), or of half the link inside a domain that holds all devices.
    memory_fraction : float, optional
        Part of a device's memory that may be used, the engine's own default where not given; with
        TensorRT-LLM that of what weights and buffers leave free, for the cache.
    ttft_limit_s, tpot_limit_s : float, optional
        Longest time to the first token and per output token [s].
    **techniques : optional
        What the deployment does with its requests, as :class:`Techniques` describes; but for
        ``prefill_chunk_tokens``, as prompts are read apart, and ``offload_to_fit``.

    Returns
    -------
    DataFrame
        One row per deployment that fits the devices' memory, the best first: not rejected, most
        tokens per second and device. ``serving`` ('disaggregated', or 'colocated' for replicas
        under continuous batching on as many devices of either kind); ``devices`` (those that are
        used); of each pool, after ``prefill_`` and ``decode_``: ``hardware``, ``workers``, ``tp``,
        ``pp``, ``ep``, ``attention_dp``, ``cp``, ``batch`` (prompts read together, or requests in
        flight, of a worker), ``load`` (part of the time, or of the batch, that is in use; NaN of
        replicas, whose two pools are the same workers); ``ttft_s``, ``tpot_s`` with the ends
        ``_low_s`` and ``_high_s`` of their bands, ``e2e_latency_s`` [s]; ``tokens_per_s`` and
        ``tokens_per_s_per_device`` (generated), ``requests_per_s``; ``cost_usd_per_hour``
        and ``power_w`` of the devices used, ``cost_usd_per_million_input_tokens`` and
        ``energy_j_per_input_token`` (the prefill pool's), ``cost_usd_per_million_output_tokens``
        and ``energy_j_per_output_token`` (the decode pool's; of replicas divided as in
        :func:`explore`), NaN where price or power is not known; ``transfer_bytes`` and
        ``transfer_s`` of a request's cache; ``prefill_memory_bytes``, ``decode_memory_bytes`` of
        the fullest device; ``rejected_for`` ('', 'TTFT limit' or 'TPOT limit'), ``on_front``
        (time per output token against tokens per second and device, of all rows), ``basis``.

    Raises
    ------
    DoesNotFitError
        If no worker of a pool holds the model and one request. A ``ValueError``.
    TypeError
        For an argument that there is not, with the nearest one.
    ValueError
        For an unknown name or a value out of range.

    Notes
    -----
    The time to the first token is a request's wait for a prefill worker, its prefill, the transfer
    of its cache, and what the engine adds in colocated serving: what users get comes from the
    decode worker, the first token too (vLLM, examples of disaggregated prefill; TensorRT-LLM,
    openai_disagg_server.py; NVIDIA Dynamo, architecture flow; read 2026-11-23). Requests arrive at
    random, evenly over workers that take them in order (an M/D/1 queue each, DistServe, section
    3.1); bursts, uneven lengths and routing make real queues longer. No disaggregated run was among
    the measurements: the bands are those of colocated serving. Power is that of :func:`explore`,
    for the part of the time, or of the batch, that a pool is in use, and idle power for the rest;
    the transfers' own is left out.

    Examples
    --------
    >>> found = explore_disaggregated("llama3_70b", "H100_80GB", devices=16, precision="fp8",
    ...                               input_tokens=4000, tpot_limit_s=0.02, ttft_limit_s=2.0)
    >>> best = found.iloc[0]
    >>> best["serving"], int(best["prefill_workers"]), int(best["decode_workers"])
    ('disaggregated', 1, 1)
    """
    serves = told_engine(engine, engine_version, enforce_eager=enforce_eager)
    check_joins_batches(serves)
    if serves.splits_layers_only:
        msg = (
            "engine must be one that sends caches from pool to pool, 'vllm', 'trtllm' or 'sglang', "
            f"got {serves.name!r}"
        )
        raise ValueError(msg)
    target = resolve(model, prefill_hardware, precision, memory_fraction)
    technique = find_technique(techniques, target.model)
    technique.check_phase("prefill")
    target.model.check_phase("serving")
    technique.check_pools()
    pools = (
        target.hardware,
        target.hardware if decode_hardware is None else find_hardware(decode_hardware),
    )
    service = Service(
        model=target.model,
        precision=target.precision,
        engine=serves,
        input_tokens=whole_number("input_tokens", input_tokens),
        output_tokens=whole_number("output_tokens", output_tokens),
        batches=whole_numbers("batch", batch),
        contexts=whole_numbers("context_parallel", context_parallel),
        memory_fraction=target.memory_fraction,
        techniques=technique,
    )
    return deployments(
        service,
        pools,
        _budgets(pools, devices, prefill_devices, decode_devices, link_bandwidth),
        ttft_limit_s=_limit("ttft_limit_s", ttft_limit_s),
        tpot_limit_s=_limit("tpot_limit_s", tpot_limit_s),
    )


def _budgets(
    pools: tuple[Hardware, Hardware],
    devices: int | Sequence[int],
    prefill: int | None,
    decode: int | None,
    link_bandwidth: float | None,
) -> tuple[DeviceBudget, ...]:
    """Check the counts: two devices at least, and of each pool no more than there are."""
    counts = whole_numbers("devices", devices, least=2)
    whole_number("devices", counts[-1], most=MOST_DEVICES)
    link = None
    if link_bandwidth is not None:
        link = positive("link_bandwidth", link_bandwidth, unit="bytes/s")
    most = []
    for name, given, hardware in zip(
        ("prefill_devices", "decode_devices"), (prefill, decode), pools, strict=True
    ):
        if given is None:
            most.append(hardware.device_limit)
        else:
            count = whole_number(name, given)
            hardware.check_devices(name, count)
            most.append(count)
    return tuple(
        DeviceBudget(devices=count, prefill=most[0], decode=most[1], link_bandwidth=link)
        for count in counts
    )


def _limit(name: str, value: float | None) -> float | None:
    return None if value is None else positive(name, value, unit="s")
