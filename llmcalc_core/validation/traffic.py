"""How requests came and what the server was told, where a file says so.

Of a row the columns ``dp``, ``request_rate``, ``num_requests``, ``max_batched_tokens``,
``memory_fraction``, ``prefix_hit_rate`` and ``lengths`` (see :func:`lengths_of`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from llmcalc_core.checks import fraction, share
from llmcalc_core.defaults import MEMORY_FRACTION
from llmcalc_core.engines import find_engine
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.validation.cells import (
    CannotPredictError,
    count_or_one,
    measured_number,
    optional_count,
)
from llmcalc_core.validation.names import engine
from llmcalc_core.workload.lengths import FixedLengths, Lengths, LognormalLengths, UniformLengths
from llmcalc_core.workload.requests import ROUNDS, Arrivals, Requests, draw_requests

_AHEAD_SINCE = (0, 14)
"""vLLM schedules a step ahead by default from here on ("Async scheduling is now enabled by
default", release notes of v0.14.0 of vllm-project/vllm, pull request 27614, January 2026; read
2026-11-30)."""

_DRAWN = re.compile(r"drawn(?P<shortest>[\d.]+)(?:-(?P<longest>[\d.]+))?")

_CHAT_SIGMA = 1.0
"""Standard deviation of the logarithms of lengths of a data set of chats [1]; assumed."""

_WIDEST = 0.999
"""Half the width of a range from 0 over its middle: the shortest has one token [1]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Traffic:
    """What was sent to a server, what it was told, and what its client counted.

    Attributes
    ----------
    requests : Requests
        What was sent to one replica.
    options : mapping
        Further arguments of :func:`llmcalc_core.simulate`: how the server was set up.
    client_waits_s : float
        How long a client waits for an answer; later ones fail and are in no figure [s].
    counted_tokens : float
        Tokens that the client counts in a mean answer, by which a time per output token is
        divided; those that were generated where it is 0 [tokens].
    """

    requests: Requests
    options: Mapping[str, Any]
    client_waits_s: float = math.inf
    counted_tokens: float = 0.0


def schedules_ahead(engine: str, version: str = "") -> bool | None:
    """Tell whether a server prepares a step while the one before runs; None: as others did.

    Parameters
    ----------
    engine : str
        Whose scheduler.
    version : str, optional
        As a file has it.

    Examples
    --------
    >>> schedules_ahead("vllm", "0.15.1"), schedules_ahead("vllm", "0.9.2")
    (True, False)
    >>> schedules_ahead("vllm", "") is schedules_ahead("sglang", "0.5.9") is None
    True
    """
    numbers = re.match(r"v?(\d+)\.(\d+)", version.strip())
    if engine != "vllm" or numbers is None:
        return None
    return (int(numbers[1]), int(numbers[2])) >= _AHEAD_SINCE


def are_fixed(lengths: str) -> bool:
    """Tell whether a file's word for lengths says that all are the same.

    Raises
    ------
    CannotPredictError
        If it is no such word.

    Examples
    --------
    >>> are_fixed("fixed"), are_fixed("drawn0.8"), are_fixed("dataset")
    (True, False, False)
    """
    return isinstance(lengths_of(lengths, 1), FixedLengths)


def lengths_of(word: str, mean: int) -> Lengths:
    """Give lengths with a mean, as a file's word says that they are spread.

    Parameters
    ----------
    word : str
        'fixed'; 'drawn0.8', evenly from 0.8 to 1 of the longest; 'drawn0.85-1.15', evenly from
        0.85 to 1.15 of the middle; 'dataset', lognormal.
    mean : int
        Mean length [tokens].

    Raises
    ------
    CannotPredictError
        If it is none of these.

    Examples
    --------
    >>> lengths_of("drawn0.8-1.2", 100)
    UniformLengths(tokens=100, range_ratio=0.2)
    >>> round(lengths_of("drawn0.8", 90).range_ratio, 3)
    0.111
    """
    word = word.strip()
    if word == "fixed":
        return FixedLengths(tokens=mean)
    if word == "dataset":
        return LognormalLengths(mean=mean, sigma=_CHAT_SIGMA)
    drawn = _DRAWN.fullmatch(word)
    if drawn is None:
        msg = f"lengths {word!r} are neither fixed nor drawn nor of a dataset"
        raise CannotPredictError(msg)
    shortest, longest = float(drawn["shortest"]), float(drawn["longest"] or 1)
    ratio = (longest - shortest) / (longest + shortest)
    return UniformLengths(tokens=mean, range_ratio=min(round(ratio, 6), _WIDEST))


def repeated_prompts(
    count: int, rate: float, burstiness: float, lengths: tuple[int, int], prompts: int
) -> Requests:
    """Send some prompts in turn, again and again: each is in the prefix cache from then on.

    Parameters
    ----------
    count : int
        Requests [1].
    rate, burstiness : float
        See :func:`llmcalc_core.workload.requests.arrival_times`.
    lengths : (int, int)
        Tokens of each prompt and answer [tokens].
    prompts : int
        Different ones [1].

    Examples
    --------
    >>> repeated_prompts(4, 2.0, math.inf, (50, 10), 3).prefix.tolist()
    [0, 1, 2, 0]
    """
    sent = at_a_rate(count, rate, burstiness, lengths, 0.0)
    return replace(
        sent, prefix=np.arange(count) % prompts, prefix_tokens=np.full(count, lengths[0])
    )


