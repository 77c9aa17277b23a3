"""What fits: the fewest devices that do, and the error that says how far the rest is off."""

from __future__ import annotations

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.engines import DEFAULT_ENGINE, Engine
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.budget import MemoryBudget, memory_budget
from llmcalc_core.memory.device_memory import Memory, device_memory
from llmcalc_core.memory.offload import offloaded
from llmcalc_core.planning.asked import Asked
from llmcalc_core.planning.engine_rules import starts
from llmcalc_core.planning.layouts import narrower_layouts, stage_layouts
from llmcalc_core.planning.legality import tensor_widths
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import NO_TECHNIQUES, Techniques

MOST_TRIED = 257
"""From so many devices on, layouts with attention replicas are no longer tried for the fewest."""


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
    memory_fraction: float | None = None,
    engine: str | Engine = DEFAULT_ENGINE,
    techniques: Techniques = NO_TECHNIQUES,
    splits_only: bool = False,
) -> int | None:
    """Find the fewest devices on which one replica fits.

    Parameters
    ----------
    model, hardware, precision
        What runs on what, in which types.
    batch, input_tokens, output_tokens, beam_size : int
        The workload of the replica.
    memory_fraction : float, optional
        Part of a device's memory that may be used; the engine's own default where not given [1].
    engine : str or Engine
        The serving engine, which says of what memory that is a part.
    techniques : Techniques
        What the replica does with its requests.
    splits_only : bool, default False
        Whether to leave out the attention replicas and expert parallelism that a mixture can have.

    Returns
    -------
    int or None
        Number of devices; None if nothing fits at all.
    """

    def fewest(tried: tuple[Layout, ...]) -> int | None:
        grid = make_grid(
            tried, batches=(batch,), inputs=(input_tokens,), outputs=(output_tokens,),
            beams=beam_size, techniques=techniques, engine=hardware.engine(engine),
        )  # fmt: skip
        budget = memory_budget(model, hardware, memory_fraction, grid)
        grid = offloaded(model, precision, grid, budget)
        fits = budget.fits(device_memory(model, precision, grid))
        fits = fits & starts(Asked(model=model, hardware=hardware, precision=precision, grid=grid))
        enough = np.broadcast_to(fits, grid.shape).reshape(-1)
        devices = np.array([layout.devices for layout in tried])
        return int(devices[enough].min()) if enough.any() else None

    splits = tuple(
        Layout(tp=tp, pp=pp)
        for tp in tensor_widths(model)
        for pp in range(1, model.layer_count + 1)
    )
    found = fewest(splits)
    if splits_only or not model.is_moe:
        return found
    fewer = range(2, min(found or MOST_TRIED, MOST_TRIED))
    layouts = tuple(
        layout
        for count in fewer
        for layout in (*stage_layouts(model, count), *narrower_layouts(model, count))
    )
    return (fewest(layouts) if layouts else None) or found


def does_not_fit(
    model: Model,
    hardware: Hardware,
    *,
    devices: int,
    memory: Memory,
    budget: MemoryBudget,
    enough: int | None,
) -> DoesNotFitError:
    """Make the error that says by how much nothing fits, and how many devices would do.

    Parameters
    ----------
    model, hardware
        What does not fit on what.
    devices : int
        How many were asked for.
    memory : Memory
        What the plans need.
    budget : MemoryBudget
        What they may fill.
    enough : int or None
        How many devices would do, if any number does.

    Returns
    -------
    DoesNotFitError
        To be raised.
    """
    lacking = np.asarray(-budget.headroom(memory))
    smallest = int(lacking.argmin())
    needed = np.broadcast_to(memory.total, lacking.shape).reshape(-1)[smallest]
    more = lacking.reshape(-1)[smallest]
    place = "on a device"
    if more <= 0:
        needed = float(np.min(memory.host))
        more, place = needed - budget.host_bytes, "in the host's memory for a device"
    remedy = (
        f"{enough} device{'s' if enough > 1 else ''} would do"
        if enough
        else "no number of devices would do"
    )
    count = f"{devices} device{'s' if devices > 1 else ''}"
    allowed = (needed - more) / 1e9
    return DoesNotFitError(
        f"{model.name} does not fit on {count} of {hardware.name}: the smallest plan needs "
        f"{needed / 1e9:.1f} GB {place}, {more / 1e9:.1f} GB more than the {allowed:.1f} GB "
        f"that may be used; {remedy}"
    )
