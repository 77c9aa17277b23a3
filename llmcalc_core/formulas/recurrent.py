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
