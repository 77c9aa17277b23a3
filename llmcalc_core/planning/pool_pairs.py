"""Pairs of separate prefill and decode pools, as many workers of each as match best."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.formulas import Floats
from llmcalc_core.formulas.pools import matched_workers, transfer_seconds
from llmcalc_core.formulas.serving import steady_queue_seconds
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.planning.pools import Pool, Service
from llmcalc_core.records import changed


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceBudget:
    """How many devices there are, and how the pools are linked.

    Attributes
    ----------
    devices : int
        Of both pools together, at most.
    prefill, decode : int, optional
        Of each pool, at most.
    link_bandwidth : float, optional
        Of each device to the other pool, one direction [bytes/s]; else that of the network, or of
        the domain where one domain holds all devices.
    """

    devices: int
    prefill: int | None = None
    decode: int | None = None
    link_bandwidth: float | None = None

    def of_one(self, pool: int, *, alike: bool) -> int:
        """Count the devices of a pool's kind, of both pools where they are alike.

        Examples
        --------
        >>> DeviceBudget(devices=24, prefill=16, decode=4).of_one(1, alike=False)
        4
        >>> DeviceBudget(devices=24, prefill=16, decode=4).of_one(0, alike=True)
        20
        """
        most = [self.devices if one is None else one for one in (self.prefill, self.decode)]
        return min(self.devices, sum(most) if alike else most[pool])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Deployments of two pools, one per entry.

    Attributes
    ----------
    prefill, decode : arrays of int
        Position of the workers in their pools.
    prefill_workers, decode_workers : arrays
        How many of each [1].
    prefill_load, decode_load : arrays
        Part of the time, and of the batch, that they are in use [1].
    ttft_s, tpot_s : arrays
        Time to the first token and per output token [s].
    requests_per_s : array
        Requests that the deployment serves [1/s].
    transfer_bytes, transfer_s : arrays
        What is sent of each request [bytes], and how long that takes [s].
    """

    prefill: NDArray[np.intp]
    decode: NDArray[np.intp]
    prefill_workers: Floats
    decode_workers: Floats
    prefill_load: Floats
    decode_load: Floats
    ttft_s: Floats
    tpot_s: Floats
    requests_per_s: Floats
    transfer_bytes: Floats
    transfer_s: Floats


def matched_pairs(service: Service, prefill: Pool, decode: Pool, budget: DeviceBudget) -> Pairs:
    """Match every prefill worker with every decode worker.

    Parameters
    ----------
    service : Service
        What is served.
    prefill, decode : Pool
        Workers to choose from.
    budget : DeviceBudget
        Devices, and the link between the pools.

    Returns
    -------
    Pairs
        Of the pairs that fit the budget, with the numbers of workers that serve the most.

    Notes
    -----
    Requests arrive at random and are spread evenly: each prefill worker is a queue with one server
    and a fixed time (M/D/1, Zheng et al., DistServe, arXiv:2401.09670, section 3.1) for the prompts
    that it reads together. A decode worker has room for its whole batch, and takes what comes at
    once. Bursts, uneven lengths and routing are left out: real queues are longer.
    """
    links = _link(service, prefill.hardware, decode.hardware, budget)
    received = _cache_of_a_request(service, decode)
    total = received * decode.cache_devices
    rates = [
        np.minimum(pool.rate[own], pool.devices[own] * links[1] / total[None, :])
        for pool, own in ((prefill, np.s_[:, None]), (decode, np.s_[None, :]))
    ]
    sizes = prefill.devices[:, None], decode.devices[None, :]
    workers = matched_workers(
        devices=float(budget.devices),
        prefill_devices=sizes[0],
        decode_devices=sizes[1],
        prefill_rate=rates[0],
        decode_rate=rates[1],
        most_prefill=_most(budget.prefill, sizes[0]),
        most_decode=_most(budget.decode, sizes[1]),
    )
    served = np.minimum(workers[0] * rates[0], workers[1] * rates[1])
    sent = transfer_seconds(
        received=received[None, :],
        receivers=decode.cache_devices[None, :],
        senders=prefill.cache_devices[:, None],
        latency=links[0],
        bandwidth=links[1],
    )
    first, second = _distinct(prefill, workers, served)
    return _timed(
        service, prefill, decode,
        rows=(first, second),
        workers=(workers[0][first, second], workers[1][first, second]),
        served=served[first, second],
        sent=(total[second], np.broadcast_to(sent, served.shape)[first, second]),
    )  # fmt: skip


def _distinct(
    prefill: Pool, workers: tuple[Floats, Floats], served: Floats
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the pairs that serve anything, each once: prefill workers may differ in load alone."""
    first, second = np.nonzero(served > 0)
    counts = (count[first, second] for count in (*workers, served))
    same = np.stack([prefill.layout[first], prefill.requests[first], second, *counts])
    kept = np.sort(np.unique(same, axis=1, return_index=True)[1])
    return first[kept], second[kept]


def _timed(
    service: Service,
    prefill: Pool,
    decode: Pool,
    *,
    rows: tuple[NDArray[np.intp], NDArray[np.intp]],
    workers: tuple[Floats, Floats],
    served: Floats,
    sent: tuple[Floats, Floats],
) -> Pairs:
    """Say what a request meets: its own way is that of colocated serving, and the transfer."""
    first, second = rows
    behaviour = service.efficiency(prefill.hardware).behaviour
    load = served * prefill.period[first] / (workers[0] * prefill.requests[first])
    tpot = decode.seconds[second]
    own = behaviour.first_token_s + prefill.seconds[first] + behaviour.first_token_steps * tpot
    waiting = steady_queue_seconds(load=load, prefill=prefill.period[first])
    return Pairs(
        prefill=first,
        decode=second,
        prefill_workers=workers[0],
        decode_workers=workers[1],
        prefill_load=load,
        decode_load=served / (workers[1] * decode.rate[second]),
        ttft_s=np.asarray(own + waiting + sent[1]),
        tpot_s=tpot,
        requests_per_s=served,
        transfer_bytes=sent[0],
        transfer_s=sent[1],
    )


def _link(
    service: Service, prefill: Hardware, decode: Hardware, budget: DeviceBudget
) -> tuple[float, float]:
    """Give latency [s] and bandwidth [bytes/s] of a device's link to the other pool."""
    sender, receiver = (service.efficiency(pool).links for pool in (prefill, decode))
    later = max(sender.node_latency_s, receiver.node_latency_s)
    if budget.link_bandwidth is not None:
        return later, budget.link_bandwidth
    if prefill == decode and budget.devices <= prefill.devices_per_domain:
        bandwidth = prefill.link_bandwidth / 2 * receiver.hand_over_fraction
        return receiver.hand_over_latency_s, bandwidth
    slower = min(prefill.node_link_bandwidth, decode.node_link_bandwidth)
    return later, slower * receiver.node_fraction


def _cache_of_a_request(service: Service, decode: Pool) -> Floats:
    """Cache of a prompt that each device of a decode worker holds [bytes]."""
    grid = service.grid(decode.hardware, decode.layouts, (1,), outputs=0)
    grid = changed(grid, engine=replace(grid.engine, groups_caches=False))  # what is filled is sent
    cache = device_memory(service.model, service.precision, grid).kv_cache
    each: Floats = np.broadcast_to(cache, grid.shape).reshape(-1)[decode.layout]
    return each


def _most(devices: int | None, size: Floats) -> Floats:
    """Count the workers that a pool has devices for, at most."""
    return np.full_like(size, np.inf) if devices is None else devices // size
