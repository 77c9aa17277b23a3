"""Requests one by one: when they come, how long they are, and what they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Integers: TypeAlias = NDArray[np.int64]

MOST_REQUESTS = 2_000_000
"""Most requests of one run: a million take about half a minute and a gigabyte."""


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
        The request that must have ended before this one is sent, an earlier one; -1 for none.
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
