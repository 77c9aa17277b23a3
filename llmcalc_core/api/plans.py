"""Which splits there are, which is best, and which are on the front."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

import numpy as np

from llmcalc_core.api.find_techniques import find_technique
from llmcalc_core.api.make_request import HardwareLike, ModelLike, PrecisionLike
from llmcalc_core.api.resolve import Question, ask, workload
from llmcalc_core.architecture.model import architecture
from llmcalc_core.checks import one_of, whole_number
from llmcalc_core.hub.models import find_model
from llmcalc_core.planning.best_splits import Table, best_first, fitting_splits, guide_frame
from llmcalc_core.planning.estimate_layouts import Workload
from llmcalc_core.planning.layouts import layouts
from llmcalc_core.planning.pareto import pareto_mask
from llmcalc_core.planning.request import MOST_DEVICES, OBJECTIVES, STATIC_STAGES, check_known
from llmcalc_core.precision import CHECKPOINT
from llmcalc_core.workload.arguments import takes_techniques
from llmcalc_core.workload.techniques import TechniqueArguments

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)


def get_various_parallelization(
    model: ModelLike = "llama2_7b", total_nodes: int = 8
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
    total_nodes: int = 8,
    batch_size: int = 1,
    beam_size: int = 1,
    input_tokens: int = 2000,
    output_tokens: int = 256,
    system_name: HardwareLike | None = None,
    bits: PrecisionLike = CHECKPOINT,
    debug: bool = False,  # noqa: FBT001, FBT002 - the guide's signature
    *,
    memory_fraction: float = 0.9,
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
        Such as 'bf16', 'fp8', 'w4a16'; 'checkpoint': the types of the model's own checkpoint.
    debug : bool, default False
        Log every candidate that fits, at level INFO.
    memory_fraction : float, default 0.9
        Part of a device's memory that may be used.
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
    question = ask(model, system_name, bits, memory_fraction, price_per_hour, power_watts)
    aim = one_of("objective", objective, OBJECTIVES)
    asked = workload(
        batch_size, input_tokens, output_tokens, beam_size, techniques=find_technique(techniques)
    )
    table = _splits(question, asked, total_nodes, stage, debug=debug, objective=aim)
    best = np.lexsort((table["Latency(ms)"], best_first(table, aim)))[:1]
    return guide_frame({name: table[name][best] for name in table if name != "batch"})


@takes_techniques
def get_pareto_optimal_performance(
    stage: str = "decode",
    model: ModelLike = "llama2_7b",
    total_nodes: int = 8,
    batch_list: int | Sequence[int] = 1,
    beam_size: int = 1,
    input_tokens: int = 2000,
    output_tokens: int = 256,
    system_name: HardwareLike | None = None,
    bits: PrecisionLike = CHECKPOINT,
    debug: bool = False,  # noqa: FBT001, FBT002 - the guide's signature
    *,
    memory_fraction: float = 0.9,
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
        Such as 'bf16', 'fp8', 'w4a16'; 'checkpoint': the types of the model's own checkpoint.
    debug : bool, default False
        Log every candidate that fits, at level INFO.
    memory_fraction : float, default 0.9
        Part of a device's memory that may be used.
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
    question = ask(model, system_name, bits, memory_fraction, price_per_hour, power_watts)
    aim = one_of("objective", objective, OBJECTIVES)
    asked = workload(
        batch_list, input_tokens, output_tokens, beam_size, name="batch_list",
        techniques=find_technique(techniques),
    )  # fmt: skip
    table = _splits(question, asked, total_nodes, stage, debug=debug, objective=aim)
    front = np.flatnonzero(pareto_mask(table["Latency(ms)"], -best_first(table, aim)))
    by_latency = front[np.argsort(table["Latency(ms)"][front], kind="stable")]
    return guide_frame({name: values[by_latency] for name, values in table.items()})


def _splits(
    question: Question,
    asked: Workload,
    total_nodes: object,
    stage: object,
    *,
    debug: bool,
    objective: str,
) -> Table:
    check_known(objective, (question.hardware,))
    known = one_of("stage", stage, STATIC_STAGES)
    asked.techniques.check_stage(known)
    count = whole_number("total_nodes", total_nodes, most=MOST_DEVICES)
    table = fitting_splits(
        question.model,
        question.hardware,
        question.precision,
        asked,
        devices=question.hardware.check_devices("total_nodes", count),
        stage=known,
        memory_fraction=question.memory_fraction,
        objective=objective,
    )
    if debug:
        _log.info("candidates that fit:\n%s", guide_frame(table).to_string())
    return table
