"""Kernels of engines that bring their own, whatever the device: by the back end that it has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from llmcalc_core.calibration.kernel_facts import KernelFacts
from llmcalc_core.calibration.tables import as_record, read_toml

_FILE = "engine_kernels.toml"
_FAMILIES = ("gemm", "attention_prefill", "attention_decode", "mixture")
_BLOCKS, _WIDE = "int8", "bf16"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackEnd:
    """What an engine runs on, and what its kernels reach there.

    Attributes
    ----------
    devices, not_on : tuple of str
        How names of devices begin that have it, or that it is not for.
    facts : dict of (str, str) to KernelFacts
        By family and type.
    """

    devices: tuple[str, ...]
    not_on: tuple[str, ...]
    facts: dict[tuple[str, str], KernelFacts]

    def find(self, family: str, data_type: str) -> KernelFacts:
        """Give the facts of a family: of products of blocks where the type is narrow."""
        narrow = data_type not in (_WIDE, "fp16", "fp32")
        kinds = (_BLOCKS, _WIDE) if narrow else (_WIDE, _BLOCKS)
        return next(self.facts[family, kind] for kind in kinds if (family, kind) in self.facts)


@cache
def _back_ends(engine: str) -> tuple[BackEnd, ...]:
    """Read the back ends of an engine, those of some devices first."""
    found = [_as_back_end(name, one) for name, one in read_toml(_FILE)[engine].items()]
    return tuple(sorted(found, key=lambda one: not one.devices))


def _as_back_end(name: str, table: dict[str, Any]) -> BackEnd:
    facts = {
        (family, one["type"]): as_record(KernelFacts, one, f"{_FILE}, {name}.{family} {at}")
        for family in _FAMILIES
        for at, one in enumerate(table[family], 1)
    }
    return BackEnd(
        devices=tuple(table.get("devices", ())), not_on=tuple(table.get("not_on", ())), facts=facts
    )


def back_end(engine: str, device: str) -> BackEnd:
    """Give the back end of an engine on a device.

    Parameters
    ----------
    engine : str
        One with kernels of its own.
    device : str
        Name of the device.

    Returns
    -------
    BackEnd
        With its kernels.

    Raises
    ------
    ValueError
        If the engine does not run on it.

    Examples
    --------
    >>> back_end("llama.cpp", "M2_Ultra").find("gemm", "int8").compute
    0.75
    """
    for one in _back_ends(engine):
        if one.devices and not device.startswith(one.devices):
            continue
        if device.startswith(one.not_on or ("\0",)):
            msg = f"engine {engine} does not run on {device}; the nearest that may is 'vllm'"
            raise ValueError(msg)
        return one
    msg = f"engine {engine} has no back end for {device}"
    raise ValueError(msg)
