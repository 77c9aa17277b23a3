"""Every way to deploy a model, as one DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Unpack

from llmcalc_core.api.make_request import (
    HardwareLike,
    ModelLike,
    PrecisionLike,
    make_request,
)
from llmcalc_core.defaults import INPUT_TOKENS, MOST_CANDIDATES, OUTPUT_TOKENS
from llmcalc_core.deprecation import accepts_old_names
from llmcalc_core.engines import DEFAULT_ENGINE
from llmcalc_core.planning.evaluation import evaluate_frame
from llmcalc_core.planning.request import limit_of_phase
from llmcalc_core.precision import CHECKPOINT
from llmcalc_core.sweeps.progress import Progress
from llmcalc_core.sweeps.run import sweep_to_file, sweep_to_frame
from llmcalc_core.workload.techniques import TechniqueArguments, takes_techniques

if TYPE_CHECKING:
    import pandas as pd


@accepts_old_names(stage="phase", latency_limit_s=limit_of_phase)
@takes_techniques
def explore(
    model: ModelLike | Sequence[ModelLike],
    hardware: HardwareLike | Sequence[HardwareLike],
    devices: int | Sequence[int] | None = None,
    *,
    phase: str = "decode",
    engine: str = DEFAULT_ENGINE,
    engine_version: str | None = None,
    max_num_seqs: int | None = None,
    enforce_eager: bool = False,
    input_tokens: int | Sequence[int] = INPUT_TOKENS,
    output_tokens: int | Sequence[int] = OUTPUT_TOKENS,
    batch: int | Sequence[int] | None = None,
    exact_batch: bool | None = None,
    precision: PrecisionLike | Sequence[PrecisionLike] = CHECKPOINT,
    context_parallel: int | Sequence[int] | None = None,
    beam_size: int = 1,
    memory_fraction: float | None = None,
    tpot_limit_s: float | None = None,
    ttft_limit_s: float | None = None,
    price_per_hour: float | None = None,
    power_watts: float | None = None,
    objective: str = "throughput",
    request_rate: float | Sequence[float] | None = None,
    percentile: float | None = None,
    max_candidates: int = MOST_CANDIDATES,
    to: str | PathLike[str] | None = None,
    keep: str = "all",
    client: object = None,
    progress: Progress = None,
    **techniques: Unpack[TechniqueArguments],
) -> pd.DataFrame:
    """Estimate every way to deploy a model, as one DataFrame.

    Parameters
    ----------
    model : name, path, dict, ModelConfig, or several of them
        What to deploy.
    hardware : name, dict, path of a TOML file, Hardware, or several of them
        On what; ``Hardware.cluster`` describes nodes and the network between them.
    devices : int or several, optional
        Total devices; every plan uses one of these counts up. Where not given, 8, or all of a
        cluster (the smallest, of several).
    phase : {'decode', 'prefill', 'serving'}
        What the throughput and time columns describe: steady decoding or the prefill of a batch
        that starts and ends together, or continuous batching in a closed loop, where the next
        request takes the place of each that ends.
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
    input_tokens, output_tokens : int or several
        Prompt and generated tokens.
    batch : int or several, optional
        Sequences (serving: requests) in flight per replica. Where not given, the powers of two up
        to 256, and of each plan the largest that keeps the limits and fits.
    exact_batch : bool, optional
        Whether, of each plan, the first of several batches that breaks a limit or does not fit
        gives way to the largest that does neither: what a plan gives within limits is most there.
        Only where ``batch`` is not given, unless told.
    precision : str, Precision, or several of them
        Such as 'bf16', 'fp8', 'w4a16', or 'checkpoint' (the default): the types that each
        model's own checkpoint is stored in, bf16 where it does not say. 'fp8' and 'nvfp4' have an
        FP8 KV cache, which vLLM keeps in 16 bits unless told (``kv_cache_dtype``):
        ``Precision(weights="fp8", activations="fp8", kv_cache="bf16")`` is that.
    context_parallel : int or several, optional
        Groups of devices that the tokens of a prompt are divided over; the groups hold the same
        weights and repeat the same decode steps (vLLM, prefill context parallelism). 1 where not
        given, and the powers of two besides in phase prefill of 32,768 tokens and more.
    beam_size : int, default 1
        Sequences decoded per request; 1 in serving.
    memory_fraction : float, optional
        Part of a device's memory that may be used, the engine's own default where not given; with
        TensorRT-LLM that of what weights and buffers leave free, for the cache.
    tpot_limit_s, ttft_limit_s : float, optional
        Longest time per output token and to the first token, in every phase [s].
    price_per_hour, power_watts : float, optional
        Price [USD/h] and design power [W] of a device; each device's own where not given.
    request_rate : float or several, optional
        In phase serving and in place of ``batch``: requests per second that come at random to the
        whole deployment, divided evenly over its replicas [1/s]. In flight are then as many as come
        in the time that each of them takes (Little's law).
    percentile : float, optional
        With ``request_rate``: share of the requests that are no slower than the times, such as
        0.99; limits and ``on_front`` are about these, and the means stand beside. Prompts and
        answers are all of one length. Beside :func:`simulate`, of 949 random plans and rates
        (``python -m tests.benchmarks.agreement``) means are off by 3 % at the median, p99 by 11 %
        of TTFT and 6 % of TPOT. Where answers are not short and there is one pipeline stage, means
        are off by 1 to 2 %, a tenth by more than 6 to 12 %, and p99 by 5 to 8 and 4 %. Of pipelines
        and short answers a tenth are off by up to half and more; their bands are wider. The
        formulas are the same for what the simulator does not follow.
    max_candidates : int, default 20,000,000
        Most candidates that are worked out, as a million take 270 MB: a slip such as a range of all
        batches ends in an error before anything is built. With ``to``, which takes sweeps that are
        larger than memory, of a part.
    objective : {'throughput', 'cost', 'energy'}
        What ``on_front`` trades against latency: tokens per second and device; or cost or energy
        per token, in which hardware competes with hardware.
    to : path, optional
        A Parquet file that candidates are written to part by part, in bounded memory (pyarrow; the
        extra ``sweep``). A sweep that was stopped goes on where it was when it is asked for again,
        and one that is finished is read. Rows are ordered by case, then by lengths.
    keep : {'all', 'feasible', 'front'}
        Which candidates are kept: all, those that are not rejected, or the fronts.
    client : dask.distributed.Client, optional
        Whose workers evaluate the candidates part by part (the extra ``dask``); parts of a worker
        that is lost go to others.
    progress : bool or callable, optional
        True for a bar with a rate and the time that is left, in notebook and terminal (tqdm; the
        extra ``sweep``). A function is called with the share that is done, and cancels where it
        returns False. Parts that are done are kept in the file's folder.
    **techniques : optional, one or several of each
        ``prefix_hit_rate``, ``speculative_tokens``, ``acceptance_rate``, ``draft_model``,
        ``prefill_chunk_tokens``, ``lora_adapters``, ``lora_rank``, ``weights_offload``,
        ``kv_offload``, ``weights_offload_gib``, ``offload_to_fit``: what the deployment does with
        its requests, as :class:`Techniques` describes.

    Returns
    -------
    DataFrame
        One row per candidate. A sweep into a file returns one row, the best at the objective, for
        each model, hardware (all together, where hardware competes), precision, techniques and
        pair of lengths. ``model``, ``hardware``, ``precision``, and a column for each of the
        :class:`Techniques` in use; ``devices`` (in total), ``tp``, ``pp``, ``ep``,
        ``attention_dp``, ``cp`` (context parallel, where widths besides 1 are tried),
        ``replicas``, ``request_rate`` (where it is given), ``batch`` (per replica; at a rate the
        mean number in flight, rounded up), ``micro_batch``, ``input_tokens``,
        ``output_tokens``; ``ttft_s``, ``tpot_s``,
        ``e2e_latency_s`` [s] (serving: means of a closed loop or at the rate, or the percentile);
        ``ttft_mean_s`` and ``tpot_mean_s`` [s], where these are percentiles;
        ``ttft_low_s``, ``ttft_high_s``, ``tpot_low_s``, ``tpot_high_s`` [s], their 80 % bands;
        ``tokens_per_s`` and ``tokens_per_s_per_device`` (read in prefill, else generated),
        ``requests_per_s``;
        ``gemm_s``, ``attention_s``, ``communication_s``, ``memory_traffic_s``, ``overhead_s``
        [s], which sum to the phase's latency: ``ttft_s`` in prefill, else ``tpot_s`` (its
        mean); ``bound_by``; ``weights_bytes``, ``kv_cache_bytes``, ``activations_bytes``,
        ``reserve_bytes``, which sum to ``device_memory_bytes``, and ``memory_headroom_bytes``
        (negative: what is missing), all of the fullest device, and ``host_memory_bytes`` where
        something is offloaded, whose way over the host's link counts as communication;
        ``cost_usd_per_hour`` and ``power_w`` of all devices,
        ``cost_usd_per_million_input_tokens``, ``cost_usd_per_million_output_tokens``,
        ``energy_j_per_input_token``, ``energy_j_per_output_token`` (see
        :func:`llmcalc_core.planning.cost.cost_figures`; NaN where price or power is not known, and
        in static phases for the tokens of the other), and ``cost_usd_per_million_tokens`` and
        ``energy_j_per_token`` of all tokens, prompts' and generated in serving, by which the
        objectives order plans;
        ``rejected_for`` ('', 'memory', 'host memory', 'load', 'TPOT limit' or 'TTFT limit'; load:
        more requests come to a replica than it serves, so that the time to first token is infinite
        and other figures are those of as many in flight as it has room for; with a percentile
        also where all its places are taken though it keeps up, of which no percentiles are known:
        NaN),
        ``on_front`` (of its model, hardware, precision, techniques and lengths: latency against
        tokens per second and device), ``basis`` ('measured', 'calibrated', 'transferred' or
        'assumed') of the times.

    Raises
    ------
    Cancelled
        If ``progress`` returned False.
    ImportError
        If an extra is not installed that is needed.
    TypeError
        For an argument that there is not, with the nearest one.
    ValueError
        For an unknown name or a value out of range.

    Examples
    --------
    >>> frame = explore("llama2_7b", "A100_80GB", devices=2, batch=[1, 8])
    >>> frame[["tp", "pp", "replicas", "batch"]].to_numpy().tolist()
    [[1, 1, 2, 1], [1, 1, 2, 8], [1, 2, 1, 1], [1, 2, 1, 8], [2, 1, 1, 1], [2, 1, 1, 8]]
    """
    request = make_request(
        model,
        hardware,
        devices,
        phase=phase,
        engine=engine,
        engine_version=engine_version,
        max_num_seqs=max_num_seqs,
        enforce_eager=enforce_eager,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        batch=batch,
        exact_batch=exact_batch,
        precision=precision,
        context_parallel=context_parallel,
        beam_size=beam_size,
        memory_fraction=memory_fraction,
        tpot_limit_s=tpot_limit_s,
        ttft_limit_s=ttft_limit_s,
        price_per_hour=price_per_hour,
        power_watts=power_watts,
        objective=objective,
        request_rate=request_rate,
        percentile=percentile,
        max_candidates=max_candidates,
        **techniques,
    )
    if to is not None:
        return sweep_to_file(request, to, keep=keep, client=client, progress=progress)
    if client is not None or progress or keep != "all":
        return sweep_to_frame(request, keep=keep, client=client, progress=progress)
    return evaluate_frame(request)
