"""The devices that come with the package, by name."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.resources import as_file, files
from typing import Any

from llmcalc_core.catalog.device_tables import device, read_tables
from llmcalc_core.domain.checks import nearest
from llmcalc_core.domain.hardware import Hardware

_FILES = ("nvidia_nvlink", "nvidia_pcie", "nvidia_cards", "nvidia_small", "amd", "google", "aws",
          "intel", "apple", "cpus")  # fmt: skip


@cache
def tables() -> dict[str, dict[str, Any]]:
    """Give the tables of all files by the name of the device."""
    found: dict[str, dict[str, Any]] = {}
    with as_file(files("llmcalc_core.catalog") / "devices") as folder:
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
