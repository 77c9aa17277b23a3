"""One stage of one plan, from names to figures."""

from __future__ import annotations

import logging
from typing import Any

from llmcalc_core.api.find_techniques import find_technique
from llmcalc_core.api.make_request import HardwareLike, ModelLike, PrecisionLike
from llmcalc_core.api.resolve import ask, workload
from llmcalc_core.calibration.constants import Constants
from llmcalc_core.engines import find_engine
from llmcalc_core.planning.estimate_layouts import estimate_layouts
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.planning.static_figures import figures
from llmcalc_core.workload.techniques import TechniqueArguments

_log = logging.getLogger(__name__)


def estimate_stage(
    stage: str,
    model: ModelLike,
    lengths: tuple[int, int, int, int],
    *,
    system_name: HardwareLike | None,
    bits: PrecisionLike,
    widths: tuple[int, int, int, int | None, int],
    debug: bool,
    memory_fraction: float,
    engine: str,
    constants: Constants | None,
    terms: tuple[float | None, float | None],
    techniques: TechniqueArguments,
) -> dict[str, Any]:
    """Estimate a stage.

    Parameters
    ----------
    stage : {'prefill', 'decode'}
        What is estimated.
    model, system_name, bits, memory_fraction, engine, constants, debug, techniques
        As for :func:`estimate_prefill_performance`.
    lengths : tuple of int
        Requests, input and output tokens of each, and beams.
    widths : tuple of int or None
        Tensor, pipeline and expert parallel width, attention replicas, context parallel width.
    terms : tuple of float or None
        Price [USD/h] and design power [W] of a device.

    Returns
    -------
    dict
        As :func:`estimate_prefill_performance` has it.

    Raises
    ------
    ValueError
        For an unknown name, a value out of range or a layout the model can't have.
    """
    question = ask(model, system_name, bits, memory_fraction, *terms)
    tp, pp, ep, attention_dp, cp = widths
    layout = check_layout(question.model, tp=tp, pp=pp, ep=ep, attention_dp=attention_dp, cp=cp)
    question.hardware.check_devices("devices", layout.devices)
    asked = workload(*lengths, techniques=find_technique(techniques))
    asked.techniques.check_stage(stage)
    serves = find_engine(engine).name
    found = estimate_layouts(
        question.model, question.hardware, question.precision, (layout,), asked, stage=stage,
        memory_fraction=question.memory_fraction, engine=serves, constants=constants,
    )  # fmt: skip
    result = figures(
        found,
        question.model,
        question.hardware,
        asked,
        stage=stage,
        memory_fraction=question.memory_fraction,
        engine=serves,
    )
    if debug:
        _log.info("%s of %s on %s: %s", stage, question.model.name, question.hardware.name, result)
    return result
