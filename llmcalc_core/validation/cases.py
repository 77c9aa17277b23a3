"""A measured case: what was run, how, and what was measured; and what is predicted of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmcalc_core.engines import Engine, find_engine
from llmcalc_core.engines.told import UNTOLD, Told
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import Precision
from llmcalc_core.validation.names import release
from llmcalc_core.validation.traffic import Traffic
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.requests import DRAWN, Arrivals


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One configuration and what was measured on it.

    Parameters
    ----------
    id, source : str
        The row's name in its file; who measured it.
    model, hardware, engine, precision, layout
        What ran on what: one replica, or one instance of a static batch.
    engine_version : str, optional
        As the file has it; '' where it does not say.
    kind : {'closed_loop', 'static', 'saturated', 'open_loop', 'start_up'}
        Whether requests follow each other at a fixed concurrency, start together, are all queued
        at once before an engine that takes as many as it can, or come at a rate.
    batch : int
        Requests in flight; the most that may be for a saturated case, 0 where memory alone
        limits them, and in an open loop.
    told : Told
        What a server was told, in place of its engine's defaults.
    graph_sizes : tuple of int
        Batches of an attention replica that decode steps were padded to, if any.
    memory_fraction : float, default 0.9
        What a server was told that it may use of a device's memory.
    requests : int, default 0
        Requests of a whole saturated run, which ends with fewer in flight; 0 where the source
        does not say.
    input_tokens, output_tokens : int
        Mean lengths [tokens].
    metrics : tuple of str
        What was measured, in the order of the file: ``ttft_ms``, ``tpot_ms``, ``decode_ms`` (of
        all output tokens), ``e2e_ms``, ``tokens_per_s`` (output tokens), ``memory_gib`` (of the
        fullest device), ``fits`` (1 or 0); of an open loop also ``ttft_p99_ms`` and the like.
    measured : tuple of float
        Its values, NaN where the file has none.
    per : float, default 1
        What ``tokens_per_s`` of the replica is divided by: devices, or a share of a replica
        where several serve together.
    arrivals : Arrivals
        How requests of a closed loop or a saturated run come.
    techniques : mapping
        Further arguments of the estimates, ``prefix_hit_rate`` and ``prefill_chunk_tokens``.
    predicted : tuple of float
        Of a start-up log or a pool (``kind`` 'start_up') what the room of memory says, a value for
        each metric; empty where an estimate does.
    traffic : Traffic, optional
        What was sent to a replica, of an open loop.
    """

    id: str
    source: str
    model: ModelConfig
    hardware: Hardware
    engine: str
    precision: Precision
    layout: Layout
    kind: str
    batch: int
    input_tokens: int
    output_tokens: int
    metrics: tuple[str, ...]
    measured: tuple[float, ...]
    per: float = 1
    requests: int = 0
    arrivals: Arrivals = DRAWN
    engine_version: str = ""
    told: Told = UNTOLD
    graph_sizes: tuple[int, ...] = ()
    memory_fraction: float = 0.9
    techniques: Mapping[str, Any] = field(default_factory=dict)
    predicted: tuple[float, ...] = ()
    traffic: Traffic | None = None

    @property
    def serves(self) -> Engine:
        """The engine in its version, as it was told to run."""
        return self.told.of(find_engine(self.engine, release(self.engine, self.engine_version)))

    @property
    def mixture(self) -> bool:
        """Whether the model has routed experts."""
        return self.model.num_experts > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A predicted value and its 80 % band; memory has none (NaN)."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One figure for each metric of a case, and what they rest on."""

    figures: tuple[Figure, ...]
    basis: str
