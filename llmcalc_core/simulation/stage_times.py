"""Times of the steps of a plan with pipeline stages."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

import numpy as np

from llmcalc_core.costmodel.collectives import hand_over_seconds
from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.costmodel.passes import pass_times
from llmcalc_core.costmodel.pipeline import slowest_stage_seconds
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.layers.work import pass_of
from llmcalc_core.simulation.step_times import StepTimes
from llmcalc_core.workload.grid import make_grid


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
