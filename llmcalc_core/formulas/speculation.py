"""Speculative decoding: how many tokens a step gives."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values


def tokens_per_step(*, drafted: Values, acceptance: Values) -> Values:
    """Expect this number of tokens of a sequence from one step of speculative decoding.

    Parameters
    ----------
    drafted : float or array
        Tokens drafted before each step, k [tokens].
    acceptance : float or array
        Probability that a drafted token is accepted if those before it were, a [1].

    Returns
    -------
    float or array
        Tokens [tokens]: (1 - a^(k+1)) / (1 - a), those accepted and the one that the verifying
        pass gives in any case; 1 without drafts, k + 1 if all are accepted.

    References
    ----------
    Leviathan, Kalman and Matias, Fast Inference from Transformers via Speculative Decoding,
    arXiv:2211.17192, equation 1.

    Examples
    --------
    >>> round(float(tokens_per_step(drafted=4, acceptance=0.8)), 4)
    3.3616
    """
    share = np.asarray(acceptance, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = -np.expm1((drafted + 1) * np.log(share)) / (1 - share)
    return np.where(share < 1, found, drafted + 1)
