"""Times of steps that read prompts by how many tokens they have, in a table.

Matrix products, elementwise operations and messages of a step depend on how many tokens it has; the
table has their times for some numbers, between which they are taken as linear.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.costmodel.passes import PassTimes, pass_times
from llmcalc_core.costmodel.sections import LOGITS, sections
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.layers.work import pass_of

_DOUBLING = 4
"""Knots of the table between a number of tokens and its double [1]."""

_AXES = 4

TIMES = tuple(
    one.name for one in fields(PassTimes) if one.name not in {"device_s", "section_s", "rows"}
)
"""What the table has."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TokenTable:
    """Times of what the tokens of a step do together, by their number.

    Attributes
    ----------
    times : PassTimes
        Arrays that broadcast to (layouts, replicas in use, knots, 1); ``host_link`` is that of all
        weights, as if all came from the host.
    knots : tuple of float
        The numbers of tokens [tokens].
    which : array of int, shape (batches,)
        The replicas in use of every batch, as a position.
    names : tuple of set of str
        What the operations of each section are called.
    """

    times: PassTimes
    knots: tuple[float, ...]
    which: NDArray[np.intp]
    names: tuple[frozenset[str], ...]

    def at(self, tokens: Values) -> dict[str, Values]:
        """Interpolate the times, by their names (:data:`TIMES`) [s].

        Parameters
        ----------
        tokens : float or array
            Tokens of steps; arrays that broadcast to the grid [tokens].

        Returns
        -------
        dict of str to float or array
            What is the same for all tokens stays as it is.
        """
        arrays = {name: getattr(self.times, name) for name in TIMES}
        ends, full = np.array(self.knots), np.asarray(tokens)
        full = full.reshape((1,) * (_AXES - full.ndim) + full.shape)
        knot = np.clip(np.searchsorted(ends, full, side="right") - 1, 0, len(ends) - 2)
        part = (full - ends[knot]) / np.diff(ends)[knot]
        shapes = [np.shape(one) for one in arrays.values() if np.ndim(one)]
        layouts, columns = np.broadcast_shapes(*shapes)[:2] if shapes else (1, 1)
        rows = np.arange(layouts)[:, None] * columns + (self.which if columns > 1 else 0)
        place = knot + (rows * len(ends))[..., None, None]
        shape = layouts, columns, len(ends)
        return {name: self._between(one, shape, place, part) for name, one in arrays.items()}

    def _between(
        self, table: Values, shape: tuple[int, ...], place: NDArray[np.intp], part: Floats
    ) -> Values:
        """Interpolate a table at a place in its flat order and a part of the way to the next."""
        if not isinstance(table, np.ndarray) or table.ndim == 0:
            return table
        if table.shape[2] == 1:
            return table[:, self.which] if table.shape[1] > 1 else table
        rows = np.broadcast_to(table[..., 0], shape)
        slopes = np.diff(rows, axis=2, append=rows[..., -1:])
        found: Floats = slopes.ravel().take(place)
        found *= part
        found += rows.ravel().take(place)
        return found if found.size > 1 else np.float64(found.item())


def token_table(case: Case, in_use: Values, *, with_logits: bool) -> TokenTable:
    """Time what all tokens of a step do together, up to twice the budget of a step.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, grid and efficiency.
    in_use : float or array of shape (layouts, batches, 1, 1)
        Attention replicas that have requests [1].
    with_logits : bool
        Whether a step ends in the logits of one prompt.

    Returns
    -------
    TokenTable
        Of all layouts.
    """
    model, hardware, precision, grid, efficiency = case
    knots = _knots(2 * grid.chunk_tokens)
    few, which = distinct(in_use)
    tokens = np.array(knots).reshape(1, 1, -1, 1)
    whole = replace(
        grid, inputs=tokens, computed=tokens, cached=0.0, pieces=1.0,
        weights_away=1.0, cache_away=0.0,
    )  # fmt: skip
    step = pass_of(model.hidden, whole, precision, requests=1.0, on_all_replicas=few, decode=False)
    work = [
        one._replace(operations=tuple(each for each in one.operations if not each.by_prompt))
        for one in sections(model, step)
    ]
    if not with_logits:
        last = tuple(one for one in work[-1].operations if one.name != LOGITS)
        work[-1] = work[-1]._replace(operations=last, messages=())
    return TokenTable(
        times=pass_times(model, tuple(work), hardware, efficiency),
        knots=knots,
        which=which,
        names=tuple(frozenset(one.name for one in section.operations) for section in work),
    )


@lru_cache(maxsize=64)
def _knots(most: float) -> tuple[float, ...]:
    """Give numbers of tokens from 1 to the most that a step computes."""
    steps = max(int(np.ceil(_DOUBLING * np.log2(most))), 1) if most > 1 else 1
    return tuple(np.geomspace(1.0, max(most, 2.0), steps + 1).tolist())


def distinct(in_use: Values) -> tuple[Values, NDArray[np.intp]]:
    """Give the replicas in use where a batch has others than the last, and which each batch has.

    Parameters
    ----------
    in_use : float or array of shape (layouts, batches, 1, 1)
        Attention replicas that have requests [1].

    Returns
    -------
    few : float or array of shape (layouts, few, 1, 1)
        Those of batches that differ from the ones before.
    which : array of int, shape (batches,)
        Position in ``few`` of every batch.

    Examples
    --------
    >>> in_use = np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 2.0]]).reshape(2, 3, 1, 1)
    >>> few, which = distinct(in_use)
    >>> few[..., 0, 0].tolist(), which.tolist()
    ([[1.0, 1.0], [1.0, 2.0]], [0, 1, 1])
    """
    if np.size(in_use) == 1:
        return in_use, np.zeros(1, np.intp)
    every = np.asarray(in_use)
    others = (every[:, 1:] != every[:, :-1]).any(axis=(0, 2, 3))
    first = np.flatnonzero(np.concatenate([[True], others]))
    return every[:, first], np.concatenate([[0], np.cumsum(others)])
