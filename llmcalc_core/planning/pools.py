"""What separate pools of prefill and decoding serve, and the workers that they could be made of."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.phases import phase_times
from llmcalc_core.costmodel.utilisation import phase_utilisation
from llmcalc_core.engines import Engine
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.serving import steady_queue_seconds
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.budget import MemoryBudget, memory_budget
from llmcalc_core.memory.device_memory import Memory, device_memory
from llmcalc_core.memory.offload import offloaded
from llmcalc_core.planning.feasibility import DoesNotFitError, does_not_fit, minimum_devices
from llmcalc_core.planning.layouts import no_plan, plans
from llmcalc_core.planning.legality import can_lay_out
from llmcalc_core.planning.pareto import pareto_mask
from llmcalc_core.precision import Precision
from llmcalc_core.simulation.step_passes import prompts
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout, divisors
from llmcalc_core.workload.techniques import Techniques

LOADS = (0.5, 0.7, 0.8, 0.9, 0.95)
"""Shares of the time that prefill workers are given work for: the rest keeps queues short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the pools serve together, and with what.

    Attributes
    ----------
    model, precision, engine, techniques
        What runs, in which types and engine, and how.
    input_tokens, output_tokens : int
        Lengths of prompt and answer [tokens].
    batches : tuple of int
        Requests in flight per decode worker to try.
    contexts : tuple of int
        Context parallel widths of prefill workers to try.
    memory_fraction : float
        Part of a device's memory that may be used.
    """

    model: Model
    precision: Precision
    engine: str | Engine
    input_tokens: int
    output_tokens: int
    batches: tuple[int, ...]
    contexts: tuple[int, ...]
    memory_fraction: float | None
    techniques: Techniques

    def budget(self, hardware: Hardware, grid: Grid) -> MemoryBudget:
        """Give what the engine may fill of a device that has these workers."""
        return memory_budget(self.model, hardware, self.memory_fraction, grid)

    def efficiency(self, hardware: Hardware) -> Efficiency:
        """Look up what a device reaches with the engine."""
        return efficiency_for(hardware, self.precision, engine=self.engine)

    def grid(
        self,
        hardware: Hardware,
        layouts: tuple[Layout, ...],
        batches: tuple[int, ...],
        outputs: int | None = None,
    ) -> Grid:
        """Lay out workers with so many requests each."""
        grid = make_grid(
            layouts,
            batches=batches,
            inputs=(self.input_tokens,),
            outputs=(self.output_tokens if outputs is None else outputs,),
            techniques=self.techniques,
            engine=hardware.engine(self.engine),
        )
        return offloaded(self.model, self.precision, grid, MemoryBudget())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Workers that a pool could be made of, one per entry.

    Attributes
    ----------
    hardware : Hardware
        Their devices.
    layouts : tuple of Layout
        Layouts that occur.
    layout : array of int
        Position of each worker's own in them.
    devices, cache_devices : array
        Devices of a worker; those of them that a request's cache is divided over [1].
    requests : array
        Prompts read together, or sequences decoded together [1].
    seconds : array
        Time of the prefill of a batch, or per output token [s].
    period : array
        Time in which a prefill worker is done with a batch, where another follows [s].
    rate : array
        Requests that a worker can serve at its ``load`` [1/s].
    load : array
        Part of the time that it is given work for [1].
    share : array
        Load of its devices, between idle and full power, while it has work [1].
    memory : array
        Bytes on its fullest device [bytes].
    """

    hardware: Hardware
    layouts: tuple[Layout, ...]
    layout: NDArray[np.intp]
    devices: Floats
    cache_devices: Floats
    requests: Floats
    seconds: Floats
    period: Floats
    rate: Floats
    load: Floats
    share: Floats
    memory: Floats


def worker_sizes(devices: tuple[int, ...]) -> tuple[int, ...]:
    """Devices of one worker to try: powers of two, and what divides a device count.

    Examples
    --------
    >>> worker_sizes((12,))
    (1, 2, 3, 4, 6, 8, 12)
    """
    powers = {2**power for power in range(devices[-1].bit_length())}
    return tuple(sorted(powers.union(*map(divisors, devices))))


