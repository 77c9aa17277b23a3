"""An accelerator: what it computes, holds and moves, and the links to its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llmcalc_core.domain.checks import fraction, one_of, positive, whole_number
from llmcalc_core.domain.hardware_copies import clustered, edited_copy
from llmcalc_core.domain.hardware_text import facts, html, text

DATA_TYPES = ("fp32", "tf32", "bf16", "fp16", "fp8", "int8", "fp4", "int4")

# Where a device lacks a type, it computes at the rate of the next one that it has: values are
# unpacked to that type first.
_FALLBACK = {
    "int4": ("int4", "int8", "bf16", "fp16", "fp32"),
    "fp4": ("fp4", "fp8", "bf16", "fp16", "fp32"),
    "int8": ("int8", "bf16", "fp16", "fp32"),
    "fp8": ("fp8", "bf16", "fp16", "fp32"),
    "bf16": ("bf16", "fp16", "fp32"),
    "fp16": ("fp16", "bf16", "fp32"),
    "tf32": ("tf32", "fp32"),
    "fp32": ("fp32",),
}


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
        Vendor's total per device over the links of a domain, both directions [bytes/s].
    devices_per_domain : int
        Devices that reach each other over these links.
    node_link_bandwidth : float
        Network bandwidth per device between domains, one direction [bytes/s].
    host_link_bandwidth : float
        Bandwidth between a device and its host, one direction [bytes/s]; PCIe Gen4 x16 (assumed)
        where not given.
    host_memory_bytes : float
        Memory of the host per device [bytes]; 2 TB for eight (assumed) where not given, 0 where
        the device's memory is the host's.
    calibration : str
        Whose efficiency facts to use; a name without any means assumed ones.
    description : str
        A readable name.
    adjustments : tuple of (str, float)
        Steps of fitted constants, on the scale of each, that the user's own measurements ask for;
        made by ``calibrate``.
    power_watts : float, optional
        Board or thermal design power of a device [W].
    price_per_hour : float, optional
        Price of a device [USD/h].
    device_limit : int, optional
        Devices that there are; plans of more make no sense. Made by :meth:`cluster`.
    edited : bool
        Whether rates or bandwidths differ from those of the device that ``calibration`` names.

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
    flops: tuple[tuple[str, float], ...]
    memory_bytes: float
    nominal_memory_gb: float
    memory_bandwidth: float
    link_bandwidth: float
    devices_per_domain: int = 8
    node_link_bandwidth: float = 25e9
    host_link_bandwidth: float = 32e9
    host_memory_bytes: float = 256e9
    calibration: str = ""
    description: str = ""
    adjustments: tuple[tuple[str, float], ...] = ()
    power_watts: float | None = None
    price_per_hour: float | None = None
    device_limit: int | None = None
    edited: bool = False

    def __post_init__(self) -> None:
        """Check every figure."""
        rates = tuple(
            (one_of("flops", kind, DATA_TYPES), positive(f"flops of {kind}", rate, unit="FLOP/s"))
            for kind, rate in _pairs(self.flops)
        )
        if not any(kind in ("bf16", "fp16", "fp32") for kind, _ in rates):
            msg = f"flops of {self.name} need a rate for bf16, fp16 or fp32, got {self.flops!r}"
            raise ValueError(msg)
        object.__setattr__(self, "flops", rates)
        for name, unit in (("memory_bytes", "bytes"), ("nominal_memory_gb", "GB"),
                           ("memory_bandwidth", "bytes/s"), ("link_bandwidth", "bytes/s"),
                           ("node_link_bandwidth", "bytes/s"),
                           ("host_link_bandwidth", "bytes/s")):  # fmt: skip
            object.__setattr__(self, name, positive(name, getattr(self, name), unit=unit))
        host = positive("host_memory_bytes", self.host_memory_bytes, unit="bytes", zero=True)
        object.__setattr__(self, "host_memory_bytes", host)
        for name, unit, zero in (("power_watts", "W", False), ("price_per_hour", "USD/h", True)):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, positive(name, value, unit=unit, zero=zero))
        whole_number("devices_per_domain", self.devices_per_domain)
        if self.device_limit is not None:
            whole_number("device_limit", self.device_limit)

    def rate(self, data_type: str) -> tuple[str, float]:
        """Type a multiplication in ``data_type`` really runs in, and its peak rate [FLOP/s].

        Parameters
        ----------
        data_type : str
            One of :data:`DATA_TYPES`.

        Returns
        -------
        tuple of (str, float)
            The type and the rate; a device without the type uses the next wider it has.
        """
        rates = dict(self.flops)
        for kind in _FALLBACK[data_type]:
            if kind in rates:
                return kind, rates[kind]
        widest = next(kind for kind in DATA_TYPES if kind in rates)
        return widest, rates[widest]

    def usable_bytes(self, memory_fraction: float) -> float:
        """Bytes of the device's memory that may be used at this fraction."""
        return self.memory_bytes * fraction("memory_fraction", memory_fraction)

    def replace(self, **changes: Any) -> Hardware:  # noqa: ANN401 - a field each, checked
        """Give a copy with other figures, for what-if questions.

        Efficiencies stay those of this device, as fractions of the new figures. Where rates or
        bandwidths change, nothing was measured on the copy, and estimates say so.

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
        return edited_copy(self, changes)

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
        return edited_copy(self, given) if given else self

    def cluster(
        self,
        nodes: int,
        devices_per_node: int | None = None,
        *,
        node_link_bandwidth: float | None = None,
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
        name : str, optional
            Name to show.

        Returns
        -------
        Hardware
            A device in such a cluster, which plans of more devices than it has refuse.

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
        each = self.devices_per_domain if devices_per_node is None else devices_per_node
        link = self.node_link_bandwidth if node_link_bandwidth is None else node_link_bandwidth
        return clustered(self, nodes, each, link, name)

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

    def describe(self) -> str:
        """Describe the device in a few lines, with units."""
        return text(self.name, self.description, facts(self))

    def _repr_html_(self) -> str:
        return html(self.name, self.description, facts(self))


def _pairs(flops: object) -> list[tuple[Any, Any]]:
    try:
        return list(dict(flops).items())  # type: ignore[call-overload]
    except (TypeError, ValueError):
        msg = f"flops must be a dict or pairs of type and rate [FLOP/s], got {flops!r}"
        raise ValueError(msg) from None
