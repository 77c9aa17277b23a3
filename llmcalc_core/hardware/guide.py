"""The guide's dicts of devices: TFLOP/s at 16 bits, GB and GB/s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmcalc_core.checks import nearest, positive
from llmcalc_core.hardware.catalogue import built_in, list_hardware
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.shown import shown

GUIDE_KEYS = ("Flops", "Memory_size", "Memory_BW", "ICN")
_OPTIONAL_KEYS = ("real_values", "name")

# A dict of the guide gives one rate, at 16 bits. Of the types it says nothing about, narrower
# ones compute at that rate; 32-bit rates follow the A100's ratios (NVIDIA A100 datasheet:
# 19.5 and 156 of 312 TFLOPS). Assumed.
_FP32_SHARE, _TF32_SHARE = 1 / 16, 1 / 2


def guide_config(hardware: Hardware) -> dict[str, Any]:
    """Describe a device by the guide's keys: TFLOP/s at 16 bits, GB and GB/s.

    Examples
    --------
    >>> guide_config(built_in("A100_80GB"))["Memory_BW"]
    2039
    """
    return {
        "Flops": _plain(hardware.rate("bf16")[1] / 1e12),
        "Memory_size": _plain(hardware.nominal_memory_gb),
        "Memory_BW": _plain(hardware.memory_bandwidth / 1e9),
        "ICN": _plain(hardware.link_bandwidth / 1e9),
        "real_values": True,
        "name": hardware.name,
    }


def _plain(value: float) -> float:
    rounded = round(value, 6)
    return int(rounded) if rounded == int(rounded) else rounded


def from_guide(config: Mapping[str, Any]) -> Hardware:
    """Make a device of a guide's dict: a built-in one, a variant of it, or a new one.

    Raises
    ------
    ValueError
        For missing or unknown keys, or a figure out of range.
    """
    missing = [key for key in GUIDE_KEYS if key not in config]
    if missing:
        msg = f"a hardware dict needs the keys {', '.join(GUIDE_KEYS)}; missing: " + ", ".join(
            missing
        )
        raise ValueError(msg)
    for key in config:
        if key not in (*GUIDE_KEYS, *_OPTIONAL_KEYS):
            known = ", ".join((*GUIDE_KEYS, *_OPTIONAL_KEYS))
            msg = (
                f"a hardware dict has the keys {known}, got {shown(key)}{nearest(key, GUIDE_KEYS)}"
            )
            raise ValueError(msg)
    units = dict(zip(GUIDE_KEYS, ("TFLOP/s", "GB", "GB/s", "GB/s"), strict=True))
    figures = tuple(positive(key, config[key], unit=units[key]) for key in GUIDE_KEYS)
    base = _base_of(config, figures)
    return _new_device(figures) if base is None else _variant(base, figures)


def _base_of(config: Mapping[str, Any], figures: tuple[float, ...]) -> Hardware | None:
    """Give the built-in device a dict speaks of: the one it names, or with the same figures."""
    if config.get("name") is not None:
        return built_in(config["name"])
    devices = map(built_in, list_hardware())
    return next((device for device in devices if figures == _figures(device)), None)


def _figures(device: Hardware) -> tuple[float, ...]:
    config = guide_config(device)
    return tuple(float(config[key]) for key in GUIDE_KEYS)


def _variant(base: Hardware, figures: tuple[float, ...]) -> Hardware:
    own = _figures(base)
    if figures == own:
        return base
    speed, memory = figures[0] / own[0], figures[1] / own[1]
    return base.replace(
        flops=tuple((kind, rate * speed) for kind, rate in base.flops),
        memory_bytes=base.memory_bytes * memory,
        nominal_memory_gb=figures[1],
        memory_bandwidth=figures[2] * 1e9,
        link_bandwidth=figures[3] * 1e9,
    )


def _new_device(figures: tuple[float, ...]) -> Hardware:
    rate, memory, bandwidth, links = figures
    return Hardware(
        name="custom hardware",
        flops=(
            ("bf16", rate * 1e12),
            ("fp16", rate * 1e12),
            ("tf32", rate * 1e12 * _TF32_SHARE),
            ("fp32", rate * 1e12 * _FP32_SHARE),
        ),
        memory_bytes=memory * 1e9,
        nominal_memory_gb=memory,
        memory_bandwidth=bandwidth * 1e9,
        link_bandwidth=links * 1e9,
        description="custom hardware",
    )


class _Configs(Mapping[str, dict[str, Any]]):
    """The guide's dicts of the built-in devices, made when they are asked for."""

    def __getitem__(self, name: str) -> dict[str, Any]:
        if name not in list_hardware():
            raise KeyError(name)
        return guide_config(built_in(name))

    def __iter__(self) -> Iterator[str]:
        return iter(list_hardware())

    def __len__(self) -> int:
        return len(list_hardware())

    def __repr__(self) -> str:
        return repr(dict(self))


HARDWARE_CONFIGS: Mapping[str, dict[str, Any]] = _Configs()
"""The guide's dicts by name, ``ICN`` being the vendor's total per device, both directions."""


def get_hardware_config(hardware_name: str) -> dict[str, Any]:
    """Return a copy of a built-in hardware configuration, free to edit.

    Parameters
    ----------
    hardware_name : str
        A name in any case, or an alias.

    Returns
    -------
    dict
        ``Flops`` [TFLOP/s at 16 bits], ``Memory_size`` [GB], ``Memory_BW`` [GB/s], ``ICN``
        [GB/s], ``real_values``, and ``name``, which keeps an edited copy's efficiencies.

    Raises
    ------
    ValueError
        If the name is not known, with the nearest ones.

    Examples
    --------
    >>> get_hardware_config("A100_80GB")["Flops"]
    312
    """
    return guide_config(built_in(hardware_name))
