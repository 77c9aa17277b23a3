"""Work of recurrent token mixers."""

from __future__ import annotations

from llmcalc_core.formulas import Values


def delta_rule_flops(
    *, tokens: Values, heads: Values, key_dim: Values, value_dim: Values, chunk: Values
) -> Values:
    """Operations of the gated delta rule, from queries, keys and values to results.

    Parameters
    ----------
    tokens : float or array
        New tokens, over all sequences [tokens].
    heads : float or array
        Value heads on the device [1].
    key_dim, value_dim : float or array
        Width of a key and of a value [elements].
    chunk : float or array
        Tokens whose effect on the state is computed at once [tokens]; 1 is the recurrence itself.

    Returns
    -------
    float or array
        Operations [FLOP]: with C the chunk, 2 (C (3 key_dim + 2 value_dim) + 3 key_dim value_dim)
        for each token and head.

    References
    ----------
    Yang et al., Gated Delta Networks, arXiv:2412.06464, section 3.3: for each chunk K K', the
    transforms W and U, Q K' and its product with the values (three of width key_dim and two of
    value_dim, C x C), then W S, Q S and the update of S. The inverse of the C x C triangle (under
    1 % of it at 64) is left out.

    Examples
    --------
    >>> delta_rule_flops(tokens=1, heads=1, key_dim=128, value_dim=128, chunk=64)
    180224
    """
    inside = chunk * (3 * key_dim + 2 * value_dim)
    return 2 * tokens * heads * (inside + 3 * key_dim * value_dim)


def state_space_dual_flops(
    *,
    tokens: Values,
    heads: Values,
    head_dim: Values,
    groups: Values,
    state: Values,
    chunk: Values,
) -> Values:
    """Operations of the scan of Mamba-2, from inputs, B and C to results.

    Parameters
    ----------
    tokens : float or array
        New tokens, over all sequences [tokens].
    heads, groups : float or array
        Heads, and groups of them that share B and C, on the device [1].
    head_dim, state : float or array
        Width of a head, and size of the state of each of its channels [elements].
    chunk : float or array
        Tokens whose effect on the state is computed at once [tokens]; 1 is the recurrence itself.

    Returns
    -------
    float or array
        Operations [FLOP]: with L the chunk, 2 (L groups state + heads head_dim (L + 2 state)) for
        each token.

    References
    ----------
    Dao and Gu, Mamba-2, arXiv:2405.21060, section 6: C B' of each chunk and its product with the
    inputs, the state that the chunk leaves, and the results of the state before it. The causal
    half of the first two is not saved (ssd_combined of mamba-ssm).

    Examples
    --------
    >>> state_space_dual_flops(tokens=1, heads=64, head_dim=64, groups=8, state=128, chunk=128)
    3407872
    """
    inside = chunk * (groups * state + heads * head_dim)
    return 2 * tokens * (inside + 2 * heads * head_dim * state)


def state_bytes(
    *, sequences: Values, state: Values, channels: Values, convolution: Values
) -> Values:
    """Bytes of the recurrent state of one layer, and of the inputs of its short convolution.

    Parameters
    ----------
    sequences : float or array
        Sequences in flight [1].
    state : float or array
        State of a sequence on the device [elements], kept in 32 bits: channels times state size
        (Mamba), heads times width of a head times state size (Mamba-2), heads times width of a key
        times width of a value (gated delta net).
    channels : float or array
        Channels of the short convolution on the device [1].
    convolution : float or array
        Width of the short convolution [elements]; all but one are kept, in 16 bits.

    Returns
    -------
    float or array
        Size [bytes], whatever the context.

    References
    ----------
    Gu and Dao, Mamba, arXiv:2312.00752, section 3.3 and its reference implementation; Dao and Gu,
    Mamba-2, arXiv:2405.21060, section 6; Yang et al., Gated Delta Networks, arXiv:2412.06464,
    section 3.1. 32 bits as in the config.json of Nemotron-3 (mamba_ssm_cache_dtype) and of Qwen3.5
    (mamba_ssm_dtype).

    Examples
    --------
    A layer of Mamba, of Mamba-2, and of a gated delta net:

    >>> state_bytes(sequences=1, state=8192 * 16, channels=8192, convolution=4)
    573440
    >>> state_bytes(sequences=1, state=64 * 64 * 128, channels=6144, convolution=4)
    2134016
    >>> state_bytes(sequences=1, state=64 * 128 * 128, channels=12288, convolution=4)
    4268032
    """
    return sequences * (4 * state + 2 * channels * (convolution - 1))
