"""Constants fitted to end-to-end measurements: a few of each device and serving engine."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any


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
    """

    name: str
    scale: str
    prior: float
    spread: float
    engine_spread: float
    device_spread: float
    devices: tuple[str, ...]

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
        (name, known[name].moved(number, shifts.get(name, 0.0)))
        for name, scope, number in constants.entries
        if not scope
    )


@cache
def _table() -> dict[str, Any]:
    text = files("llmcalc_core.calibration").joinpath("constants.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def specs() -> dict[str, Spec]:
    """Describe every constant, by name."""
    return {
        name: Spec(
            name=name,
            scale=entry["scale"],
            prior=entry["prior"],
            spread=entry["spread"],
            engine_spread=entry.get("engine_spread", 0.0),
            device_spread=entry.get("device_spread", 0.0),
            devices=tuple(entry.get("devices", ())),
        )
        for name, entry in _table()["constant"].items()
    }


def constant_words(name: str) -> str:
    """Say what a constant is, in a sentence."""
    words: str = _table()["constant"][name]["what"]
    return words


@cache
def fitted() -> Constants:
    """Read the constants that the project's own fit found.

    Examples
    --------
    >>> 1e-5 < fitted().of("vllm", "H100_80GB")["step_overhead_s"] < 1e-2
    True
    """
    entries: list[tuple[str, str, float]] = []
    for name, entry in _table()["constant"].items():
        entries.append((name, "", float(entry["value"])))
        shifts = entry.get("engines", {}) | entry.get("devices", {})
        entries += [(name, scope, float(shift)) for scope, shift in shifts.items()]
    return Constants(tuple(entries))
