"""Regimes in which the closed form of serving is far from a simulation of the same steps.

A band has to hold there, too: it is as much wider as nine in ten random cases are off, says
``python -m tests.benchmarks.agreement`` (medians of 9 to 45 %, of others 1 to 5 %).
"""

from __future__ import annotations

import numpy as np

from llmcalc_core.calibration.band_tables import Band
from llmcalc_core.formulas import Values
from llmcalc_core.records import record

SHORT, USUAL = 15, 32
"""Tokens of an answer up to which clients of a closed loop stay together, whatever its range of
lengths, and a time per output token is that of few steps; and from which on both are rare [tokens].
"""

_SHORT = {"ttft": 0.35, "tpot": 0.55}
_STAGES = {"ttft": 0.45, "tpot": 0.40}


@record()
class WiderBand:
    """Factors of an estimate.

    Attributes
    ----------
    low, high : float or array
        As of :class:`Band`.
    """

    low: Values
    high: Values


def widened(known: Band, metric: str, *, outputs: Values, stages: Values) -> WiderBand:
    """Widen the band of a time under continuous batching, where its closed form is less sure.

    Parameters
    ----------
    known : Band
        What measurements say.
    metric : {'ttft', 'tpot'}
        Of which time.
    outputs : float or array
        Tokens of an answer [tokens].
    stages : float or array
        Pipeline stages [1].

    Returns
    -------
    WiderBand
        The same, or wider.

    Examples
    --------
    >>> usual = Band(low=0.5, high=2.0)
    >>> widened(usual, "ttft", outputs=200, stages=1).high.item()
    2.0
    >>> round(widened(usual, "ttft", outputs=8, stages=1).high.item(), 3)
    2.7
    """
    short = np.clip((USUAL - np.asarray(outputs, float)) / (USUAL - SHORT), 0.0, 1.0)
    more = (1 + _SHORT[metric] * short) * np.where(np.asarray(stages) > 1, 1 + _STAGES[metric], 1.0)
    return WiderBand(low=known.low / more, high=known.high * more)


def regime_reason(*, outputs: float, stages: float) -> str:
    """Say in a sentence why a band is wider; empty where it is not.

    Examples
    --------
    >>> regime_reason(outputs=200, stages=1)
    ''
    """
    kinds = [
        *(["answers of few tokens"] if outputs < USUAL else []),
        *(["pipeline stages"] if stages > 1 else []),
    ]
    if not kinds:
        return ""
    return f" With {' and '.join(kinds)} queues are estimated roughly: simulate() follows them."
