"""What requests met in a simulated run, how full the engine was, and what clients see of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.checks import one_of, share
from llmcalc_core.workload.lengths import Integers

if TYPE_CHECKING:
    import pandas as pd


Floats = NDArray[np.float64]

LATENCIES = ("ttft", "tpot", "itl", "e2e")
"""Figures that have means and percentiles."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """The result of a run; arrays by request are of shape (requests,), in the order of sending.

    Attributes
    ----------
    arrival_s, start_s, first_token_s, finish_s : array
        When each request was sent, first let in, gave its first and its last token [s].
    input_tokens, output_tokens : array of int
        Tokens of prompt and answer [tokens].
    preemptions : array of int
        How often each lost its blocks [1].
    cached_tokens : array of int
        Tokens of its prompt that were in the prefix cache when it was first let in [tokens].
    gap_s, gap_count : array of shape (gaps,)
        Times between two tokens of one request, and how many tokens came after each [s], [1].
    steps : int
        Steps that the engine took [1].
    timeline_s, running, waiting, used_blocks : array of shape (points,)
        Some thousand starts of steps, and what ran, waited and was in use then
        [s], [requests], [requests], [blocks].
    """

    arrival_s: Floats
    start_s: Floats
    first_token_s: Floats
    finish_s: Floats
    input_tokens: Integers
    output_tokens: Integers
    preemptions: Integers
    cached_tokens: Integers
    gap_s: Floats
    gap_count: Integers
    steps: int
    timeline_s: Floats
    running: Integers
    waiting: Integers
    used_blocks: Integers

    @property
    def ttft_s(self) -> Floats:
        """Time to first token of each request [s]."""
        return self.first_token_s - self.arrival_s

    @property
    def tpot_s(self) -> Floats:
        """Time per output token of each request [s]; NaN for an answer of one token."""
        gaps = self.output_tokens - 1
        spent = self.finish_s - self.first_token_s
        tpot = np.full(spent.shape, np.nan)
        np.divide(spent, gaps, out=tpot, where=gaps > 0)
        return tpot

    @property
    def e2e_s(self) -> Floats:
        """End to end latency of each request [s]."""
        return self.finish_s - self.arrival_s

    @property
    def duration_s(self) -> float:
        """Time from the first arrival to the last token [s]."""
        return float(self.finish_s.max() - self.arrival_s[0])

    @property
    def requests_per_s(self) -> float:
        """Requests that ended, over the whole run [1/s]."""
        return self.finish_s.size / self.duration_s

    @property
    def tokens_per_s(self) -> float:
        """Tokens generated, over the whole run [tokens/s]."""
        return float(self.output_tokens.sum()) / self.duration_s

    def mean(self, latency: str) -> float:
        """Give the mean of a latency.

        Parameters
        ----------
        latency : {'ttft', 'tpot', 'itl', 'e2e'}
            Which one; of inter-token latencies the mean over all tokens but the first ones.

        Returns
        -------
        float
            The mean [s]; NaN where no answer has a second token and it needs one.

        Raises
        ------
        ValueError
            For another name.
        """
        values, weights = self._values(latency)
        return float(np.average(values, weights=weights)) if values.size else float("nan")

    def percentile(self, latency: str, level: float) -> float:
        """Give a percentile of a latency: the least value that this share of values do not exceed.

        Parameters
        ----------
        latency : {'ttft', 'tpot', 'itl', 'e2e'}
            Which one.
        level : float
            Share of requests, or of tokens, from 0 to 1 [1].

        Returns
        -------
        float
            The percentile [s]; requests are interpolated between, as numpy does by default.

        Raises
        ------
        ValueError
            For another name, or a share out of range.
        """
        level = share("level", level)
        values, weights = self._values(latency)
        if not values.size:
            return float("nan")
        if weights is None:
            return float(np.quantile(values, level))
        order = np.argsort(values)
        passed = np.cumsum(weights[order])
        place = int(np.searchsorted(passed, level * passed[-1]))
        return float(values[order[min(place, values.size - 1)]])

    def _values(self, latency: str) -> tuple[Floats, Integers | None]:
        """Give the values of a latency, and how often each counts."""
        match one_of("latency", latency, LATENCIES):
            case "ttft":
                return self.ttft_s, None
            case "tpot":
                values = self.tpot_s
                return values[~np.isnan(values)], None
            case "itl":
                return self.gap_s, self.gap_count
            case _:
                return self.e2e_s, None

    def goodput(self, *, ttft_s: float = np.inf, tpot_s: float = np.inf) -> float:
        """Count the requests per second that ended within limits.

        Parameters
        ----------
        ttft_s, tpot_s : float, optional
            Most time to the first token, and per output token [s]. An answer of one token has no
            time per output token, and is within any limit on it.

        Returns
        -------
        float
            Requests per second [1/s].
        """
        within = (self.ttft_s <= ttft_s) & ~(self.tpot_s > tpot_s)
        return float(np.count_nonzero(within)) / self.duration_s

    def summary(self) -> dict[str, float]:
        """Give all figures of the run by name.

        Returns
        -------
        dict of str to float
            For each latency ``ttft_mean_s``, ``ttft_p50_s``, ``p90``, ``p95``, ``p99``, and so on
            [s]; rates [1/s], [tokens/s]; counts [1].
        """
        figures: dict[str, float] = {}
        for latency in LATENCIES:
            figures[f"{latency}_mean_s"] = self.mean(latency)
            for level in (50, 90, 95, 99):
                figures[f"{latency}_p{level}_s"] = self.percentile(latency, level / 100)
        return figures | {
            "requests_per_s": self.requests_per_s,
            "tokens_per_s": self.tokens_per_s,
            "duration_s": self.duration_s,
            "preemptions": int(self.preemptions.sum()),
            "steps": self.steps,
        }

    def requests_frame(self) -> pd.DataFrame:
        """Give one row per request, in the order of sending."""
        import pandas as pd  # noqa: PLC0415 - a run without frames does without

        names = (
            *("arrival_s", "start_s", "first_token_s", "finish_s", "ttft_s", "tpot_s", "e2e_s"),
            *("input_tokens", "output_tokens", "preemptions", "cached_tokens"),
        )
        return pd.DataFrame({name: getattr(self, name) for name in names})

    def timeline_frame(self) -> pd.DataFrame:
        """Give one row per point of the timeline."""
        import pandas as pd  # noqa: PLC0415 - as above

        columns = {"time_s": self.timeline_s, "running": self.running}
        return pd.DataFrame(columns | {"waiting": self.waiting, "used_blocks": self.used_blocks})


@dataclass(frozen=True, slots=True, kw_only=True)
class Overheads:
    """What a client waits longer for every token of its answer than the engine takes.

    Attributes
    ----------
    first_token_s : float
        Fixed time to the first token [s].
    first_steps : float
        Steps that a prompt or its first token waits beside, where others run [1].
    stream_token_s : float
        Time in which a process sends a token of any of them [s]; see :class:`FrontEnd`.
    """

    first_token_s: float = 0.0
    first_steps: float = 0.0
    stream_token_s: float = 0.0

    def later_s(self, step_s: float, *, busy: bool) -> float:
        """Give by how much later a client sees its answer than the engine ends it.

        Parameters
        ----------
        step_s : float
            Mean time of a step of the answer [s].
        busy : bool
            Whether others run as it comes.

        Returns
        -------
        float
            Time [s].
        """
        return self.first_token_s + (self.first_steps * step_s if busy else 0.0)

    def added_to(self, outcome: Outcome) -> Outcome:
        """Give what clients see of what the engine did.

        Parameters
        ----------
        outcome : Outcome
            What the steps alone gave.

        Returns
        -------
        Outcome
            The same with later first and last tokens.
        """
        if self == NO_OVERHEADS:
            return outcome
        before = np.maximum.accumulate(np.concatenate([[-np.inf], outcome.finish_s[:-1]]))
        steps = self.first_steps * (before > outcome.arrival_s)
        later = self.first_token_s + steps * np.nan_to_num(outcome.tpot_s)
        return replace(
            outcome, first_token_s=outcome.first_token_s + later, finish_s=outcome.finish_s + later
        )


NO_OVERHEADS = Overheads()
"""Clients that see each token as its step ends."""
