"""Requests from a DataFrame: a trace, or lengths alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.checks import nearest, whole_number
from llmcalc_core.shown import shortened, shown
from llmcalc_core.workload.lengths import Integers
from llmcalc_core.workload.requests import MOST_REQUESTS, Requests, arrival_times

if TYPE_CHECKING:
    import pandas as pd

_LENGTHS = ("input_tokens", "output_tokens")
_OPTIONAL = ("prefix", "prefix_tokens", "conversation")


def requests_from_frame(
    frame: pd.DataFrame,
    *,
    rate: float | None = None,
    burstiness: float = 1.0,
    concurrency: int | None = None,
    seed: int = 0,
) -> Requests:
    """Read requests from a DataFrame, one per row.

    Parameters
    ----------
    frame : DataFrame
        Columns ``input_tokens`` and ``output_tokens`` [tokens], and ``arrival_s`` [s], ascending,
        unless one of ``rate`` and ``concurrency`` is given. Optional: ``prefix`` (rows of the same
        value share a beginning; missing: none) with ``prefix_tokens`` (how long it is [tokens]), or
        without: then such rows are turns of one conversation, each of which begins with all that
        went before; or ``conversation``, which says so beside a shared beginning. Other columns are
        left alone.
    rate, burstiness, concurrency, seed : float or int, optional
        When requests are sent in place of ``arrival_s``, see
        :func:`llmcalc_core.workload.requests.arrival_times`.

    Returns
    -------
    Requests
        The requests.

    Raises
    ------
    ValueError
        If a column or a value is missing, a value is out of range, rows are not in order of
        arrival, or there are none or more than ``MOST_REQUESTS``; with the first such row.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"arrival_s": [0, 2.5], "input_tokens": 100, "output_tokens": 20})
    >>> requests_from_frame(frame).arrival_s.tolist()
    [0.0, 2.5]
    """
    timed = rate is None and concurrency is None
    _check_columns(frame, ("arrival_s", *_LENGTHS) if timed else _LENGTHS)
    count = len(frame)
    inputs, outputs = (_lengths(frame, name) for name in _LENGTHS)
    if timed:
        times = _times(frame)
    else:
        times = arrival_times(
            count, rate=rate, burstiness=burstiness, concurrency=concurrency, seed=seed
        )
    none = np.full(count, -1)
    prefix = _labels(frame, "prefix") if "prefix" in frame else none
    conversation = _labels(frame, "conversation") if "conversation" in frame else none
    shared = np.zeros(count, np.int64)
    if "prefix_tokens" in frame:
        shared = _shared(frame, prefix, inputs)
    elif "conversation" not in frame:
        prefix, conversation = none, prefix
    return Requests(
        arrival_s=times,
        input_tokens=inputs,
        output_tokens=outputs,
        prefix=prefix,
        prefix_tokens=shared,
        conversation=conversation,
        after=none,
        concurrency=None if concurrency is None else whole_number("concurrency", concurrency),
    )


def _check_columns(frame: object, needed: tuple[str, ...]) -> None:
    """Refuse a frame without rows, with too many, or without a column that it must have."""
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    if not isinstance(frame, pd.DataFrame):
        msg = f"requests must be a DataFrame or Requests, got {shown(frame)}"
        raise ValueError(msg)  # noqa: TRY004 - all bad input is a ValueError
    columns = [str(name) for name in frame.columns]
    for name in needed:
        if name not in columns:
            others = [one for one in columns if one not in (*needed, *_OPTIONAL)]
            has = shortened(", ".join(columns), 150) or "none"
            msg = (
                f"a frame of requests must have the columns {', '.join(needed)}, got {has}: "
                f"{name} is missing{nearest(name, others, count=1)}"
            )
            raise ValueError(msg)
    if not 1 <= len(frame) <= MOST_REQUESTS:
        msg = f"a frame of requests must have 1 to {MOST_REQUESTS} rows, got {len(frame)}"
        raise ValueError(msg)


def _numbers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Read a column of finite numbers."""
    try:
        values = frame[name].to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        msg = f"{name} must be numbers, got a column of type {frame[name].dtype}"
        raise ValueError(msg) from None
    _refuse(name, "a finite number", values, ~np.isfinite(values))
    return values


def _refuse(name: str, rule: str, values: NDArray[np.float64], wrong: NDArray[np.bool_]) -> None:
    """Raise for the first value that is wrong, if any is."""
    if wrong.any():
        row = int(wrong.argmax())
        others = f", and {int(wrong.sum()) - 1} more" if wrong.sum() > 1 else ""
        msg = f"{name} must be {rule} in every row, got {values[row]:g} in row {row}{others}"
        raise ValueError(msg)


def _times(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Read when requests are sent."""
    times = _numbers(frame, "arrival_s")
    _refuse("arrival_s", "at least 0", times, times < 0)
    falls = np.diff(times, prepend=0.0) < 0
    if falls.any():
        row = int(falls.argmax())
        msg = (
            f"rows must be in order of arrival_s, got {times[row]:g} in row {row} after "
            f'{times[row - 1]:g}; sort them with frame.sort_values("arrival_s")'
        )
        raise ValueError(msg)
    return times


def _lengths(frame: pd.DataFrame, name: str) -> Integers:
    """Read tokens of prompts or answers."""
    values = _numbers(frame, name)
    _refuse(name, "a whole number of at least 1", values, (values < 1) | (values % 1 != 0))
    return values.astype(np.int64)


def _labels(frame: pd.DataFrame, name: str) -> Integers:
    """Give each value of a column a number; -1 where there is none."""
    return np.asarray(frame[name].factorize()[0], np.int64)


def _shared(frame: pd.DataFrame, prefix: Integers, inputs: Integers) -> Integers:
    """Read how long shared beginnings are; 0 where there is none."""
    values = np.zeros(len(frame))
    has = prefix >= 0
    values[has] = _numbers(frame[has], "prefix_tokens")
    _refuse("prefix_tokens", "a whole number from 0", values, (values < 0) | (values % 1 != 0))
    _refuse("prefix_tokens", "at most input_tokens", values, values > inputs)
    return values.astype(np.int64)
