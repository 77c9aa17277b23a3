"""The columns of a table of candidates: an entry for each says what it is and how it is made.

A new figure of plans is an entry here; what it is made of is a field of
:class:`~llmcalc_core.planning.candidates.Candidates`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llmcalc_core.calibration.band_tables import BASES, Band
from llmcalc_core.costmodel.times import BOUNDS, KINDS
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.cost import joules_per_token, usd_per_million_tokens
from llmcalc_core.planning.basis import band_of
from llmcalc_core.planning.blocks import Shape
from llmcalc_core.planning.candidates import Candidates, Contenders
from llmcalc_core.planning.cost import COST_UNITS, OF_ALL_REPLICAS
from llmcalc_core.planning.pareto import pareto_mask
from llmcalc_core.planning.regimes import WiderBand, widened
from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.planning.verdict import REASONS
from llmcalc_core.workload.grid import Grid, axis

TIME_COLUMNS = tuple(f"{kind}_traffic_s" if kind == "memory" else f"{kind}_s" for kind in KINDS)
"""Where the phase's latency goes, in the order of ``KINDS``."""

MEMORY_COLUMNS = ("weights_bytes", "kv_cache_bytes", "activations_bytes", "reserve_bytes")
"""What the fullest device holds."""

_BAND_METRICS = {"ttft_s": ("prefill", "ttft"), "tpot_s": ("latency", "tpot")}
"""Whose band a time has in a batch that starts together, and in serving."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A figure of every candidate.

    Attributes
    ----------
    about : str
        What it is.
    unit : str
        Of its numbers; '1' of counts and shares, empty of words and truths.
    values : function
        Takes it from candidates, of one replica, in a shape that broadcasts to their grid.
    of_all_replicas : bool
        Whether a plan has it once for each of its replicas.
    dtype : type
        Of its numbers.
    labels : tuple of str
        Of a category, what its numbers stand for.
    times : tuple of str
        Those of :class:`~llmcalc_core.planning.performance.Performance` that it needs.
    """

    about: str
    unit: str
    values: Callable[[Candidates], ArrayLike]
    of_all_replicas: bool = False
    dtype: type = np.float64
    labels: tuple[str, ...] = ()
    times: tuple[str, ...] = ()


def _count(
    about: str, values: Callable[[Candidates], ArrayLike], *, of_all_replicas: bool = False
) -> Column:
    return Column(
        about=about, unit="1", values=values, of_all_replicas=of_all_replicas, dtype=np.int32
    )


def _figure(about: str, unit: str, values: Callable[[Candidates], ArrayLike]) -> Column:
    return Column(about=about, unit=unit, values=values)


def _time(about: str, name: str) -> Column:
    def values(found: Candidates) -> ArrayLike:
        time: ArrayLike = getattr(found.performance, name)
        return time

    return Column(about=about, unit="s", values=values, times=(name,))


def _mean(about: str, name: str) -> Column:
    return _figure(about, "s", lambda found: getattr(found.performance, name))


def _band(name: str, end: str) -> Column:
    def values(found: Candidates) -> ArrayLike:
        serves, grid = found.phase == "serving", found.grid
        metric = _BAND_METRICS[name][serves]
        known = band_of(metric, found.basis.name, found.case.model)
        around: Band | WiderBand = known
        if serves:
            around = widened(known, metric, outputs=grid.outputs, stages=grid.pp)
        time: ArrayLike = getattr(found.performance, name) * getattr(around, end)
        return time

    return Column(about=f"{end} end of its 80 % band", unit="s", values=values, times=(name,))


def _kind(about: str, kind: str) -> Column:
    return _figure(about, "s", lambda found: getattr(found.performance.by_kind, kind))


def _cost(name: str) -> Column:
    return Column(
        about="see llmcalc_core.planning.cost.cost_figures",
        unit=COST_UNITS[name],
        values=lambda found: found.costs[name],
        of_all_replicas=name in OF_ALL_REPLICAS,
        dtype=np.float32,
    )


def _per_token(
    about: str, unit: str, spent: str, per: Callable[[Values, Values], Values]
) -> Column:
    """Make the column of what a token costs or takes, whichever side of a request it is of."""

    def values(found: Candidates) -> ArrayLike:
        tokens = _TOKENS_OF[found.phase](found.grid)
        return per(found.costs[spent], found.performance.requests_per_s * tokens)

    return Column(about=about, unit=unit, values=values, dtype=np.float32)


