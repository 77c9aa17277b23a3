"""Time of messages on the links of a device: inside a domain, between domains, to the host."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from llmcalc_core.calibration.facts import Links
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.collectives import (
    Collective,
    collective_seconds,
    point_to_point_seconds,
)
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.records import record


@record()
class Participants:
    """Devices that exchange messages, and what their links reach.

    Attributes
    ----------
    count, inside, domains : float or array
        All of them, those inside one domain, and the domains that they are in [1].
    latency, ramp : float or array
        Time of an empty all-reduce inside a domain, and what a large one loses [s].
    bandwidth : float or array
        What large messages reach inside a domain [bytes/s].
    network_latency, network_bandwidth : float
        The same of a message from one domain to another [s, bytes/s].
    crosses : bool
        Whether any of them are in more than one domain.
    """

    count: Values
    inside: Values
    domains: Values
    latency: Values
    ramp: Values
    bandwidth: Values
    network_latency: float
    network_bandwidth: float
    crosses: bool


def participants_of(
    count: Values, hardware: Hardware, links: Links, *, stride: Values = 1.0
) -> Participants:
    """Look up what the links between devices reach.

    Parameters
    ----------
    count : float or array
        Devices that take part [1].
    hardware, links
        What they are and reach.
    stride : float or array
        Devices from one participant to the next [1].

    Returns
    -------
    Participants
        For :func:`message_seconds`.
    """
    inside: Values
    domains: Values
    if isinstance(count, float) and isinstance(stride, float):
        room = max(hardware.devices_per_domain // stride, 1.0)
        inside, domains = min(count, room), float(-(-count // room))
        latency, fraction, ramp = _interpolated_once(links, inside)
        crosses = domains > 1
    else:
        rooms = np.maximum(hardware.devices_per_domain // stride, 1.0)
        inside, domains = np.minimum(count, rooms), np.ceil(count / rooms)
        latency, fraction, ramp = _interpolated(links, inside)
        crosses = bool(np.max(domains) > 1)
    return Participants(
        count=count,
        inside=inside,
        domains=domains,
        latency=latency,
        ramp=ramp,
        bandwidth=fraction * (hardware.link_bandwidth / 2),
        network_latency=links.node_latency_s,
        network_bandwidth=hardware.node_link_bandwidth * links.node_fraction,
        crosses=crosses,
    )


@lru_cache(maxsize=1024)
def _interpolated_once(links: Links, devices: float) -> tuple[Values, Values, Values]:
    latency, fraction, ramp = _interpolated(links, devices)
    return float(latency), float(fraction), float(ramp)


def _interpolated(links: Links, devices: Values) -> tuple[Values, Values, Values]:
    """Give latency [s], fraction of the link's rate [1] and ramp [s] between so many devices."""
    width = np.log2(devices)
    return (
        np.interp(width, links.log_widths, links.latencies_s),
        np.interp(width, links.log_widths, links.fractions),
        np.interp(width, links.log_widths, links.ramps_s),
    )


def message_seconds(
    collective: Collective,
    message: Values,
    participants: Participants,
    *,
    copies: Values = np.inf,
) -> Values:
    """Time of a collective [s]: inside a domain, and between domains where it must.

    A message between more devices than a domain has goes over both kinds of links. What several
    devices of a domain need (``copies``, in an all-reduce or an all-gather what all do) crosses
    the network once for the domain, over the link of one of them.

    Parameters
    ----------
    collective : Collective
        Which operation sends it.
    message : float or array
        Size of the tensor that each device holds [bytes].
    participants : Participants
        Between which devices.
    copies : float or array
        Devices that each part of the message is for [1].

    Returns
    -------
    float or array
        Time [s].
    """
    near = collective_seconds(
        message=message,
        passes=collective.passes,
        participants=participants.inside,
        latency=collective.latency * participants.latency,
        bandwidth=participants.bandwidth,
        ramp=collective.ramp * participants.ramp,
    )
    if not participants.crosses:
        return near
    domains = participants.domains
    once = np.minimum(1.0, domains / np.minimum(copies, participants.count))
    far = collective_seconds(
        message=message * once,
        passes=collective.passes,
        participants=domains,
        latency=participants.network_latency * collective.network_steps(domains),
        bandwidth=participants.network_bandwidth,
    )
    return near + far


def host_transfer_seconds(moved: Values, hardware: Hardware, links: Links) -> Values:
    """Time of what crosses the link of a device and its host, whatever the others do [s]."""
    return moved / (hardware.host_link_bandwidth * links.host_fraction)


def hand_over_seconds(
    message: Values,
    *,
    stages: Values,
    stage_devices: Values,
    hardware: Hardware,
    links: Links,
) -> Values:
    """Time of all hand-overs between the stages of a pipeline.

    Parameters
    ----------
    message : float or array
        What a device of one stage hands to one of the next [bytes].
    stages, stage_devices : float or array
        Stages of the pipeline, and devices of each [1].
    hardware, links
        What they are and reach.

    Returns
    -------
    float or array
        Time [s]: over links inside a domain, or between domains where the pipeline crosses.
    """
    domains = np.ceil(stage_devices * stages / hardware.devices_per_domain)
    crossing = np.minimum(domains, stages) - 1
    near = point_to_point_seconds(
        message=message,
        latency=links.hand_over_latency_s,
        bandwidth=hardware.link_bandwidth / 2 * links.hand_over_fraction,
    )
    far = point_to_point_seconds(
        message=message,
        latency=links.node_latency_s,
        bandwidth=hardware.node_link_bandwidth * links.node_fraction,
    )
    hops: Values = (stages - 1 - crossing) * near + crossing * far
    return hops
