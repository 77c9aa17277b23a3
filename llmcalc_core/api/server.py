"""A plan with an engine on it, to which requests are sent one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from llmcalc_core.api.make_request import HardwareLike, ModelLike, PrecisionLike, resolve
from llmcalc_core.checks import truth, whole_number
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.engines import Engine, find_engine, versions_of
from llmcalc_core.memory.budget import memory_budget
from llmcalc_core.planning.basis import basis_of
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.shown import shown
from llmcalc_core.simulation.attention_replicas import run_replicas
from llmcalc_core.simulation.outcome import Outcome, Overheads
from llmcalc_core.simulation.pipeline import run_pipeline
from llmcalc_core.simulation.scheduler import run
from llmcalc_core.simulation.server import ServerOptions, settings_of
from llmcalc_core.simulation.serving import stream_seconds
from llmcalc_core.simulation.settings import POLICIES, Settings
from llmcalc_core.simulation.step_tables import step_times
from llmcalc_core.simulation.step_times import StageTimes, StepTimes, stage_times
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.lengths import FixedLengths, Lengths
from llmcalc_core.workload.request_frame import requests_from_frame
from llmcalc_core.workload.requests import MOST_REQUESTS, Requests, draw_requests
from llmcalc_core.workload.techniques import NO_TECHNIQUES, Techniques

if TYPE_CHECKING:
    import pandas as pd

_NOT_SIMULATED = ("speculative_tokens", "weights_offload_gib", "offload_to_fit")
"""Techniques that the simulator does not follow."""

LengthsLike = int | Lengths

_IN_LOOP = 1.0
"""Of the steps to the first token, that which runs as a request comes [1]: what is left of it is
simulated."""


class Widths(NamedTuple):
    """A layout as users write it; ``attention_dp`` follows from the others where it is None."""

    tp: int = 1
    pp: int = 1
    ep: int = 1
    attention_dp: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A plan with an engine on it."""

    case: Case
    engine: Engine
    memory_fraction: float | None
    options: ServerOptions

    def settings(self, requests: Requests) -> Settings:
        """Set the engine up for some requests."""
        model, hardware, _, grid, _ = self.case
        budget = memory_budget(model, hardware, self.memory_fraction, grid)
        return settings_of(self.case, self.engine, budget, requests, self.options)

    @property
    def basis(self) -> str:
        """What the times of its steps rest on."""
        model, hardware, _, grid, efficiency = self.case
        return basis_of(model, hardware, efficiency, grid.techniques).name

    def step_times(self, requests: Requests, settings: Settings) -> StepTimes | StageTimes:
        """Time the steps that these requests need."""
        longest = int((requests.input_tokens + requests.output_tokens).max())
        times = step_times(
            self.case,
            longest=longest,
            most_sequences=min(settings.max_num_seqs, len(requests)),
            token_budget=settings.token_budget,
        )
        return stage_times(self.case, times) if self.case[3].layouts[0].pp > 1 else times

    def serve(
        self,
        requests: Requests,
        settings: Settings,
        times: StepTimes | StageTimes,
        progress: Callable[[float], object] | None = None,
    ) -> Outcome:
        """Serve requests, with what they wait outside of steps."""
        layout, overheads = self.case[3].layouts[0], self._overheads(requests, settings)
        if isinstance(times, StageTimes):
            return run_pipeline(
                requests, times, settings, layout.pp, overheads=overheads, progress=progress
            )
        if layout.attention_dp > 1:
            return run_replicas(
                requests, times, settings, layout.attention_dp,
                overheads=overheads, progress=progress,
            )  # fmt: skip
        return run(requests, times, settings, overheads=overheads, progress=progress)

    def _overheads(self, requests: Requests, settings: Settings) -> Overheads:
        """Give what requests wait outside of steps."""
        behaviour = self.case[4].behaviour
        steps = float(behaviour.first_token_steps) - _IN_LOOP
        if requests.concurrency is None:
            steps -= settings.steps_ahead
        return Overheads(
            first_token_s=float(behaviour.first_token_s),
            first_steps=max(steps, 0.0),
            stream_token_s=np.asarray(
                stream_seconds(behaviour.stream_token_s, self.case[3])
            ).item(),
        )


