"""Times of steps that read prompts by how many tokens they have, in a table.

Matrix products, elementwise operations and messages of a step depend on how many tokens it has; the
table has their times for some numbers, between which they are taken as linear.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.costmodel.passes import PassTimes, pass_times
from llmcalc_core.costmodel.sections import LOGITS, sections
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.layers.work import pass_of
from llmcalc_core.records import changed
from llmcalc_core.simulation.prompt_case import BLOCKS, PromptCase

_DOUBLING = 4
"""Knots of the table between a number of tokens and its double [1]."""

_AXES = 4

TIMES = tuple(
    one.name for one in fields(PassTimes) if one.name not in {"device_s", "section_s", "rows"}
)
"""What the table has."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenTable:
    """Times of what the tokens of a step do together, by their number.

    Attributes
    ----------
    times : PassTimes
        Arrays that broadcast to (layouts, replicas in use, knots, 1); ``host_link`` is that of all
        weights, as if all came from the host.
    knots : tuple of float
        The numbers of tokens [tokens].
    names : tuple of set of str
        What the operations of each section are called.
    """

    times: PassTimes
    knots: tuple[float, ...]
    names: tuple[frozenset[str], ...]

    def at(self, tokens: Values, which: NDArray[np.intp]) -> dict[str, Values]:
        """Interpolate the times, by their names (:data:`TIMES`) [s].

        Parameters
        ----------
        tokens : float or array
            Tokens of steps; arrays that broadcast to the grid [tokens].
        which : array of int, shape (batches, 1, 1) or (batches, inputs, outputs)
            The replicas in use of every batch, as a position.

        Returns
        -------
        dict of str to float or array
            What is the same for all tokens stays as it is.
        """
        ends, widths = self._ends
        full = np.asarray(tokens)
        full = full.reshape((1,) * (_AXES - full.ndim) + full.shape)
        knot = np.minimum(ends[1:-1].searchsorted(full, side="right"), len(ends) - 2)
        part = (full - ends[knot]) / widths[knot]
        found = {name: self._of_batches(getattr(self.times, name), which) for name in TIMES}
        names, (layouts, columns), values, slopes = self._rising
        rows = np.arange(layouts)[:, None, None, None] * columns + (which if columns > 1 else 0)
        place = knot + rows * len(ends)
        for name, own, slope in zip(names, values, slopes, strict=True):
            between = slope.take(place)
            between *= part
            between += own.take(place)
            found[name] = between if between.size > 1 else between.item()
        return found

    @cached_property
    def _ends(self) -> tuple[Floats, Floats]:
        """The knots, and the distances between them [tokens]."""
        ends = np.array(self.knots)
        return ends, np.diff(ends)

    @cached_property
    def _rising(self) -> tuple[tuple[str, ...], tuple[int, int], list[Floats], list[Floats]]:
        """Give times that differ between knots: their names, and how many rows they have of what.

        Then the times at the knots and the slopes after them, in the flat order of layouts,
        replicas in use and knots.
        """
        tables = {
            name: table
            for name in TIMES
            if np.ndim(table := getattr(self.times, name)) and np.shape(table)[2] > 1
        }
        shapes = [np.shape(one) for name in TIMES if np.ndim(one := getattr(self.times, name))]
        layouts, columns = np.broadcast_shapes(*shapes)[:2] if shapes else (1, 1)
        whole = (layouts, columns, len(self.knots))
        values = [np.broadcast_to(table[..., 0], whole) for table in tables.values()]
        slopes = [np.diff(own, axis=2, append=own[..., -1:]) for own in values]
        flat = [own.ravel() for own in values], [slope.ravel() for slope in slopes]
        return tuple(tables), (layouts, columns), *flat

    def _of_batches(self, table: Values, which: NDArray[np.intp]) -> Values:
        """Give every batch what does not differ between knots."""
        if np.ndim(table) == 0 or np.shape(table)[1] == 1:
            return table
        own: Floats = np.asarray(table)[:, which, 0, 0]
        return own


