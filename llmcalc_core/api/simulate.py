"""Requests one by one through one plan: percentiles, and how they rise with the load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from llmcalc_core.api.make_request import HardwareLike, ModelLike, PrecisionLike, resolve
from llmcalc_core.checks import positive, truth, whole_number
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.defaults import INPUT_TOKENS, MEMORY_FRACTION, OUTPUT_TOKENS
from llmcalc_core.engines import DEFAULT_ENGINE, Engine, find_engine
from llmcalc_core.memory.budget import memory_budget
from llmcalc_core.planning.basis import basis_of
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.precision import CHECKPOINT
from llmcalc_core.simulation.outcome import Outcome
from llmcalc_core.simulation.scheduler import Cancelled, run
from llmcalc_core.simulation.server import ServerOptions, settings_of, with_overheads
from llmcalc_core.simulation.settings import POLICIES, Settings
from llmcalc_core.simulation.step_times import StepTimes, step_times
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.lengths import FixedLengths, LognormalLengths, UniformLengths
from llmcalc_core.workload.request_frame import requests_from_frame
from llmcalc_core.workload.requests import Requests, draw_requests
from llmcalc_core.workload.techniques import NO_TECHNIQUES

if TYPE_CHECKING:
    import pandas as pd

LengthsLike = int | FixedLengths | UniformLengths | LognormalLengths

NUM_PROMPTS = 1000
"""Requests that are sent where nothing is said: those of ``vllm bench serve``."""

RATES = 12
"""Points of a load curve where no rates are given."""

_WINDOWS, _GROWN = ((0.4, 0.6), (0.8, 1.0)), 1.3
"""Parts of a run between which the requests in an overloaded server grow, and how much [1]."""

_CURVE = (0.1, 1.1)
"""Ends of a load curve, over the most requests per second that the plan serves [1]."""

_OPEN_WAIT = 0.5
"""Of a running step, what requests that come at any time wait in the mean [1]. That and a step that
is prepared ahead are part of the steps to the first token, and simulated."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """A plan with an engine on it."""

    case: Case
    engine: Engine
    memory_fraction: float
    options: ServerOptions

    def settings(self, requests: Requests) -> Settings:
        """Set the engine up for some requests."""
        budget = memory_budget(self.case[1], self.memory_fraction, self.engine.name)
        return settings_of(self.case, self.engine, budget, requests, self.options)

    def step_times(self, requests: Requests, settings: Settings) -> StepTimes:
        """Time the steps that these requests need."""
        longest = int((requests.input_tokens + requests.output_tokens).max())
        return step_times(
            self.case,
            longest=longest,
            most_sequences=min(settings.max_num_seqs, len(requests)),
            token_budget=settings.token_budget,
        )

    def serve(
        self,
        requests: Requests,
        settings: Settings,
        times: StepTimes,
        progress: Callable[[float], object] | None = None,
    ) -> Outcome:
        """Serve requests, with what they wait outside of steps."""
        behaviour = self.case[4].behaviour
        steps = float(behaviour.first_token_steps)
        if requests.concurrency is None:
            steps = max(steps - _OPEN_WAIT - settings.steps_ahead, 0.0)
        return with_overheads(
            run(requests, times, settings, progress=progress),
            first_token_s=float(behaviour.first_token_s),
            first_steps=steps,
        )


def simulate(
    model: ModelLike,
    hardware: HardwareLike,
    *,
    precision: PrecisionLike = CHECKPOINT,
    tp: int = 1,
    ep: int = 1,
    engine: str = DEFAULT_ENGINE,
    requests: pd.DataFrame | Requests | None = None,
    concurrency: int | None = None,
    request_rate: float | None = None,
    burstiness: float = 1.0,
    num_prompts: int = NUM_PROMPTS,
    input_tokens: LengthsLike = INPUT_TOKENS,
    output_tokens: LengthsLike = OUTPUT_TOKENS,
    memory_fraction: float = MEMORY_FRACTION,
    max_num_seqs: int | None = None,
    max_num_batched_tokens: int | None = None,
    num_kv_blocks: int | None = None,
    prefix_caching: bool = True,
    async_scheduling: bool | None = None,
    seed: int = 0,
    progress: Callable[[float], object] | None = None,
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
        Such as 'bf16', 'fp8', 'w4a16'; 'checkpoint': the types of the model's own checkpoint.
    tp, ep : int
        Tensor and expert parallel widths.
    engine : {'vllm', 'sglang', 'trtllm'}
        Whose scheduler.
    requests : DataFrame or Requests, optional
        What is sent: columns ``arrival_s`` [s], ``input_tokens``, ``output_tokens`` and optional
        ``prefix``, ``prefix_tokens``, ``conversation``; see
        :func:`llmcalc_core.workload.request_frame.requests_from_frame`. Where not given, they are
        drawn.
    concurrency : int, optional
        Requests in flight: as one ends, the next is sent.
    request_rate, burstiness : float, optional
        Requests per second [1/s], and how evenly they come: 1 at random (Poisson), less in bursts,
        infinity one after the other. Exactly one of ``concurrency``, ``request_rate`` and
        ``requests`` with ``arrival_s`` says when requests come.
    num_prompts : int, default 1000
        Requests that are drawn.
    input_tokens, output_tokens : int or lengths
        Of prompts and answers [tokens]: a number, or :class:`UniformLengths` or
        :class:`LognormalLengths` to draw from.
    memory_fraction : float, default 0.9
        Part of a device's memory that may be used.
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

    Returns
    -------
    Simulation
        Requests, timeline, percentiles and goodput.

    Raises
    ------
    ValueError
        For an unknown name, a value out of range, a plan the model can't have, or a request that
        the cache has no room for.

    Examples
    --------
    >>> busy = simulate("llama3_8b", "H100_80GB", request_rate=20, num_prompts=200,
    ...                 input_tokens=500, output_tokens=100)
    >>> busy.summary["ttft_p50_s"] < busy.summary["ttft_p99_s"] < 1
    True
    >>> len(busy.requests)
    200
    """
    server = _server(
        model, hardware, precision, (tp, ep), engine, memory_fraction,
        ServerOptions(
            max_num_seqs=_count("max_num_seqs", max_num_seqs),
            max_num_batched_tokens=_count("max_num_batched_tokens", max_num_batched_tokens),
            num_kv_blocks=_count("num_kv_blocks", num_kv_blocks),
            prefix_caching=truth("prefix_caching", prefix_caching),
            async_scheduling=async_scheduling,
        ),
    )  # fmt: skip
    sent = _requests(
        requests, concurrency, request_rate, burstiness, num_prompts,
        (input_tokens, output_tokens), seed,
    )  # fmt: skip
    settings = server.settings(sent)
    times = server.step_times(sent, settings)
    return Simulation(
        outcome=server.serve(sent, settings, times, progress),
        settings=settings,
        basis=_basis(server),
    )


