"""Values as people type them: 2k tokens, 50ms, 200-1000 for a range."""

from __future__ import annotations

import argparse
import re

from llmcalc_core.shown import shown
from llmcalc_core.workload.lengths import UniformLengths

_SIZES = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "ki": 2**10, "mi": 2**20}
_TIMES = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_NUMBER = re.compile(
    r"([+-]?(?:\d[\d_,]*\.?\d*|\.\d+|inf)(?:e[+-]?\d+)?)\s*([a-z]*)", re.IGNORECASE
)


def number(text: str) -> int | float:
    """Read a number, which may have a size (k, M, G, Ki, Mi) or a time (us, ms, s) behind it.

    Parameters
    ----------
    text : str
        As it was typed.

    Returns
    -------
    int or float
        Whole where it is; times in seconds.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is no number.

    Examples
    --------
    >>> number("2k"), number("1.5M"), number("50ms"), number("0.9")
    (2000, 1500000, 0.05, 0.9)
    """
    found = _NUMBER.fullmatch(text.strip())
    factor = None if found is None else (_TIMES | _SIZES).get(found[2].lower())
    if found is None or factor is None:
        msg = f"must be a number such as 2000, 2k, 0.05 or 50ms, got {shown(text)}"
        raise argparse.ArgumentTypeError(msg)
    value = float(found[1].replace(",", "").replace("_", "")) * factor
    return int(value) if value.is_integer() else value


def length(text: str) -> int | UniformLengths:
    """Read a number of tokens, or two of them between which lengths are drawn.

    Examples
    --------
    >>> length("1k"), length("200-600")
    (1000, UniformLengths(tokens=400, range_ratio=0.5))
    """
    ends = re.fullmatch(r"(\d\S*?)\s*-\s*(\d\S*)", text.strip())
    if ends is None:
        return int(number(text))
    low, high = int(number(ends[1])), int(number(ends[2]))
    if not 0 < low <= high:
        msg = f"a range of lengths must rise from at least 1, such as 200-1000, got {shown(text)}"
        raise argparse.ArgumentTypeError(msg)
    middle = (low + high) // 2
    return UniformLengths(tokens=middle, range_ratio=(high - middle) / middle)


def truth_or_none(text: str) -> bool:
    """Read yes or no.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is neither.

    Examples
    --------
    >>> truth_or_none("yes"), truth_or_none("False")
    (True, False)
    """
    known = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if text.lower() not in known:
        msg = f"must be yes or no, got {shown(text)}"
        raise argparse.ArgumentTypeError(msg)
    return known[text.lower()]
