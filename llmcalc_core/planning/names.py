"""Names of what a request asks for, each different from the others, as a frame has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from llmcalc_core.hardware.device import Hardware
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.precision import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a request asks for by the name in its frame, in its order."""

    model: dict[str, ModelConfig]
    hardware: dict[str, Hardware]
    precision: dict[str, Precision]


def names_of(request: EvaluationRequest) -> Names:
    """Name the models, devices and precisions of a request."""
    asked = (request.precisions_of(model) for model in request.models)
    precisions = tuple(dict.fromkeys(chain(*asked)))
    models, hardware = request.models, request.hardware
    return Names(
        model=dict(zip(_distinct(one.model for one in models), models, strict=True)),
        hardware=dict(zip(_distinct(one.name for one in hardware), hardware, strict=True)),
        precision=dict(zip(_distinct(one.label for one in precisions), precisions, strict=True)),
    )


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Give the names with repeats numbered: two edited copies of a device are 'X' and 'X (2)'."""
    found: dict[str, None] = {}
    for name in names:
        spellings = (name, *(f"{name} ({number})" for number in range(2, len(found) + 2)))
        found[next(spelling for spelling in spellings if spelling not in found)] = None
    return tuple(found)