_TOKENS_OF: dict[str, Callable[[Grid], Values]] = {
    "prefill": lambda grid: grid.inputs,
    "decode": lambda grid: grid.outputs,
    "serving": lambda grid: grid.inputs + grid.outputs,
}
"""Tokens of a request that a phase pays for [tokens]."""


COLUMNS: dict[str, Column] = {
    "devices": _count(
        "devices in total",
        lambda found: found.grid.stage_devices * found.grid.pp,
        of_all_replicas=True,
    ),
    "tp": _count("tensor parallel width", lambda found: found.grid.tp),
    "pp": _count("pipeline stages", lambda found: found.grid.pp),
    "ep": _count("expert parallel width", lambda found: found.grid.ep),
    "attention_dp": _count("attention replicas in a stage", lambda found: found.grid.attention_dp),
    "cp": _count("context parallel width, where others than 1 are tried", lambda f: f.grid.cp),
    "replicas": _count("copies of the layout", lambda _: 1, of_all_replicas=True),
    "request_rate": _figure(
        "requests that come, over all replicas, where these are asked for",
        "1/s",
        lambda found: axis(found.request_rates, 1),
    ),
    "batch": _count(
        "sequences in flight per replica; at a request rate their mean, rounded up",
        lambda found: found.grid.batch,
    ),
    "micro_batch": _count("sequences in a micro batch", lambda found: found.grid.micro_batch),
    "input_tokens": _count("length of the prompt", lambda found: found.grid.inputs),
    "output_tokens": _count("tokens to generate", lambda found: found.grid.outputs),
    "ttft_s": _time("time to the first token", "ttft_s"),
    "tpot_s": _time("time per output token", "tpot_s"),
    "e2e_latency_s": Column(
        about="time from request to last token",
        unit="s",
        values=lambda found: found.e2e_s,
        times=("ttft_s", "tpot_s"),
    ),
    "ttft_mean_s": _mean("mean of the former, where it is a percentile", "ttft_mean_s"),
    "tpot_mean_s": _mean("mean of the former, where it is a percentile", "tpot_mean_s"),
    "ttft_low_s": _band("ttft_s", "low"),
    "ttft_high_s": _band("ttft_s", "high"),
    "tpot_low_s": _band("tpot_s", "low"),
    "tpot_high_s": _band("tpot_s", "high"),
    "tokens_per_s": Column(
        about="tokens read in prefill, else generated",
        unit="tokens/s",
        values=lambda found: found.tokens_per_s,
        of_all_replicas=True,
    ),
    "tokens_per_s_per_device": _figure(
        "the same of each device", "tokens/s", lambda found: found.tokens_per_s_per_device
    ),
    "requests_per_s": Column(
        about="requests that end",
        unit="1/s",
        values=lambda found: found.performance.requests_per_s,
        of_all_replicas=True,
    ),
    "gemm_s": _kind("matrix products", "gemm"),
    "attention_s": _kind("attention and recurrent layers", "attention"),
    "communication_s": _kind("messages, and what crosses the host's link", "communication"),
    "memory_traffic_s": _kind("norms, embeddings and the like", "memory"),
    "overhead_s": _kind("the engine, and waiting for it", "overhead"),
    "bound_by": Column(
        about="what takes most of the time",
        unit="",
        values=lambda found: found.performance.bound,
        dtype=np.int8,
        labels=BOUNDS,
    ),
    **{name: _cost(name) for name in COST_UNITS},
    "cost_usd_per_million_tokens": _per_token(
        "all that the devices cost over all tokens, those of prompts too in serving: orders plans "
        "as the objective 'cost' does",
        "USD per 10^6 tokens",
        "cost_usd_per_hour",
        lambda usd, rate: usd_per_million_tokens(usd_per_hour=usd, tokens_per_s=rate),
    ),
    "energy_j_per_token": _per_token(
        "all energy over the same tokens: orders plans as the objective 'energy' does",
        "J",
        "power_w",
        lambda watts, rate: joules_per_token(watts=watts, tokens_per_s=rate),
    ),
    "weights_bytes": _figure("weights", "bytes", lambda found: found.memory.weights),
    "kv_cache_bytes": _figure("KV cache and states", "bytes", lambda found: found.memory.kv_cache),
    "activations_bytes": _figure("activations", "bytes", lambda found: found.memory.activations),
    "reserve_bytes": _figure("runtime", "bytes", lambda found: found.memory.reserve),
    "device_memory_bytes": _figure("all of them", "bytes", lambda found: found.memory.total),
    "memory_headroom_bytes": _figure(
        "what is left; negative, what is missing", "bytes", lambda found: found.headroom
    ),
    "host_memory_bytes": _figure(
        "what is offloaded, where anything may be", "bytes", lambda found: found.memory.host
    ),
    "rejected_for": Column(
        about="why a plan is rejected; empty if it is not",
        unit="",
        values=lambda found: found.reason,
        dtype=np.int8,
        labels=REASONS,
    ),
    "on_front": Column(
        about="whether no other plan beats it: marked when all are known",
        unit="",
        values=lambda _: False,
        dtype=np.bool_,
    ),
    "basis": Column(
        about="what the times rest on",
        unit="",
        values=lambda found: BASES.index(found.basis.name),
        dtype=np.int8,
        labels=BASES,
    ),
}
"""Every column by its name, in the order of the frame; before them come those of the case."""


