"""Latencies of a plan over the rate of requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
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
from llmcalc_core.checks import positive, whole_number
from llmcalc_core.defaults import INPUT_TOKENS, NUM_PROMPTS, OUTPUT_TOKENS
from llmcalc_core.engines import DEFAULT_ENGINE, told_engine
from llmcalc_core.precision import CHECKPOINT
from llmcalc_core.several import several
from llmcalc_core.simulation.outcome import Outcome
from llmcalc_core.simulation.server import ServerOptions
from llmcalc_core.workload.requests import Requests
from llmcalc_core.workload.techniques import TechniqueArguments, takes_techniques

if TYPE_CHECKING:
    import pandas as pd

RATES = 12
"""Points of a load curve where no rates are given."""

_CURVE = (0.1, 1.1)
"""Ends of a load curve, over the most requests per second that the plan serves [1]."""

_WINDOW, _KEPT_UP = (0.4, 1.0), 0.93
"""Part of a run's arrivals in which the requests that end are counted, and how many of those that
come must end at the least [1]."""

_DEVIATIONS = 2.0
"""Standard deviations of the requests in a server that keeps up: they come and go at random [1]."""

_NEAR = 0.94
"""Part of the requests per second that a server ends with all of them there at once, with which it
keeps up: what falls behind at less does so by chance [1]. Against simulated runs of 4,000 requests
at overload, what 600 or 1,000 at once show is 0.8 to 1.06 of the most."""


@takes_techniques
def load_curve(
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
    request_rates: Sequence[float] | None = None,
    ttft_limit_s: float = np.inf,
    tpot_limit_s: float = np.inf,
    num_prompts: int = NUM_PROMPTS,
    input_tokens: LengthsLike = INPUT_TOKENS,
    output_tokens: LengthsLike = OUTPUT_TOKENS,
    burstiness: float = 1.0,
    memory_fraction: float | None = None,
    max_num_seqs: int | None = None,
    max_num_batched_tokens: int | None = None,
    num_kv_blocks: int | None = None,
    async_scheduling: bool | None = None,
    seed: int = 0,
    progress: Callable[[float], object] | None = None,
    **techniques: Unpack[TechniqueArguments],
) -> pd.DataFrame:
    """Give latencies over the rate of requests, up to the knee and a little beyond.

    Parameters
    ----------
    model, hardware, precision, tp, pp, ep, attention_dp, engine, engine_version, enforce_eager
        As of :func:`simulate`.
    request_rates : sequence of float, optional
        Requests per second [1/s]; where not given, twelve from a tenth of what the plan serves at
        the most to a tenth more than that.
    ttft_limit_s, tpot_limit_s : float, optional
        Limits within which a request counts as goodput [s].
    num_prompts, input_tokens, output_tokens, burstiness, memory_fraction, seed
        As of :func:`simulate`.
    max_num_seqs, max_num_batched_tokens, num_kv_blocks, async_scheduling
        As of :func:`simulate`.
    progress : callable, optional
        Called now and then with the share that is done; where it returns False, the curve is
        cancelled.
    **techniques : optional
        As of :func:`simulate`.

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

    technique = find_technique(techniques)
    server = make_server(
        model, hardware, precision, Widths(tp, pp, ep, attention_dp),
        told_engine(engine, engine_version, enforce_eager=enforce_eager), memory_fraction,
        ServerOptions(
            max_num_seqs=count_or_none("max_num_seqs", max_num_seqs),
            max_num_batched_tokens=token_budget(max_num_batched_tokens, technique),
            num_kv_blocks=count_or_none("num_kv_blocks", num_kv_blocks),
            async_scheduling=async_scheduling,
        ),
        technique,
    )  # fmt: skip
    lengths = input_tokens, output_tokens
    count = whole_number("num_prompts", num_prompts)
    asked = None if request_rates is None else _rates(request_rates)
    limits = {
        "ttft_s": _limit("ttft_limit_s", ttft_limit_s),
        "tpot_s": _limit("tpot_limit_s", tpot_limit_s),
    }
    first = sent_requests(
        None, None, 1.0, burstiness, count, lengths, seed, technique.prefix_hit_rate
    )
    settings = server.settings(first)
    times = server.step_times(first, settings)
    runs = 1 + RATES if asked is None else len(asked)
    most = None
    if asked is None:
        told = _part_of(progress, 0, runs)
        most = server.serve(all_at_once(first), settings, times, told).requests_per_s
        rates = (np.linspace(*_CURVE, RATES) * most).tolist()
    else:
        rates = asked
    rows = []
    for run, rate in enumerate(rates, start=runs - len(rates)):
        sent = sent_requests(
            None, None, rate, burstiness, count, lengths, seed, technique.prefix_hit_rate
        )
        found = server.serve(sent, settings, times, _part_of(progress, run, runs))
        behind = falls_behind(found)
        if behind and most is None:
            most = server.serve(all_at_once(first), settings, times).requests_per_s
        rows.append(
            {"request_rate": rate}
            | found.summary()
            | {
                "goodput": found.goodput(**limits),
                "overloaded": behind and most is not None and is_near(rate, most),
            }
        )
    return pd.DataFrame(rows)


def _rates(given: object) -> list[float]:
    rates = [positive("request_rates", one, unit="1/s") for one in several("request_rates", given)]
    if not rates:
        msg = "request_rates must hold at least one rate, or be None for twelve, got none"
        raise ValueError(msg)
    return rates


def _limit(name: str, value: object) -> float:
    """Check a limit, which may be infinite [s]."""
    if isinstance(value, float) and value == np.inf:
        return value
    return positive(name, value, unit="s")


def _part_of(
    progress: Callable[[float], object] | None, run: int, runs: int
) -> Callable[[float], object] | None:
    """Tell of the share of one run as a share of all."""
    return None if progress is None else lambda share: progress((run + share) / runs)


def is_near(rate: float, most: float) -> bool:
    """Whether a rate is about what a server ends at the most, or above it [1/s]."""
    return rate > _NEAR * most


def falls_behind(found: Outcome) -> bool:
    """Whether fewer requests end than come, the first and the last ones left aside.

    A burst late in a run looks the same: a server is overloaded where the rate is near what it ends
    at the most, too.
    """
    arrival, count = found.arrival_s, found.arrival_s.size
    first, last = (min(int(part * count), count - 1) for part in _WINDOW)
    ended = np.searchsorted(np.sort(found.finish_s), arrival[[first, last]])
    lacking = (last - first) - (ended[1] - ended[0])
    by_chance = _DEVIATIONS * np.sqrt(2.0 * (first - ended[0]) + 1)
    return bool(lacking > max((1 - _KEPT_UP) * (last - first), by_chance))


def all_at_once(requests: Requests) -> Requests:
    """Send all at the beginning, to see how many a server takes."""
    return replace(requests, arrival_s=np.zeros(len(requests)))
