"""What the host takes for a step, and what of that the devices wait for."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.roofline import overlapped_seconds
from llmcalc_core.formulas.serving import step_seconds
from llmcalc_core.formulas.single_numbers import larger, smaller

_LAUNCH_SHARPNESS = 2.0
"""The p of the norm that joins the devices' time with that of starting their kernels [1]."""

_EVEN_ENDS = 3.0**0.5
"""From the mean of an even distribution to its ends, in standard deviations [1]."""

_SHARP = 1e-3
"""Tokens that make no difference [tokens]."""

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
    *,
    launch: Values,
    kernels: Values,
    tokens: Values,
    spread: Values = 0.0,
    captured_tokens: Values,
    layers: Values,
) -> Values:
    """Time in which the host starts the kernels of a step that reads prompts.

    Parameters
    ----------
    launch : float or array
        Time of a call [s].
    kernels : float or array
        Calls that start the kernels of the step one by one [1].
    tokens, spread : float or array
        Tokens of the step, their mean and standard deviation [tokens].
    captured_tokens : float or array
        Most of one that runs as captured pieces [tokens].
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
    pieces = smaller(kernels, PIECES_PER_LAYER * layers)
    captured = captured_share(tokens=tokens, spread=spread, captured_tokens=captured_tokens)
    return launch * (kernels - captured * (kernels - pieces))


def decode_launch_seconds(
    *,
    launch: Values,
    kernels: Values,
    sequences: Values,
    captured_sequences: Values,
    pieces: Values,
    layers: Values,
) -> Values:
    """Time in which the host starts the kernels of a decode step.

    Parameters
    ----------
    launch : float or array
        Time of a call [s].
    kernels : float or array
        Calls that start the kernels of the step one by one [1].
    sequences : float or array
        Sequences that decode on an attention replica [1].
    captured_sequences : float or array
        Most of a step that is a captured graph [1].
    pieces : float or array
        Launches of a layer in such a step: 0 where all of it is one graph [1].
    layers : float or array
        Layers of the model [1].

    Returns
    -------
    float or array
        Time [s].

    Examples
    --------
    >>> step = {"launch": 1e-5, "kernels": 400.0, "captured_sequences": 512.0, "layers": 32.0}
    >>> decode_launch_seconds(sequences=np.array([512.0, 513.0]), pieces=0.0, **step).tolist()
    [0.0, 0.004]
    >>> decode_launch_seconds(sequences=8.0, pieces=3.0, **step).round(6).item()
    0.00096
    """
    if isinstance(pieces, float) and not pieces:
        inside = sequences <= captured_sequences
        if inside.all() if isinstance(inside, np.ndarray) else inside:
            return 0.0
    captured = smaller(kernels, pieces * layers)
    started: Floats = np.where(sequences <= captured_sequences + _SHARP, captured, kernels)
    return launch * started


def captured_share(*, tokens: Values, spread: Values, captured_tokens: Values) -> Values:
    """Give the share of steps that have no more tokens than captured ones.

    As if their tokens were spread evenly around the mean.

    Parameters
    ----------
    tokens, spread : float or array
        Tokens of the steps, their mean and standard deviation [tokens].
    captured_tokens : float or array
        Most of a captured one [tokens].

    Returns
    -------
    float or array
        Share [1].

    Examples
    --------
    >>> captured_share(tokens=np.array([512.0, 513.0]), spread=0.0, captured_tokens=512.0).tolist()
    [1.0, 0.0]
    >>> captured_share(tokens=np.array([412.0, 512.0, 612.0]), spread=100.0,
    ...                captured_tokens=512.0).round(3).tolist()
    [0.789, 0.5, 0.211]
    """
    ends = _EVEN_ENDS * spread + _SHARP
    share = (captured_tokens + 2 * _SHARP - tokens + ends) / (2 * ends)
    return larger(smaller(share, 1.0), 0.0)


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
