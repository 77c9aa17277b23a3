"""Work of the attention kernel itself: query times keys, and weights times values."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.single_numbers import smaller


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
    if isinstance(window, float) and window == np.inf:
        return prompt + (generated + 1) / 2
    growing = np.clip(window - prompt, 0, generated)
    total = growing * (prompt + (growing + 1) / 2) + (generated - growing) * window
    return total / generated


def causal_pairs(*, prompt: Values, window: Values = np.inf, cached: Values = 0.0) -> Values:
    """Query and key pairs that a causal prefill of one sequence computes.

    Parameters
    ----------
    prompt : float or array
        Length of the sequence [tokens].
    window : float or array
        Most tokens a query looks back on, itself included [tokens].
    cached : float or array
        Tokens at its start whose keys and values are known: only later ones query [tokens].

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

    With half of it cached, three quarters are left.

    >>> float(causal_pairs(prompt=2048.0, cached=1024.0))
    1572864.0
    """
    return _pairs_until(prompt, window) - _pairs_until(cached, window)


def bidirectional_pairs(*, prompt: Values, window: Values = np.inf) -> Values:
    """Query and key pairs of a text whose tokens attend to those before and after them.

    Parameters
    ----------
    prompt : float or array
        Length of the text [tokens].
    window : float or array
        Tokens that a query sees: half of the others on either side, and itself [tokens].

    Returns
    -------
    float or array
        Pairs [1]: n² for full attention, less with a window, whose half is cut off at both ends.

    References
    ----------
    Devlin et al., BERT, arXiv:1810.04805, section 3; local attention of ModernBERT,
    arXiv:2412.13663, section 2.1.2.

    Examples
    --------
    >>> float(bidirectional_pairs(prompt=512.0))
    262144.0

    Of 4 tokens that see one neighbour on either side, the two at the ends see 2, the others 3.

    >>> float(bidirectional_pairs(prompt=4.0, window=3.0))
    10.0
    """
    side = smaller((window - 1) / 2, prompt - 1)
    return prompt * (1 + 2 * side) - side * (side + 1)


def _pairs_until(length: Values, window: Values) -> Values:
    """Pairs of all queries up to a length [1]."""
    seen = smaller(length, window)
    return seen * (length - seen / 2)


def mean_chunk_context(*, prompt: Values, generated: Values, chunk: Values) -> Values:
    """Mean number of cached tokens that a decode step reads where attention stays in a chunk.

    Parameters
    ----------
    prompt : float or array
        Tokens in the cache before the first step [tokens].
    generated : float or array
        Number of steps, each adding one token that it also reads [tokens].
    chunk : float or array
        Length of the chunks that the sequence is cut into [tokens].

    Returns
    -------
    float or array
        Tokens read per sequence and step [tokens]: the n-th token of a chunk reads n.

    References
    ----------
    Exact sum of an arithmetic series for each chunk; Llama 4's attention_chunk_size, Hugging Face
    transformers, masking_utils.chunked_overlay.

    Examples
    --------
    The 5th to the 8th token, in chunks of 6, read 5, 6, 1 and 2 tokens.

    >>> float(mean_chunk_context(prompt=4.0, generated=4.0, chunk=6.0))
    3.5
    """
    before = _read_in_chunks(prompt, chunk)
    return (_read_in_chunks(prompt + generated, chunk) - before) / generated


def _read_in_chunks(length: Values, chunk: Values) -> Values:
    """Tokens read by all steps up to a length [tokens]."""
    whole, rest = length // chunk, length % chunk
    return whole * chunk * (chunk + 1) / 2 + rest * (rest + 1) / 2


def chunk_pairs(*, prompt: Values, chunk: Values, cached: Values = 0.0) -> Values:
    """Query and key pairs of a causal prefill of one sequence where attention stays in a chunk.

    Parameters
    ----------
    prompt : float or array
        Length of the sequence [tokens].
    chunk : float or array
        Length of the chunks that it is cut into [tokens].
    cached : float or array
        Tokens at its start whose keys and values are known: only later ones query [tokens].

    Returns
    -------
    float or array
        Pairs [1]: the causal half of each chunk.

    References
    ----------
    Dao, FlashAttention-2, arXiv:2307.08691, section 3.1 (causal mask halves the work), for each
    of Llama 4's chunks.

    Examples
    --------
    >>> float(chunk_pairs(prompt=20480.0, chunk=8192.0))
    75497472.0
    """
    return _chunk_pairs_until(prompt, chunk) - _chunk_pairs_until(cached, chunk)


def _chunk_pairs_until(length: Values, chunk: Values) -> Values:
    """Pairs of all queries up to a length [1]."""
    whole, rest = length // chunk, length % chunk
    return whole * chunk**2 / 2 + rest**2 / 2


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
    return pairs * (2 * heads * (qk_dim + v_dim))
