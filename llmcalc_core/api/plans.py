"""Which splits there are, which is best, which are on the front, and how few devices do."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

import numpy as np

from llmcalc_core.api.make_request import (
    HardwareLike,
    ModelLike,
    PrecisionLike,
    Target,
    find_technique,
    make_workload,
    resolve,
)
from llmcalc_core.architecture.model import architecture
from llmcalc_core.checks import one_of, truth, whole_number
from llmcalc_core.defaults import DEVICES, INPUT_TOKENS, OUTPUT_TOKENS
from llmcalc_core.hub.models import find_model
from llmcalc_core.planning.feasibility import DoesNotFitError, minimum_devices
from llmcalc_core.planning.layouts import layouts
from llmcalc_core.planning.pareto import OBJECTIVES, pareto_mask
from llmcalc_core.planning.request import MOST_DEVICES, STATIC_PHASES, check_known
from llmcalc_core.planning.splits import Table, best_first, fitting_splits, guide_frame
from llmcalc_core.planning.static_estimate import Workload
from llmcalc_core.precision import CHECKPOINT
from llmcalc_core.workload.techniques import TechniqueArguments, takes_techniques

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)


def get_various_parallelization(
    model: ModelLike = "llama2_7b", total_nodes: int = DEVICES
) -> set[tuple[int, int]]:
    """Give every (tensor parallel, pipeline parallel) pair whose product is the device count.

    Parameters
    ----------
    model : name, path, dict or ModelConfig
        The model; ``tp`` must divide its attention heads, and divide its key and value heads or be
        a multiple of them.
    total_nodes : int
        Number of devices.

    Returns
    -------
    set of (int, int)
        Pairs of tensor and pipeline parallel widths.

    Raises
    ------
    ValueError
        If the model is unknown, or the count is no whole number from 1 up.

    Examples
    --------
    >>> sorted(get_various_parallelization("llama2_7b", total_nodes=8))
    [(1, 8), (2, 4), (4, 2), (8, 1)]
    """
    count = whole_number("total_nodes", total_nodes, most=MOST_DEVICES)
    splits = layouts(architecture(find_model(model)), count)
    return {(layout.tp, layout.pp) for layout in splits}


@takes_techniques
def get_best_parallelization_strategy(
    stage: str = "decode",
    model: ModelLike = "llama2_7b",
    total_nodes: int = DEVICES,
    batch_size: int = 1,
    beam_size: int = 1,
    input_tokens: int = INPUT_TOKENS,
    output_tokens: int = OUTPUT_TOKENS,
    system_name: HardwareLike | None = None,
    bits: PrecisionLike = CHECKPOINT,
    debug: bool = False,  # noqa: FBT001, FBT002 - the guide's signature
    *,
    memory_fraction: float | None = None,
    price_per_hour: float | None = None,
    power_watts: float | None = None,
    objective: str = "throughput",
    **techniques: Unpack[TechniqueArguments],
) -> pd.DataFrame:
    """Find the split that is best at the objective and fits, using every device.

    Parameters
    ----------
    stage : {'decode', 'prefill'}
        What to be good at.
    model : name, path, dict or ModelConfig
        The model.
    total_nodes : int
        Number of devices; tensor times pipeline parallel is this number.
    batch_size, beam_size : int
        Requests in flight over all devices; sequences decoded per request.
    input_tokens, output_tokens : int
        Prompt and generated tokens.
    system_name : name, dict or Hardware, optional
        The device; an A100 of 80 GB where not given.
    bits : str or Precision
        Such as 'bf16', 'fp8', 'w4a16'; 'checkpoint': the types of the model's own checkpoint. 'fp8'
        and 'nvfp4' have an FP8 KV cache, which vLLM keeps in 16 bits unless told: a Precision can.
    debug : bool, default False
        Log every candidate that fits, at level INFO.
    memory_fraction : float, optional
        Part of a device's memory that may be used; the engine's own default where not given.
    price_per_hour, power_watts : float, optional
        Price [USD/h] and design power [W] of a device; its own where not given.
    objective : {'throughput', 'cost', 'energy'}
        What to be good at: tokens per second, cost or energy per token of the stage; the latter
        two add ``USD/Mtoken`` [USD per 10^6 tokens] or ``J/token`` to the table.
    **techniques : optional
        What is done with requests: ``prefix_hit_rate`` and other fields of :class:`Techniques`.

    Returns
    -------
    DataFrame
        One row: ``micro batch``, ``TP``, ``PP``, ``Latency(ms)`` (per output token in decode,
        of the whole batch in prefill), ``Tokens/s``.

    Raises
    ------
    DoesNotFitError
        If no split fits: by how much, and how many devices would do. A ``ValueError``.
    ValueError
        For an unknown name or a value out of range.

    Examples
    --------
    >>> best = get_best_parallelization_strategy(model="llama2_7b", batch_size=32)
    >>> int(best["TP"].iloc[0]), int(best["PP"].iloc[0])
    (8, 1)
    """
    target = resolve(model, system_name, bits, memory_fraction, price_per_hour, power_watts)
    aim = one_of("objective", objective, OBJECTIVES)
    workload = make_workload(
        batch_size,
        input_tokens,
        output_tokens,
        beam_size,
        techniques=find_technique(techniques, target.model),
    )  # fmt: skip
    table = _splits(target, workload, total_nodes, stage, debug=debug, objective=aim)
    best = np.lexsort((table["Latency(ms)"], best_first(table, aim)))[:1]
    return guide_frame({name: table[name][best] for name in table if name != "batch"})


@takes_techniques
def get_pareto_optimal_performance(
    stage: str = "decode",
    model: ModelLike = "llama2_7b",
    total_nodes: int = DEVICES,
    batch_list: int | Sequence[int] = 1,
    beam_size: int = 1,
    input_tokens: int = INPUT_TOKENS,
    output_tokens: int = OUTPUT_TOKENS,
    system_name: HardwareLike | None = None,
    bits: PrecisionLike = CHECKPOINT,
    debug: bool = False,  # noqa: FBT001, FBT002 - the guide's signature
    *,
    memory_fraction: float | None = None,
    price_per_hour: float | None = None,
    power_watts: float | None = None,
    objective: str = "throughput",
    **techniques: Unpack[TechniqueArguments],
) -> pd.DataFrame:
    """Find the splits and batches that trade latency against the objective best.

    Parameters
    ----------
    stage : {'decode', 'prefill'}
        What to be good at.
    model : name, path, dict or ModelConfig
        The model.
    total_nodes : int
        Number of devices; tensor times pipeline parallel is this number.
    batch_list : int or sequence of int
        Batches to try.
    beam_size : int
        Sequences decoded per request.
    input_tokens, output_tokens : int
        Prompt and generated tokens.
    system_name : name, dict or Hardware, optional
        The device; an A100 of 80 GB where not given.
    bits : str or Precision
        Such as 'bf16', 'fp8', 'w4a16'; 'checkpoint': the types of the model's own checkpoint. 'fp8'
        and 'nvfp4' have an FP8 KV cache, which vLLM keeps in 16 bits unless told: a Precision can.
    debug : bool, default False
        Log every candidate that fits, at level INFO.
    memory_fraction : float, optional
        Part of a device's memory that may be used; the engine's own default where not given.
    price_per_hour, power_watts : float, optional
        Price [USD/h] and design power [W] of a device; its own where not given.
    objective : {'throughput', 'cost', 'energy'}
        What to be good at: tokens per second, cost or energy per token of the stage; the latter
        two add ``USD/Mtoken`` [USD per 10^6 tokens] or ``J/token`` to the table.
    **techniques : optional
        What is done with requests: ``prefix_hit_rate`` and other fields of :class:`Techniques`.

    Returns
    -------
    DataFrame
        The Pareto front by latency: ``batch``, ``micro batch``, ``TP``, ``PP``,
        ``Latency(ms)``, ``Tokens/s``. Rows from ``iterrows`` keep whole numbers.

    Raises
    ------
    DoesNotFitError
        If nothing fits: by how much, and how many devices would do. A ``ValueError``.
    ValueError
        For an unknown name or a value out of range.

    Examples
    --------
    >>> front = get_pareto_optimal_performance(model="llama2_7b", batch_list=[8, 64])
    >>> [f"{row['batch']} on TP {row['TP']}" for _, row in front.iterrows()]
    ['8 on TP 8', '64 on TP 8']
    """
    target = resolve(model, system_name, bits, memory_fraction, price_per_hour, power_watts)
    aim = one_of("objective", objective, OBJECTIVES)
    workload = make_workload(
        batch_list, input_tokens, output_tokens, beam_size, name="batch_list",
        techniques=find_technique(techniques, target.model),
    )  # fmt: skip
    table = _splits(target, workload, total_nodes, stage, debug=debug, objective=aim)
    front = np.flatnonzero(pareto_mask(table["Latency(ms)"], -best_first(table, aim)))
    by_latency = front[np.argsort(table["Latency(ms)"][front], kind="stable")]
    return guide_frame({name: values[by_latency] for name, values in table.items()})


@takes_techniques
def get_minimum_system_size(
    model: ModelLike = "llama2_7b",
    batch_size: int = 1,
    input_tokens: int = INPUT_TOKENS,
    output_tokens: int = OUTPUT_TOKENS,
    system_name: HardwareLike | None = None,
    bits: PrecisionLike = CHECKPOINT,
    *,
    beam_size: int = 1,
    memory_fraction: float | None = None,
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
        Such as 'bf16', 'fp8', 'w4a16'; 'checkpoint': the types of the model's own checkpoint. 'fp8'
        and 'nvfp4' have an FP8 KV cache, which vLLM keeps in 16 bits unless told: a Precision can.
    memory_fraction : float, optional
        Part of a device's memory that may be used; the engine's own default where not given.
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
    target = resolve(model, system_name, bits, memory_fraction)
    workload = make_workload(
        batch_size,
        input_tokens,
        output_tokens,
        beam_size,
        techniques=find_technique(techniques, target.model),
    )  # fmt: skip
    enough = minimum_devices(
        target.model,
        target.hardware,
        target.precision,
        batch=workload.batches[0],
        input_tokens=workload.input_tokens,
        output_tokens=workload.output_tokens,
        beam_size=workload.beam_size,
        memory_fraction=target.memory_fraction,
        techniques=workload.techniques,
    )
    limit = target.hardware.device_limit
    if enough is not None and limit is not None and enough > limit:
        system = target.hardware.name
        msg = f"{target.model.name} needs {enough} devices, and {system} has {limit}"
        raise DoesNotFitError(msg)
    if enough is None:
        msg = (
            f"{target.model.name} with batch_size {batch_size} and {input_tokens} + "
            f"{output_tokens} tokens fits on no number of {target.hardware.name} devices; "
            "a smaller batch or shorter sequences would"
        )
        raise DoesNotFitError(msg)
    return enough


def _splits(
    target: Target,
    workload: Workload,
    total_nodes: object,
    stage: object,
    *,
    debug: bool,
    objective: str,
) -> Table:
    check_known(objective, (target.hardware,))
    known = one_of("stage", stage, STATIC_PHASES)
    workload.techniques.check_phase(known)
    target.model.check_phase(known, prefix_hit_rate=workload.techniques.prefix_hit_rate)
    count = whole_number("total_nodes", total_nodes, most=MOST_DEVICES)
    table = fitting_splits(
        target.model,
        target.hardware,
        target.precision,
        workload,
        devices=target.hardware.check_devices("total_nodes", count),
        phase=known,
        memory_fraction=target.memory_fraction,
        objective=objective,
    )
    if truth("debug", debug):
        _log.info("candidates that fit:\n%s", guide_frame(table).to_string())
    return table
