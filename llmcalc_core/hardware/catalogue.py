"""The devices that come with the package, by name, and any device made of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from llmcalc_core.checks import nearest
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hardware.tables import FIELDS, built_in_tables, folded, key_faults
from llmcalc_core.shown import shown

_NO_PRICE = "not known: none was looked for"


@cache
def _spellings() -> dict[str, str]:
    return {
        folded(spelling): name
        for name, table in built_in_tables().items()
        for spelling in (name, *table.get("aliases", ()))
    }


def list_hardware() -> tuple[str, ...]:
    """Names of the built-in devices.

    Examples
    --------
    >>> list_hardware()[:2]
    ('A100_40GB', 'A100_80GB')
    """
    return tuple(built_in_tables())


def hardware_sources(name: str) -> dict[str, str]:
    """Where each figure of a built-in device comes from: document and date, or 'assumed'.

    Raises
    ------
    ValueError
        If the name is not known.

    Examples
    --------
    >>> sorted(hardware_sources("A100_80GB"))[:2]
    ['devices_per_domain', 'flops']
    """
    sources: dict[str, str] = built_in_tables()[name_of(name)]["sources"]
    return {"price_per_hour": _NO_PRICE} | sources


def built_in(name: object) -> Hardware:
    """Give the device of a name in any case, or of an alias.

    Raises
    ------
    ValueError
        If the name is not known, with the nearest ones.
    """
    return _device(name_of(name))


@cache
def _device(name: str) -> Hardware:
    return device_from_table(name, built_in_tables()[name], calibration=name)


def _joined(spelling: str) -> str:
    return spelling.replace("_", "")


@cache
def _compact() -> dict[str, str]:
    """Give names by spellings without anything between words, where these mean one device."""
    found: dict[str, set[str]] = {}
    for spelling, name in _spellings().items():
        found.setdefault(_joined(spelling), set()).add(name)
    return {spelling: next(iter(names)) for spelling, names in found.items() if len(names) == 1}


def name_of(name: object) -> str:
    """Give the name of the device that a spelling means.

    Raises
    ------
    ValueError
        If the name is not known, with the nearest ones.

    Examples
    --------
    >>> name_of("rtx4090"), name_of("H100 80GB")
    ('RTX_4090', 'H100_80GB')
    """
    found = None
    if isinstance(name, str):
        found = _spellings().get(folded(name)) or _compact().get(_joined(folded(name)))
    if found is None:
        tables = built_in_tables()
        aliases = [alias for table in tables.values() for alias in table.get("aliases", ())]
        msg = (
            f"unknown hardware {shown(name)}{nearest(name, [*tables, *aliases])}; list_hardware() "
            "gives all names, and a dict, a TOML file or a Hardware describes any other device"
        )
        raise ValueError(msg)
    return found


def device_from_table(name: str, table: Mapping[str, Any], *, calibration: str = "") -> Hardware:
    """Make a device of a table or dict of its fields.

    Parameters
    ----------
    name : str
        Its name.
    table : mapping
        Fields of ``Hardware`` in SI units, ``flops`` a table of rates; ``like`` names a built-in
        device whose figures hold for those left out, and whose efficiencies are used.
    calibration : str
        Whose efficiency facts to use, unless it is ``like`` another.

    Returns
    -------
    Hardware
        The device.

    Raises
    ------
    ValueError
        For unknown or missing fields, or a figure out of range.

    Examples
    --------
    >>> device_from_table("cheap", {"like": "H100_80GB", "price_per_hour": 1.5}).calibration
    'H100_80GB'
    """
    fault = next(key_faults(table), None)
    if fault:
        raise ValueError(fault)
    given = {field: table[field] for field in FIELDS if field in table and field != "like"}
    if "like" in table:
        changed = built_in(table["like"]).replace(**given)
        return changed.replace(name=name, description=table.get("description", ""))
    made = Hardware(name=name, calibration=calibration, **{"nominal_memory_gb": 1, **given})
    if "nominal_memory_gb" in given:
        return made
    return replace(made, nominal_memory_gb=made.memory_bytes / 1e9)
