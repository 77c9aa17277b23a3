"""Hardware by name, as a file, by a dict, or as a ``Hardware`` object."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from llmcalc_core.hardware.catalogue import built_in, device_from_table
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hardware.guide import GUIDE_KEYS, from_guide
from llmcalc_core.hardware.tables import FIELDS, read_tables
from llmcalc_core.paths import is_file
from llmcalc_core.shown import shortened, shown

_ENDING = ".toml"


def find_hardware(
    hardware: str | PathLike[str] | Mapping[str, Any] | Hardware | object,
) -> Hardware:
    """Turn a name, a file, a dict or a ``Hardware`` into a ``Hardware``.

    Parameters
    ----------
    hardware : str, path, mapping or Hardware
        A name in any case; the path of a TOML file with one device (see :func:`load_hardware`);
        a dict of the fields of ``Hardware`` in SI units, or ``like`` and what differs; or a dict
        of the guide's keys: ``Flops`` [TFLOP/s], ``Memory_size`` [GB], ``Memory_BW`` [GB/s],
        ``ICN`` [GB/s, total per device, both directions] and perhaps ``name``, the built-in
        device that it is a variant of.

    Returns
    -------
    Hardware
        The device.

    Raises
    ------
    ValueError
        For an unknown name, missing or unknown keys, or a figure out of range.

    Examples
    --------
    >>> find_hardware("h100-80gb").name
    'H100_80GB'
    >>> find_hardware({"like": "H100_80GB", "memory_bandwidth": 4.8e12}).memory_bandwidth
    4800000000000.0
    """
    if isinstance(hardware, Hardware):
        return hardware
    if isinstance(hardware, PathLike) or (
        isinstance(hardware, str) and hardware.casefold().endswith(_ENDING)
    ):
        return _only(Path(hardware))
    if isinstance(hardware, str):
        return built_in(hardware)
    if isinstance(hardware, Mapping):
        if not any(field in hardware for field in FIELDS):
            return from_guide(hardware)
        return device_from_table(str(hardware.get("name", "custom hardware")), hardware)
    msg = (
        "hardware must be a name, a dict with the keys "
        f"{', '.join(GUIDE_KEYS)} or the fields of Hardware, the path of a TOML file, "
        f"or a Hardware, got {type(hardware).__name__}"
    )
    raise ValueError(msg)


def load_hardware(path: str | PathLike[str]) -> dict[str, Hardware]:
    r"""Read devices of your own from a TOML file, or from all of a folder.

    A device is a table: ``flops`` (a table of dense rates by type [FLOP/s]), ``memory_bytes``
    [bytes], ``memory_bandwidth`` and ``link_bandwidth`` [bytes/s], and perhaps
    ``devices_per_domain``, ``link_latency_s`` [s], ``node_link_bandwidth`` [bytes/s],
    ``node_link_latency_s`` [s], ``power_watts`` [W], ``price_per_hour`` [USD/h],
    ``nominal_memory_gb`` [GB], ``description``, ``sources`` (a table of texts); or ``like``, the
    name of a built-in device, and only what differs from it.

    Parameters
    ----------
    path : str or path
        A file that ends in ``.toml``, or a folder of such files.

    Returns
    -------
    dict of str to Hardware
        The devices by name, each fit for any argument that takes hardware.

    Raises
    ------
    ValueError
        For a path without such a file, a name used twice, or a field that is unknown, missing or
        out of range: the message names file, device and field.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "mine.toml")
    ...     _ = file.write_text('[cheap_h100]\nlike = "H100_80GB"\nprice_per_hour = 1.5')
    ...     load_hardware(folder)["cheap_h100"].price_per_hour
    1.5
    """
    source = Path(path)
    found: dict[str, Hardware] = {}
    for file in _toml_files(source):
        for name, table in read_tables(file).items():
            if name in found:
                msg = f"{file}: a device's name must be used once, got {shown(name)} again"
                raise ValueError(msg)
            try:
                found[name] = device_from_table(name, table)
            except ValueError as error:
                msg = f"{file}, [{shortened(name, 60)}]: {error}"
                raise ValueError(shortened(msg)) from error
    return found


def _toml_files(source: Path) -> list[Path]:
    if source.is_dir():
        inside = sorted(source.glob(f"*{_ENDING}"))
        if inside:
            return inside
    elif is_file(source) and source.suffix.casefold() == _ENDING:
        return [source]
    msg = f"path must be a {_ENDING} file or a folder with such files, got {shown(str(source))}"
    raise ValueError(msg)


def _only(path: Path) -> Hardware:
    """Give the one device of a file."""
    found = load_hardware(path)
    if len(found) != 1:
        msg = (
            f"{path} must hold one device to be used as hardware, got {len(found)}"
            f"{': ' * bool(found)}{', '.join(found)}; load_hardware gives them by name"
        )
        raise ValueError(msg)
    return next(iter(found.values()))
