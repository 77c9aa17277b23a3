"""What a call is about: names looked up and values checked, for one plan or a whole request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from os import PathLike
from typing import Any, Unpack

from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.calibration.constants import Constants
from llmcalc_core.checks import fraction, whole_number, whole_numbers
from llmcalc_core.defaults import (
    BATCHES,
    DEVICES,
    HARDWARE,
    INPUT_TOKENS,
    MOST_CANDIDATES,
    OUTPUT_TOKENS,
)
from llmcalc_core.deprecation import accepts_old_names
from llmcalc_core.engines import DEFAULT_ENGINE
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.hub.models import find_model
from llmcalc_core.hub.published_fp8 import served_precision
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.planning.request import EvaluationRequest, limit_of_phase
from llmcalc_core.planning.static_estimate import Workload
from llmcalc_core.precision import CHECKPOINT, Precision, asked_precision
from llmcalc_core.shown import shown
from llmcalc_core.workload.techniques import (
    NO_TECHNIQUES,
    TechniqueArguments,
    Techniques,
    takes_techniques,
)

MOST_TECHNIQUES = 1000
"""Most combinations of techniques of a request: each is worked out by itself."""

ModelLike = str | Mapping[str, Any] | ModelConfig
HardwareLike = str | PathLike[str] | Mapping[str, Any] | Hardware
PrecisionLike = str | Precision


@accepts_old_names(stage="phase", latency_limit_s=limit_of_phase)
@takes_techniques
def make_request(
    model: ModelLike | Sequence[ModelLike],
    hardware: HardwareLike | Sequence[HardwareLike],
    devices: int | Sequence[int] | None = None,
    *,
    phase: str = "decode",
    engine: str = DEFAULT_ENGINE,
    engine_version: str | None = None,
    max_num_seqs: int | None = None,
    enforce_eager: bool = False,
    input_tokens: int | Sequence[int] = INPUT_TOKENS,
    output_tokens: int | Sequence[int] = OUTPUT_TOKENS,
    batch: int | Sequence[int] | None = None,
    exact_batch: bool | None = None,
    precision: PrecisionLike | Sequence[PrecisionLike] = CHECKPOINT,
    context_parallel: int | Sequence[int] | None = None,
    beam_size: int = 1,
    memory_fraction: float | None = None,
    tpot_limit_s: float | None = None,
    ttft_limit_s: float | None = None,
    price_per_hour: float | None = None,
    power_watts: float | None = None,
    objective: str = "throughput",
    request_rate: float | Sequence[float] | None = None,
    percentile: float | None = None,
    max_candidates: int = MOST_CANDIDATES,
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
    everything = min(limits, default=DEVICES)
    return EvaluationRequest(
        models=tuple(dict.fromkeys(find_model(one) for one in _several(model))),
        hardware=systems,
        devices=whole_numbers("devices", everything if devices is None else devices),
        phase=phase,
        engine=engine,
        engine_version=engine_version,
        max_num_seqs=max_num_seqs,
        enforce_eager=enforce_eager,
        input_tokens=whole_numbers("input_tokens", input_tokens),
        output_tokens=whole_numbers("output_tokens", output_tokens),
        batches=BATCHES if batch is None else whole_numbers("batch", batch),
        exact_batch=batch is None if exact_batch is None else exact_batch,
        precisions=tuple(dict.fromkeys(asked_precision(one) for one in _several(precision))),
        context_parallel=(
            () if context_parallel is None else whole_numbers("context_parallel", context_parallel)
        ),
        techniques=find_techniques(techniques),
        beam_size=beam_size,
        memory_fraction=memory_fraction,
        tpot_limit_s=tpot_limit_s,
        ttft_limit_s=ttft_limit_s,
        objective=objective,
        request_rates=_rates(request_rate),
        percentile=percentile,
        max_candidates=max_candidates,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A model on a device in a precision, and how much of the memory may be used."""

    model: Model
    hardware: Hardware
    precision: Precision
    memory_fraction: float | None


