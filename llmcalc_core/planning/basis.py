"""What an estimate rests on, and how far it may be off."""

from __future__ import annotations

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.bands import BASES, Band, band, was_measured
from llmcalc_core.calibration.constants import fitted_engines
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.workload.techniques import NO_TECHNIQUES, Techniques


def basis_of(
    model: Model,
    hardware: Hardware,
    efficiency: Efficiency,
    techniques: Techniques = NO_TECHNIQUES,
) -> str:
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
    {'measured', 'calibrated', 'transferred', 'assumed'}
        Measured where this model on this device, in its types of weights and of KV cache, was
        among the measurements of the fit, or where the hardware was calibrated with the user's
        own; transferred at best where its figures
        were edited, or with techniques, which none of the measured runs used; assumed where
        anything is offloaded, as the rate of zero copies is.
    """
    known = _basis_without(model, hardware, efficiency)
    if techniques == NO_TECHNIQUES:
        return known
    return max(known, "assumed" if techniques.offloads else "transferred", key=BASES.index)


def _basis_without(model: Model, hardware: Hardware, efficiency: Efficiency) -> str:
    if hardware.edited:
        return max("transferred", efficiency.basis, key=BASES.index)
    if hardware.adjustments:
        return "measured"
    known = efficiency.engine in fitted_engines() and was_measured(
        model.name, efficiency.device, efficiency.data_type, efficiency.kv_cache
    )
    return "measured" if known else efficiency.basis


def band_of(metric: str, basis: str, model: Model) -> Band:
    """Give the 80 % band of a metric, one of ``METRICS``, as factors."""
    return band(metric, basis, mixture=model.is_moe)
