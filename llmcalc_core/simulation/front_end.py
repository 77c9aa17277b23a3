"""The process before an engine that sends tokens to clients, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class FrontEnd:
    """A server of tokens: what comes faster than it sends waits.

    Parameters
    ----------
    token_s : float
        Time that it takes to send one [s].
    """

    __slots__ = ("_done_s", "_notes", "_now_s", "token_s")

    def __init__(self, token_s: float) -> None:
        self.token_s = token_s
        self._now_s = self._done_s = 0.0
        self._notes: list[tuple[float, float]] = []

    def note(self, now: float, tokens: int) -> None:
        """Take so many tokens that were given evenly since the last note.

        Examples
        --------
        >>> front = FrontEnd(0.5)
        >>> front.note(1.0, 4)
        >>> front.later_s(1.0), front.later_s(1.5), front.later_s(9.0)
        (1.0, 0.5, 0.0)
        """
        done, notes = max(self._done_s + tokens * self.token_s, now), self._notes
        late = self._done_s > self._now_s
        if done > now and not late:
            notes.append((self._now_s, self._now_s))
        if done > now or late:
            notes.append((now, done))
        self._now_s, self._done_s = now, done

    def later_s(self, now: float) -> float:
        """Give how much later than now a client sees a token that is given now [s]."""
        return max(self._done_s - now, 0.0)

    def seen(self, given_s: Sequence[float]) -> NDArray[np.float64]:
        """Give when clients see tokens that were given at some times.

        Parameters
        ----------
        given_s : sequence of float
            When; NaN stays [s].

        Returns
        -------
        array
            When they are sent, of those that were given between two notes in proportion [s].
        """
        given = np.array(given_s, np.float64)
        if not self._notes:
            return given
        times, done = np.array(self._notes).T
        sent: NDArray[np.float64] = np.fmax(
            given, np.interp(given, times, done, left=0.0, right=0.0)
        )
        return sent
