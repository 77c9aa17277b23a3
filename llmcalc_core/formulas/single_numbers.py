"""What numpy does with arrays, of single numbers too, which stay Python's own.

Arithmetic with these is several times faster than with numpy's scalars.
"""

from __future__ import annotations

import math

import numpy as np

from llmcalc_core.formulas import Values


def ceiling(values: Values) -> Values:
    """Round up to whole numbers.

    Parameters
    ----------
    values : float or array
        What to round [1].

    Returns
    -------
    float or array
        The next whole number [1].

    References
    ----------
    IEEE 754-2019, section 5.3.1, roundToIntegralTowardPositive.

    Examples
    --------
    >>> ceiling(4.2), ceiling(np.array([4.0, 4.2])).tolist(), ceiling(math.inf)
    (5.0, [4.0, 5.0], inf)
    """
    if isinstance(values, np.ndarray):
        return np.ceil(values)
    return float(math.ceil(values)) if math.isfinite(values) else float(values)


def larger(one: Values, other: Values) -> Values:
    """Give the larger of two.

    Parameters
    ----------
    one, other : float or array
        What to compare [1].

    Returns
    -------
    float or array
        The larger, one by one; NaN where one of them is [1].

    References
    ----------
    IEEE 754-2019, section 9.6, maximum.

    Examples
    --------
    >>> larger(1.0, 2.0), larger(np.array([1.0, 3.0]), 2.0).tolist()
    (2.0, [2.0, 3.0])
    >>> larger(math.nan, 1.0), larger(1.0, math.nan)
    (nan, nan)
    """
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.maximum(one, other)
    return math.nan if math.isnan(one) else float(max(other, one))


def smaller(one: Values, other: Values) -> Values:
    """Give the smaller of two.

    Parameters
    ----------
    one, other : float or array
        What to compare [1].

    Returns
    -------
    float or array
        The smaller, one by one; NaN where one of them is [1].

    References
    ----------
    IEEE 754-2019, section 9.6, minimum.

    Examples
    --------
    >>> smaller(1.0, 2.0), smaller(np.array([1.0, 3.0]), 2.0).tolist()
    (1.0, [1.0, 2.0])
    >>> smaller(math.nan, 1.0), smaller(1.0, math.nan)
    (nan, nan)
    """
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.minimum(one, other)
    return math.nan if math.isnan(one) else float(min(other, one))
