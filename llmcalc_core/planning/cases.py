"""The cases of a request: one model, device, precision and way to serve each, by their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count, product

from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.precision import Precision
from llmcalc_core.workload.techniques import Techniques


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One model on one device, in one precision, served in one way.

    Attributes
    ----------
    model, hardware, precision, techniques
        What runs on what, in which types, and what is done with its requests.
    position : tuple of int
        Those of the four among the :class:`Names` and techniques of the request.
    """

    model: Model
    hardware: Hardware
    precision: Precision
    techniques: Techniques
    position: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Models, devices and precisions of a request by their names in its frame, in its order."""

    model: dict[str, ModelConfig]
    hardware: dict[str, Hardware]
    precision: dict[str, Precision]


def names_of(request: EvaluationRequest) -> Names:
    """Name the models, devices and precisions of a request, each differently."""
    several = (
        request.precisions_of(model, hardware)
        for model, hardware in product(request.models, request.hardware)
    )
    precisions = tuple(dict.fromkeys(chain(*several)))
    models, hardware = request.models, request.hardware
    return Names(
        model=dict(zip(_distinct(one.model for one in models), models, strict=True)),
        hardware=dict(zip(_distinct(one.name for one in hardware), hardware, strict=True)),
        precision=dict(zip(_distinct(one.label for one in precisions), precisions, strict=True)),
    )


def cases_of(request: EvaluationRequest) -> Iterator[Case]:
    """Give every case of a request, models first, then devices, precisions and techniques.

    Examples
    --------
    >>> from llmcalc_core import make_request
    >>> request = make_request("llama2_7b", ["A100_80GB", "L40S"], precision=["bf16", "fp8"])
    >>> [case.position for case in cases_of(request)]
    [(0, 0, 0, 0), (0, 0, 1, 0), (0, 1, 0, 0), (0, 1, 1, 0)]
    """
    place = {one: at for at, one in enumerate(names_of(request).precision.values())}
    for model_at, config in enumerate(request.models):
        for hardware_at, hardware in enumerate(request.hardware):
            for precision in request.precisions_of(config, hardware):
                for technique_at, techniques in enumerate(request.techniques):
                    yield Case(
                        model=architecture(config),
                        hardware=hardware,
                        precision=precision,
                        techniques=techniques,
                        position=(model_at, hardware_at, place[precision], technique_at),
                    )


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Give the names with repeats numbered: two edited copies of a device are 'X' and 'X (2)'."""
    found: dict[str, None] = {}
    for name in names:
        spellings = chain((name,), (f"{name} ({number})" for number in count(2)))
        found[next(spelling for spelling in spellings if spelling not in found)] = None
    return tuple(found)