def token_table(
    case: Case, in_use: Values, *, with_logits: bool
) -> tuple[TokenTable, NDArray[np.intp]]:
    """Time what all tokens of a step do together, up to twice the budget of a step.

    Parameters
    ----------
    case : tuple
        Model, hardware, precision, grid and efficiency.
    in_use : float or array of shape (layouts, batches, 1, 1) or of the grid
        Attention replicas that have requests [1].
    with_logits : bool
        Whether a step ends in the logits of one prompt.

    Returns
    -------
    TokenTable
        Of all layouts.
    array of int, shape (batches, 1, 1) or (batches, inputs, outputs)
        The replicas in use of every batch, as a position in the table.
    """
    few, which = distinct(in_use)
    plans = PromptCase.of(case)._replace(inputs=(1.0,))
    kept = _kept_table if plans.is_one and np.ndim(few) == 0 else _table_of_block
    in_use = np.asarray(few, dtype=float)
    return kept(plans, in_use.tobytes(), in_use.shape, with_logits=with_logits), which


def _table(
    plans: PromptCase, replicas: bytes, shape: tuple[int, ...], *, with_logits: bool
) -> TokenTable:
    """Time the steps of plans; the replicas in use, as bytes, can be the key of what is kept."""
    model, hardware, precision, grid, efficiency = plans.case()
    in_use = np.frombuffer(replicas).reshape(shape) if shape else np.frombuffer(replicas).item()
    knots = _knots(2 * grid.token_budget)
    tokens = np.array(knots).reshape(1, 1, -1, 1)
    whole = changed(
        grid, inputs=tokens, prefill_tokens=tokens, cached_tokens=0.0, prefill_chunks=1.0,
        weights_offload=1.0, kv_offload=0.0,
    )  # fmt: skip
    step = pass_of(
        model.hidden, whole, precision, requests=1.0, on_all_replicas=in_use, decode=False
    )
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
        names=tuple(frozenset(one.name for one in section.operations) for section in work),
    )


_kept_table = lru_cache(maxsize=256)(_table)
"""Tables of one layout, which do not depend on the workload, are kept: some 3 kB each."""

_table_of_block = lru_cache(maxsize=BLOCKS)(_table)


@lru_cache(maxsize=64)
def _knots(most: float) -> tuple[float, ...]:
    """Give numbers of tokens from 1 to the most that a step computes."""
    steps = max(int(np.ceil(_DOUBLING * np.log2(most))), 1) if most > 1 else 1
    return tuple(np.geomspace(1.0, max(most, 2.0), steps + 1).tolist())


def distinct(in_use: Values) -> tuple[Values, NDArray[np.intp]]:
    """Give the replicas in use where a batch has others than the last, and which each batch has.

    Parameters
    ----------
    in_use : float or array of shape (layouts, batches, 1, 1) or of the grid
        Attention replicas that have requests [1].

    Returns
    -------
    few : float or array of shape (layouts, few, 1, 1)
        Those of batches that differ from the ones before.
    which : array of int, shape (batches, 1, 1) or (batches, inputs, outputs)
        Position in ``few`` of every batch.

    Examples
    --------
    >>> in_use = np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 2.0]]).reshape(2, 3, 1, 1)
    >>> few, which = distinct(in_use)
    >>> few[..., 0, 0].tolist(), which.ravel().tolist()
    ([[1.0, 1.0], [1.0, 2.0]], [0, 1, 1])
    """
    if np.size(in_use) == 1:
        return in_use, np.zeros((1, 1, 1), np.intp)
    shape = np.shape(in_use)
    every = np.reshape(in_use, (shape[0], -1))
    others = (every[:, 1:] != every[:, :-1]).any(axis=0)
    first = np.flatnonzero(np.concatenate([[True], others]))
    which = np.concatenate([[0], np.cumsum(others)]).reshape(shape[1:])
    return every[:, first].reshape(shape[0], -1, 1, 1), which
