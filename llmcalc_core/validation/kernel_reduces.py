"""Reads published timings of all-reduces, and fits latency, bandwidth and ramp to them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from llmcalc_core.calibration.kernel_tables import FILE
from llmcalc_core.calibration.kernels import facts_of, reduce_facts
from llmcalc_core.calibration.tables import read_toml
from llmcalc_core.fitting.least_squares import robust_least_squares
from llmcalc_core.formulas import Floats
from llmcalc_core.formulas.collectives import Collective, collective_seconds
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.validation.kernel_timings import BLACKWELL, kernel_tables

_ELEMENT, _SMALLEST, _LARGEST = 2.0, 2048, 2.7e8
"""Size of an element of 16 bits, and smallest and largest message, that are read [bytes]."""

NCCL = "fastertransformer"
"""Engine under whose name NCCL's entries are written; it and LMDeploy sum with it."""

SERVES = {NCCL: ("lmdeploy",)}
"""Engines that sum with the kernels of another."""

_ALIKE = {"GB200_186GB": "GB300_279GB"}
"""Whose wide all-reduces stand for those that were not measured: the same links and switches."""


class Reduces(NamedTuple):
    """All-reduces of one engine between so many of a device.

    Attributes
    ----------
    device, engine, version : str
        What ran.
    devices : int
        Participants.
    sizes, seconds : arrays
        Messages [bytes] and their times [s].
    """

    device: str
    engine: str
    version: str
    devices: int
    sizes: Floats
    seconds: Floats

    def estimates(self, reached: dict[str, float]) -> Floats:
        """Time all of them with what is reached [s]."""
        return np.asarray(
            collective_seconds(
                message=self.sizes,
                passes=Collective.ALL_REDUCE.passes,
                participants=float(self.devices),
                latency=reached["latency_us"] * 1e-6,
                bandwidth=find_hardware(self.device).link_bandwidth / 2 * reached["fraction"],
                ramp=reached["ramp_us"] * 1e-6,
            )
        )

    def known(self) -> Floats:
        """Errors of what is known of them: estimated over measured time less one [1]."""
        entries = reduce_facts(facts_of(self.device), self.engine)
        width = np.log2([one.devices for one in entries])
        between = {
            name: float(
                np.interp(np.log2(self.devices), width, [getattr(one, name) for one in entries])
            )
            for name in ("latency_us", "fraction", "ramp_us")
        }
        return self.estimates(between) / self.seconds - 1


def read_reduces(folder: Path) -> Iterator[Reduces]:
    """Read all-reduces in graphs, of the newest version that has so many participants.

    Parameters
    ----------
    folder : Path
        Where ``aiconfigurator_core/systems/data`` is.

    Yields
    ------
    Reduces
        Messages of 2 kB to 256 MB.

    Raises
    ------
    ValueError
        If there is nothing to read, or nothing to read it with.
    """
    found: dict[tuple[str, str, int], Reduces] = {}
    for name, stands_for in (("custom_allreduce_perf", ""), ("nccl_perf", NCCL)):
        for device, engine, every in kernel_tables(folder, "comm", name):
            for one in _by_width(device, stands_for or engine, every):
                key = device, one.engine, one.devices
                if key not in found or _order(one.version) > _order(found[key].version):
                    found[key] = one
    yield from found.values()
    for device, alike in _ALIKE.items():
        for (other, engine, devices), one in list(found.items()):
            if other == alike and (device, engine, devices) not in found:
                yield one._replace(device=device, version=f"{one.version} on {alike}")


def _by_width(device: str, engine: str, every: pd.DataFrame) -> Iterator[Reduces]:
    """Give an engine's own all-reduces by version and participants."""
    if engine == NCCL:
        own = every[(every["op_name"] == "all_reduce") & (every["nccl_dtype"] == "half")]
    else:
        own = every[every["framework"].str.lower() == engine]
    if "backend" in own:
        own = own[own["backend"].isna() | own["backend"].str.endswith("graph")]
    for version in sorted(set(own["version"])):
        rows = own[own["version"] == version]
        for devices in sorted(set(rows["num_gpus"])):
            yield _reduces(device, engine, str(version), rows[rows["num_gpus"] == devices])


def fit_reduces(measured: Reduces) -> tuple[dict[str, float], Floats]:
    """Fit latency, fraction of the link and ramp, and say what fits to every other size miss.

    Returns
    -------
    dict of str to float
        What is reached, as :class:`AllReduceFacts` names it.
    array
        Misses of all sizes: of each half by a fit to the other [1].
    """
    every = np.arange(len(measured.sizes))
    misses = np.empty(len(every))
    for half in (every % 2 == 0, every % 2 == 1):
        reached = _fit(_some(measured, ~half))
        misses[half] = (measured.estimates(reached) / measured.seconds - 1)[half]
    return _fit(measured), misses


def _fit(measured: Reduces) -> dict[str, float]:
    def reached(at: Floats) -> dict[str, float]:
        latency, odds, ramp = (float(each) for each in at)
        return {
            "latency_us": math.exp(latency),
            "fraction": 1 / (1 + math.exp(-odds)),
            "ramp_us": math.exp(ramp),
        }

    found = robust_least_squares(
        lambda at: np.log(measured.estimates(reached(at)) / measured.seconds),
        np.array([math.log(6.0), 0.5, math.log(10.0)]), np.full(3, 3.0),
    )  # fmt: skip
    return reached(found)


def _some(measured: Reduces, which: np.ndarray) -> Reduces:
    return measured._replace(sizes=measured.sizes[which], seconds=measured.seconds[which])


def _reduces(device: str, engine: str, version: str, rows: pd.DataFrame) -> Reduces:
    size = rows["message_size"] * _ELEMENT
    usual = rows[(size >= _SMALLEST) & (size <= _LARGEST)]
    median = usual.groupby("message_size")["latency"].median()
    return Reduces(
        device, engine, version, int(rows["num_gpus"].iloc[0]),
        median.index.to_numpy(float) * _ELEMENT, median.to_numpy(float) * 1e-3,
    )  # fmt: skip


def _order(version: str) -> tuple[int, ...]:
    """Order versions: numbers by their value."""
    digits = "".join(one if one.isdigit() else " " for one in version)
    return tuple(map(int, digits.split()))


def served(measured: Reduces) -> tuple[str, ...]:
    """Give the engines that sum with the same kernels."""
    if measured.engine == "trtllm" and measured.device in BLACKWELL:
        return ("vllm",)
    return SERVES.get(measured.engine, ())


def known_by_hand(device: str) -> bool:
    """Say whether ``efficiency.toml`` has the device's all-reduces, which stay."""
    return "all_reduce" in read_toml(FILE)[device]
