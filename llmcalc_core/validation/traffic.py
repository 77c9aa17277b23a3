"""Requests of an open loop: sent at a rate, whatever the server does."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from llmcalc_core.checks import share
from llmcalc_core.validation.cells import CannotPredictError
from llmcalc_core.workload.lengths import FixedLengths, Lengths, LognormalLengths, UniformLengths
from llmcalc_core.workload.requests import Requests, draw_requests

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
