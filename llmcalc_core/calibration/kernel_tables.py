"""Reads ``efficiency.toml`` and ``kernel_fits.toml``: what is known of devices' kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from llmcalc_core.calibration.kernel_facts import FAMILIES, DeviceFacts, SharedFacts
from llmcalc_core.calibration.tables import as_record, checked_keys, read_toml
from llmcalc_core.checks import nearest, one_of

FILE = "efficiency.toml"
FITS = "kernel_fits.toml"
"""Entries of its families that are fitted by ``llmcalc_core.validation.kernels``, by device."""

ASSUMED = "assumed"
"""The table of what is taken of a device that no other table knows."""

SHARED = "engine"
"""The table of what is taken for every device and engine."""


def _as_device_facts(name: str, table: object) -> DeviceFacts:
    """Make the record of a device's table."""
    where = f"{FILE}, [{name}]"
    own = dict(checked_keys(DeviceFacts, table, where))
    own |= _family_entries(FILE, name, {one: own[one] for one in FAMILIES if one in own})
    if "products" in own:
        products = own["products"]
        if not isinstance(products, Mapping) or not isinstance(products.get("source"), str):
            msg = f"{where}: products must be a table with a source, got {products!r}"
            raise ValueError(msg)
        own["products"] = {kind: value for kind, value in products.items() if kind != "source"}
    return as_record(DeviceFacts, own, where)


def _family_entries(file: str, name: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """Make the records of a device's families."""
    found = {}
    for family, entries in table.items():
        kind = FAMILIES[one_of(f"{file}, [{name}]: the family", family, tuple(FAMILIES))]
        if not isinstance(entries, list):
            where = f"{file}, [{name}]"
            msg = f"{where}: {family} must be tables such as [[{name}.{family}]], got {entries!r}"
            raise ValueError(msg)  # noqa: TRY004 - a file's content, as every other fault of it
        found[family] = tuple(
            as_record(kind, entry, f"{file}, [[{name}.{family}]] {place}")
            for place, entry in enumerate(entries, start=1)
        )
    return found


def as_kernel_tables(tables: Mapping[str, Any]) -> tuple[dict[str, DeviceFacts], SharedFacts]:
    """Make the records of the whole file: devices and ``assumed``, and what all share.

    Raises
    ------
    ValueError
        With file, table and key.
    """
    devices = {
        name: _as_device_facts(name, one) for name, one in tables.items() if name != "engine"
    }
    for name in (ASSUMED, "engine"):
        if name not in tables:
            msg = f"{FILE}: the table [{name}] is missing"
            raise ValueError(msg)
    for name, one in devices.items():
        if one.like and (one.like not in devices or devices[one.like].like):
            others = [other for other, facts in devices.items() if not facts.like]
            msg = f"{FILE}, [{name}]: like must be one of {', '.join(others)}, got {one.like!r}"
            raise ValueError(msg)
    for family in FAMILIES:
        if not family.startswith("latent") and not getattr(devices[ASSUMED], family):
            msg = f"{FILE}: the table [[{ASSUMED}.{family}]] is missing"
            raise ValueError(msg)
    return devices, as_record(SharedFacts, tables[SHARED], f"{FILE}, [{SHARED}]")


@cache
def kernel_tables() -> tuple[dict[str, DeviceFacts], SharedFacts]:
    """Read the devices, with ``assumed``, and what all share."""
    devices, shared = as_kernel_tables(read_toml(FILE))
    return with_fits(devices, read_toml(FITS)), shared


def with_fits(
    devices: Mapping[str, DeviceFacts], fits: Mapping[str, Any]
) -> dict[str, DeviceFacts]:
    """Add fitted entries to the devices that they are of.

    Raises
    ------
    ValueError
        For a device that is not known or anything else that is wrong, with file, table and key.
    """
    found = dict(devices)
    for name, table in fits.items():
        if name not in devices:
            msg = f"{FITS}: [{name}] must be one of the devices of {FILE}{nearest(name, devices)}"
            raise ValueError(msg)
        own = _family_entries(FITS, name, dict(table))
        found[name] = replace(devices[name], **own)
    return found
