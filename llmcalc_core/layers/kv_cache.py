"""Requests of a grid, and the tokens of each that a cache holds."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.kv_cache import rounded_to_blocks
from llmcalc_core.formulas.single_numbers import ceiling
from llmcalc_core.workload.grid import Grid


def requests(grid: Grid) -> Values:
    """Count the requests of an attention replica [1]."""
    return ceiling(grid.batch / grid.attention_dp)


def cached_tokens(grid: Grid, *, window: int | None = None) -> Values:
    """Count the tokens of a request that are cached at most, in whole blocks [tokens].

    Beams share the blocks of the prompt; ``window`` is the most that a layer looks back on.
    """
    block = grid.engine.kv_block_tokens
    if grid.beams > 1:
        prompt = rounded_to_blocks(tokens=np.minimum(grid.inputs, window or np.inf), block=block)
        own = rounded_to_blocks(tokens=np.minimum(grid.outputs, window or np.inf), block=block)
        return prompt + own * grid.beams
    longest: Values = grid.inputs + grid.outputs + grid.draft_tokens
    if window is not None:
        whole = np.min(grid.inputs) >= window  # every sequence fills it
        longest = float(window) if whole else np.minimum(longest, window)
    return rounded_to_blocks(tokens=longest, block=block)
