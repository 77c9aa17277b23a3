"""Constants fitted to end-to-end measurements: a few of each device and serving engine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from llmcalc_core.calibration.kernel_tables import kernel_tables
from llmcalc_core.calibration.tables import as_record, read_toml
from llmcalc_core.checks import finite, one_of, positive
from llmcalc_core.engines import ENGINE_RECORDS

FILE = "constants.toml"
NAMES = (
    "step_overhead_s",
    "sequence_overhead_s",
    "launch_floor",
    "collective_latency",
    "memory_time",
    "compute_time",
    "mixture_time",
    "host_launch_s",
    "first_token_s",
    "first_token_steps",
)
"""The constants that estimates use, each a table of the file."""

RENAMED = {"decode_time": "memory_time", "prefill_time": "compute_time"}
"""Constants by the names that adjustments of 0.1.0 have."""

SCALES = ("log", "logit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a constant is, and what was believed of it before the fit.

    Attributes
    ----------
    name : str
        Its table in ``constants.toml``.
    scale : {'log', 'logit'}
        What the fit moves: the logarithm of the value, or the log-odds of a share.
    prior, spread : float
        The value before the fit, and how far it may be off, on the scale.
    engine_spread, device_spread : float
        How far engines and devices may differ on the scale; 0 where they share the value.
    devices : tuple of str
        Devices that may differ.
    low, high : float
        Its physical range: no fit finds a value beyond, of any engine on any device.
    why : str
        What the range rests on.
    """

    name: str
    scale: str
    prior: float
    spread: float
    engine_spread: float
    device_spread: float
    devices: tuple[str, ...]
    low: float = 0.0
    high: float = math.inf
    why: str = ""

    def moved(self, value: float, shift: float) -> float:
        """Move a value by a step on the scale.

        Examples
        --------
        >>> share = Spec(name="share", scale="logit", prior=0.5, spread=1.0, engine_spread=0.0,
        ...              device_spread=0.0, devices=())
        >>> round(share.moved(0.5, 1.0), 3)
        0.731
        """
        if not shift:
            return value
        if self.scale == "log":
            return value * math.exp(shift)
        odds = value / (1 - value) * math.exp(shift)
        return odds / (1 + odds)

    def bounded(self, value: float) -> float:
        """Keep a value in the physical range."""
        return min(max(value, self.low), self.high)

    def shift(self, before: float, after: float) -> float:
        """Give the step on the scale between two values.

        Examples
        --------
        >>> share = Spec(name="share", scale="logit", prior=0.5, spread=1.0, engine_spread=0.0,
        ...              device_spread=0.0, devices=())
        >>> round(share.shift(0.5, 0.731), 3)
        1.0
        """
        if self.scale == "log":
            return math.log(after / before)
        return math.log(after / (1 - after)) - math.log(before / (1 - before))


@dataclass(frozen=True, slots=True)
class Constants:
    """Values of the constants, and how engines and devices differ from them.

    Attributes
    ----------
    entries : tuple of (str, str, float)
        Name, scope ('' for all; else an engine or a device) and number: a value for all, a
        shift on the constant's scale for an engine or a device. Missing shifts are 0.
    """

    entries: tuple[tuple[str, str, float], ...]

    def replace(self, changes: Mapping[tuple[str, str], float]) -> Constants:
        """Return constants with some numbers changed, by name and scope."""
        table = {(name, scope): number for name, scope, number in self.entries} | dict(changes)
        return Constants(tuple((name, scope, number) for (name, scope), number in table.items()))

    def of(self, engine: str, device: str) -> dict[str, float]:
        """Give every constant's value for an engine on a device."""
        return dict(_values(self, engine, device))


