"""How few devices hold a model and its workload."""

from __future__ import annotations

from typing import Unpack

from llmcalc_core.api.find_techniques import find_technique
from llmcalc_core.api.make_request import HardwareLike, ModelLike, PrecisionLike
from llmcalc_core.api.resolve import ask, workload
from llmcalc_core.planning.feasibility import DoesNotFitError, minimum_devices
from llmcalc_core.precision import CHECKPOINT
from llmcalc_core.workload.arguments import takes_techniques
from llmcalc_core.workload.techniques import TechniqueArguments


@takes_techniques
def get_minimum_system_size(
    model: ModelLike = "llama2_7b",
    batch_size: int = 1,
    input_tokens: int = 2000,
    output_tokens: int = 256,
    system_name: HardwareLike | None = None,
    bits: PrecisionLike = CHECKPOINT,
    *,
    beam_size: int = 1,
    memory_fraction: float = 0.9,
    **techniques: Unpack[TechniqueArguments],
) -> int:
    """Find the fewest devices that hold the model, its cache and a runtime reserve.

    Parameters
    ----------
    model : name, path, dict or ModelConfig
        The model.
    batch_size, beam_size : int
        Requests in flight; sequences decoded per request.
    input_tokens, output_tokens : int
        Prompt and generated tokens.
    system_name : name, dict or Hardware, optional
        The device; an A100 of 80 GB where not given.
    bits : str or Precision
        Such as 'bf16', 'fp8', 'w4a16'; 'checkpoint': the types of the model's own checkpoint.
    memory_fraction : float, default 0.9
        Part of a device's memory that may be used.
    **techniques : optional
        What is done with requests: ``prefix_hit_rate`` and other fields of :class:`Techniques`.

    Returns
    -------
    int
        Number of devices: the true minimum, not the next power of two.

    Raises
    ------
    DoesNotFitError
        If no number of devices holds it. A ``ValueError``.
    ValueError
        For an unknown name or a value out of range.

    Examples
    --------
    Weights of 138 GB need two devices of 85.5 GB.

    >>> get_minimum_system_size(model="llama2_70b", system_name="A100_80GB")
    2
    """
    question = ask(model, system_name, bits, memory_fraction)
    asked = workload(
        batch_size, input_tokens, output_tokens, beam_size, techniques=find_technique(techniques)
    )
    enough = minimum_devices(
        question.model,
        question.hardware,
        question.precision,
        batch=asked.batches[0],
        input_tokens=asked.input_tokens,
        output_tokens=asked.output_tokens,
        beam_size=asked.beam_size,
        memory_fraction=question.memory_fraction,
        techniques=asked.techniques,
    )
    limit = question.hardware.device_limit
    if enough is not None and limit is not None and enough > limit:
        system = question.hardware.name
        msg = f"{question.model.name} needs {enough} devices, and {system} has {limit}"
        raise DoesNotFitError(msg)
    if enough is None:
        msg = (
            f"{question.model.name} with batch_size {batch_size} and {input_tokens} + "
            f"{output_tokens} tokens fits on no number of {question.hardware.name} devices; "
            "a smaller batch or shorter sequences would"
        )
        raise DoesNotFitError(msg)
    return enough