def at_a_rate(
    count: int,
    rate: float,
    burstiness: float,
    lengths: tuple[int | Lengths, int | Lengths],
    shared: float,
) -> Requests:
    """Send requests at a rate, whose prompts begin with the same share of their tokens.

    Parameters
    ----------
    count, rate, burstiness
        As of :func:`repeated_prompts`.
    lengths : tuple
        Tokens of prompts and answers: numbers, or what they are drawn from.
    shared : float
        Part of the tokens of prompts that all have in common [1].

    Examples
    --------
    >>> at_a_rate(2, 1.0, math.inf, (100, 10), 0.25).prefix_tokens.tolist()
    [25, 25]
    """
    inputs, outputs = (FixedLengths(tokens=one) if isinstance(one, int) else one for one in lengths)
    drawn = draw_requests(
        count, input_lengths=inputs, output_lengths=outputs, rate=rate, burstiness=burstiness
    )
    common = np.floor(share("prefix_hit_rate", shared) * drawn.input_tokens).astype(np.int64)
    prefix = np.where(common > 0, 0, -1)
    return replace(drawn, prefix=prefix, prefix_tokens=common)


_POISSON = 1.0
"""Burstiness of the clients of vLLM and SGLang where a rate is given [1]."""

_PROMPTS = 1000
"""Requests at a rate where a row does not say: those of ``vllm bench serve``."""


def replicas_and_ranks(fields: Mapping[str, str], config: ModelConfig) -> tuple[int, int | None]:
    """Read the column ``dp``, where a file has it.

    Engines share the experts of a mixture among data parallel ranks; those of a dense model have
    nothing in common, and each serves its part of the requests.

    Returns
    -------
    tuple of (int, int or None)
        Replicas of the model, and attention ranks of each; None where the layout decides.

    Examples
    --------
    >>> from llmcalc_core import find_model
    >>> dense, mixture = find_model("llama3_8b"), find_model("mixtral_8x7b")
    >>> replicas_and_ranks({"dp": "4"}, dense), replicas_and_ranks({"dp": "4"}, mixture)
    ((4, None), (1, 4))
    >>> replicas_and_ranks({}, dense)
    (1, None)
    """
    width = count_or_one(fields, "dp") if "dp" in fields else 1
    if config.num_experts > 1 and width > 1:
        return 1, width
    return width, None


def states_a_rate(fields: Mapping[str, str]) -> bool:
    """Tell whether requests came at a rate; at an infinite one all come at once.

    Examples
    --------
    >>> states_a_rate({"request_rate": "8"}), states_a_rate({"request_rate": "inf"})
    (True, False)
    """
    return math.isfinite(measured_number(fields, "request_rate"))


def arrivals(fields: Mapping[str, str], kind: str, requests: int, batch: int) -> Arrivals:
    """Say how requests of a loop came; without a word saturated runs have fixed lengths.

    Parameters
    ----------
    fields : mapping
        The row.
    kind : str
        As of a case.
    requests, batch : int
        Requests of a replica's whole run, 0 where not known, and those in flight.
    """
    word = fields.get("lengths", "").strip()
    rounds = max(requests / batch, 1.0) if requests and kind == "closed_loop" else float(ROUNDS)
    return Arrivals(
        fixed_lengths=are_fixed(word) if word else kind == "saturated",
        rounds=rounds,
        streamed=kind != "saturated",
    )


def memory_fraction(fields: Mapping[str, str]) -> float:
    """Read what a server was told that it may use of a device's memory."""
    stated = measured_number(fields, "memory_fraction")
    return MEMORY_FRACTION if math.isnan(stated) else fraction("memory_fraction", stated)


def techniques(fields: Mapping[str, str], kind: str, served_by: str) -> dict[str, Any]:
    """Give further arguments of the estimates: a hit rate, and tokens of a step if not as usual.

    Examples
    --------
    >>> techniques({"prefix_hit_rate": "0.5", "max_batched_tokens": "512"}, "closed_loop", "vllm")
    {'prefix_hit_rate': 0.5, 'prefill_chunk_tokens': 512}
    """
    found: dict[str, Any] = {}
    hits = _hit_rate(fields)
    if hits:
        found["prefix_hit_rate"] = hits
    tokens = optional_count(fields, "max_batched_tokens")
    if tokens and kind != "static" and tokens != find_engine(served_by).token_budget:
        found["prefill_chunk_tokens"] = tokens
    return found


def traffic(fields: Mapping[str, str], lengths: tuple[int, int], replicas: int) -> Traffic:
    """Give what one of some replicas is sent at the stated rate."""
    word = fields.get("lengths", "").strip() or "fixed"
    inputs, outputs = (lengths_of(word, one) for one in lengths)
    stated = optional_count(fields, "num_requests") or _PROMPTS
    return Traffic(
        requests=at_a_rate(
            max(round(stated / replicas), 1),
            measured_number(fields, "request_rate") / replicas,
            _POISSON,
            (inputs, outputs),
            _hit_rate(fields),
        ),
        options={
            "max_num_batched_tokens": optional_count(fields, "max_batched_tokens"),
            "async_scheduling": schedules_ahead(
                engine(fields["engine"]), fields.get("engine_version", "")
            ),
        },
    )


def _hit_rate(fields: Mapping[str, str]) -> float:
    stated = measured_number(fields, "prefix_hit_rate")
    return 0.0 if math.isnan(stated) else share("prefix_hit_rate", stated)