@lru_cache(maxsize=1024)
def _values(constants: Constants, engine: str, device: str) -> tuple[tuple[str, float], ...]:
    shifts: dict[str, float] = {}
    for name, scope, number in constants.entries:
        if scope in (engine, device) and scope:
            shifts[name] = shifts.get(name, 0.0) + number
    known = specs()
    return tuple(
        (name, known[name].bounded(known[name].moved(number, shifts.get(name, 0.0))))
        for name, scope, number in constants.entries
        if not scope
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantTable:
    """A table of ``constants.toml``.

    Attributes
    ----------
    what : str
        What the constant is, in a sentence.
    scale, prior, spread, engine_spread, device_spread
        As of :class:`Spec`.
    value : float
        What the fit found.
    low, high : float
        The physical range of the constant of any engine on any device.
    why : str
        What the range rests on.
    engines, devices : mapping of str to float
        Shifts on the scale of those that differ.
    """

    what: str
    scale: str
    prior: float
    spread: float
    engine_spread: float = 0.0
    device_spread: float = 0.0
    value: float
    low: float
    high: float
    why: str
    engines: Mapping[str, float] = field(default_factory=dict)
    devices: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every value."""
        one_of("scale", self.scale, SCALES)
        for name in ("prior", "value"):
            number = positive(name, getattr(self, name))
            if self.scale == "logit" and number >= 1:
                msg = f"{name} must be below 1 on the scale 'logit', got {number!r}"
                raise ValueError(msg)
        for name in ("spread", "engine_spread", "device_spread"):
            positive(name, getattr(self, name), zero=True)
        least, most = sorted((self.prior, self.value))
        if not 0 <= self.low <= least <= most <= self.high:
            msg = (
                f"prior and value must be in the range from low to high, got {self.prior!r} and "
                f"{self.value!r} for {self.low!r} to {self.high!r}"
            )
            raise ValueError(msg)
        measured = [name for name, own in kernel_tables()[0].items() if not own.like]
        for title, known in (("engines", tuple(ENGINE_RECORDS)), ("devices", tuple(measured))):
            for scope, shift in getattr(self, title).items():
                one_of(title, scope, known)
                finite(f"{title}, {scope}", shift)


def as_constant_tables(tables: Mapping[str, Any]) -> dict[str, ConstantTable]:
    """Make the records of the file.

    Raises
    ------
    ValueError
        With file, table and key.
    """
    given = tables.get("constant", {})
    for name in given:
        one_of(f"{FILE}: a table of [constant]", name, NAMES)
    for name in NAMES:
        if name not in given:
            msg = f"{FILE}: the table [constant.{name}] is missing"
            raise ValueError(msg)
    return {
        name: as_record(ConstantTable, one, f"{FILE}, [constant.{name}]")
        for name, one in given.items()
    }


@cache
def _tables() -> dict[str, ConstantTable]:
    return as_constant_tables(read_toml(FILE))


@cache
def specs() -> dict[str, Spec]:
    """Describe every constant, by name."""
    return {
        name: Spec(
            name=name,
            scale=one.scale,
            prior=one.prior,
            spread=one.spread,
            engine_spread=one.engine_spread,
            device_spread=one.device_spread,
            devices=tuple(one.devices),
            low=one.low,
            high=one.high,
            why=one.why,
        )
        for name, one in _tables().items()
    }


def constant_words(name: str) -> str:
    """Say what a constant is, in a sentence."""
    return _tables()[one_of("a constant", name, NAMES)].what


@cache
def fitted() -> Constants:
    """Read the constants that the project's own fit found.

    Examples
    --------
    >>> 1e-5 < fitted().of("vllm", "H100_80GB")["step_overhead_s"] < 1e-2
    True
    """
    entries: list[tuple[str, str, float]] = []
    for name, one in _tables().items():
        entries.append((name, "", float(one.value)))
        shifts = {**one.engines, **one.devices}
        entries += [(name, scope, float(shift)) for scope, shift in shifts.items()]
    return Constants(tuple(entries))


@cache
def fitted_engines() -> frozenset[str]:
    """Give the engines whose runs the constants were fitted to.

    Examples
    --------
    >>> "vllm" in fitted_engines()
    True
    """
    return frozenset(engine for one in _tables().values() for engine in one.engines)
