"""An accelerator: what it computes, holds and moves, and the links to its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.domain.checks import fraction, one_of, positive, whole_number

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
    flops : tuple of (str, float)
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
    calibration : str
        Whose efficiency facts to use; a name without any means assumed ones.
    description : str
        A readable name.
    adjustments : tuple of (str, float)
        Steps of fitted constants, on the scale of each, that the user's own measurements ask for;
        made by ``calibrate``.

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
    calibration: str = ""
    description: str = ""
    adjustments: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        """Check every figure."""
        rates = tuple(
            (one_of("flops", kind, DATA_TYPES), positive(f"flops of {kind}", rate, unit="FLOP/s"))
            for kind, rate in self.flops
        )
        if not any(kind in ("bf16", "fp16", "fp32") for kind, _ in rates):
            msg = f"flops of {self.name} need a rate for bf16, fp16 or fp32, got {self.flops!r}"
            raise ValueError(msg)
        object.__setattr__(self, "flops", rates)
        for name, unit in (("memory_bytes", "bytes"), ("nominal_memory_gb", "GB"),
                           ("memory_bandwidth", "bytes/s"), ("link_bandwidth", "bytes/s"),
                           ("node_link_bandwidth", "bytes/s")):  # fmt: skip
            object.__setattr__(self, name, positive(name, getattr(self, name), unit=unit))
        whole_number("devices_per_domain", self.devices_per_domain)

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
