"""What a call asks: names looked up, values checked, one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Unpack

from llmcalc_core.api.find_techniques import find_techniques
from llmcalc_core.checks import whole_numbers
from llmcalc_core.engines import DEFAULT_ENGINE
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.hub.models import find_model
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.precision import CHECKPOINT, Precision, asked_precision
from llmcalc_core.workload.arguments import takes_techniques
from llmcalc_core.workload.techniques import TechniqueArguments

ModelLike = str | Mapping[str, Any] | ModelConfig
HardwareLike = str | PathLike[str] | Mapping[str, Any] | Hardware
PrecisionLike = str | Precision
_DEVICES = 8  # where a call says nothing of them: one server, as most have
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@takes_techniques
def make_request(
    model: ModelLike | Sequence[ModelLike],
    hardware: HardwareLike | Sequence[HardwareLike],
    devices: int | Sequence[int] | None = None,
    *,
    stage: str = "decode",
    engine: str = DEFAULT_ENGINE,
    input_tokens: int | Sequence[int] = 2000,
    output_tokens: int | Sequence[int] = 256,
    batch: int | Sequence[int] = BATCHES,
    precision: PrecisionLike | Sequence[PrecisionLike] = CHECKPOINT,
    context_parallel: int | Sequence[int] | None = None,
    beam_size: int = 1,
    memory_fraction: float = 0.9,
    latency_limit_s: float | None = None,
    ttft_limit_s: float | None = None,
    price_per_hour: float | None = None,
    power_watts: float | None = None,
    objective: str = "throughput",
    **techniques: Unpack[TechniqueArguments],
) -> EvaluationRequest:
    """Look up names and check values; the arguments are those of :func:`explore`.

    Raises
    ------
    TypeError
        For an argument that there is not, with the nearest one.
    ValueError
        For an unknown name or a value out of range.
    """
    found = (find_hardware(one) for one in _several(hardware))
    systems = tuple(dict.fromkeys(one.priced(price_per_hour, power_watts) for one in found))
    limits = [one.device_limit for one in systems if one.device_limit is not None]
    everything = min(limits, default=_DEVICES)
    return EvaluationRequest(
        models=tuple(dict.fromkeys(find_model(one) for one in _several(model))),
        hardware=systems,
        devices=whole_numbers("devices", everything if devices is None else devices),
        stage=stage,
        engine=engine,
        input_tokens=whole_numbers("input_tokens", input_tokens),
        output_tokens=whole_numbers("output_tokens", output_tokens),
        batches=whole_numbers("batch", batch),
        precisions=tuple(dict.fromkeys(asked_precision(one) for one in _several(precision))),
        context_parallel=(
            () if context_parallel is None else whole_numbers("context_parallel", context_parallel)
        ),
        techniques=find_techniques(techniques),
        beam_size=beam_size,
        memory_fraction=memory_fraction,
        latency_limit_s=latency_limit_s,
        ttft_limit_s=ttft_limit_s,
        objective=objective,
    )


def _several(value: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """Give a tuple of one or several values; a mapping or a string is one."""
    if isinstance(value, (list, tuple, set, frozenset)):
        if not value:
            msg = "model, hardware and precision need at least one entry, got an empty collection"
            raise ValueError(msg)
        return tuple(value)
    return (value,)
