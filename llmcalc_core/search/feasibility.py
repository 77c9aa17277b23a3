"""What fits: the fewest devices that do, and the error that says how far the rest is off."""

from __future__ import annotations

import numpy as np

from llmcalc_core.domain.hardware import Hardware
from llmcalc_core.domain.model import Model
from llmcalc_core.domain.parallelism import Layout, divisors
from llmcalc_core.domain.precision import Precision
from llmcalc_core.domain.techniques import NO_TECHNIQUES, Techniques
from llmcalc_core.estimate.grid import make_grid
from llmcalc_core.estimate.memory import device_memory


class DoesNotFitError(ValueError):
    """No plan of the devices asked for holds the model and its workload."""


def minimum_devices(
    model: Model,
    hardware: Hardware,
    precision: Precision,
    *,
    batch: int,
    input_tokens: int,
    output_tokens: int,
    beam_size: int = 1,
    memory_fraction: float = 0.9,
    techniques: Techniques = NO_TECHNIQUES,
) -> int | None:
    """Find the fewest devices on which one replica fits.

    Parameters
    ----------
    model, hardware, precision
        What runs on what, in which types.
    batch, input_tokens, output_tokens, beam_size : int
        The workload of the replica.
    memory_fraction : float
        Part of a device's memory that may be used.
    techniques : Techniques
        What the replica does with its requests.

    Returns
    -------
    int or None
        Number of devices; None if no tensor and pipeline split fits at all.
    """
    splits = tuple(
        Layout(tp=tp, pp=pp)
        for tp in divisors(model.heads)
        for pp in range(1, model.layer_count + 1)
    )
    grid = make_grid(
        splits,
        batches=(batch,),
        inputs=(input_tokens,),
        outputs=(output_tokens,),
        beams=beam_size,
        techniques=techniques,
    )
    needed = device_memory(model, precision, grid).total.reshape(-1)
    fits = needed <= hardware.usable_bytes(memory_fraction)
    if not fits.any():
        return None
    devices = np.array([split.devices for split in splits])
    return int(devices[fits].min())


def does_not_fit(
    model: Model,
    hardware: Hardware,
    *,
    devices: int,
    needed: float,
    usable: float,
    enough: int | None,
) -> DoesNotFitError:
    """Make the error that says by how much nothing fits, and how many devices would do.

    Parameters
    ----------
    model, hardware
        What does not fit on what.
    devices : int
        How many were asked for.
    needed, usable : float
        What the smallest plan needs on its fullest device, and what may be used [bytes].
    enough : int or None
        How many devices would do, if any number does.

    Returns
    -------
    DoesNotFitError
        To be raised.
    """
    short = (needed - usable) / 1e9
    remedy = (
        f"{enough} device{'s' if enough > 1 else ''} would do"
        if enough
        else "no number of devices would do"
    )
    count = f"{devices} device{'s' if devices > 1 else ''}"
    return DoesNotFitError(
        f"{model.name} does not fit on {count} of {hardware.name}: the smallest plan needs "
        f"{needed / 1e9:.1f} GB on a device, {short:.1f} GB more than the {usable / 1e9:.1f} GB "
        f"that may be used; {remedy}"
    )
