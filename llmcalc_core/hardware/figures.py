"""Figures of a device, checked: numbers of the right kind, in range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmcalc_core.checks import positive, whole_number

if TYPE_CHECKING:
    from llmcalc_core.hardware.device import Hardware

_ABOVE_ZERO = {
    "memory_bytes": "bytes", "nominal_memory_gb": "GB", "memory_bandwidth": "bytes/s",
    "link_bandwidth": "bytes/s", "node_link_bandwidth": "bytes/s",
    "host_link_bandwidth": "bytes/s", "power_watts": "W",
}  # fmt: skip
_FROM_ZERO = {
    "host_memory_bytes": "bytes", "price_per_hour": "USD/h", "link_latency_s": "s",
    "node_link_latency_s": "s",
}  # fmt: skip
_MAY_BE_UNKNOWN = ("power_watts", "price_per_hour", "link_latency_s", "node_link_latency_s")


def checked_figures(hardware: Hardware) -> dict[str, float]:
    """Return the figures of a device as numbers, if they are in range; without unknown ones.

    Raises
    ------
    ValueError
        For a figure that is not a finite number in range, or a count that is no whole number.
    """
    whole_number("devices_per_domain", hardware.devices_per_domain)
    if hardware.device_limit is not None:
        whole_number("device_limit", hardware.device_limit)
    return {
        name: positive(name, value, unit=unit, zero=name in _FROM_ZERO)
        for name, unit in (_ABOVE_ZERO | _FROM_ZERO).items()
        if (value := getattr(hardware, name)) is not None or name not in _MAY_BE_UNKNOWN
    }
