"""How requests come: those of a closed loop in the mean, and one by one, with their lengths."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.checks import positive, whole_number
from llmcalc_core.formulas.serving import clumping
from llmcalc_core.shown import shown
from llmcalc_core.workload.lengths import Integers, Lengths

ROUNDS = 10
"""Requests that each client of a benchmark sends, one after the other; the first ones come at once.

The number of InferenceX (``--num-prompts`` is ten times ``--max-concurrency``, benchmarks/ of
SemiAnalysisAI/InferenceX, 73ef922; read 2026-11-28)."""

SHORTEST_SHARE = 0.8
"""Shortest length over the longest where a benchmark draws lengths uniformly between them.

That of InferenceX (``--random-range-ratio 0.8``; read 2026-11-28)."""

SPREAD = 2 * (1 - SHORTEST_SHARE) / (1 + SHORTEST_SHARE)
"""Width of the range of drawn lengths over their mean [1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """How requests come and are let in.

    Attributes
    ----------
    fixed_lengths : bool or array of bool
        Whether all prompts and all answers are of one length, so that requests end in the order in
        which they came, one step apart; else lengths are drawn from a range.
    held_steps : float or array
        Decode steps for which the server's settings hold a prompt, or its first token, back [1].
    rounds : float or array
        Requests that each client sends, one after the other; the first ones come at once. Infinity:
        they come at random [1].
    in_step : float or array
        How far requests of one length stay together in an engine that reads all prompts before it
        decodes again [1]: 1 where each client sends its next one as it has seen an answer, so that
        all wait for all others; 0 where clients come apart.
    streamed : bool or array of bool
        Whether a server sends each token to a client as it is given.
    """

    fixed_lengths: bool | NDArray[np.bool_] = False
    held_steps: float | NDArray[np.float64] = 0.0
    rounds: float | NDArray[np.float64] = float(ROUNDS)
    in_step: float | NDArray[np.float64] = 1.0
    streamed: bool | NDArray[np.bool_] = True

    @property
    def clumping(self) -> float | NDArray[np.float64]:
        """How much closer prompts of drawn lengths come than evenly, after the first round [1]."""
        if isinstance(self.rounds, np.ndarray):
            each = [clumping(rounds=one, spread=SPREAD) for one in self.rounds.reshape(-1).tolist()]
            return np.array(each).reshape(self.rounds.shape)
        return clumping(rounds=self.rounds, spread=SPREAD)


DRAWN = Arrivals()
"""Drawn lengths, nothing held back."""

AT_RANDOM = Arrivals(rounds=np.inf)
"""Requests that come at random, without a burst at the start (a Poisson process)."""


MOST_REQUESTS = 2_000_000
"""Most requests of one run: they take a minute or more, and about a gigabyte."""

_LEAST_BURSTINESS = 0.01
"""Below it, times between requests are too small for a number of 64 bits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Requests:
    """A table of requests in the order in which they are sent; all arrays are of shape (requests,).

    Attributes
    ----------
    arrival_s : array of float
        When each is sent, not before the one above it [s].
    input_tokens, output_tokens : array of int
        Tokens of prompt and answer, at least 1 [tokens].
    prefix : array of int
        Which beginning it shares with others that have the same number; -1 for none.
    prefix_tokens : array of int
        How long that is; at most the prompt [tokens].
    conversation : array of int
        Which conversation it is a turn of; its prompt begins with the prompt of the turn before
        and the answer to it. -1 for none.
    after : array of int
        The request that must have ended before this one is sent, an earlier one that no other
        waits for; -1 for none.
    concurrency : int or None
        Requests in flight of a closed loop: so many are sent at ``arrival_s``, each later one when
        one ends. None where requests are sent whatever the server does.
    """

    arrival_s: NDArray[np.float64]
    input_tokens: Integers
    output_tokens: Integers
    prefix: Integers
    prefix_tokens: Integers
    conversation: Integers
    after: Integers
    concurrency: int | None = None

    def __len__(self) -> int:
        """Count the requests."""
        return self.arrival_s.size


def arrival_times(
    count: int,
    *,
    rate: float | None = None,
    burstiness: float = 1.0,
    concurrency: int | None = None,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Give times at which requests are sent.

    Times between two requests are drawn from a gamma distribution and scaled so that the last
    request comes at ``count / rate`` (vLLM 0.33.0, ``get_request`` in vllm/benchmarks/serve.py).

    Parameters
    ----------
    count : int
        How many requests [1].
    rate : float, optional
        Requests per second [1/s]. Either this or ``concurrency`` is given.
    burstiness : float, default 1
        Shape of the distribution [1]: 1 is a Poisson process, less comes in bursts, more evenly;
        infinite: one every ``1 / rate``.
    concurrency : int, optional
        Requests in flight of a closed loop [1]: all times are 0, and ``concurrency`` of
        :class:`Requests` holds requests back.
    seed : int, default 0
        Of the draw: the same gives the same times.

    Returns
    -------
    array
        Times, ascending, shape (count,) [s].

    Raises
    ------
    ValueError
        For more than ``MOST_REQUESTS``, a rate or a burstiness that is not above 0, or if not
        exactly one of ``rate`` and ``concurrency`` is given.

    Examples
    --------
    >>> arrival_times(3, rate=2, burstiness=math.inf).tolist()
    [0.5, 1.0, 1.5]
    """
    count = whole_number("count", count, most=MOST_REQUESTS)
    whole_number("seed", seed, least=0)
    if (rate is None) == (concurrency is None):
        msg = (
            "exactly one of rate and concurrency must be given, the other be None, "
            f"got {shown(rate)} and {shown(concurrency)}"
        )
        raise ValueError(msg)
    if rate is None:
        whole_number("concurrency", concurrency)
        return np.zeros(count)
    rate = positive("rate", rate, unit="1/s")
    if _is_even(burstiness):
        return np.arange(1, count + 1) / rate
    shape = positive("burstiness", burstiness)
    if shape < _LEAST_BURSTINESS:
        msg = (
            f"burstiness must be at least {_LEAST_BURSTINESS}, or infinite, got {shown(burstiness)}"
        )
        raise ValueError(msg)
    times: NDArray[np.float64] = np.random.default_rng(seed).gamma(shape, 1.0, count).cumsum()
    times *= count / rate / (times[-1] or 1.0)
    return times


def _is_even(burstiness: object) -> bool:
    """Whether requests come one after the other, all at the same distance."""
    return isinstance(burstiness, float) and burstiness == math.inf


def draw_requests(
    count: int,
    *,
    input_lengths: Lengths,
    output_lengths: Lengths,
    rate: float | None = None,
    burstiness: float = 1.0,
    concurrency: int | None = None,
    prefix_tokens: int = 0,
    seed: int = 0,
) -> Requests:
    """Draw requests that have nothing in common but, where asked for, how their prompts begin.

    Parameters
    ----------
    count : int
        How many requests [1].
    input_lengths, output_lengths : Lengths
        Tokens of prompts, without the shared beginning, and of answers.
    rate, burstiness, concurrency : float or int, optional
        When they are sent, see :func:`arrival_times`.
    prefix_tokens : int, default 0
        Tokens of a beginning that all prompts share, a system prompt [tokens].
    seed : int, default 0
        Of all draws: the same gives the same requests.

    Returns
    -------
    Requests
        The requests.

    Raises
    ------
    ValueError
        For a value out of range.

    Examples
    --------
    >>> from llmcalc_core.workload.lengths import FixedLengths
    >>> short = FixedLengths(tokens=8)
    >>> draw_requests(2, input_lengths=short, output_lengths=short, rate=1).arrival_s.round(2)
    array([0.8, 2. ])
    """
    times = arrival_times(
        count, rate=rate, burstiness=burstiness, concurrency=concurrency, seed=seed
    )
    shared = whole_number("prefix_tokens", prefix_tokens, least=0)
    inputs, outputs = np.random.default_rng(seed).spawn(2)
    none = np.full(times.size, -1)
    return Requests(
        arrival_s=times,
        input_tokens=input_lengths.draw(inputs, times.size) + shared,
        output_tokens=output_lengths.draw(outputs, times.size),
        prefix=np.zeros_like(none) if shared else none,
        prefix_tokens=np.full(times.size, shared),
        conversation=none,
        after=none,
        concurrency=None if concurrency is None else whole_number("concurrency", concurrency),
    )
