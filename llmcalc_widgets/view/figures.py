"""The figures that the chart draws: latencies, their bands, throughputs and the limit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmcalc_core import Evaluation
from llmcalc_widgets.view.ticks import Ends, limits

Values = NDArray[np.float64]
Curve = tuple[Values, Values]
Rows = NDArray[np.intp]

_REACH = 3.0
"""A limit line is drawn up to this factor beyond the plans."""
_HALF_END = 0.012
"""Half the height of a bar's ends, as a share of the chart's."""

_UNSEEN = -1.0
"""A place outside the chart."""


def latencies_ms(evaluation: Evaluation) -> Values:
    """Latency of every plan [ms]."""
    return evaluation.frame[evaluation.latency_column].to_numpy() * 1e3


def bands_ms(evaluation: Evaluation) -> tuple[Values, Values]:
    """Give the ends of the 80 % band of every plan's latency [ms]."""
    low, high = (evaluation.frame[name].to_numpy() * 1e3 for name in evaluation.band_columns)
    return low, high


def rates(evaluation: Evaluation) -> Values:
    """Throughput per device of every plan [tokens/s]."""
    return evaluation.frame["tokens_per_s_per_device"].to_numpy()


def places(evaluation: Evaluation, rows: Rows, ends: tuple[Ends, Ends]) -> Curve:
    """Say where rows are between the ends of both axes."""
    across, up = ends
    return across.places(latencies_ms(evaluation)[rows]), up.places(rates(evaluation)[rows])


def band_places(
    evaluation: Evaluation, rows: Rows, ends: tuple[Ends, Ends]
) -> tuple[Values, Values, Values]:
    """Say where the 80 % bands of rows end across, and where the rows are up."""
    across, up = ends
    low, high = (across.places(values[rows]) for values in bands_ms(evaluation))
    return low, high, up.places(rates(evaluation)[rows])


def drawn_limit(evaluation: Evaluation) -> Values:
    """Give the latency limit [ms], or nothing where it is none or far from every plan."""
    limit = evaluation.request.latency_limit_s
    if limit is None:
        return np.array([])
    low, high = limits(latencies_ms(evaluation))
    shown = low / _REACH < limit * 1e3 < high * _REACH
    return np.array([limit * 1e3] if shown else [])


def steps(across: Values, up: Values) -> Curve:
    """Join places by steps: across first, then up.

    Examples
    --------
    >>> across, up = steps(np.array([0.1, 0.4]), np.array([0.3, 0.6]))
    >>> across.tolist(), up.tolist()
    ([0.1, 0.4, 0.4], [0.3, 0.3, 0.6])
    """
    return np.repeat(across, 2)[1:], np.repeat(up, 2)[:-1]


def outline(low: Values, high: Values, up: Values) -> Curve:
    """Go around the area between two staircases: up along the low ends, back along the high.

    Parameters
    ----------
    low, high : array of shape (n,)
        Places of the ends of the bands of a front, by latency.
    up : array of shape (n,)
        Places of its throughputs.

    Returns
    -------
    tuple of two arrays
        Places of the corners across and up.

    Examples
    --------
    >>> across, up = outline(np.array([0.1, 0.4]), np.array([0.2, 0.5]), np.array([0.3, 0.6]))
    >>> across.tolist(), up.tolist()
    ([0.1, 0.4, 0.4, 0.5, 0.5, 0.2], [0.3, 0.3, 0.6, 0.6, 0.3, 0.3])
    """
    (first, rise), (last, _) = steps(low, up), steps(high, up)
    return np.concatenate([first, last[::-1]]), np.concatenate([rise, rise[::-1]])


def bar(low: Values, high: Values, up: Values) -> Curve:
    """Draw the band of one plan, or of none: a line with ends, in one go.

    Examples
    --------
    >>> across, up = bar(np.array([0.1]), np.array([0.3]), np.array([0.5]))
    >>> across.tolist(), up.tolist()
    ([0.1, 0.1, 0.1, 0.3, 0.3, 0.3], [0.488, 0.512, 0.5, 0.5, 0.488, 0.512])
    """
    bottom, top = up - _HALF_END, up + _HALF_END
    return (
        np.concatenate([low, low, low, high, high, high]),
        np.concatenate([bottom, top, up, up, bottom, top]),
    )


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
    length = max(1, *(len(across) for across, _ in curves))
    across, up = (
        np.array([[*own, *np.repeat([_UNSEEN, *own][-1], length - len(own))] for own in axis])
        for axis in zip(*curves, strict=True)
    )
    return across, up