def prefill_pool(service: Service, hardware: Hardware, sizes: tuple[int, ...]) -> Pool:
    """Find the prefill workers that fit and are not beaten by others of their size.

    Parameters
    ----------
    service : Service
        What is served.
    hardware : Hardware
        The pool's devices.
    sizes : tuple of int
        Devices of a worker to try.

    Returns
    -------
    Pool
        Prompts are read by as many together as an engine's step has room for, or fewer; every
        device holds the caches of those being read and of as many on their way to the other pool.

    Raises
    ------
    DoesNotFitError
        If no worker holds the model and one prompt.
    """
    layouts = _layouts(service, sizes, service.contexts)
    grid = service.grid(hardware, layouts, (1,), outputs=1)
    room = int(np.max(grid.token_budget // np.maximum(grid.prefill_tokens, 1.0)))
    counts = tuple(2**power for power in range(max(room, 1).bit_length()))
    grid = service.grid(hardware, layouts, counts, outputs=1)
    grid = prompts(grid, grid.batch)
    times = phase_times(
        service.model, hardware, service.precision, grid, service.efficiency(hardware), decode=False
    )
    memory = device_memory(service.model, service.precision, grid)
    return _worth_trying(
        service, hardware, grid,
        seconds=times.latency_s,
        period=times.period_s,
        share=phase_utilisation(times, grid, decode=False).share,
        memory=replace(
            memory,
            kv_cache=2 * memory.kv_cache,
            total=memory.total + memory.kv_cache,
            host_kv_cache=2 * memory.host_kv_cache,
        ),
        loads=LOADS,
    )  # fmt: skip


def decode_pool(service: Service, hardware: Hardware, sizes: tuple[int, ...]) -> Pool:
    """Find the decode workers that fit and are not beaten by others of their size.

    Parameters
    ----------
    service, hardware, sizes
        As for :func:`prefill_pool`.

    Returns
    -------
    Pool
        Each always has as many sequences in flight as its batch.

    Raises
    ------
    DoesNotFitError
        If no worker holds the model and one sequence.
    """
    layouts = _layouts(service, sizes, (1,))
    grid = service.grid(hardware, layouts, service.batches)
    times = phase_times(
        service.model, hardware, service.precision, grid, service.efficiency(hardware), decode=True
    )
    memory = device_memory(service.model, service.precision, grid)
    return _worth_trying(
        service, hardware, grid,
        seconds=times.latency_s,
        period=times.period_s * grid.outputs,
        share=phase_utilisation(times, grid, decode=True).share,
        memory=memory,
        loads=(1.0,),
    )  # fmt: skip


def _layouts(
    service: Service, sizes: tuple[int, ...], contexts: tuple[int, ...]
) -> tuple[Layout, ...]:
    found = (
        plan
        for size in sizes
        for plan in plans(service.model, size, contexts)
        if can_lay_out(service.engine, plan.layout)
    )
    own = tuple(dict.fromkeys(plan.layout for plan in found if plan.replicas == 1))
    if not own:
        raise no_plan(service.model, sizes, contexts)
    return own


def _worth_trying(
    service: Service,
    hardware: Hardware,
    grid: Grid,
    *,
    seconds: Floats,
    period: Values,
    share: Values,
    memory: Memory,
    loads: tuple[float, ...],
) -> Pool:
    """Keep the workers that fit and that no other of their size beats in both time and rate."""
    fits = service.budget(hardware, grid).fits(memory)
    if not fits.any():
        raise _nothing_fits(service, hardware, grid, memory)
    shape = (*np.broadcast_shapes(np.shape(grid.batch), grid.shape), len(loads))
    devices, cache_devices, requests, own, busy, shares, needed, enough = (
        np.broadcast_to(np.asarray(values)[..., None], shape).reshape(-1)
        for values in (
            grid.stage_devices * grid.pp, grid.stage_devices * grid.pp / grid.attention_dp,
            grid.batch, seconds, period, share, memory.total, fits,
        )
    )  # fmt: skip
    load = np.broadcast_to(np.array(loads), shape).reshape(-1)
    rate = load * requests / busy
    waiting = own if len(loads) == 1 else own + steady_queue_seconds(load=load, prefill=busy)
    rows = np.flatnonzero(enough)
    size = devices[rows].astype(np.intp)
    kept = rows[pareto_mask(waiting[rows], rate[rows], size)]
    layout = np.arange(shape[0]).reshape(-1, *([1] * (len(shape) - 1)))
    return Pool(
        hardware=hardware,
        layouts=grid.layouts,
        layout=np.broadcast_to(layout, shape).reshape(-1)[kept],
        devices=devices[kept],
        cache_devices=cache_devices[kept],
        requests=requests[kept],
        seconds=own[kept],
        period=busy[kept],
        rate=rate[kept],
        load=load[kept],
        share=shares[kept],
        memory=needed[kept],
    )


def _nothing_fits(
    service: Service, hardware: Hardware, grid: Grid, memory: Memory
) -> DoesNotFitError:
    enough = minimum_devices(
        service.model, hardware, service.precision, batch=1,
        input_tokens=service.input_tokens, output_tokens=service.output_tokens,
        memory_fraction=service.memory_fraction, engine=service.engine,
        techniques=service.techniques,
    )  # fmt: skip
    return does_not_fit(
        service.model, hardware, devices=max(one.devices for one in grid.layouts), memory=memory,
        budget=service.budget(hardware, grid), enough=enough,
    )  # fmt: skip
