"""Times of steps by what they hold, of a single replica and of a pipeline's stages."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from llmcalc_core.costmodel.collectives import hand_over_seconds
from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.costmodel.passes import pass_times
from llmcalc_core.costmodel.pipeline import slowest_stage_seconds
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.layers.work import pass_of
from llmcalc_core.workload.grid import make_grid

Table = list[list[float]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepTimes:
    """Times of steps, interpolated linearly between those that the cost model gave.

    Matrix products, elementwise operations and messages of a step depend on how many tokens decode
    and how many are read; its attention on the caches, and on each prompt for itself.

    Attributes
    ----------
    decode_base, decode_attention : list of list of float
        By sequences that decode: time of all but attention [s]; time of attention at the knots of
        ``contexts`` [s].
    decode_launch : list of float
        By sequences that decode: time in which the host starts the kernels that are in no captured
        graph [s].
    contexts : list of float
        Mean tokens of a cache [tokens].
    base : list of list of float
        By sequences that decode, time of all but attention of a step that reads as many tokens as
        the knots of ``read`` [s].
    read : list of float
        Tokens of prompts [tokens].
    attention : list of list of float
        Time of attention of a part of a prompt at the knots of ``read``, after those of ``before``
        [s].
    before : list of float
        Tokens of a prompt computed before [tokens].
    launch : list of list of float
        As ``base``: time in which the host starts the kernels [s].
    launch_pieces : float
        The same where they are captured in pieces [s].
    captured_tokens : float
        Most tokens of such a step [tokens].
    stage_tokens, stage_decode, stage_read : list of float
        Where there are several attention replicas: tokens of all of them, and the time that these
        take in their common experts where all decode, and where some are read [tokens], [s]. It is
        in none of the other tables, which are of one replica.
    step_s, sequence_s : float
        Time that the host prepares a step, and each sequence of it [s].
    overlaps : bool
        Whether it does so while the devices run the step before.
    """

    decode_base: list[float]
    decode_attention: Table
    decode_launch: list[float]
    contexts: list[float]
    base: Table
    read: list[float]
    attention: Table
    before: list[float]
    launch: Table
    launch_pieces: float
    captured_tokens: float
    stage_tokens: list[float]
    stage_decode: list[float]
    stage_read: list[float]
    step_s: float
    sequence_s: float
    overlaps: bool
    _places: dict[int, tuple[int, float]] = field(default_factory=dict, repr=False)
    _alone: dict[int, float] = field(default_factory=dict, repr=False)

    def decode(self, sequences: int, context: int, beside: float = 0.0) -> float:
        """Time a step that decodes one token of each of so many sequences.

        Parameters
        ----------
        sequences : int
            Sequences, at least 1.
        context : int
            Tokens that their caches hold in all [tokens].
        beside : float, default 0
            What :meth:`stage_seconds` gives [s].

        Returns
        -------
        float
            Time [s].
        """
        knots, row, mean = self.contexts, self.decode_attention[sequences], context / sequences
        at = min(max(bisect_right(knots, mean) - 1, 0), len(knots) - 2)
        part = (mean - knots[at]) / (knots[at + 1] - knots[at])
        busy = self.decode_base[sequences] + row[at] + part * (row[at + 1] - row[at]) + beside
        if launch := self.decode_launch[sequences]:
            busy = math.hypot(busy, launch)
        return self._prepared(busy, sequences)

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
            As of :meth:`decode`; both may be 0.
        prompts : sequence of tuple of int
            New tokens of each part, and those computed before [tokens].
        beside : float, default 0
            As of :meth:`decode`.

        Returns
        -------
        float
            Time [s].
        """
        row, alone = self.base[sequences], self._alone
        tokens = 0
        device = beside
        device += self._decode_attention(sequences, context) if sequences else 0.0
        for new, before in prompts:
            tokens += new
            if before:
                device += self._attention(new, before)
            elif new in alone:
                device += alone[new]
            else:
                alone[new] = seconds = self._attention(new, 0)
                device += seconds
        at, part = self._places.get(tokens) or self._place(tokens)
        device += row[at] + part * (row[at + 1] - row[at])
        if tokens + sequences <= self.captured_tokens:
            launch = self.launch_pieces
        else:
            starts = self.launch[sequences]
            launch = starts[at] + part * (starts[at + 1] - starts[at])
        return self._prepared(math.hypot(device, launch), sequences + len(prompts))

    def _place(self, tokens: int) -> tuple[int, float]:
        """Find tokens among the knots of ``read``: after which one, and what part of the way."""
        knots = self.read
        at = min(max(bisect_right(knots, tokens) - 1, 0), len(knots) - 2)
        self._places[tokens] = found = at, (tokens - knots[at]) / (knots[at + 1] - knots[at])
        return found

    def stage_seconds(self, tokens: int, *, reads: bool) -> float:
        """Time that the tokens of all attention replicas take in their experts.

        Parameters
        ----------
        tokens : int
            Of a step of all replicas [tokens].
        reads : bool
            Whether any of them are of prompts.

        Returns
        -------
        float
            Time, 0 of a single replica, whose other times hold it [s].
        """
        knots, row = self.stage_tokens, self.stage_read if reads else self.stage_decode
        if not knots:
            return 0.0
        at = min(max(bisect_right(knots, tokens) - 1, 0), len(knots) - 2)
        part = (tokens - knots[at]) / (knots[at + 1] - knots[at])
        return row[at] + part * (row[at + 1] - row[at])

    def _decode_attention(self, sequences: int, context: int) -> float:
        knots, row, mean = self.contexts, self.decode_attention[sequences], context / sequences
        at = min(max(bisect_right(knots, mean) - 1, 0), len(knots) - 2)
        part = (mean - knots[at]) / (knots[at + 1] - knots[at])
        return row[at] + part * (row[at + 1] - row[at])

    def _attention(self, new: int, before: int) -> float:
        at, part = self._places.get(new) or self._place(new)
        row = self.attention[at]
        if not before:
            return row[0] + part * (self.attention[at + 1][0] - row[0])
        knots, after = self.before, self.attention[at + 1]
        past = min(max(bisect_right(knots, before) - 1, 0), len(knots) - 2)
        share = (before - knots[past]) / (knots[past + 1] - knots[past])
        low = row[past] + share * (row[past + 1] - row[past])
        high = after[past] + share * (after[past + 1] - after[past])
        return low + part * (high - low)

    def _prepared(self, busy: float, sequences: int) -> float:
        """Add what the host prepares."""
        host = self.step_s + self.sequence_s * sequences
        if self.overlaps:
            longer, shorter = (busy, host) if busy > host else (host, busy)
            return longer * math.sqrt(math.sqrt(1 + (shorter / longer) ** 4))
        return busy + host


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StageTimes:
    """Times of steps on the slowest stage, and on the way through all.

    Attributes
    ----------
    whole, slowest : StepTimes
        Of all layers, and of those of the slowest stage: of each the host prepares a step.
    tokens : list of float
        Tokens of a step [tokens].
    hand_over : list of float
        Time of all hand-overs between stages, at these [s].
    """

    whole: StepTimes
    slowest: StepTimes
    tokens: list[float]
    hand_over: list[float]

    def seconds(
        self, sequences: int, context: int, prompts: list[tuple[int, int]]
    ) -> tuple[float, float]:
        """Time a step of so many sequences that decode, and of parts of prompts.

        Parameters
        ----------
        sequences, context, prompts
            As :meth:`StepTimes.mixed` takes them.

        Returns
        -------
        (float, float)
            On the slowest stage, and on the way through all [s].
        """
        if prompts:
            slowest = self.slowest.mixed(sequences, context, prompts)
            whole = self.whole.mixed(sequences, context, prompts)
        else:
            slowest = self.slowest.decode(sequences, context)
            whole = self.whole.decode(sequences, context)
        tokens = sequences + sum(new for new, _ in prompts)
        knots, row = self.tokens, self.hand_over
        at = min(max(bisect_right(knots, tokens) - 1, 0), len(knots) - 2)
        part = (tokens - knots[at]) / (knots[at + 1] - knots[at])
        return slowest, whole + row[at] + part * (row[at + 1] - row[at])


