"""Pipeline stages: the layers that each holds, and the time of the slowest."""

from __future__ import annotations

from functools import lru_cache, reduce

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.costmodel.times import summed
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.workload.grid import Grid


@lru_cache(maxsize=512)
def stage_counts(model: Model, stages: tuple[int, ...]) -> NDArray[np.float64]:
    """Count the sections that each distinct stage holds, for several pipeline lengths.

    Layers are split into stages whose sizes differ by one at most, the larger ones first, so
    that the last stage, which also has the head, is never the larger one.

    Parameters
    ----------
    model : Model
        Gives the order of the layer kinds.
    stages : tuple of int
        Pipeline lengths, one per layout.

    Returns
    -------
    array of shape (S, layouts, sections)
        How many of each part of the layers, then 1 where the stage is the first, then 1 where it
        is the last; ``S`` is the largest number of distinct stages, shorter ones repeat their
        first. Stages that hold no more of anything than another are left out: they are never the
        slowest.

    Examples
    --------
    >>> from llmcalc_core.model.config import ModelConfig
    >>> from llmcalc_core.architecture.model import architecture
    >>> tiny = architecture(ModelConfig(
    ...     vocab_size=10, hidden_size=8, num_decoder_layers=5, num_attention_heads=4,
    ...     intermediate_size=8))

    Attention, feed-forward layers and norms; the first stage has three of five layers.

    >>> stage_counts(tiny, (2,))[:, 0, :].tolist()
    [[2.0, 2.0, 4.0, 0.0, 1.0], [3.0, 3.0, 6.0, 1.0, 0.0]]
    >>> len(stage_counts(tiny, (5,)))
    2
    """
    tables = {count: _distinct_stages(model, count) for count in set(stages)}
    depth = max(len(table) for table in tables.values())
    padded = {
        count: np.concatenate([table, np.repeat(table[:1], depth - len(table), axis=0)])
        for count, table in tables.items()
    }
    return np.stack([padded[count] for count in stages], axis=1)


@lru_cache(maxsize=512)
def stages_of(model: Model, stages: tuple[int, ...]) -> tuple[tuple[Values, ...], ...]:
    """Give the counts of :func:`stage_counts` of each distinct stage, section by section.

    Parameters
    ----------
    model, stages
        As there.

    Returns
    -------
    tuple of tuple of float or array
        A number of one layout, else an array of shape (layouts, 1, 1, 1), which broadcasts to
        the grid.
    """
    every = stage_counts(model, stages)
    if len(stages) == 1:
        return tuple(tuple(counts[0].tolist()) for counts in every)
    return tuple(tuple(counts.T[:, :, None, None, None]) for counts in every)


def _distinct_stages(model: Model, stages: int) -> NDArray[np.float64]:
    total, held = model.layer_count, _parts_of_layers(model)
    running = np.zeros((total + 1, held.shape[1]))
    running[1:] = np.cumsum(held[list(model.sequence)], axis=0)
    index = np.arange(stages + 1)
    edges = index * (total // stages) + np.minimum(index, total % stages)
    layers = np.diff(running[edges], axis=0)
    ends = np.zeros((stages, 2))
    ends[0, 0] = ends[-1, 1] = 1.0
    rows = np.unique(np.concatenate([layers, ends], axis=1), axis=0)
    within = (rows[:, None, :] <= rows[None, :, :]).all(axis=2)
    kept: NDArray[np.float64] = rows[within.sum(axis=1) == 1]
    return kept


@lru_cache(maxsize=512)
def section_counts(model: Model) -> tuple[float, ...]:
    """Count the sections of the whole model: each part of the layers, first part, last part.

    Examples
    --------
    >>> from llmcalc_core.model.config import ModelConfig
    >>> from llmcalc_core.architecture.model import architecture
    >>> section_counts(architecture(ModelConfig(
    ...     vocab_size=10, hidden_size=8, num_decoder_layers=5, num_attention_heads=4,
    ...     intermediate_size=8)))
    (5.0, 5.0, 10.0, 1.0, 1.0)
    """
    counts = _parts_of_layers(model)[list(model.sequence)].sum(axis=0)
    return (*counts.tolist(), 1.0, 1.0)


def _parts_of_layers(model: Model) -> NDArray[np.float64]:
    """Count how many of each part each kind of layer has: an array of shape (kinds, parts)."""
    return np.array(
        [[float(layer.parts.count(part)) for part in model.parts] for layer in model.layers]
    )


def slowest_stage_seconds(model: Model, grid: Grid, section_s: tuple[Values, ...]) -> Floats:
    """Time of the slowest pipeline stage for one micro batch.

    Parameters
    ----------
    model : Model
        Whose layers are split into stages.
    grid : Grid
        Plans and workloads.
    section_s : tuple of float or array
        Time of each section, once [s].

    Returns
    -------
    array
        Time [s].
    """
    stages = [
        summed([count * seconds for count, seconds in zip(counts, section_s, strict=True)])
        for counts in stages_of(model, tuple([layout.pp for layout in grid.layouts]))
    ]
    return np.asarray(reduce(np.maximum, stages))
