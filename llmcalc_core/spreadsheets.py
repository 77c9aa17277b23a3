"""CSV that a spreadsheet opens without running what is in it."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from llmcalc_core.shown import shown

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - wide forms
"""What text begins with that a spreadsheet takes for a formula, full-width forms included."""


def csv_text(frame: pd.DataFrame) -> str:
    r"""Write a frame as CSV, whose text no spreadsheet takes for a formula.

    A name such as ``=HYPERLINK(…)`` is run by the program that opens the file, whoever chose it. An
    apostrophe before it makes it text. Numbers stay as they are, also those that are in text.

    Parameters
    ----------
    frame : DataFrame
        What a function gave. Its index is left out.

    Returns
    -------
    str
        A line per row below the names of the columns, each with a line break.

    Raises
    ------
    ValueError
        If it is no DataFrame.

    References
    ----------
    OWASP, *CSV Injection*, https://owasp.org/www-community/attacks/CSV_Injection, read 2026-12-01:
    cells that begin with an equals sign, plus, minus, at sign, tab, carriage return or line feed,
    or with the full-width forms of the signs.

    Examples
    --------
    >>> csv_text(pd.DataFrame({"model": ["=1+1", "-1.5", "-x", "a=b"], "value": [-1.5, 2, 3, 4]}))
    "model,value\n'=1+1,-1.5\n-1.5,2.0\n'-x,3.0\na=b,4.0\n"
    """
    _check_frame(frame)
    text = {
        str(name): values.map(text_cell)
        for name, values in frame.items()
        if not is_numeric_dtype(values)
    }
    safe = frame.assign(**text).rename(columns=text_cell)
    return safe.to_csv(index=False, lineterminator="\n")


def _check_frame(frame: object) -> None:
    if not isinstance(frame, pd.DataFrame):
        msg = f"frame must be a DataFrame, got {shown(frame)}"
        raise ValueError(msg)  # noqa: TRY004 - all bad input is a ValueError


def text_cell(value: Any) -> Any:  # noqa: ANN401 - cells differ in type
    """Put an apostrophe before text that a spreadsheet takes for a formula.

    Examples
    --------
    >>> [text_cell(value) for value in ("@SUM(A1)", "-1e3", -1.5, "qwen3_8b", "")]
    ["'@SUM(A1)", '-1e3', -1.5, 'qwen3_8b', '']
    """
    if not isinstance(value, str) or not value.startswith(_STARTS_FORMULA) or _is_number(value):
        return value
    return f"'{value}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