def column_names(request: EvaluationRequest) -> tuple[str, ...]:
    """Name the columns that the candidates of a request have, in their order."""
    left_out = set()
    if request.contexts == (1,):
        left_out.add("cp")
    if not any(techniques.offloads for techniques in request.techniques):
        left_out.add("host_memory_bytes")
    if not request.request_rates:
        left_out.add("request_rate")
    if request.percentile is None:
        left_out |= {"ttft_mean_s", "tpot_mean_s"}
    return tuple(name for name in COLUMNS if name not in left_out)


def figure_of(found: Candidates, name: str) -> NDArray[Any]:
    """Take a figure of candidates.

    Parameters
    ----------
    found : Candidates
        With the times that the column needs.
    name : str
        A key of :data:`COLUMNS`.

    Returns
    -------
    array of four axes
        Of one replica, which broadcasts to (layouts, batches, inputs, outputs); of a category,
        positions in its labels.
    """
    column = COLUMNS[name]
    values: NDArray[Any] = np.asarray(column.values(found), dtype=column.dtype)
    return values.reshape((1,) * (len(found.grid.shape) - values.ndim) + values.shape)


def write(name: str, found: Candidates, column: NDArray[Any], shape: Shape) -> None:
    """Write a figure of candidates where they belong in a column, plan by plan.

    Parameters
    ----------
    name : str
        A key of :data:`COLUMNS`.
    found : Candidates
        As for :func:`figure_of`.
    column : array of shape (plans * batches * inputs * outputs,)
        That of all candidates of the case; changed.
    shape : tuple of int
        Number of plans, batches, inputs and outputs of the case.
    """
    figure, block = figure_of(found, name), found.block
    values = figure.take(block.layout, axis=0) if len(figure) > 1 else figure
    if COLUMNS[name].of_all_replicas:
        values = values * block.replicas.astype(figure.dtype).reshape(-1, 1, 1, 1)
    column.reshape(shape)[block.axes] = values


def mark_front(found: Sequence[Contenders], column: NDArray[np.bool_], shape: Shape) -> None:
    """Mark the candidates that no other of their case with the same lengths beats.

    Parameters
    ----------
    found : sequence of Contenders
        Of all blocks of the case.
    column, shape
        As for :func:`write`.
    """
    lengths = shape[2] * shape[3]
    group = np.concatenate([_lengths(one, shape) for one in found])
    mask = pareto_mask(
        np.concatenate([one.latency_s for one in found]),
        np.concatenate([one.rate for one in found]),
        group if lengths > 1 else None,
    )
    start = 0
    for one in found:
        end = start + len(one.rows)
        own = np.zeros(one.shape, bool)
        own.reshape(-1)[one.rows] = mask[start:end]
        column.reshape(shape)[one.block.axes] = own.take(one.block.layout, axis=0)
        start = end


def _lengths(found: Contenders, shape: Shape) -> NDArray[np.intp]:
    """Give the positions of the lengths of contenders among those of the case."""
    first = found.block.inputs.indices(shape[2])[0] * shape[3]
    own: NDArray[np.intp] = found.rows % prod(found.shape[2:]) + first
    return own


def value_of(found: Candidates, name: str, place: tuple[int, ...]) -> Any:  # noqa: ANN401 - figures differ in type
    """Give one value of a column.

    Parameters
    ----------
    found, name
        As for :func:`figure_of`.
    place : tuple of int
        Plan, batch, input and output of the block.

    Returns
    -------
    scalar
        The same as in the column; of a category, a position in its labels.
    """
    plan, *workload = place
    block = found.block
    figure = np.broadcast_to(figure_of(found, name), found.grid.shape)
    value = figure[block.layout[plan], *workload]
    many = COLUMNS[name].of_all_replicas
    return value * block.replicas.astype(value.dtype)[plan] if many else value
