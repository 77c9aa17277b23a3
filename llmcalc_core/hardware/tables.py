"""Tables of devices in TOML: read, checked field by field, made into ``Hardware``."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from llmcalc_core.checks import nearest
from llmcalc_core.hardware.device import Hardware

FIGURES = ("flops", "memory_bytes", "memory_bandwidth", "link_bandwidth", "devices_per_domain",
           "link_latency_s", "node_link_bandwidth", "node_link_latency_s", "host_link_bandwidth",
           "host_memory_bytes", "power_watts", "price_per_hour")  # fmt: skip
"""Fields that are figures, each with a source in the catalogue."""

FIELDS = (*FIGURES, "nominal_memory_gb", "description", "device_limit", "like")
_NEEDED = ("flops", "memory_bytes", "memory_bandwidth", "link_bandwidth")
_ABOUT = ("name", "vendor", "aliases", "link_kind", "sources")

Find = Callable[[object], Hardware]


def read_tables(path: Path) -> dict[str, dict[str, Any]]:
    """Read the tables of a TOML file of devices, by name.

    Raises
    ------
    ValueError
        With the path, if the file is no TOML or holds anything but tables.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"{path} must be a TOML file of devices: {error}"
        raise ValueError(msg) from error
    for name, table in tables.items():
        if not isinstance(table, dict):
            msg = (
                f"{path} must hold one table per device, such as [my_device], got the field "
                f"{name!r} outside of a table"
            )
            raise ValueError(msg)  # noqa: TRY004 - a file's content, as every other fault of it
    return tables


def device(name: str, table: Mapping[str, Any], find: Find) -> Hardware:
    """Make a device of a table or dict of its fields.

    Parameters
    ----------
    name : str
        Its name.
    table : mapping
        Fields of ``Hardware`` in SI units, ``flops`` a table of rates; ``like`` names a device
        whose figures hold for those left out, and whose efficiencies are used.
    find : callable
        Gives the device of a name.

    Returns
    -------
    Hardware
        The device.

    Raises
    ------
    ValueError
        For unknown or missing fields, or a figure out of range.
    """
    known = (*FIELDS, *_ABOUT)
    for field in table:
        if field not in known:
            msg = f"a device has the fields {', '.join(known)}, got {field!r}"
            raise ValueError(msg + nearest(field, known))
    given = {field: table[field] for field in FIELDS if field in table and field != "like"}
    if "like" in table:
        changed = find(table["like"]).replace(**given)
        text = {"name": name, "description": table.get("description", "")}
        return changed.replace(**text)
    missing = [field for field in _NEEDED if field not in given]
    if missing:
        msg = (
            f"a device needs the fields {', '.join(_NEEDED)}, or 'like' and what differs; "
            f"missing: {', '.join(missing)}"
        )
        raise ValueError(msg)
    made = Hardware(name=name, **{"nominal_memory_gb": 1, **given})
    if "nominal_memory_gb" in given:
        return made
    return made.replace(name=name, nominal_memory_gb=made.memory_bytes / 1e9)
