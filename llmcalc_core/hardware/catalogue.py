"""The devices that come with the package, by name."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from importlib.resources import as_file, files
from typing import Any

from llmcalc_core.checks import nearest
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hardware.tables import device, read_tables
from llmcalc_core.provided import provide

_FILES = ("nvidia_nvlink_older", "nvidia_hopper", "nvidia_blackwell", "nvidia_pcie",
          "nvidia_pcie_older", "nvidia_workstation", "nvidia_geforce", "nvidia_geforce_older",
          "nvidia_small", "amd", "google", "aws", "intel", "apple", "cpus")  # fmt: skip
_DATE = re.compile(r"20\d\d-\d\d-\d\d")


@cache
def tables() -> dict[str, dict[str, Any]]:
    """Give the tables of all files by the name of the device."""
    found: dict[str, dict[str, Any]] = {}
    with as_file(files("llmcalc_core.hardware") / "devices") as folder:
        for name in _FILES:
            found |= read_tables(folder / f"{name}.toml")
    return found


@cache
def devices() -> dict[str, Hardware]:
    """Give all devices by name."""
    return {
        name: replace(device(name, table, built_in), calibration=name)
        for name, table in tables().items()
    }


@cache
def _spellings() -> dict[str, str]:
    return {
        _folded(spelling): name
        for name, table in tables().items()
        for spelling in (name, *table["aliases"])
    }


def _folded(name: str) -> str:
    return name.strip().casefold().replace("-", "_").replace(" ", "_")


def list_hardware() -> tuple[str, ...]:
    """Names of the built-in devices.

    Examples
    --------
    >>> list_hardware()[:2]
    ('A100_40GB', 'A100_80GB')
    """
    return tuple(tables())


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
    return dict(tables()[name_of(name)]["sources"])


@provide("price_terms")
def price_terms(hardware: Hardware) -> str:
    """Say of what kind the price of a device is, and of which day.

    Parameters
    ----------
    hardware : Hardware
        A device with a price.

    Returns
    -------
    str
        The kind, and the earliest date that the source of a built-in device's price names;
        'as given' for any other price.

    Examples
    --------
    >>> price_terms(built_in("H100_80GB"))
    'cloud, 2026-11-09'
    >>> price_terms(built_in("DGX_Spark"))
    'assumed: list price over 4 years, 2026-11-23'
    >>> price_terms(built_in("H100_80GB").replace(price_per_hour=2.0))
    'as given'
    """
    listed = devices().get(hardware.calibration)
    if listed is None or listed.price_per_hour != hardware.price_per_hour:
        return "as given"
    source = hardware_sources(listed.name)["price_per_hour"]
    kind = source.partition(":")[0] + ": list price over 4 years" * ("over 4 years" in source)
    return ", ".join([kind, *sorted(_DATE.findall(source))[:1]])


def built_in(name: object) -> Hardware:
    """Give the device of a name in any case, or of an alias.

    Raises
    ------
    ValueError
        If the name is not known, with the nearest ones.
    """
    return devices()[name_of(name)]


def name_of(name: object) -> str:
    """Give the name of the device that a spelling means.

    Raises
    ------
    ValueError
        If the name is not known, with the nearest ones.
    """
    found = _spellings().get(_folded(name)) if isinstance(name, str) else None
    if found is None:
        aliases = [alias for table in tables().values() for alias in table["aliases"]]
        close = nearest(name, [*list_hardware(), *aliases])
        msg = (
            f"unknown hardware {name!r}{close}; list_hardware() gives all names, and a dict, a "
            "TOML file or a Hardware describes any other device"
        )
        raise ValueError(msg)
    return found