def load_curve(
    model: ModelLike,
    hardware: HardwareLike,
    *,
    precision: PrecisionLike = CHECKPOINT,
    tp: int = 1,
    ep: int = 1,
    engine: str = DEFAULT_ENGINE,
    request_rates: Sequence[float] | None = None,
    ttft_limit_s: float = np.inf,
    tpot_limit_s: float = np.inf,
    num_prompts: int = NUM_PROMPTS,
    input_tokens: LengthsLike = INPUT_TOKENS,
    output_tokens: LengthsLike = OUTPUT_TOKENS,
    burstiness: float = 1.0,
    memory_fraction: float = MEMORY_FRACTION,
    max_num_seqs: int | None = None,
    max_num_batched_tokens: int | None = None,
    num_kv_blocks: int | None = None,
    async_scheduling: bool | None = None,
    seed: int = 0,
    progress: Callable[[float], object] | None = None,
) -> pd.DataFrame:
    """Give latencies over the rate of requests, up to the knee and a little beyond.

    Parameters
    ----------
    model, hardware, precision, tp, ep, engine
        As of :func:`simulate`.
    request_rates : sequence of float, optional
        Requests per second [1/s]; where not given, twelve from a tenth of what the plan serves at
        the most to a tenth more than that.
    ttft_limit_s, tpot_limit_s : float, optional
        Limits within which a request counts as goodput [s].
    num_prompts, input_tokens, output_tokens, burstiness, memory_fraction, seed
        As of :func:`simulate`.
    max_num_seqs, max_num_batched_tokens, num_kv_blocks, async_scheduling
        As of :func:`simulate`; prompts share nothing.
    progress : callable, optional
        Called with the share of the rates that are done; where it returns False, the curve is
        cancelled.

    Returns
    -------
    DataFrame
        A row per rate: ``request_rate`` and ``requests_per_s`` [1/s], ``tokens_per_s``, mean, p50,
        p90, p95 and p99 of TTFT, TPOT, inter-token and end-to-end latency (``ttft_mean_s``,
        ``ttft_p50_s`` ... [s]), ``goodput`` [1/s], ``preemptions``, and ``overloaded``: whether the
        server does not keep up, so that waiting grows as long as requests come.

    Raises
    ------
    ValueError
        As :func:`simulate`, and for no rates.
    Cancelled
        If ``progress`` returned False.

    Examples
    --------
    >>> curve = load_curve("llama3_8b", "H100_80GB", num_prompts=300, input_tokens=500,
    ...                    output_tokens=100)
    >>> bool(curve["ttft_p99_s"].iloc[-1] > 2 * curve["ttft_p99_s"].iloc[0])
    True
    >>> curve["overloaded"].iloc[[0, -1]].tolist()
    [False, True]
    """
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    server = _server(
        model, hardware, precision, (tp, ep), engine, memory_fraction,
        ServerOptions(
            max_num_seqs=_count("max_num_seqs", max_num_seqs),
            max_num_batched_tokens=_count("max_num_batched_tokens", max_num_batched_tokens),
            num_kv_blocks=_count("num_kv_blocks", num_kv_blocks),
            async_scheduling=async_scheduling,
        ),
    )  # fmt: skip
    lengths = input_tokens, output_tokens
    count = whole_number("num_prompts", num_prompts)
    first = _requests(None, None, 1.0, burstiness, count, lengths, seed)
    settings = server.settings(first)
    times = server.step_times(first, settings)
    if request_rates is None:
        most = server.serve(_all_at_once(first), settings, times).requests_per_s
        rates = (np.linspace(*_CURVE, RATES) * most).tolist()
    else:
        rates = [positive("request_rates", one, unit="1/s") for one in request_rates]
        if not rates:
            msg = "request_rates must hold at least one rate, or be None for twelve, got none"
            raise ValueError(msg)
    rows = []
    for done, rate in enumerate(rates):
        if progress is not None and progress(done / len(rates)) is False:
            msg = f"cancelled with {len(rates) - done} of {len(rates)} rates left"
            raise Cancelled(msg)
        sent = _requests(None, None, rate, burstiness, count, lengths, seed)
        found = server.serve(sent, settings, times)
        rows.append(
            {"request_rate": rate}
            | found.summary()
            | {
                "goodput": found.goodput(ttft_s=ttft_limit_s, tpot_s=tpot_limit_s),
                "overloaded": _is_overloaded(found),
            }
        )
    return pd.DataFrame(rows)


