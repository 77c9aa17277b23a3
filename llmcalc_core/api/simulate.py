"""Requests one by one through one plan: what each of them meets, and percentiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Unpack

import numpy as np

from llmcalc_core.api.make_request import HardwareLike, ModelLike, PrecisionLike, find_technique
from llmcalc_core.api.server import (
    LengthsLike,
    Widths,
    count_or_none,
    make_server,
    sent_requests,
    token_budget,
)
from llmcalc_core.checks import truth
from llmcalc_core.defaults import INPUT_TOKENS, NUM_PROMPTS, OUTPUT_TOKENS
from llmcalc_core.engines import DEFAULT_ENGINE, told_engine
from llmcalc_core.precision import CHECKPOINT
from llmcalc_core.simulation.outcome import Outcome
from llmcalc_core.simulation.server import ServerOptions
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.workload.requests import Requests
from llmcalc_core.workload.techniques import TechniqueArguments, takes_techniques

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, eq=False)
class Simulation:
    """What requests met on a simulated server.

    Attributes
    ----------
    outcome : Outcome
        Times of every request and of the tokens between; its methods ``mean``, ``percentile`` and
        ``goodput`` answer further questions.
    settings : Settings
        How the engine was set up, its KV blocks among it.
    basis : str
        What the times of its steps rest on.
    """

    outcome: Outcome = field(repr=False)
    settings: Settings
    basis: str

    @cached_property
    def requests(self) -> pd.DataFrame:
        """One row per request, in the order of sending; times in seconds."""
        return self.outcome.requests_frame()

    @cached_property
    def timeline(self) -> pd.DataFrame:
        """What ran, waited and was used of the KV cache, at some thousand times."""
        return self.outcome.timeline_frame()

    @cached_property
    def summary(self) -> dict[str, float]:
        """Mean, p50, p90, p95 and p99 of every latency [s], rates, preemptions and steps."""
        return self.outcome.summary()

    def percentile(self, latency: str, level: float) -> float:
        """Give a percentile of a latency: 'ttft', 'tpot', 'itl' or 'e2e' [s]."""
        return self.outcome.percentile(latency, level)

    def goodput(self, *, ttft_s: float = np.inf, tpot_s: float = np.inf) -> float:
        """Count the requests per second that ended within limits [1/s]."""
        return self.outcome.goodput(ttft_s=ttft_s, tpot_s=tpot_s)


@takes_techniques
def simulate(
    model: ModelLike,
    hardware: HardwareLike,
    *,
    precision: PrecisionLike = CHECKPOINT,
    tp: int = 1,
    pp: int = 1,
    ep: int = 1,
    attention_dp: int | None = None,
    engine: str = DEFAULT_ENGINE,
    engine_version: str | None = None,
    enforce_eager: bool = False,
    requests: pd.DataFrame | Requests | None = None,
    concurrency: int | None = None,
    request_rate: float | None = None,
    burstiness: float = 1.0,
    num_prompts: int = NUM_PROMPTS,
    input_tokens: LengthsLike = INPUT_TOKENS,
    output_tokens: LengthsLike = OUTPUT_TOKENS,
    memory_fraction: float | None = None,
    max_num_seqs: int | None = None,
    max_num_batched_tokens: int | None = None,
    num_kv_blocks: int | None = None,
    prefix_caching: bool = True,
    async_scheduling: bool | None = None,
    seed: int = 0,
    progress: Callable[[float], object] | None = None,
    **techniques: Unpack[TechniqueArguments],
) -> Simulation:
    """Send requests to a server, one by one, and note what each of them meets.

    The scheduler of the engine is followed event by event, by its default rules: vLLM and
    TensorRT-LLM read prompts beside decoding within a budget of tokens, SGLang reads them first.
    Steps take what the cost model gives. The same seed gives the same result.

    Parameters
    ----------
    model : name, path, dict or ModelConfig
        The model.
    hardware : name, dict, path of a TOML file or Hardware
        The device.
    precision : str or Precision
        Such as 'bf16', 'fp8', 'w4a16'; 'checkpoint': the types of the model's own checkpoint. 'fp8'
        and 'nvfp4' have an FP8 KV cache, which vLLM keeps in 16 bits unless told: a Precision can.
    tp, pp, ep : int
        Tensor parallel width, pipeline stages and expert parallel width.
    attention_dp : int, optional
        Attention replicas, each with a queue and a KV cache of its own, that step together; without
        it a stage has the wider of ``tp`` and ``ep`` devices.
    engine : {'vllm', 'sglang', 'trtllm'}
        Whose scheduler.
    engine_version : str, optional
        Its release, such as '0.11', of what changed times between versions; the newest known where
        not given.
    enforce_eager : bool, default False
        Whether no graph is captured, so that the host starts every kernel of every step.
    requests : DataFrame or Requests, optional
        What is sent: columns ``arrival_s`` [s], ``input_tokens``, ``output_tokens`` and optional
        ``prefix``, ``prefix_tokens``, ``conversation``; see
        :func:`llmcalc_core.workload.request_frame.requests_from_frame`. Where not given, they are
        drawn.
    concurrency : int, optional
        Clients, each of which sends its next request as it has seen its answer.
    request_rate, burstiness : float, optional
        Requests per second [1/s], and how evenly they come: 1 at random (Poisson), less in bursts,
        infinity one after the other. Exactly one of ``concurrency``, ``request_rate`` and
        ``requests`` with ``arrival_s`` says when requests come.
    num_prompts : int, default 1000
        Requests that are drawn.
    input_tokens, output_tokens : int or lengths
        Of prompts and answers [tokens]: a number, or :class:`UniformLengths` or
        :class:`LognormalLengths` to draw from.
    memory_fraction : float, optional
        Part of a device's memory that may be used; the engine's own default where not given.
    max_num_seqs, max_num_batched_tokens, num_kv_blocks : int, optional
        Most requests that run at once, most tokens of a step and blocks of the KV cache: the
        engine's defaults, and what the memory has room for.
    prefix_caching : bool, default True
        Whether the KV cache of shared beginnings is used again.
    async_scheduling : bool, optional
        Whether the host prepares a step while the devices run the one before: vLLM's default since
        0.14, the overlap scheduler of others. As the engine's measured runs did where not given.
    seed : int, default 0
        Of what is drawn.
    progress : callable, optional
        Called with the share of requests that ended; where it returns False, the run is cancelled.
    **techniques : optional
        ``prefix_hit_rate``: all prompts that are drawn begin alike, for that share of each;
        ``prefill_chunk_tokens``, adapters and shares that are offloaded, see :class:`Techniques`.
        Speculation and finding what to offload are not simulated.

    Returns
    -------
    Simulation
        Requests, timeline, percentiles and goodput.

    Raises
    ------
    ValueError
        For an unknown name, a value out of range, a plan the model can't have, or a request that
        the cache has no room for.
    Cancelled
        If ``progress`` returned False.

    Examples
    --------
    >>> busy = simulate("llama3_8b", "H100_80GB", request_rate=20, num_prompts=200,
    ...                 input_tokens=500, output_tokens=100)
    >>> busy.summary["ttft_p50_s"] < busy.summary["ttft_p99_s"] < 1
    True
    >>> len(busy.requests)
    200
    """
    technique = find_technique(techniques)
    server = make_server(
        model, hardware, precision, Widths(tp, pp, ep, attention_dp),
        told_engine(engine, engine_version, enforce_eager=enforce_eager), memory_fraction,
        ServerOptions(
            max_num_seqs=count_or_none("max_num_seqs", max_num_seqs),
            max_num_batched_tokens=token_budget(max_num_batched_tokens, technique),
            num_kv_blocks=count_or_none("num_kv_blocks", num_kv_blocks),
            prefix_caching=truth("prefix_caching", prefix_caching),
            async_scheduling=async_scheduling,
        ),
        technique,
    )  # fmt: skip
    sent = sent_requests(
        requests, concurrency, request_rate, burstiness, num_prompts,
        (input_tokens, output_tokens), seed, technique.prefix_hit_rate,
    )  # fmt: skip
    settings = server.settings(sent)
    times = server.step_times(sent, settings)
    return Simulation(
        outcome=server.serve(sent, settings, times, progress),
        settings=settings,
        basis=server.basis,
    )
