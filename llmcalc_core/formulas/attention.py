"""Work of the attention kernel itself: query times keys, and weights times values."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values


def mean_context(*, prompt: Values, generated: Values, window: Values = np.inf) -> Values:
    """Mean number of cached tokens that a decode step reads, over all steps of a generation.

    Parameters
    ----------
    prompt : float or array
        Tokens in the cache before the first step [tokens].
    generated : float or array
        Number of steps, each adding one token that it also reads [tokens].
    window : float or array
        Most tokens a step looks back on [tokens]; infinity for full attention.

    Returns
    -------
    float or array
        Tokens read per sequence and step [tokens]: the mean of min(prompt + t, window) over
        t = 1 … generated.

    References
    ----------
    Exact sum of an arithmetic series; the sliding window as in Mistral 7B, arXiv:2310.06825,
    section 2.

    Examples
    --------
    >>> float(mean_context(prompt=2000.0, generated=256.0))
    2128.5
    >>> float(mean_context(prompt=2000.0, generated=256.0, window=1024.0))
    1024.0
    """
    if np.ndim(window) == 0 and np.isinf(window):
        return prompt + (generated + 1) / 2
    growing = np.clip(window - prompt, 0, generated)
    total = growing * (prompt + (growing + 1) / 2) + (generated - growing) * window
    return total / generated


def causal_pairs(*, prompt: Values, window: Values = np.inf) -> Values:
    """Query and key pairs that a causal prefill of one sequence computes.

    Parameters
    ----------
    prompt : float or array
        Length of the sequence [tokens].
    window : float or array
        Most tokens a query looks back on, itself included [tokens].

    Returns
    -------
    float or array
        Pairs [1]: n²/2 for full attention (the causal half), less with a window.

    References
    ----------
    Dao, FlashAttention-2, arXiv:2307.08691, section 3.1 (causal mask halves the work).

    Examples
    --------
    >>> float(causal_pairs(prompt=2048.0))
    2097152.0
    """
    seen = np.minimum(prompt, window)
    return seen * (prompt - seen / 2)


def attention_flops(*, pairs: Values, heads: Values, qk_dim: Values, v_dim: Values) -> Values:
    """Operations of attention over a number of query and key pairs.

    Parameters
    ----------
    pairs : float or array
        Query and key pairs, over all sequences [1].
    heads : float or array
        Query heads on the device [1].
    qk_dim, v_dim : float or array
        Width of a key and of a value [elements].

    Returns
    -------
    float or array
        Operations [FLOP]: two for each element of the key and of the value.

    References
    ----------
    Dao, FlashAttention-2, arXiv:2307.08691, section 4.1: 4 n² d per head before the mask.

    Examples
    --------
    >>> attention_flops(pairs=1.0, heads=32, qk_dim=128, v_dim=128)
    16384.0
    """
    return 2 * pairs * heads * (qk_dim + v_dim)
