"""Utilisation of the devices of a plan, from which their power follows."""

from __future__ import annotations

import numpy as np

from llmcalc_core.costmodel.phases import PhaseTimes
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.cost import load_share, power_watts, reading_share
from llmcalc_core.records import record
from llmcalc_core.workload.grid import Grid

IDLE_SHARE = 0.15
"""Power with nothing to do, of the design power [1].

Assumed for every device, as what published logs of nvidia-smi and hl-smi show of idle ones: 172 to
237 W of 1,400 W on GB300 (0.12 to 0.17), 84 to 96 W of 600 W on Gaudi 2 (0.14 to 0.16), 33 to 37 W
of 165 W on A30 (0.20 to 0.22) (checked 2026-11-23). A CUDA context adds 26 to 50 W on H100 and A100
(arXiv 2605.23918, abstract; read 2026-11-23).
"""

MEMORY_SHARE = 0.45
"""Load while memory bounds the device [1].

Assumed: with it, decoding of an 8B model on an H200 comes out at 277 to 297 W, and 137 to 300 W
were measured over batches and attention paradigms (arXiv 2605.11999, abstract; read 2026-11-23).
About 0.6 to 0.7 of an A100's power (Patel et al., POLCA, arXiv 2308.12908; recalled) would ask for
0.5 to 0.65.
"""


@record()
class Utilisation:
    """Utilisation of devices, and the shares of prefill in it.

    Attributes
    ----------
    share : float or array
        Their load, between idle and full power [1].
    prefill_time_share, prefill_energy_share : float or array
        Parts of their work and of their energy that read prompts [1]; the rest generates.
    """

    share: Values
    prefill_time_share: Values
    prefill_energy_share: Values


def phase_utilisation(times: PhaseTimes, grid: Grid, *, decode: bool) -> Utilisation:
    """Utilisation in the steady state of a phase of static batches.

    A pipeline's stages wait for each other where too few micro batches fill them.

    Parameters
    ----------
    times : PhaseTimes
        What the passes of the phase take and wait for.
    grid : Grid
        Plans and workloads that it was estimated for.
    decode : bool
        Whether the phase generates, else it reads prompts.

    Returns
    -------
    Utilisation
        Of arrays that broadcast to the grid.
    """
    share = load_share(
        compute=times.by_bound.compute,
        memory=times.by_bound.memory_bandwidth,
        memory_share=MEMORY_SHARE,
        time=times.period_s * (grid.pp / grid.micro_batches),
    )
    reading = float(not decode)
    return Utilisation(share=share, prefill_time_share=reading, prefill_energy_share=reading)


def serving_utilisation(
    decode: Utilisation, prefill: Utilisation, *, reading: Values, working: Values, every: Values
) -> Utilisation:
    """Utilisation in a closed loop, of decode steps, prefills, and the time that nothing runs.

    Parameters
    ----------
    decode, prefill : Utilisation
        While decoding, and while reading prompts.
    reading, working : float or array
        Time for which reading prompts, and for which that and decoding occupy the devices, for each
        token that a request generates [s].
    every : float or array
        Time in which a request gets one, that until its first included [s].

    Returns
    -------
    Utilisation
        The time in which devices idle belongs to both parts alike.
    """
    time = reading_share(reading=reading, all_work=working)
    busy = np.minimum(working / every, 1.0)
    read, wrote = (
        part * power_watts(full=1.0, idle_share=IDLE_SHARE, load=one.share)
        for part, one in ((reading, prefill), (working - reading, decode))
    )
    return Utilisation(
        share=busy * (decode.share + time * (prefill.share - decode.share)),
        prefill_time_share=time,
        prefill_energy_share=reading_share(reading=read, all_work=read + wrote),
    )
