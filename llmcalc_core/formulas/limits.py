"""Values and limits that broadcast: results without axes along which only the limit differs."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values


def at_most(*, values: Values, limit: Values) -> Values:
    """Keep values at a limit: where none is above, as they are.

    Parameters
    ----------
    values, limit : float or array
        Of one unit, and of as many axes where both have any [any].

    Returns
    -------
    float or array
        The smaller of both [any]; axes that only the limit has are left out where it never is.

    References
    ----------
    A definition.

    Examples
    --------
    >>> at_most(values=np.array([[1.0, 2.0]]), limit=np.array([[5.0], [3.0]])).tolist()
    [[1.0, 2.0]]
    >>> at_most(values=np.array([[1.0, 2.0]]), limit=np.array([[5.0], [1.5]])).tolist()
    [[1.0, 2.0], [1.0, 1.5]]
    """
    if (
        isinstance(limit, np.ndarray)
        and limit.ndim
        and np.all(values <= -largest_beside(values=-limit, beside=values))
    ):
        return values
    smaller: Values = np.minimum(values, limit)
    return smaller


def at_least(*, values: Values, limit: Values) -> Values:
    """Raise values to a limit: where none is below, they stay as they are.

    Parameters
    ----------
    values, limit : float or array
        Of one unit, and of as many axes where both have any [any].

    Returns
    -------
    float or array
        The larger of both [any]; axes that only the limit has are left out where it never is.

    References
    ----------
    A definition.

    Examples
    --------
    >>> at_least(values=np.array([[4.0, 2.0]]), limit=np.array([[1.0], [2.0]])).tolist()
    [[4.0, 2.0]]
    """
    if (
        isinstance(limit, np.ndarray)
        and limit.ndim
        and np.all(values >= largest_beside(values=limit, beside=values))
    ):
        return values
    larger: Values = np.maximum(values, limit)
    return larger


def largest_beside(*, values: Values, beside: Values) -> Values:
    """Give the largest of values along the axes that others do not have.

    Parameters
    ----------
    values, beside : float or array
        Of as many axes where both have any [any].

    Returns
    -------
    float or array
        Largest values, which broadcast to the others without further axes [any].

    References
    ----------
    A definition.

    Examples
    --------
    >>> largest_beside(
    ...     values=np.array([[1.0, 2.0], [3.0, 1.0]]), beside=np.array([[7.0, 8.0]])).tolist()
    [[3.0, 2.0]]
    """
    if not isinstance(values, np.ndarray) or not values.ndim:
        return values
    own = values.shape
    others = np.shape(beside) or (1,) * len(own)
    axes = tuple(at for at, count in enumerate(own) if count > 1 and others[at] == 1)
    return np.max(values, axis=axes, keepdims=True) if axes else values


def one_if_equal(*, values: Values) -> Values:
    """Give an array whose values are all equal as one number.

    Parameters
    ----------
    values : float or array
        Of any unit [any].

    Returns
    -------
    float or array
        The same [any].

    References
    ----------
    A definition.

    Examples
    --------
    >>> one_if_equal(values=np.array([[2.0], [2.0]])), one_if_equal(values=np.array([1.0, 2.0]))
    (2.0, array([1., 2.]))
    """
    if not isinstance(values, np.ndarray) or not values.ndim:
        return values
    first = np.ravel(values)[0].item()
    return first if np.all(values == first) else values
