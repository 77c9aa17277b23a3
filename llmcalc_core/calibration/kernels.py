"""What kernels measured alone reach on a device: looked up by type and engine, or the nearest."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from typing import Any

from llmcalc_core.calibration.kernel_facts import (
    FAMILIES,
    AllReduceFacts,
    DeviceFacts,
    GroupedFacts,
    KernelFacts,
    SharedFacts,
)
from llmcalc_core.calibration.kernel_tables import ASSUMED, kernel_tables
from llmcalc_core.dtypes import DATA_TYPES


def shared_facts() -> SharedFacts:
    """Give what is taken for every device and engine."""
    return kernel_tables()[1]


def _own_facts(device: str) -> DeviceFacts:
    devices, _ = kernel_tables()
    return devices.get(device, devices[ASSUMED])


@cache
def facts_of(device: str) -> DeviceFacts:
    """Give the facts of a device: its own families, and those of the relative it names.

    Examples
    --------
    >>> {entry.compute for entry in facts_of("RTX_5090").gemm if entry.type == "bf16"}
    {0.97}
    >>> facts_of("RTX_5090").attention_prefill == facts_of("RTX_PRO_6000").attention_prefill
    True
    """
    own = _own_facts(device)
    if not own.like:
        return own
    relative = _own_facts(own.like)
    lacking = {family: getattr(relative, family) for family in FAMILIES if not getattr(own, family)}
    found = replace(own, **lacking)
    if not own.products:
        return found
    measured = {entry.type for entry in found.gemm}
    gemm = tuple(
        replace(entry, type=kind, compute=own.products[kind])
        for kind in DATA_TYPES
        if kind in own.products
        for entry in found.gemm
        if entry.type == (kind if kind in measured else DATA_TYPES[kind].curve)
    )
    return replace(found, gemm=gemm)


def kernels_of(device: str) -> tuple[str, str]:
    """Say how well the kernels of a device are known, and whose stand for them.

    Examples
    --------
    >>> kernels_of("H20_96GB")
    ('transferred', 'H100_80GB')
    """
    own = _own_facts(device)
    return own.basis, own.like or device


def find_facts(
    facts: DeviceFacts, family: str, data_type: str, engine: str = "", *, blocks: bool = False
) -> tuple[KernelFacts, str]:
    """Give the facts of a family for a type, else for the nearest one, and how they are known.

    Parameters
    ----------
    facts : DeviceFacts
        Those of the device.
    family : {'gemm', 'attention_prefill', 'attention_decode'}
        Of which operations.
    data_type : str
        The type.
    engine : str
        Whose kernels go before those that stand for every engine.
    blocks : bool
        Whether products are of values with a scale for each block, where such were measured.

    Returns
    -------
    tuple of (KernelFacts, str)
        With the basis: 'calibrated', 'transferred' from another type, or 'assumed' where the
        device has none of the family.

    Examples
    --------
    >>> entry, basis = find_facts(facts_of("B200_180GB"), "attention_decode", "int4")
    >>> entry.type, basis
    ('fp8', 'transferred')
    """
    known: tuple[KernelFacts, ...] = getattr(facts, family)
    if not known:
        return find_facts(_own_facts(ASSUMED), family, data_type)[0], "assumed"
    usable = [entry for entry in known if entry.engine in ("", engine)]
    ranked = sorted(usable, key=lambda own: (own.blocks == blocks, own.engine != ""))
    by_type = {entry.type: entry for entry in ranked}
    same = DATA_TYPES[data_type].kernels
    if same in by_type:
        return by_type[same], "calibrated"
    near = (*DATA_TYPES[same].like, "bf16", *by_type)
    return by_type[next(kind for kind in near if kind in by_type)], "transferred"


def grouped_facts(facts: DeviceFacts, computed: str, stored: str, engine: str) -> KernelFacts:
    """Give the facts of grouped kernels: those assumed for all, and what is known to differ.

    The engine's own come first, then those that stand for every engine, then another engine's.
    Where a device has none of the type they reach a share of what its dense products do. Weights
    of 4 bits that are multiplied in a wider type are unpacked by kernels of their own; where there
    are none of the type, those of the other type of 4 bits stand for them (Marlin has both).

    Examples
    --------
    >>> grouped_facts(facts_of("H200_141GB"), "fp8", "fp8", "trtllm").source[:27]
    'trtllm 1.3.0rc20, fp8_block'
    >>> facts = facts_of("MI300X")
    >>> dense, _ = find_facts(facts, "gemm", "fp8", "vllm")
    >>> round(grouped_facts(facts, "fp8", "fp8", "vllm").compute / dense.compute, 2)
    0.55
    """
    (every,) = _own_facts(ASSUMED).mixture
    unpacked = DATA_TYPES[stored].is_packed and stored != computed
    wanted = DATA_TYPES[computed].kernels, stored if unpacked else ""
    dense, _ = find_facts(facts, "gemm", computed, engine)
    found = _known(every) | {"compute": (every.dense_share or 1.0) * dense.compute}
    alike = {one.engine: one for one in facts.mixture if (one.type, one.stored) == wanted}
    if unpacked and not alike:
        alike = {one.engine: one for one in facts.mixture if one.type == wanted[0] and one.stored}
    if not alike:
        return KernelFacts(**found)
    nearest = next(name for name in (engine, "", *alike) if name in alike)
    return KernelFacts(**(found | _known(alike[nearest])))


def _known(grouped: GroupedFacts) -> dict[str, Any]:
    """Give what is known of grouped kernels, as fields of ``KernelFacts``."""
    names = {one.name for one in fields(KernelFacts)} & {one.name for one in fields(GroupedFacts)}
    values = {name: getattr(grouped, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def reduce_facts(facts: DeviceFacts, engine: str) -> tuple[AllReduceFacts, ...]:
    """Give the all-reduces of the engine, else those that stand for every engine.

    Examples
    --------
    >>> own = reduce_facts(facts_of("B200_180GB"), "vllm")[2]
    >>> own.engine, own.devices
    ('trtllm', 8)
    """
    known = facts.all_reduce or _own_facts(ASSUMED).all_reduce
    own = tuple(entry for entry in known if engine in (entry.engine or None, *entry.serves))
    return own or tuple(entry for entry in known if not entry.engine)
