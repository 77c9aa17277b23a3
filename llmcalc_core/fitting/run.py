"""Measured runs: a configuration, a metric and the time measured."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.architecture.model import Model
from llmcalc_core.engines import Engine, find_engine
from llmcalc_core.engines.told import UNTOLD, Told
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.requests import DRAWN, Arrivals

METRICS = ("ttft", "tpot", "latency")
"""Time to first token, time per output token, and both together (a static batch only)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What ran on what.

    Parameters
    ----------
    model, hardware, precision, layout, engine
        One replica; its layout has one pipeline stage.
    engine_version : str
        The release of the engine; '' for the newest that is known.
    loop : bool
        Whether requests followed each other at a fixed concurrency; else a batch started together.
    batch : int
        Requests in flight.
    input_tokens, output_tokens : int
        Mean lengths [tokens].
    arrivals : Arrivals
        How requests of a closed loop come.
    told : Told
        What a server was told, in place of its engine's defaults.
    graph_sizes : tuple of int
        Batches that decode steps were padded to, if any.
    """

    model: Model
    hardware: Hardware
    precision: Precision
    layout: Layout
    engine: str
    loop: bool
    batch: int
    input_tokens: int
    output_tokens: int
    arrivals: Arrivals = DRAWN
    graph_sizes: tuple[int, ...] = ()
    engine_version: str = ""
    told: Told = UNTOLD

    def grid(self) -> Grid:
        """Lay out the one plan and workload."""
        return make_grid(
            (self.layout,),
            batches=(self.batch,),
            inputs=(self.input_tokens,),
            outputs=(self.output_tokens,),
            graph_sizes=self.graph_sizes,
            engine=self.hardware.engine(self.serves),
        )

    @property
    def serves(self) -> Engine:
        """The engine as it behaves in its version, and as it was told to run."""
        return self.told.of(find_engine(self.engine, self.engine_version))

    @property
    def pair(self) -> tuple[str, str]:
        """The model and the device."""
        return self.model.name, self.hardware.calibration

    @property
    def kind(self) -> tuple[Hardware, Precision, Engine]:
        """What the efficiencies depend on."""
        return self.hardware, self.precision, self.serves


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A configuration and one time measured on it.

    Parameters
    ----------
    configuration : Configuration
        What ran.
    metric : {'ttft', 'tpot', 'latency'}
        What was measured.
    seconds : float
        The time [s].
    """

    configuration: Configuration
    metric: str
    seconds: float