def make_server(
    model: ModelLike,
    hardware: HardwareLike,
    precision: PrecisionLike,
    widths: Widths,
    engine: str | Engine,
    memory_fraction: float | None,
    options: ServerOptions,
    technique: Techniques = NO_TECHNIQUES,
) -> Server:
    """Look up names and check the plan.

    Raises
    ------
    ValueError
        For an unknown name, a plan that the model can't have, or a technique that is not simulated.
    """
    for name in _NOT_SIMULATED:
        if getattr(technique, name) != getattr(NO_TECHNIQUES, name):
            msg = (
                f"{name} must be left out of a simulation, which does not follow it, got "
                f"{getattr(technique, name)}"
            )
            raise ValueError(msg)
    _check_scheduler(find_engine(engine))
    target = resolve(model, hardware, precision, memory_fraction)
    target.model.check_phase("serving")
    layout = check_layout(
        target.model,
        tp=widths.tp,
        pp=widths.pp,
        ep=widths.ep,
        attention_dp=widths.attention_dp,
        cp=1,
    )  # fmt: skip
    target.hardware.check_devices("devices", layout.devices)
    serves = target.hardware.engine(engine)
    _check_simulated(layout, serves.name)
    grid = make_grid(
        (layout,), batches=(1,), inputs=(1,), outputs=(1,), engine=serves,
        techniques=replace(technique, prefix_hit_rate=0.0),  # what a prompt finds is simulated
    )  # fmt: skip
    efficiency = efficiency_for(target.hardware, target.precision, engine=serves)
    if options.async_scheduling is not None:
        ahead = truth("async_scheduling", options.async_scheduling)
        serves = replace(serves, overlaps_host=ahead)
        behaviour = replace(efficiency.behaviour, overlaps=float(ahead))
        efficiency = replace(efficiency, behaviour=behaviour)
    case = (target.model, target.hardware, target.precision, grid, efficiency)
    return Server(case=case, engine=serves, memory_fraction=target.memory_fraction, options=options)


def _check_scheduler(engine: Engine) -> None:
    """Refuse engines, and versions, whose scheduler is not known."""
    if engine.name not in POLICIES:
        msg = (
            f"engine must be one whose scheduler is known ({', '.join(POLICIES)}), got "
            f"{shown(engine.name)}"
        )
        raise ValueError(msg)
    if not engine.simulated:
        known = [
            since for since in versions_of(engine) if find_engine(engine.name, since).simulated
        ]
        msg = (
            f"engine_version must be one of {engine.label} whose scheduler is simulated, from "
            f"{known[-1]} on, got {shown(engine.version)}"
        )
        raise ValueError(msg)


def _check_simulated(layout: Layout, engine: str) -> None:
    """Refuse pipelines that are not simulated."""
    if layout.pp > 1 and layout.attention_dp > 1:
        msg = (
            "a simulation follows pipeline stages or attention replicas, so that one of pp and "
            f"attention_dp must be 1, got {layout.pp} and {layout.attention_dp}"
        )
        raise ValueError(msg)
    if layout.pp > 1 and engine == "sglang":
        msg = (
            "pp must be 1 with sglang, whose micro batches have queues of their own that are not "
            f"simulated, got {layout.pp}"
        )
        raise ValueError(msg)


def sent_requests(
    given: pd.DataFrame | Requests | None,
    concurrency: int | None,
    rate: float | None,
    burstiness: float,
    count: int,
    lengths: tuple[LengthsLike, LengthsLike],
    seed: int,
    hit_rate: float = 0.0,
) -> Requests:
    """Take the requests that are given, or draw them, with a share of each prompt in common."""
    if given is not None and hit_rate:
        msg = (
            "prefix_hit_rate must be 0 where requests are given, whose columns prefix and "
            f"prefix_tokens say what they share, got {hit_rate}"
        )
        raise ValueError(msg)
    if isinstance(given, Requests):
        whole_number("requests", len(given), most=MOST_REQUESTS)
        return given
    if given is not None:
        return requests_from_frame(
            given, rate=rate, burstiness=burstiness, concurrency=concurrency, seed=seed
        )
    inputs, outputs = (
        one if isinstance(one, Lengths) else FixedLengths(tokens=whole_number(name, one))
        for name, one in zip(("input_tokens", "output_tokens"), lengths, strict=True)
    )
    drawn = draw_requests(
        whole_number("num_prompts", count, most=MOST_REQUESTS),
        input_lengths=inputs,
        output_lengths=outputs,
        rate=rate,
        burstiness=burstiness,
        concurrency=concurrency,
        seed=seed,
    )
    return with_hits(drawn, hit_rate) if hit_rate else drawn


def with_hits(requests: Requests, hit_rate: float) -> Requests:
    """Let all prompts begin alike, each for a share of its tokens, as a long system prompt does.

    Parameters
    ----------
    requests : Requests
        That share nothing.
    hit_rate : float
        Share of the tokens of prompts [1].

    Returns
    -------
    Requests
        The same, which find as much in the cache but for what an earlier one has not computed yet,
        and what does not fill a block.
    """
    shared = np.floor(hit_rate * requests.input_tokens).astype(np.int64)
    return replace(requests, prefix=np.zeros_like(shared), prefix_tokens=shared)


def count_or_none(name: str, value: int | None) -> int | None:
    """Check a count, if one is given."""
    return None if value is None else whole_number(name, value)


def token_budget(asked: int | None, technique: Techniques) -> int | None:
    """Take the most tokens of a step by either of its names."""
    if asked is None:
        return technique.prefill_chunk_tokens
    if technique.prefill_chunk_tokens is not None:
        msg = (
            "prefill_chunk_tokens must be None where max_num_batched_tokens is given, which says "
            f"the same, got {technique.prefill_chunk_tokens} and {asked}"
        )
        raise ValueError(msg)
    return whole_number("max_num_batched_tokens", asked)
