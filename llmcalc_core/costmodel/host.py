"""What the host takes for a pass, and what of that the devices wait for."""

from __future__ import annotations

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.roofline import overlapped_seconds
from llmcalc_core.formulas.serving import decode_step_seconds

_LAUNCH_SHARPNESS = 2.0
"""The p of the norm that joins the devices' time and the host's in a prefill [1]."""


def decode_host_seconds(*, step: Values, sequence: Values, sequences: Values) -> Values:
    """Time in which the host schedules, samples and prepares a decode step.

    Parameters
    ----------
    step, sequence : float or array
        Time of a step, and what each sequence adds to it [s].
    sequences : float or array
        Sequences on an attention replica [1].

    Returns
    -------
    float or array
        Time [s].

    Examples
    --------
    >>> decode_host_seconds(step=1.0, sequence=0.5, sequences=4)
    3.0
    """
    return step + sequences * sequence


def prefill_host_seconds(*, launch: Values, kernels: Values) -> Values:
    """Time in which the host starts the kernels of a prefill.

    Parameters
    ----------
    launch : float or array
        Time to start one [s].
    kernels : float or array
        Kernels started [1].

    Returns
    -------
    float or array
        Time [s].

    Examples
    --------
    >>> prefill_host_seconds(launch=0.5, kernels=4)
    2.0
    """
    return launch * kernels


def host_delay_seconds(device: Values, host: Values, *, overlaps: Values, decode: bool) -> Values:
    """Time that the host adds to what the devices take.

    In a prefill it starts the kernels, which overlaps in part with running them; a decode step it
    prepares before the devices start, or while they still run the last.

    Parameters
    ----------
    device, host : float or array
        What each takes [s].
    overlaps : float or array
        Whether the host prepares a decode step while the devices run the last, 1 or 0 [1].
    decode : bool
        Decode step, else prefill.

    Returns
    -------
    float or array
        Time [s].

    Examples
    --------
    >>> host_delay_seconds(4.0, 3.0, overlaps=0.0, decode=True)
    3.0
    >>> host_delay_seconds(4.0, 3.0, overlaps=0.0, decode=False)
    1.0
    """
    if decode:
        return decode_step_seconds(device=device, host=host, overlaps=overlaps) - device
    joined = overlapped_seconds(compute=device, memory=host, sharpness=_LAUNCH_SHARPNESS)
    return joined - device
