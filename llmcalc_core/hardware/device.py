"""An accelerator: what it computes, holds and moves, and the links to its neighbours."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

from llmcalc_core.checks import fraction, in_range, nearest, positive, whole_number
from llmcalc_core.engines import Engine, find_engine
from llmcalc_core.hardware.describe import html, price_kind, text
from llmcalc_core.hardware.rates import Rates, checked_rates, running_rate
from llmcalc_core.hardware.visible import kept_bytes
from llmcalc_core.shown import shown

_LEAST = {
    "memory_bytes": (1e6, 1e11, "bytes"), "nominal_memory_gb": (1e-3, 1e2, "GB"),
    "memory_bandwidth": (1e8, 1e12, "bytes/s"), "link_bandwidth": (1e5, 1e11, "bytes/s"),
    "node_link_bandwidth": (1e5, 1e10, "bytes/s"), "host_link_bandwidth": (1e5, 1e10, "bytes/s"),
    "power_watts": (1e-3, 1e3, "W"),
}  # fmt: skip
"""Least and usual figures of a device, and their units: below the least, that of a microcontroller,
they are in other units, such as GB/s."""

_FROM_ZERO = {
    "host_memory_bytes": "bytes", "price_per_hour": "USD/h", "link_latency_s": "s",
    "node_link_latency_s": "s",
}  # fmt: skip
_MAY_BE_UNKNOWN = ("power_watts", "price_per_hour", "link_latency_s", "node_link_latency_s")
_EDITED = " (edited)"
_MEASURED_AT = ("flops", "memory_bandwidth", "link_bandwidth", "link_latency_s")
"""What measured times depend on: on a copy with others of these nothing was measured."""
_SAME_DEVICE = ("name", "description", "price_per_hour", "power_watts")
"""What can differ on a copy that is the same device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """One accelerator and its links.

    Parameters
    ----------
    name : str
        Name to show.
    flops : tuple of (str, float), or dict
        Dense peak rates by type [FLOP/s], without sparsity.
    memory_bytes : float
        Device memory as the driver reports it [bytes].
    nominal_memory_gb : float
        What the vendor calls it [GB], for display.
    memory_bandwidth : float
        Peak memory bandwidth [bytes/s].
    link_bandwidth : float
        Vendor's total per device over a domain's links, both directions [bytes/s].
    devices_per_domain : int
        Devices that reach each other over these links.
    node_link_bandwidth : float
        Network bandwidth per device between domains, one direction [bytes/s].
    host_link_bandwidth : float
        Between a device and its host, one direction [bytes/s]; PCIe Gen4 x16 unless given.
    host_memory_bytes : float
        Memory of the host per device [bytes], 0 where it is the device's own.
    link_latency_s : float, optional
        Time of an empty all-reduce of two devices of a domain, measured alone [s]; that of
        ``calibration`` where not given. Those of more devices grow with it; a hand-over between
        pipeline stages takes as long at least.
    node_link_latency_s : float, optional
        Time of an empty message between domains [s]; assumed where not given.
    calibration : str
        Whose efficiency facts to use; a name without any means assumed ones.
    description : str
        A readable name.
    adjustments : tuple of (str, float)
        Steps of fitted constants, on the scale of each; made by ``calibrate``.
    own_runs : tuple of tuple of str
        Model, type of most weights, type of the KV cache and engine of the runs that they were
        fitted to; made by ``calibrate``.
    power_watts : float, optional
        Board or thermal design power of a device [W].
    price_per_hour : float, optional
        Price of a device [USD/h].
    device_limit : int, optional
        Devices that there are; plans of more make no sense. Made by :meth:`cluster`.
    edited : bool
        Whether what times depend on differs from the device that ``calibration`` names.

    Raises
    ------
    ValueError
        For a figure that is not a finite number above zero, or an unknown type.

    Examples
    --------
    >>> toy = Hardware(
    ...     name="toy", flops=(("bf16", 1e14),), memory_bytes=16e9, nominal_memory_gb=16,
    ...     memory_bandwidth=1e12, link_bandwidth=6e11, devices_per_domain=8,
    ...     node_link_bandwidth=25e9,
    ... )
    >>> toy.rate("fp8")
    ('bf16', 100000000000000.0)
    """

    name: str
    flops: Rates
    memory_bytes: float
    nominal_memory_gb: float
    memory_bandwidth: float
    link_bandwidth: float
    devices_per_domain: int = 8
    node_link_bandwidth: float = 25e9
    link_latency_s: float | None = None
    node_link_latency_s: float | None = None
    host_link_bandwidth: float = 32e9
    host_memory_bytes: float = 256e9
    calibration: str = ""
    description: str = ""
    adjustments: tuple[tuple[str, float], ...] = ()
    own_runs: tuple[tuple[str, str, str, str], ...] = ()
    power_watts: float | None = None
    price_per_hour: float | None = None
    device_limit: int | None = None
    edited: bool = False

    def __post_init__(self) -> None:
        """Check every figure."""
        rates = checked_rates(self.name, self.flops)
        object.__setattr__(self, "flops", rates)
        for name in ("devices_per_domain", "device_limit"):
            if getattr(self, name) is not None or name == "devices_per_domain":
                object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        known = [
            name
            for name in (*_LEAST, *_FROM_ZERO)
            if getattr(self, name) is not None or name not in _MAY_BE_UNKNOWN
        ]
        for name in known:
            value = getattr(self, name)
            if name in _LEAST:
                least, usual, unit = _LEAST[name]
                number = in_range(name, value, (least, math.inf), usual=usual, unit=unit)
            else:
                number = positive(name, value, unit=_FROM_ZERO[name], zero=True)
            object.__setattr__(self, name, number)

    def __hash__(self) -> int:
        """Hash what tells devices apart: what is kept of each is asked for at every estimate."""
        return hash(
            (self.name, self.flops, self.memory_bytes, self.memory_bandwidth, self.price_per_hour)
        )

    def rate(self, data_type: str) -> tuple[str, float]:
        """Type a multiplication in ``data_type`` really runs in, and its peak rate [FLOP/s].

        Parameters
        ----------
        data_type : str
            One of :data:`llmcalc_core.dtypes.DATA_TYPES`.

        Returns
        -------
        tuple of (str, float)
            The type and the rate; a device without the type uses the next wider it has.

        Raises
        ------
        ValueError
            For an unknown type, with the nearest one.
        """
        return running_rate(self.flops, data_type)

    @property
    def visible_bytes(self) -> float:
        """Bytes of the device's memory that a program sees: without what the driver keeps."""
        return max(self.memory_bytes - kept_bytes(self.name), 0.0)

    def usable_bytes(self, memory_fraction: float) -> float:
        """Bytes of what a program sees that may be used at this fraction."""
        return self.visible_bytes * fraction("memory_fraction", memory_fraction)

    def engine(self, name: str | Engine) -> Engine:
        """Give a serving engine with the defaults that it has on this device."""
        return _engine_on(name, self.name, self.memory_bytes)

    def replace(self, **changes: Any) -> Hardware:  # noqa: ANN401 - a field each, checked
        """Give a copy with other figures, for what-if questions.

        Efficiencies stay those of this device, as fractions of the new figures. Where rates,
        bandwidths or link latency change, nothing was measured on the copy; estimates say so.

        Parameters
        ----------
        **changes
            Fields of this class. A copy without a ``name`` of its own is called "(edited)".

        Returns
        -------
        Hardware
            The copy.

        Raises
        ------
        ValueError
            For an unknown field, with the nearest one, or a figure out of range.

        Examples
        --------
        >>> toy = Hardware(name="toy", flops=(("bf16", 1e14),), memory_bytes=16e9,
        ...                nominal_memory_gb=16, memory_bandwidth=1e12, link_bandwidth=6e11)
        >>> faster = toy.replace(memory_bandwidth=2e12)
        >>> faster.name, faster.memory_bandwidth
        ('toy (edited)', 2000000000000.0)
        """
        known = [field.name for field in fields(self)]
        for name in changes:
            if name not in known:
                close = nearest(name, known)
                msg = f"hardware has the fields {', '.join(known)}, got {shown(name)}{close}"
                raise ValueError(msg)
        copy = replace(self, **changes)
        if replace(copy, **{name: getattr(self, name) for name in _SAME_DEVICE}) == self:
            return copy
        edited = any(getattr(copy, name) != getattr(self, name) for name in _MEASURED_AT)
        marks: dict[str, Any] = {
            "nominal_memory_gb": self.nominal_memory_gb * copy.memory_bytes / self.memory_bytes,
            "name": f"{self.name.removesuffix(_EDITED)}{_EDITED}",
            "edited": self.edited or edited,
        }
        return replace(copy, **(marks | changes))

    def priced(self, price_per_hour: float | None, power_watts: float | None) -> Hardware:
        """Give a copy at the user's own price and power, where they are given.

        Parameters
        ----------
        price_per_hour : float or None
            Price of a device [USD/h].
        power_watts : float or None
            Board or thermal design power of a device [W].

        Returns
        -------
        Hardware
            The same device.

        Raises
        ------
        ValueError
            For a price below zero or a power that is not above it.
        """
        own = {"price_per_hour": price_per_hour, "power_watts": power_watts}
        given = {name: value for name, value in own.items() if value is not None}
        return self.replace(**given) if given else self

    def cluster(
        self,
        nodes: int,
        devices_per_node: int | None = None,
        *,
        node_link_bandwidth: float | None = None,
        node_link_latency_s: float | None = None,
        name: str | None = None,
    ) -> Hardware:
        """Describe a cluster of this device: so many nodes, a network between them.

        Parameters
        ----------
        nodes : int
            Number of nodes.
        devices_per_node : int, optional
            Devices that reach each other over the device's own links; those of its domain
            where not given.
        node_link_bandwidth : float, optional
            Network bandwidth per device between nodes, one direction [bytes/s]: a node's network
            over its devices. The device's own where not given.
        node_link_latency_s : float, optional
            Time of an empty message between nodes [s]. The device's own where not given.
        name : str, optional
            Name to show.

        Returns
        -------
        Hardware
            A device of it; plans of more devices than the cluster has are refused.

        Raises
        ------
        ValueError
            For a count or bandwidth out of range.

        Examples
        --------
        >>> toy = Hardware(name="toy", flops=(("bf16", 1e14),), memory_bytes=16e9,
        ...                nominal_memory_gb=16, memory_bandwidth=1e12, link_bandwidth=6e11)
        >>> pair = toy.cluster(nodes=2, devices_per_node=4, node_link_bandwidth=50e9)
        >>> pair.name, pair.device_limit
        ('2 x 4 toy', 8)
        """
        own: dict[str, Any] = {
            "devices_per_domain": devices_per_node,
            "node_link_bandwidth": node_link_bandwidth,
            "node_link_latency_s": node_link_latency_s,
        }
        count = whole_number("nodes", nodes)
        given = {field: value for field, value in own.items() if value is not None}
        each = whole_number(
            "devices_per_node", given.get("devices_per_domain", self.devices_per_domain)
        )
        label = name or f"{count} x {each} {self.name}"
        return replace(self, **(given | {"name": label, "device_limit": count * each}))

    def check_devices(self, name: str, count: int) -> int:
        """Return a count of devices if there are so many.

        Raises
        ------
        ValueError
            If the cluster has fewer, with its size.
        """
        if self.device_limit is not None and count > self.device_limit:
            msg = (
                f"{name} must be at most {self.device_limit}, the devices of {self.name}, "
                f"got {count}; the nearest valid value is {self.device_limit}"
            )
            raise ValueError(msg)
        return count

    @property
    def price_kind(self) -> str:
        """Of what kind the price is: 'cloud', 'assumed: ...', 'as given' or 'not known'."""
        return price_kind(self)

    def describe(self) -> str:
        """Describe the device in a few lines, with units."""
        return text(self)

    def _repr_html_(self) -> str:
        return html(self)


@lru_cache(maxsize=256)
def _engine_on(name: str | Engine, device: str, memory_bytes: float) -> Engine:
    return find_engine(name).on(device, memory_bytes)
