"""Low-rank adapters: their size beside a projection."""

from __future__ import annotations

from llmcalc_core.formulas import Values


def adapter_parameters(*, rank: Values, n: Values, k: Values, packed: Values = 1) -> Values:
    """Parameters that an adapter adds to a projection.

    Parameters
    ----------
    rank : float or array
        Rank of the adapter, r [elements].
    n, k : float or array
        Columns and inner size of the projection [elements].
    packed : float or array
        Projections that are multiplied as one, each adapted on its own [1]; ``n`` is their sum.

    Returns
    -------
    float or array
        Parameters [elements]: k r to the rank for each of them, and r n back.

    References
    ----------
    Hu et al., LoRA, arXiv:2106.09685, section 4.1: W + BA, B of n x r and A of r x k.

    Examples
    --------
    The query, key and value projections of Llama 3 8B.

    >>> adapter_parameters(rank=16, n=4096 + 2 * 1024, k=4096, packed=3)
    294912
    """
    return rank * (packed * k + n)


def adapters_used(*, adapters: Values, sequences: Values) -> Values:
    """Expect this number of distinct adapters that sequences use, of all with equal chance.

    Parameters
    ----------
    adapters : float or array
        Adapters that there are [1].
    sequences : float or array
        Sequences of the batch, each with one [1].

    Returns
    -------
    float or array
        Expected adapters [1]: A (1 - (1 - 1/A)^s).

    References
    ----------
    Expected occupancy, Feller, An Introduction to Probability Theory, vol. 1, section IV.2.

    Examples
    --------
    >>> adapters_used(adapters=4.0, sequences=2)
    1.75
    """
    return adapters * (1.0 - (1.0 - 1.0 / adapters) ** sequences)