def resolve(
    model: ModelLike,
    system_name: HardwareLike | None,
    bits: PrecisionLike,
    memory_fraction: float | None,
    price_per_hour: float | None = None,
    power_watts: float | None = None,
) -> Target:
    """Look up what a call names.

    Raises
    ------
    ValueError
        For an unknown name or a value out of range.

    Examples
    --------
    >>> resolve("llama2_7b", None, "bf16", 0.9).hardware.name
    'A100_80GB'
    """
    config = find_model(model)
    device = find_hardware(HARDWARE if system_name is None else system_name)
    return Target(
        model=architecture(config),
        hardware=device.priced(price_per_hour, power_watts),
        precision=served_precision(asked_precision(bits), config, device),
        memory_fraction=(
            None if memory_fraction is None else fraction("memory_fraction", memory_fraction)
        ),
    )


def known_constants(given: object) -> Constants | None:
    """Return constants if they are such.

    Raises
    ------
    ValueError
        For anything else than ``Constants`` or None.

    Examples
    --------
    >>> known_constants({"memory_time": 1.1})
    Traceback (most recent call last):
    ValueError: constants must be Constants or None, got {'memory_time': 1.1}
    """
    if given is None or isinstance(given, Constants):
        return given
    msg = f"constants must be Constants or None, got {shown(given)}"
    raise ValueError(msg)


def make_workload(
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
    >>> make_workload([4, 2], 100, 10, name="batch_list").batches
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


def find_techniques(given: Mapping[str, Any]) -> tuple[Techniques, ...]:
    """Combine the values of every argument, each of which may be one or several.

    Parameters
    ----------
    given : mapping
        Some fields of :class:`Techniques`.

    Returns
    -------
    tuple of Techniques
        All combinations, in the order given, without repeats.

    Raises
    ------
    ValueError
        For a value out of range, an empty collection or too many combinations.

    Examples
    --------
    >>> [one.prefix_hit_rate for one in find_techniques({"prefix_hit_rate": [0, 0.5, 0.5]})]
    [0.0, 0.5]
    """
    if not given:
        return (NO_TECHNIQUES,)
    names = tuple(given)
    values = [_values(name, value) for name, value in given.items()]
    count = prod(map(len, values))
    if count > MOST_TECHNIQUES:
        msg = (
            f"techniques must have at most {MOST_TECHNIQUES} combinations of values, got {count}: "
            f"those of {', '.join(names)}"
        )
        raise ValueError(msg)
    several = product(*values)
    return tuple(
        dict.fromkeys(_techniques(dict(zip(names, values, strict=True))) for values in several)
    )


def find_technique(given: Mapping[str, Any], model: Model | None = None) -> Techniques:
    """Give the one technique that single values say.

    Parameters
    ----------
    given : mapping
        Some fields of :class:`Techniques`.
    model : Model, optional
        What they are for, whose vocabulary a drafting model must have.

    Raises
    ------
    ValueError
        For a value out of range, a collection, or a drafting model of another vocabulary.

    Examples
    --------
    >>> find_technique({"prefix_hit_rate": 0.5}).prefix_hit_rate
    0.5
    """
    if not given:
        return NO_TECHNIQUES
    techniques = _techniques(given)
    if model is not None:
        techniques.check_draft(model.name, model.vocabulary)
    return techniques


def _techniques(given: Mapping[str, Any]) -> Techniques:
    draft = given.get("draft_model")
    return Techniques(**{**given, "draft_model": None if draft is None else find_model(draft)})


def _values(name: str, value: Any) -> tuple[Any, ...]:  # noqa: ANN401
    if not isinstance(value, (list, tuple, set, frozenset)):
        return (value,)
    if not value:
        msg = f"{name} must hold at least one value, got an empty collection"
        raise ValueError(msg)
    return tuple(value)


def _rates(value: Any) -> tuple[Any, ...]:  # noqa: ANN401
    if value is None:
        return ()
    several = isinstance(value, Iterable) and not isinstance(value, str | bytes)
    rates = tuple(value) if several else (value,)
    if not rates:
        msg = "request_rate must be None or hold at least one rate, got an empty collection"
        raise ValueError(msg)
    return rates


def _several(value: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """Give a tuple of one or several values; a mapping or a string is one."""
    if isinstance(value, (list, tuple, set, frozenset)):
        if not value:
            msg = "model, hardware and precision need at least one entry, got an empty collection"
            raise ValueError(msg)
        return tuple(value)
    return (value,)
