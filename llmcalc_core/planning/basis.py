"""What an estimate rests on, why, and how far it may be off."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.band_tables import BASES, Band
from llmcalc_core.calibration.bands import band, measured_engines, was_measured
from llmcalc_core.calibration.constants import fitted_engines
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.engines import find_engine
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.workload.techniques import NO_TECHNIQUES, Techniques


class Basis(NamedTuple):
    """What an estimate rests on.

    Attributes
    ----------
    name : {'measured', 'calibrated', 'transferred', 'assumed'}
        From best to worst; see :data:`~llmcalc_core.calibration.bands.BASES`.
    reason : str
        Why it is that and no better, in a sentence.
    """

    name: str
    reason: str


@lru_cache(maxsize=512)
def basis_of(
    model: Model,
    hardware: Hardware,
    efficiency: Efficiency,
    techniques: Techniques = NO_TECHNIQUES,
) -> Basis:
    """Say what an estimate rests on.

    Parameters
    ----------
    model, hardware
        What runs on what.
    efficiency : Efficiency
        What its time was estimated with.
    techniques : Techniques
        What is done with requests.

    Returns
    -------
    Basis
        Measured where this model on this device, in its types and with the engine, was
        among the measurements of the fit or the user's own that the hardware was calibrated with;
        calibrated where other models were, with this engine; transferred at best where no run
        of the engine on the device was, where its figures were edited, or with techniques, which
        none of the measured runs used; assumed where anything is offloaded, as the rate of zero
        copies is.
    """
    found = _known(model, hardware, efficiency)
    for lack in (*_edits(hardware), *_of_techniques(techniques)):
        if BASES.index(lack.name) > BASES.index(found.name):
            found = lack
    return found


def _known(model: Model, hardware: Hardware, efficiency: Efficiency) -> Basis:
    """Say what is known of the device, its kernels, the engine and the model."""
    device, engine = efficiency.device, find_engine(efficiency.engine)
    types = efficiency.data_type, DATA_TYPES[efficiency.kv_cache].kernels
    kinds = f"{efficiency.data_type} weights and {efficiency.kv_cache} KV cache"
    ways = (
        (
            not hardware.edited and (model.name, *types, engine.name) in _own_runs(hardware),
            Basis(
                "measured",
                f"{hardware.name} was calibrated with runs of yours, of {model.name} with "
                f"{engine.label}, {kinds} among them.",
            ),
        ),
        (
            not hardware.edited and engine.name in {engine for *_, engine in hardware.own_runs},
            Basis(
                "calibrated",
                f"{hardware.name} was calibrated with runs of yours with {engine.label}, none of "
                f"{model.name} with {kinds}.",
            ),
        ),
        (
            engine.name not in fitted_engines(),
            Basis("assumed", f"No run of {engine.label} was ever fitted."),
        ),
        (
            was_measured(model.name, device, *types, engine.name),
            Basis(
                "measured",
                f"Runs of {model.name} on {device} with {engine.label}, {kinds} were fitted.",
            ),
        ),
        (
            efficiency.basis == "assumed" and engine.name in measured_engines(device),
            Basis(
                "assumed",
                f"Runs of other models on {device} with {engine.label} were fitted, but its "
                f"kernels for {kinds} are assumed.",
            ),
        ),
        (
            efficiency.basis == "assumed",
            Basis("assumed", f"Of {hardware.name} with {kinds} the peaks alone are known."),
        ),
        (
            efficiency.basis == "transferred",
            Basis(
                "transferred",
                f"Kernels for {kinds} were not measured on {hardware.name}: those of a relative or "
                "of another type, stand for them.",
            ),
        ),
        (
            engine.name not in measured_engines(device),
            Basis("transferred", f"No run of {engine.label} on {device} was fitted."),
        ),
    )
    others = Basis(
        "calibrated",
        f"Kernels of {device} and other runs on it with {engine.label} were fitted, none of "
        f"{model.name} with {kinds}.",
    )
    return next((basis for holds, basis in ways if holds), others)


def _own_runs(hardware: Hardware) -> set[tuple[str, str, str, str]]:
    """Give the user's own runs; types of a cache that the same kernels read are one."""
    return {
        (model, weights, DATA_TYPES[cache].kernels, engine)
        for model, weights, cache, engine in hardware.own_runs
    }


def _edits(hardware: Hardware) -> Iterator[Basis]:
    """Say what edited figures leave."""
    if hardware.edited:
        yield Basis("transferred", f"Figures of {hardware.name} were edited.")


def _of_techniques(techniques: Techniques) -> Iterator[Basis]:
    """Say what techniques leave."""
    if techniques != NO_TECHNIQUES:
        yield Basis("transferred", "No measured run used such techniques.")
    if techniques.offloads:
        yield Basis("assumed", "No measured run kept anything in the host's memory.")


def band_of(metric: str, basis: str, model: Model) -> Band:
    """Give the 80 % band of a metric, one of ``METRICS``, as factors."""
    return band(metric, basis, mixture=model.is_moe)
