"""The arguments that the guide's functions share, looked up and checked."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.api.make_request import HardwareLike, ModelLike, PrecisionLike
from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.checks import fraction, whole_number, whole_numbers
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.hub.models import find_model
from llmcalc_core.planning.estimate_layouts import Workload
from llmcalc_core.precision import PLAIN, Precision, asked_precision
from llmcalc_core.workload.techniques import NO_TECHNIQUES, Techniques

DEFAULT_HARDWARE = "A100_80GB"
"""The device of a call that names none, as in the package the guide was written for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A model on a device in a precision, and how much of the memory may be used."""

    model: Model
    hardware: Hardware
    precision: Precision
    memory_fraction: float


def ask(
    model: ModelLike,
    system_name: HardwareLike | None,
    bits: PrecisionLike,
    memory_fraction: float,
    price_per_hour: float | None = None,
    power_watts: float | None = None,
) -> Question:
    """Look up what a call names.

    Raises
    ------
    ValueError
        For an unknown name or a value out of range.

    Examples
    --------
    >>> ask("llama2_7b", None, "bf16", 0.9).hardware.name
    'A100_80GB'
    """
    config = find_model(model)
    device = find_hardware(DEFAULT_HARDWARE if system_name is None else system_name)
    return Question(
        model=architecture(config),
        hardware=device.priced(price_per_hour, power_watts),
        precision=asked_precision(bits) or config.precision or PLAIN,
        memory_fraction=fraction("memory_fraction", memory_fraction),
    )


def workload(
    batches: object,
    input_tokens: object,
    output_tokens: object,
    beam_size: object = 1,
    *,
    name: str = "batch_size",
    techniques: Techniques = NO_TECHNIQUES,
    graph_sizes: object = None,
) -> Workload:
    """Check batches, lengths and beams, and add what is done with them.

    Raises
    ------
    ValueError
        If one is no whole number from 1 up, or a single one is a collection.

    Examples
    --------
    >>> workload([4, 2], 100, 10, name="batch_list").batches
    (2, 4)
    """
    single = name != "batch_list"
    beams = whole_number("beam_size", beam_size)
    techniques.check_beams(beams)
    return Workload(
        batches=(whole_number(name, batches),) if single else whole_numbers(name, batches),
        input_tokens=whole_number("input_tokens", input_tokens),
        output_tokens=whole_number("output_tokens", output_tokens),
        beam_size=beams,
        techniques=techniques,
        graph_sizes=() if graph_sizes is None else whole_numbers("graph_batch_sizes", graph_sizes),
    )
