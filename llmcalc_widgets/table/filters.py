"""Which plans a person asks for: conditions such as ``tp=4 tpot<30 fits``, read by us."""

from __future__ import annotations

import operator
import re
from difflib import get_close_matches
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.table.columns import PARTS, WORDS, Column, columns_of

_CONDITION = re.compile(
    r"(?P<name>[a-z_]\w*)\s*(?P<sign><=|>=|!=|==|=|<|>)\s*(?P<value>[^\s,;<>=]+)"
)
_SIGNS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}


def matching(view: ChartView, text: str) -> NDArray[np.bool_]:
    """Mark the plans that meet every condition.

    Parameters
    ----------
    view : ChartView
        Whose plans, and whose front.
    text : str
        Conditions between spaces or commas: a column's key, a sign and a number in the column's
        unit, or one of ``fits``, ``front``, ``rejected``. It is never evaluated as code.

    Returns
    -------
    array of bool, shape (rows of the frame,)
        True where all hold; everywhere for an empty text.

    Raises
    ------
    ValueError
        For a name or a word that there is not, with the nearest, or a value that is no number.

    Examples
    --------
    >>> from llmcalc_core import evaluate, make_request
    >>> from llmcalc_widgets.chart.view import chart_view
    >>> evaluation = evaluate(make_request("llama2_7b", "A100_80GB", 2, batch=[1, 8]))
    >>> matching(chart_view(evaluation, None, None), "tp = 2, batch>1").tolist()
    [False, False, False, False, False, True]
    """
    asked = text.casefold()
    chosen = np.ones(len(view.frame), dtype=bool)
    for condition in _CONDITION.finditer(asked):
        chosen &= _holds(view, **condition.groupdict())
    for word in re.split(r"[\s,;]+", _CONDITION.sub(" ", asked)):
        if word:
            chosen &= _said(view, word)
    return chosen


def _compared(view: ChartView) -> dict[str, Column]:
    """Give the columns whose figures a condition may name."""
    columns = columns_of(view)
    return {column.key: column for column in columns if column.source not in {"", "bound_by"}}


def _holds(view: ChartView, name: str, sign: str, value: str) -> NDArray[np.bool_]:
    """Mark the rows whose column compares like this."""
    if name in PARTS:
        frame = view.frame
        values = frame[name].to_numpy() if name in frame else np.ones(len(frame))
    elif name in (compared := _compared(view)):
        values = compared[name].values(view)
    else:
        _refuse(name, (*PARTS, *compared))
    try:
        asked = float(value)
    except ValueError:
        msg = f"{name} must be compared with a number, got {value!r}; a valid one is {name}{sign}1"
        raise ValueError(msg) from None
    return np.asarray(_SIGNS[sign](values, asked))


def _said(view: ChartView, word: str) -> NDArray[np.bool_]:
    """Mark the rows of which a word is true."""
    if word == "front":
        return np.isin(np.arange(len(view.frame)), view.front)
    if word not in WORDS:
        _refuse(word, (*WORDS, *(f"{name}=" for name in (*PARTS, *_compared(view)))))
    return np.asarray(view.rejected == (word == "rejected"))


def _refuse(name: str, known: tuple[str, ...]) -> NoReturn:
    close = get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
    msg = f"the filter has no {name!r}; {hint}"
    raise ValueError(msg)
