"""Copies of a device: with other figures, or as a part of a cluster."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from llmcalc_core.checks import nearest, whole_number

if TYPE_CHECKING:
    from llmcalc_core.hardware.device import Hardware

_EDITED = " (edited)"
# what measured times depend on
_TIMED = ("flops", "memory_bandwidth", "link_bandwidth", "link_latency_s")
_TERMS = ("name", "description", "price_per_hour", "power_watts")  # no other device for these


def edited_copy(hardware: Hardware, changes: dict[str, Any]) -> Hardware:
    """Give a copy with other figures; see ``Hardware.replace``."""
    known = [field.name for field in fields(hardware)]
    for name in changes:
        if name not in known:
            msg = f"hardware has the fields {', '.join(known)}, got {name!r}{nearest(name, known)}"
            raise ValueError(msg)
    copy = replace(hardware, **changes)
    if replace(copy, **{name: getattr(hardware, name) for name in _TERMS}) == hardware:
        return copy
    edited = any(getattr(copy, name) != getattr(hardware, name) for name in _TIMED)
    marks: dict[str, Any] = {
        "nominal_memory_gb": hardware.nominal_memory_gb * copy.memory_bytes / hardware.memory_bytes,
        "name": f"{hardware.name.removesuffix(_EDITED)}{_EDITED}",
        "edited": hardware.edited or edited,
    }
    return replace(copy, **(marks | changes))


def clustered(hardware: Hardware, nodes: int, name: str | None, own: dict[str, Any]) -> Hardware:
    """Give the device as one of a cluster's; see ``Hardware.cluster``."""
    count = whole_number("nodes", nodes)
    given = {field: value for field, value in own.items() if value is not None}
    each = given.get("devices_per_domain", hardware.devices_per_domain)
    whole_number("devices_per_node", each)
    label = name or f"{count} x {each} {hardware.name}"
    return replace(hardware, **(given | {"name": label, "device_limit": count * each}))
