"""What serving costs, and the power and energy that it takes."""

from __future__ import annotations

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.single_numbers import smaller


def usd_per_million_tokens(*, usd_per_hour: Values, tokens_per_s: Values) -> Values:
    """Cost of tokens from the price of the devices that make them.

    Parameters
    ----------
    usd_per_hour : float or array
        Price of all devices [USD/h].
    tokens_per_s : float or array
        Tokens that they make in steady state [tokens/s].

    Returns
    -------
    float or array
        Cost [USD per 10^6 tokens].

    References
    ----------
    A definition: price over throughput, an hour having 3,600 s.

    Examples
    --------
    >>> usd_per_million_tokens(usd_per_hour=3.6, tokens_per_s=1000)
    1.0
    """
    cost: Values = usd_per_hour / 3600 * 1e6 / tokens_per_s
    return cost


def joules_per_token(*, watts: Values, tokens_per_s: Values) -> Values:
    """Energy of a token from the power of the devices that make it.

    Parameters
    ----------
    watts : float or array
        Power of all devices [W].
    tokens_per_s : float or array
        Tokens that they make in steady state [tokens/s].

    Returns
    -------
    float or array
        Energy [J per token].

    References
    ----------
    A definition: a watt is a joule per second.

    Examples
    --------
    >>> joules_per_token(watts=500, tokens_per_s=1000)
    0.5
    """
    energy: Values = watts / tokens_per_s
    return energy


def load_share(
    *, compute: Values, memory: Values, memory_share: float, time: Values = 1.0
) -> Values:
    """Load of a device, between idle and the power that it is designed for.

    Parameters
    ----------
    compute, memory : float or array
        Times in which arithmetic and in which memory bounds the device [s].
    memory_share : float
        Load while memory does [1]; arithmetic is a load of 1, waiting one of 0.
    time : float or array
        All the time [s].

    Returns
    -------
    float or array
        Load [1].

    References
    ----------
    Fan, Weber and Barroso, Power provisioning for a warehouse-sized computer, ISCA 2007, section
    3 (power linear in utilisation between idle and peak), with a weight for each resource.

    Examples
    --------
    >>> load_share(compute=0.5, memory=1.0, memory_share=0.5, time=2.0)
    0.5
    """
    load: Values = (compute + memory_share * memory) / time
    return smaller(load, 1.0)


def power_watts(*, full: Values, idle_share: float, load: Values) -> Values:
    """Power of a device at a load.

    Parameters
    ----------
    full : float or array
        Board or thermal design power [W].
    idle_share : float
        Part of it that a device draws with a model loaded and nothing to do [1].
    load : float or array
        Load between idle and full [1].

    Returns
    -------
    float or array
        Power [W]: idle + (full - idle) x load.

    References
    ----------
    Fan, Weber and Barroso, Power provisioning for a warehouse-sized computer, ISCA 2007, section
    3.

    Examples
    --------
    >>> power_watts(full=800, idle_share=0.25, load=0.5)
    500.0
    """
    watts: Values = full * idle_share + full * (1 - idle_share) * load
    return watts


def reading_share(*, reading: Values, all_work: Values) -> Values:
    """Part of the devices' work that reads prompts; the rest generates.

    Parameters
    ----------
    reading, all_work : float or array
        Time for which the prompt of a request, and for which it and the generated tokens occupy the
        devices [s].

    Returns
    -------
    float or array
        Part [1], by which cost and energy are split between input and output tokens.

    References
    ----------
    A convention of this package: time on the devices is what is paid for.

    Examples
    --------
    >>> reading_share(reading=0.1, all_work=0.4)
    0.25
    """
    share: Values = reading / all_work
    return share
