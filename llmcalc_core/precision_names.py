"""Precisions by name."""

from __future__ import annotations

from functools import cache

from llmcalc_core.checks import one_of
from llmcalc_core.dtypes import MEANINGS, PRECISIONS, canonical
from llmcalc_core.precision import Precision


def parse_precision(bits: str | Precision) -> Precision:
    """Turn a name such as 'bf16', 'FP8' or 'w4a16' into a :class:`Precision`.

    Raises
    ------
    ValueError
        For a name that is not known, with the nearest one.

    Examples
    --------
    >>> parse_precision("w4a16").activations
    'bf16'
    """
    if isinstance(bits, Precision):
        return bits
    return _named(one_of("bits", canonical(bits), PRECISIONS))


@cache
def _named(name: str) -> Precision:
    weights, activations, kv_cache = MEANINGS[name]
    return Precision(weights=weights, activations=activations, kv_cache=kv_cache)


PLAIN = Precision()
"""All in 16 bits, as a checkpoint is that does not say otherwise."""
