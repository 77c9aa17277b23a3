"""What the stages of a pipeline wait for: the slowest of them, and the hand-overs between them."""

from __future__ import annotations

from functools import reduce

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.stage_counts import stage_counts
from llmcalc_core.costmodel.timing import Timed
from llmcalc_core.costmodel.totals import total
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.collectives import point_to_point_seconds
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.layers.work import Pass
from llmcalc_core.workload.grid import Grid


def slowest_stage_seconds(model: Model, grid: Grid, timed: list[Timed]) -> Floats:
    """Time of the slowest stage for one micro batch [s]."""
    counts = stage_counts(model, tuple(layout.pp for layout in grid.layouts))
    parts: list[list[Values]] = [[] for _ in range(counts.shape[2])]
    for group in timed:
        times = group.seconds.tolist() if group.seconds.ndim == 1 else group.seconds
        for section, one in zip(group.section.tolist(), times, strict=True):
            parts[section].append(one)
    seconds = [total(part) for part in parts]
    stages = []
    for stage in counts:
        held = stage[0].tolist() if len(stage) == 1 else stage.T[:, :, None, None, None]
        stages.append(total([share * one for share, one in zip(held, seconds, strict=True)]))
    return reduce(np.maximum, stages)


def hand_over_seconds(
    rows: float, step: Pass, hardware: Hardware, efficiency: Efficiency
) -> Values:
    """Time of all hand-overs between stages: inside a domain, or between where they cross.

    ``rows`` are those of the hidden size that every token carries from layer to layer [1].
    """
    grid, links = step.grid, efficiency.links
    domains = np.ceil(grid.group * grid.pp / hardware.devices_per_domain)
    crossing = np.minimum(domains, grid.pp) - 1
    message = rows * step.hidden_bytes / grid.tp
    near = point_to_point_seconds(
        message=message,
        latency=links.hand_over_latency_s,
        bandwidth=hardware.link_bandwidth / 2 * links.hand_over_fraction,
    )
    far = point_to_point_seconds(
        message=message,
        latency=links.node_latency_s,
        bandwidth=hardware.node_link_bandwidth * links.node_fraction,
    )
    hops: Values = (grid.pp - 1 - crossing) * near + crossing * far
    return hops
