"""Mixture of experts: how many experts a batch touches, and how many rows each gets."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values

_LARGEST = (0.0, 0.5642, 1.0294, 1.4236, 1.7660, 2.0697, 2.3437, 2.5946, 2.8269, 3.0439, 3.2482)
"""Expected largest of 1, 2, 4 ... 1,024 standard normal variables (Tippett, Biometrika 17, 1925;
integrated anew)."""


_NOTHING = 1e-300

_EXPERT_SPREAD = 1.36
"""Standard deviation of the tokens of an expert over their mean [1].

DeepSeek-R1's ranks of 8 experts had 491.7 of 1,024 in the mean over its layers, before balancing:
times the root of 8 (TensorRT-LLM, examples/wide_ep/ep_load_balancer/README.md at 2a595f8, read
2026-11-28)."""


def experts_touched(*, experts: Values, top_k: Values, tokens: Values) -> Values:
    """Expect this number of distinct experts that a batch of tokens uses.

    Tokens choose independently, and experts are not chosen alike: how often each is, is distributed
    exponentially, so that its standard deviation is its mean.

    Parameters
    ----------
    experts : float or array
        Routed experts of the layer [1].
    top_k : float or array
        Experts that one token uses [1].
    tokens : float or array
        Tokens in the batch [tokens].

    Returns
    -------
    float or array
        Expected experts [1]: E k m / (E + k (m - 1)), k for one token and E for many. Uniform
        routing would touch E (1 - (1 - k/E)^m) of them, up to 1.3 times as many.

    References
    ----------
    Expected occupancy, Feller, An Introduction to Probability Theory, vol. 1, section IV.2, of
    Poisson counts whose mean has an exponential distribution; the weights of each touched expert
    are read once per step. That distribution is assumed: it touches 0.9 to 1.1 times (8 of 10
    batches of 16 to 512 tokens, 128 to 384 experts) as many as the power laws by which
    aiconfigurator routes (exponents 1.01 and 1.2; collector/helper.py, commit 095f58a5), and
    DeepSeek-R1's spread without a load balancer is larger (``_EXPERT_SPREAD``).

    Examples
    --------
    >>> float(experts_touched(experts=8, top_k=2, tokens=1))
    2.0
    >>> round(float(experts_touched(experts=8, top_k=2, tokens=16)), 2)
    6.74
    """
    return experts * top_k * tokens / (experts + top_k * (tokens - 1.0))


def touched_by_either(*, one: Values, other: Values, experts: Values) -> Values:
    """Expect this number of experts that either of two batches touches.

    Parameters
    ----------
    one, other : float or array
        Experts that each touches, or the bytes of their weights [1] or [bytes].
    experts : float or array
        All experts, or their bytes [1] or [bytes].

    Returns
    -------
    float or array
        Those that both together touch, in the same unit [1] or [bytes].

    References
    ----------
    :func:`experts_touched` of the tokens of both: what it leaves untouched of all is
    1 / (1 + k m / (E - k)), whose inverses less one add up.

    Examples
    --------
    >>> one, other, both = (experts_touched(experts=8, top_k=2, tokens=m) for m in (3, 2, 5))
    >>> round(float(touched_by_either(one=one, other=other, experts=8) - both), 12)
    0.0
    """
    left, also = 1.0 - one / experts, 1.0 - other / experts
    return experts * (1.0 - left * also / np.maximum(left + also - left * also, _NOTHING))


def most_touched(*, experts: Values, touched: Values, groups: Values) -> Values:
    """Expect this number of touched experts on the device that has the most of them.

    Parameters
    ----------
    experts : float or array
        Routed experts that each group of devices holds [1].
    touched : float or array
        Those of them that a batch touches in the mean over the groups [1].
    groups : float or array
        Groups of devices that the experts are divided over [1].

    Returns
    -------
    float or array
        Experts [1]: the mean of a binomial count and as many of its standard deviations as the
        largest of so many normal variables is above theirs, at most all.

    References
    ----------
    Tippett, Biometrika 17 (1925), for the largest of a sample; that the groups are independent is
    assumed.

    Examples
    --------
    >>> round(float(most_touched(experts=16.0, touched=4.0, groups=8.0)), 2)
    6.47
    >>> float(most_touched(experts=128.0, touched=20.0, groups=1.0))
    20.0
    """
    spread = np.sqrt(touched * np.maximum(1 - touched / experts, 0.0))
    return np.minimum(touched + _above(groups) * spread, experts)


def busiest_load(*, experts: Values, groups: Values) -> Values:
    """Expect this many times the mean of routed tokens on the devices that get the most.

    Parameters
    ----------
    experts : float or array
        Routed experts that each group of devices holds [1].
    groups : float or array
        Groups of devices that the experts are divided over [1].

    Returns
    -------
    float or array
        Load over its mean [1]: some experts are routed to more often than others, and every step
        waits for the busiest group. 1 for a single group.

    References
    ----------
    Tippett, Biometrika 17 (1925), for the largest of a sample; the spread of an expert's tokens is
    that of DeepSeek-R1 without a load balancer, assumed for every model.

    Examples
    --------
    >>> round(float(busiest_load(experts=32.0, groups=8.0)), 2)
    1.34
    >>> float(busiest_load(experts=256.0, groups=1.0))
    1.0
    """
    return 1.0 + _above(groups) * _EXPERT_SPREAD / np.sqrt(experts)


def _above(groups: Values) -> Values:
    """How many standard deviations the largest of some normal variables is above their mean."""
    return np.interp(np.log2(groups), np.arange(len(_LARGEST)), _LARGEST)


def rows_per_expert(*, tokens: Values, top_k: Values, touched: Values) -> Values:
    """Mean number of rows that a touched expert multiplies.

    Parameters
    ----------
    tokens : float or array
        Tokens in the batch [tokens].
    top_k : float or array
        Experts that one token uses [1].
    touched : float or array
        Distinct experts touched [1].

    Returns
    -------
    float or array
        Rows per expert [tokens].

    References
    ----------
    Counting: every token makes ``top_k`` rows, spread over the touched experts.

    Examples
    --------
    >>> rows_per_expert(tokens=16, top_k=2, touched=8)
    4.0
    """
    return tokens * top_k / touched