def _is_overloaded(found: Outcome) -> bool:
    """Whether ever more requests are in the server while they come."""
    arrival, count = found.arrival_s, found.arrival_s.size
    inside = np.arange(1, count + 1) - np.searchsorted(np.sort(found.finish_s), arrival)
    middle, end = (inside[int(start * count) : int(stop * count) + 1] for start, stop in _WINDOWS)
    return bool(end.mean() > _GROWN * middle.mean())


def _all_at_once(requests: Requests) -> Requests:
    """Send all at the beginning, to see how many a server takes."""
    return replace(requests, arrival_s=np.zeros(len(requests)))


def _server(
    model: ModelLike,
    hardware: HardwareLike,
    precision: PrecisionLike,
    widths: tuple[int, int],
    engine: str,
    memory_fraction: float,
    options: ServerOptions,
) -> _Server:
    """Look up names and check the plan."""
    serves = find_engine(engine)
    if serves.name not in POLICIES:
        msg = f"engine must be one whose scheduler is known ({', '.join(POLICIES)}), got {engine!r}"
        raise ValueError(msg)
    target = resolve(model, hardware, precision, memory_fraction)
    layout = check_layout(target.model, tp=widths[0], pp=1, ep=widths[1], attention_dp=None, cp=1)
    target.hardware.check_devices("devices", layout.devices)
    if layout.attention_dp > 1:
        msg = (
            "simulate follows one attention replica, so that ep must be at most tp, got ep "
            f"{widths[1]} and tp {widths[0]}"
        )
        raise ValueError(msg)
    grid = make_grid(
        (layout,), batches=(1,), inputs=(1,), outputs=(1,), engine=serves.name,
        techniques=NO_TECHNIQUES,
    )  # fmt: skip
    efficiency = efficiency_for(target.hardware, target.precision, engine=serves.name)
    if options.async_scheduling is not None:
        ahead = truth("async_scheduling", options.async_scheduling)
        serves = replace(serves, overlaps_host=ahead)
        behaviour = replace(efficiency.behaviour, overlaps=float(ahead))
        efficiency = replace(efficiency, behaviour=behaviour)
    case = (target.model, target.hardware, target.precision, grid, efficiency)
    return _Server(
        case=case, engine=serves, memory_fraction=target.memory_fraction, options=options
    )


def _requests(
    given: pd.DataFrame | Requests | None,
    concurrency: int | None,
    rate: float | None,
    burstiness: float,
    count: int,
    lengths: tuple[LengthsLike, LengthsLike],
    seed: int,
) -> Requests:
    """Take the requests that are given, or draw them."""
    if isinstance(given, Requests):
        return given
    if given is not None:
        return requests_from_frame(
            given, rate=rate, burstiness=burstiness, concurrency=concurrency, seed=seed
        )
    inputs, outputs = (
        FixedLengths(tokens=whole_number(name, one)) if isinstance(one, int) else one
        for name, one in zip(("input_tokens", "output_tokens"), lengths, strict=True)
    )
    return draw_requests(
        whole_number("num_prompts", count),
        input_lengths=inputs,
        output_lengths=outputs,
        rate=rate,
        burstiness=burstiness,
        concurrency=concurrency,
        seed=seed,
    )


def _count(name: str, value: int | None) -> int | None:
    return None if value is None else whole_number(name, value)


def _basis(server: _Server) -> str:
    model, hardware, _, _, efficiency = server.case
    return basis_of(model, hardware, efficiency, NO_TECHNIQUES)
