"""A clock for times that were measured elsewhere: in another process, or in a page."""

from __future__ import annotations


class ReportedClock:
    """Shows the sum of the times that it was told, as the ``timer`` of a benchmark.

    Only for ``benchmark.pedantic``, which does not calibrate its timer.
    """

    def __init__(self) -> None:
        self._now_s = 0.0

    def __call__(self) -> float:
        return self._now_s

    def add(self, seconds: float) -> None:
        """Go on by a time that was measured [s]."""
        self._now_s += seconds


REPORTED = ReportedClock()
