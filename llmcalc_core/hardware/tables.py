"""Tables of devices in TOML, checked key by key; those that come with the package, by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from llmcalc_core.checks import nearest, positive
from llmcalc_core.dtypes import DATA_TYPES, WIDE_TYPES
from llmcalc_core.shown import shortened, shown

FIGURES = ("flops", "memory_bytes", "memory_bandwidth", "link_bandwidth", "devices_per_domain",
           "link_latency_s", "node_link_bandwidth", "node_link_latency_s", "host_link_bandwidth",
           "host_memory_bytes", "power_watts", "price_per_hour")  # fmt: skip
"""Fields that are figures, each with a source in the catalogue."""

FIELDS = (*FIGURES, "nominal_memory_gb", "description", "device_limit", "like")
"""Fields of ``Hardware`` that a table can give, and ``like``."""

REQUIRED = ("flops", "memory_bytes", "memory_bandwidth", "link_bandwidth")
"""Fields that every device has, unless it is ``like`` another."""

_ABOUT = ("name", "vendor", "aliases", "link_kind", "sources")
_NOT_IN_CATALOGUE = ("name", "device_limit", "like")
_TEXTS = ("description", "vendor", "link_kind")
_ORDER = ("nvidia_nvlink_older", "nvidia_hopper", "nvidia_blackwell", "nvidia_pcie",
          "nvidia_pcie_older", "nvidia_workstation", "nvidia_geforce", "nvidia_geforce_older",
          "nvidia_small", "amd", "google", "aws", "intel", "apple", "cpus")  # fmt: skip
"""Files of the catalogue in the order in which it lists them; any other file comes after."""

# What no accelerator is beyond: a figure outside is in another unit than that of its key.
_PLAUSIBLE = {
    "memory_bytes": (1e9, 1e14, "bytes"), "memory_bandwidth": (1e10, 1e15, "bytes/s"),
    "link_bandwidth": (1e8, 1e14, "bytes/s"), "node_link_bandwidth": (1e8, 1e14, "bytes/s"),
    "host_link_bandwidth": (1e8, 1e14, "bytes/s"), "host_memory_bytes": (0, 1e14, "bytes"),
    "nominal_memory_gb": (1, 1e5, "GB"), "devices_per_domain": (1, 1e6, "devices"),
    "link_latency_s": (1e-8, 1e-2, "s"), "node_link_latency_s": (1e-8, 1e-1, "s"),
    "power_watts": (1, 1e5, "W"), "price_per_hour": (1e-4, 1e4, "USD/h"),
}  # fmt: skip
_PLAUSIBLE_RATE = (1e11, 1e19)  # FLOP/s
_KNOWN_FROM = re.compile(r"^(assumed|not known): |(read|checked) 20\d\d-\d\d-\d\d")
_PRICE_KINDS = ("cloud: ", "assumed: ", "not known: ")

Table = Mapping[str, Any]


def read_tables(path: Path) -> dict[str, Table]:
    """Read the tables of a TOML file of devices, by name.

    Raises
    ------
    ValueError
        With the path, if the file is no TOML or holds anything but tables.
    """
    import tomllib  # noqa: PLC0415 - imported where a file is read, not with the package

    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        msg = f"{path} must be a TOML file of devices: {error}"
        raise ValueError(shortened(msg)) from error
    for name, table in tables.items():
        if not isinstance(table, dict):
            msg = (
                f"{path} must hold one table per device, such as [my_device], got the field "
                f"{shown(name)} outside of a table"
            )
            raise ValueError(msg)  # noqa: TRY004 - a file's content, as every other fault of it
    return tables


@cache
def built_in_tables() -> dict[str, Table]:
    """Give the tables of the devices that come with the package, by the name of the device.

    Raises
    ------
    ValueError
        For a table that breaks a rule: with its file, its name, and every key at fault.
    """
    with as_file(files("llmcalc_core.hardware") / "devices") as folder:
        return catalogue_tables(folder)


def catalogue_tables(folder: Path) -> dict[str, Table]:
    """Read a folder of files of devices as a catalogue, in which each figure has its source.

    Parameters
    ----------
    folder : path
        A folder of TOML files.

    Returns
    -------
    dict of str to mapping
        The tables by name.

    Raises
    ------
    ValueError
        For a table that breaks a rule: with its file, its name, and every key at fault; for a name
        or an alias that two tables have.
    """
    order = {f"{name}.toml": place for place, name in enumerate(_ORDER)}
    paths = sorted(
        folder.glob("*.toml"), key=lambda path: (order.get(path.name, len(order)), path.name)
    )
    found: dict[str, Table] = {}
    where: dict[str, str] = {}
    for path in paths:
        for name, table in read_tables(path).items():
            place = f"{path}, [{name}]"
            faults = [*catalogue_faults(table)]
            if faults:
                raise ValueError(f"{place}: {'; '.join(faults)}")
            for spelling in (name, *table.get("aliases", ())):
                if folded(spelling) in where:
                    msg = f"{place}: a name or alias must be used once, got {shown(spelling)},"
                    raise ValueError(f"{msg} which is that of {where[folded(spelling)]} as well")
                where[folded(spelling)] = place
            found[name] = table
    return found


def folded(name: str) -> str:
    """Write a name as they are compared: in lower case, words joined by underscores.

    Examples
    --------
    >>> folded(" H100-80GB ")
    'h100_80gb'
    """
    return name.strip().casefold().replace("-", "_").replace(" ", "_")


def key_faults(table: Table) -> Iterator[str]:
    """Say which keys of a device's table are not known, and which it lacks.

    Examples
    --------
    >>> [*key_faults({"like": "H100_80GB", "memory_byte": 8e10})]
    ["a key must be a field of a device, got 'memory_byte'; did you mean 'memory_bytes'?"]
    """
    known = (*FIELDS, *_ABOUT)
    for key in table:
        if key not in known:
            close = nearest(key, known, count=1)
            rule = "" if close else f" ({', '.join(known)})"
            yield f"a key must be a field of a device{rule}, got {shown(key)}{close}"
    missing = [key for key in REQUIRED if key not in table]
    if missing and "like" not in table:
        need = f"a device needs the fields {', '.join(REQUIRED)}, or 'like' and what differs"
        yield f"{need}; missing: {', '.join(missing)}"


def catalogue_faults(table: Table) -> Iterator[str]:
    """Say what is wrong with the table of a built-in device, key by key.

    Examples
    --------
    >>> [*catalogue_faults({"flops": {"bf16": 1e15}, "memory_bytes": 80, "memory_bandwidth": 3e12,
    ...                     "link_bandwidth": 9e11, "sources": dict.fromkeys(REQUIRED, "assumed: ")
    ...                     })]
    ['memory_bytes must be from 1e+09 to 1e+14 [bytes], got 80']
    """
    yield from key_faults(table)
    for key in _NOT_IN_CATALOGUE:
        if key in table:
            yield f"{key} can only be given in a file of your own"
    for key in _TEXTS:
        if not isinstance(table.get(key, ""), str):
            yield f"{key} must be a text, got {shown(table[key])}"
    aliases = table.get("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        yield f"aliases must be a list of texts, got {shown(aliases)}"
    yield from _figure_faults(table)
    yield from _rate_faults(table.get("flops", {}))
    yield from _source_faults(table)


def _figure_faults(table: Table) -> Iterator[str]:
    for key, (least, most, unit) in _PLAUSIBLE.items():
        if key in table and not _is_within(table[key], least, most):
            yield f"{key} must be from {least:g} to {most:g} [{unit}], got {shown(table[key])}"
    count = table.get("devices_per_domain", 1)
    if not isinstance(count, int):
        yield f"devices_per_domain must be a whole number, got {shown(count)}"


def _rate_faults(rates: object) -> Iterator[str]:
    if not isinstance(rates, Mapping):
        yield f"flops must be a table of rates by type [FLOP/s], got {shown(rates)}"
        return
    least, most = _PLAUSIBLE_RATE
    for kind, rate in rates.items():
        if kind not in DATA_TYPES:
            types = ", ".join(DATA_TYPES)
            yield f"flops must be of {types}, got {shown(kind)}{nearest(kind, DATA_TYPES)}"
        elif not _is_within(rate, least, most):
            yield f"flops.{kind} must be from {least:g} to {most:g} [FLOP/s], got {shown(rate)}"
    if rates and not {*WIDE_TYPES} & {*rates}:
        yield f"flops must have a rate of {' or '.join(WIDE_TYPES)}, got {', '.join(rates)}"


def _source_faults(table: Table) -> Iterator[str]:
    sources = table.get("sources", {})
    if not isinstance(sources, Mapping):
        yield f"sources must be a table of texts, got {shown(sources)}"
        return
    given = [key for key in FIGURES if key in table]
    for key, text in sources.items():
        if key not in (*given, "price_per_hour"):
            close = "" if key in FIGURES else nearest(key, given, count=1)
            yield f"sources has {shown(key)}, which is no figure of the table{close}"
        elif not isinstance(text, str) or not _KNOWN_FROM.search(text):
            yield (
                f"sources.{key} must name a document with 'read YYYY-MM-DD' or 'checked "
                f"YYYY-MM-DD', or begin with 'assumed: ' or 'not known: ', got {shown(text)}"
            )
    missing = [key for key in given if key not in sources]
    if missing:
        yield f"sources must say where {', '.join(missing)} come from, if only 'assumed: why'"
    price = sources.get("price_per_hour", _PRICE_KINDS[0])
    if not str(price).startswith(_PRICE_KINDS):
        yield f"sources.price_per_hour must begin with {' or '.join(map(repr, _PRICE_KINDS))}"
    elif "price_per_hour" in sources and price.startswith("not") == ("price_per_hour" in table):
        yield "sources.price_per_hour must be 'not known: why' where there is no price, else not"


def _is_within(value: object, least: float, most: float) -> bool:
    try:
        return least <= positive("figure", value, zero=True) <= most
    except ValueError:
        return False


def price_terms(name: str, price_per_hour: float | None) -> str:
    """Say of what kind a price is, and of which day.

    Parameters
    ----------
    name : str
        A device, whose price in the catalogue it may be.
    price_per_hour : float or None
        The price [USD/h].

    Returns
    -------
    str
        The kind, and the earliest date that the source of a built-in device's price names;
        'as given' for any other price, 'not known' for none.

    Examples
    --------
    >>> price_terms("H100_80GB", 3.99), price_terms("H100_80GB", 2.0)
    ('cloud, 2026-11-09', 'as given')
    >>> price_terms("DGX_Spark", 0.114)
    'assumed: list price over 4 years, 2026-11-23'
    """
    if price_per_hour is None:
        return "not known"
    table = built_in_tables().get(name, {})
    if table.get("price_per_hour") != price_per_hour:
        return "as given"
    source: str = table["sources"]["price_per_hour"]
    kind = source.partition(":")[0] + ": list price over 4 years" * ("over 4 years" in source)
    return ", ".join([kind, *sorted(re.findall(r"20\d\d-\d\d-\d\d", source))[:1]])
