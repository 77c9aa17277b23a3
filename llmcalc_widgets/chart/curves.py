"""Curves of the chart, as places from 0 to 1 along each axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Curve = tuple[Values, Values]

NO_CURVE: Curve = np.array([]), np.array([])
_HALF_END = 0.012
"""Half the height of a bar's ends, as a share of the chart's."""

_UNSEEN = -1.0
"""A place outside the chart."""


def steps(across: Values, up: Values, *, level_first: bool) -> Curve:
    """Join places by steps.

    Parameters
    ----------
    across, up : array of shape (n,)
        Places, from left to right.
    level_first : bool
        Whether the way to the next place is across first, as where less across is better: until
        there, the place before is the best. Else it is up or down first.

    Examples
    --------
    >>> across, up = steps(np.array([0.1, 0.4]), np.array([0.3, 0.6]), level_first=True)
    >>> across.tolist(), up.tolist()
    ([0.1, 0.4, 0.4], [0.3, 0.3, 0.6])
    >>> across, up = steps(np.array([0.1, 0.4]), np.array([0.6, 0.3]), level_first=False)
    >>> across.tolist(), up.tolist()
    ([0.1, 0.1, 0.4], [0.6, 0.3, 0.3])
    """
    twice_across, twice_up = np.repeat(across, 2), np.repeat(up, 2)
    return (twice_across[1:], twice_up[:-1]) if level_first else (twice_across[:-1], twice_up[1:])


def outline(there: Curve, back: Curve) -> Curve:
    """Go around the area between two curves: along the first, and back along the second.

    Examples
    --------
    >>> there, back = np.array([[0.1, 0.4], [0.3, 0.6]]), np.array([[0.2, 0.5], [0.3, 0.6]])
    >>> across, up = outline(tuple(there), tuple(back))
    >>> across.tolist(), up.tolist()
    ([0.1, 0.4, 0.5, 0.2], [0.3, 0.6, 0.6, 0.3])
    """
    (first, rise), (last, fall) = there, back
    return np.concatenate([first, last[::-1]]), np.concatenate([rise, fall[::-1]])


def bar(low: Values, high: Values, at: Values) -> Curve:
    """Draw the band of one plan, or of none, along one axis: a line with ends, in one go.

    Parameters
    ----------
    low, high : array of shape (1,) or (0,)
        Places of its ends.
    at : array of the same shape
        Its place along the other axis.

    Returns
    -------
    tuple of two arrays
        Places along the axis of the band, and along the other one.

    Examples
    --------
    >>> along, other = bar(np.array([0.1]), np.array([0.3]), np.array([0.5]))
    >>> along.tolist(), other.tolist()
    ([0.1, 0.1, 0.1, 0.3, 0.3, 0.3], [0.488, 0.512, 0.5, 0.5, 0.488, 0.512])
    """
    before, after = at - _HALF_END, at + _HALF_END
    return (
        np.concatenate([low, low, low, high, high, high]),
        np.concatenate([before, after, at, at, before, after]),
    )


def cross_lines(across: float | None, up: float | None) -> Curve:
    """Draw a line up at a place across, and a line across at a place up, each if there is one.

    Examples
    --------
    >>> across, up = cross_lines(0.5, None)
    >>> across.tolist(), up.tolist()
    ([[0.5, 0.5], [-1.0, -1.0]], [[-1.0, 2.0], [-1.0, -1.0]])
    """
    ends = np.array([-1.0, 2.0])
    standing = NO_CURVE if across is None else (np.repeat(across, 2), ends)
    lying = NO_CURVE if up is None else (ends, np.repeat(up, 2))
    return together(standing, lying)


def together(*curves: Curve) -> Curve:
    """Make curves of different lengths the rows of one array across and one up.

    A shorter one stays at its last place, and one without any is out of sight: bqplot has a label
    for every curve, which needs a number where the curve ends.

    Examples
    --------
    >>> across, up = together(
    ...     (np.array([0.1, 0.2]), np.array([0.3, 0.4])), (np.array([0.5]), np.array([0.6])))
    >>> up.tolist()
    [[0.3, 0.4], [0.6, 0.6]]
    """
    length = max(1, *(len(across) for across, _ in (*curves, NO_CURVE)))
    both = np.full((2, len(curves), length), _UNSEEN)
    for at, curve in enumerate(curves):
        if count := len(curve[0]):
            both[:, at, :count] = curve
            both[:, at, count:] = both[:, at, count - 1, None]
    across, up = both
    return across, up
