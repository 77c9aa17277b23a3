"""Steps of a simulated run: how long they take, what they hold, and how far the run is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from llmcalc_core.simulation.batch import Batch
from llmcalc_core.simulation.settings import Settings
from llmcalc_core.workload.requests import Requests

_REPORTS = 200
"""How often a run tells how far it is, at the most [1]."""


class StepTimes(Protocol):
    """How long an engine's steps take; each is called for tens of thousands of steps a second."""

    def decode(self, sequences: int, context: int, beside: float = 0.0) -> float:
        """Time a step that decodes one token of each of so many sequences.

        Parameters
        ----------
        sequences : int
            Sequences, at least 1.
        context : int
            Tokens that their caches hold in all before the step [tokens]. The time must be
            piecewise linear in it.
        beside : float, default 0
            What :meth:`stage_seconds` gives [s].

        Returns
        -------
        float
            Time of the step [s].
        """
        ...

    def mixed(
        self,
        sequences: int,
        context: int,
        prompts: Sequence[tuple[int, int]],
        beside: float = 0.0,
    ) -> float:
        """Time a step that also reads parts of prompts.

        Parameters
        ----------
        sequences, context : int
            As :meth:`decode` takes them; both may be 0.
        prompts : sequence of tuple
            For each prompt the tokens that the step reads, and those of it that were computed
            before [tokens].
        beside : float, default 0
            As of :meth:`decode`.

        Returns
        -------
        float
            Time of the step [s].
        """
        ...

    def stage_seconds(self, tokens: int, *, reads: bool) -> float:
        """Time that all attention replicas of a step take together, beside what each takes.

        Parameters
        ----------
        tokens : int
            Of all of them [tokens].
        reads : bool
            Whether any of them are of prompts.

        Returns
        -------
        float
            Time, 0 of a single replica [s].
        """
        ...


class Cancelled(Exception):  # noqa: N818 - nothing went wrong
    """A run was ended by its ``progress`` before all its requests had ended."""


class FormedStep(NamedTuple):
    """What one step or several equal ones held.

    Attributes
    ----------
    start_s : float
        When the first of them starts [s].
    steps : int
        How many follow one another.
    decoding : tuple of int
        Requests that decode a token in each, in their order.
    chunks : tuple of tuple
        Parts of prompts: request, new tokens, tokens computed before.
    preempted : tuple of int
        Requests that lost their blocks when the step was formed.
    """

    start_s: float
    steps: int
    decoding: tuple[int, ...]
    chunks: tuple[tuple[int, int, int], ...]
    preempted: tuple[int, ...]


class Progress:
    """How far a run is.

    Parameters
    ----------
    count : int
        Requests [1].
    report : callable, optional
        Called now and then with the share of requests that have ended [1]; where it returns False,
        the run ends.

    Attributes
    ----------
    left : int
        Requests that have not ended [1].
    next : int
        With how many left the report is called again; -1 where there is none [1].
    """

    __slots__ = ("_count", "_every", "_report", "left", "next")

    def __init__(self, count: int, report: Callable[[float], object] | None) -> None:
        self.left = count
        self._count = count
        self._report = report
        self._every = max(1, count // _REPORTS)
        self.next = count - self._every if report else -1

    def tell(self, left: int) -> None:
        """Note how many requests have not ended.

        Raises
        ------
        Cancelled
            If ``report`` returned False.
        """
        self.left = left
        if left <= self.next and self._report is not None:
            self.next = left - self._every
            if self._report(1 - left / self._count) is False:
                msg = f"cancelled with {left} of {self._count} requests left"
                raise Cancelled(msg)


def check_room(requests: Requests, settings: Settings) -> None:
    """Refuse a request that the empty cache has no room for."""
    tokens = requests.input_tokens + requests.output_tokens
    room = settings.kv_blocks * settings.block_tokens
    if settings.policy == "sglang":  # it keeps a block free, and lets nobody in who fills the rest
        room -= settings.block_tokens + 1
    if settings.policy == "vllm":  # the last token is never written to it
        room += 1
    longest = int(tokens.argmax())
    if tokens[longest] > room:
        msg = (
            f"each request alone must fit into the KV cache, with prompt and answer at most {room} "
            f"tokens ({settings.kv_blocks} blocks), got request {longest} with "
            f"{requests.input_tokens[longest]} tokens in and {requests.output_tokens[longest]} out"
        )
        raise ValueError(msg)


def holds_anything(batch: Batch) -> bool:
    """Whether the step that was formed holds any tokens."""
    return bool(batch.chunks or (batch.decodes and batch.decoders.sequences))


def mixed_seconds(batch: Batch, step_times: StepTimes, beside: float = 0.0) -> float:
    """Time the step of a batch that reads prompts [s]."""
    prompts = [(new, before) for _, new, before in batch.chunks]
    if batch.decodes:
        decoders = batch.decoders
        return step_times.mixed(decoders.sequences, decoders.context, prompts, beside)
    return step_times.mixed(0, 0, prompts, beside)


def described(batch: Batch, steps: int) -> FormedStep:
    """Copy what was formed."""
    decoding = batch.decoding() if batch.decodes else ()
    return FormedStep(
        batch.now, steps, tuple(decoding), tuple(batch.chunks), tuple(batch.preempted)
    )


def with_room(batch: Batch, steps: int) -> int:
    """Count the steps, at most so many, for which those that decode find free blocks.

    Parameters
    ----------
    batch : Batch
        Whose first step has been formed, its blocks taken.
    steps : int
        At most so many, that one among them [1].

    Returns
    -------
    int
        Steps, at least 1 [1].
    """
    decoders, tokens = batch.decoders, batch.block_tokens
    sequences = decoders.sequences
    if batch.free < sequences * (steps // tokens + 1):
        opened = decoders.opened_next()
        steps = min(steps, (batch.free // sequences + 2) * tokens)
        while decoders.opened(steps) - opened > batch.free:
            steps -= 1
    return steps


def started_before(until: float, steps: int, first: float, growth: float) -> int:
    """Count the steps, at most so many, that start before a time.

    Parameters
    ----------
    until : float
        From the start of the first one on [s].
    steps : int
        At most so many, at least 1 [1].
    first, growth : float
        Time of the first one, and by how much each is longer than the one before [s].

    Returns
    -------
    int
        Steps, at least 1 [1].

    Examples
    --------
    >>> started_before(2.5, 10, 1.0, 0.0)
    3
    """
    while steps > 1 and (steps - 1) * (first + growth * (steps - 2) / 2) >= until:
        steps -= 1
    return steps