def stage_times(case: Case, times: StepTimes) -> StageTimes:
    """Divide the times of the steps of a plan over its stages.

    Parameters
    ----------
    case : tuple
        As :func:`llmcalc_core.simulation.step_tables.step_times` takes it, with a layout of several
        stages.
    times : StepTimes
        What that gave: of all layers.

    Returns
    -------
    StageTimes
        The slowest stage takes of every step the part that it takes of one that decodes, the mean
        of the largest and the smallest one.
    """
    model, hardware, precision, grid, efficiency = case
    stages, stage_devices = grid.layouts[0].pp, grid.layouts[0].stage_devices
    share = _slowest_share(case, len(times.decode_base) - 1, times.contexts[-1])
    tokens = [1.0, *times.read[1:]] if len(times.read) > 1 else [1.0, 2.0]
    size = np.array(tokens) * model.hidden * precision.output_bytes
    hand_over = hand_over_seconds(
        model.residual_rows * size / grid.layouts[0].tp, stages=stages,
        stage_devices=stage_devices, hardware=hardware, links=efficiency.links,
    )  # fmt: skip
    slowest = replace(
        times,
        decode_base=[share * one for one in times.decode_base],
        decode_attention=_times(times.decode_attention, share),
        decode_launch=[one / stages for one in times.decode_launch],
        base=_times(times.base, share),
        attention=_times(times.attention, share),
        launch=_times(times.launch, 1 / stages),
        launch_pieces=times.launch_pieces / stages,
    )
    return StageTimes(
        whole=times, slowest=slowest, tokens=tokens, hand_over=np.asarray(hand_over).tolist()
    )


def _times(table: list[list[float]], factor: float) -> list[list[float]]:
    return [[factor * one for one in row] for row in table]


def _slowest_share(case: Case, most_sequences: int, longest: float) -> float:
    """Tell what part of the devices' time of a decode step is that of the slowest stage [1]."""
    model, hardware, precision, grid, efficiency = case
    batches = tuple(dict.fromkeys((1, most_sequences)))
    own = make_grid(
        grid.layouts, batches=batches, inputs=(int(longest),), outputs=(1,),
        engine=grid.engine, techniques=grid.techniques,
    )  # fmt: skip
    requests = np.array(batches, float).reshape(1, -1, 1, 1)
    step = pass_of(
        model.hidden, own, precision, requests=requests, on_all_replicas=requests, decode=True
    )
    one = pass_times(model, sections(model, step), hardware, efficiency, by_section=True)
    return float(np.mean(slowest_stage_seconds(model, own, one.section_s) / one.device_s))
