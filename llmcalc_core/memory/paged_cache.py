"""Caches of a plan in the groups of a pool of equal blocks, beside the bytes that they fill."""

from __future__ import annotations

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.layers.kv_cache import requests
from llmcalc_core.memory.cache_groups import CacheGroups, cache_groups
from llmcalc_core.memory.held_blocks import admitted_blocks, steady_blocks
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid


def paged_bytes(model: Model, precision: Precision, grid: Grid) -> Values | None:
    """Count the blocks of all requests of a plan, whose layers keep different tokens.

    Parameters
    ----------
    model, precision
        What is stored, in which types.
    grid : Grid
        Plans and workloads.

    Returns
    -------
    float or array, or None
        On a device that has all layers [bytes]: of all requests but one what they hold while they
        decode, at their longest, and of one what lets it in. None where an engine does not group
        caches, or all layers keep all tokens, so that their bytes are those that they fill.
    """
    if not grid.engine.groups_caches or grid.beams > 1:
        return None
    widths = sorted({layout.tp for layout in grid.layouts})
    found = [cache_groups(model, precision.kv_bytes, width) for width in widths]
    groups = [one for one in found if one is not None]
    if len(groups) < len(widths) or not any(_differs(one) for one in groups):
        return None
    context, in_flight = grid.inputs + grid.outputs + grid.draft_tokens, _in_flight(grid)
    each: list[tuple[Values, Values]] = []
    for one in groups:
        held = steady_blocks(one, context=context, drafted=grid.draft_tokens)
        enters = admitted_blocks(
            one, prompt=grid.inputs, in_flight=in_flight, drafted=grid.draft_tokens
        )
        each.append((held * one.block_bytes, np.maximum(enters, held) * one.block_bytes))
    held, enters = (_of_layouts(list(values), widths, grid) for values in zip(*each, strict=True))
    return requests(grid) * held + (enters - held)


def _differs(groups: CacheGroups) -> bool:
    """Whether any of the layers keeps fewer tokens than all."""
    return any(group.page.kept != "all" for group in groups.groups)


def _in_flight(grid: Grid) -> Values:
    """Tokens of the steps that are under way: one for each stage, and the next one [tokens].

    vLLM 0.33, ``VllmConfig.max_in_flight_tokens`` with asynchronous scheduling.
    """
    return (grid.pp + 1) * grid.token_budget


def _of_layouts(values: list[Values], widths: list[int], grid: Grid) -> Values:
    """Give each layout the value of its tensor parallel width."""
    if len(values) == 1:
        return values[0]
    place = {width: position for position, width in enumerate(widths)}
    at = np.array([place[layout.tp] for layout in grid.layouts])
    whole: list[Floats] = [np.atleast_1d(np.asarray(value)) for value in values]
    shape = np.broadcast_shapes(*(value.shape for value in whole), (1, 1, 1, 1))
    spread = [np.broadcast_to(value, shape) for value in whole]
    table = np.stack(spread)
    found: Floats = table[at, 0] if shape[0] == 1 else table[at, np.arange(len(at))]
    return found
