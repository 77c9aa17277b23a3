"""What the host takes for a step, and what of that the devices wait for."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.roofline import overlapped_seconds
from llmcalc_core.formulas.serving import step_seconds

_LAUNCH_SHARPNESS = 2.0
"""The p of the norm that joins the devices' time with that of starting their kernels [1]."""

PIECES_PER_LAYER = 3.0
"""Launches of a layer whose kernels are captured in pieces: two graphs, and attention between them
(vLLM documentation, CUDA Graphs, piecewise; read 2026-11-30) [1]."""


def prepare_seconds(*, step: Values, sequence: Values, sequences: Values) -> Values:
    """Time in which the host schedules, samples and prepares a step.

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
    >>> prepare_seconds(step=1.0, sequence=0.5, sequences=4)
    3.0
    """
    return step + sequences * sequence


def launch_seconds(
    *, launch: Values, kernels: Values, tokens: Values, captured_tokens: Values, layers: Values
) -> Values:
    """Time in which the host starts the kernels of a step that reads prompts.

    Parameters
    ----------
    launch : float or array
        Time to start one [s].
    kernels : float or array
        Kernels of the step [1].
    tokens, captured_tokens : float or array
        Tokens of the step, and most of one that runs as captured pieces [tokens].
    layers : float or array
        Layers of the model [1].

    Returns
    -------
    float or array
        Time [s].

    Examples
    --------
    >>> launch_seconds(launch=1e-5, kernels=400.0, tokens=np.array([512.0, 513.0]),
    ...                captured_tokens=512.0, layers=32.0).round(6).tolist()
    [0.00096, 0.004]
    """
    if isinstance(captured_tokens, float) and not captured_tokens:
        return launch * kernels
    pieces = np.minimum(kernels, PIECES_PER_LAYER * layers)
    return launch * np.where(tokens <= captured_tokens, pieces, kernels)


def host_delay_seconds(
    device: Values, *, prepare: Values, launch: Values, overlaps: Values
) -> Values:
    """Time that the host adds to what the devices take for a step.

    It starts kernels while the devices run those before; what it prepares comes before the devices
    start, or while they still run the step before.

    Parameters
    ----------
    device, prepare, launch : float or array
        What the devices, what preparing the step and what starting its kernels take [s].
    overlaps : float or array
        Whether the host prepares a step while the devices run the last, 1 or 0 [1].

    Returns
    -------
    float or array
        Time [s].

    Examples
    --------
    >>> host_delay_seconds(4.0, prepare=2.0, launch=3.0, overlaps=0.0)
    3.0
    """
    busy = device
    if not isinstance(launch, float) or launch:
        busy = overlapped_seconds(compute=device, memory=launch, sharpness=_LAUNCH_SHARPNESS)
    return step_seconds(device=busy, host=prepare, overlaps=overlaps) - device
