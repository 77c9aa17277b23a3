"""A plan with an engine on it, to which requests are sent one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from llmcalc_core.api.make_request import HardwareLike, ModelLike, PrecisionLike, resolve
from llmcalc_core.checks import truth, whole_number
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.micro_batch import Case
from llmcalc_core.engines import Engine, find_engine
from llmcalc_core.memory.budget import memory_budget
from llmcalc_core.planning.basis import basis_of
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.simulation.outcome import Outcome
from llmcalc_core.simulation.scheduler import run
from llmcalc_core.simulation.server import ServerOptions, settings_of, with_overheads
from llmcalc_core.simulation.settings import POLICIES, Settings
from llmcalc_core.simulation.step_times import StepTimes, step_times
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.lengths import FixedLengths, LognormalLengths, UniformLengths
from llmcalc_core.workload.request_frame import requests_from_frame
from llmcalc_core.workload.requests import Requests, draw_requests
from llmcalc_core.workload.techniques import NO_TECHNIQUES

if TYPE_CHECKING:
    import pandas as pd

LengthsLike = int | FixedLengths | UniformLengths | LognormalLengths

_IN_LOOP = 1.0
"""Of the steps to the first token in a closed loop, where a client always comes back just after a
step has begun, that step [1]. What requests that come at any time wait for it is simulated, as is a
step that is prepared ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A plan with an engine on it."""

    case: Case
    engine: Engine
    memory_fraction: float
    options: ServerOptions

    def settings(self, requests: Requests) -> Settings:
        """Set the engine up for some requests."""
        budget = memory_budget(self.case[1], self.memory_fraction, self.engine.name)
        return settings_of(self.case, self.engine, budget, requests, self.options)

    @property
    def basis(self) -> str:
        """What the times of its steps rest on."""
        model, hardware, _, _, efficiency = self.case
        return basis_of(model, hardware, efficiency, NO_TECHNIQUES)

    def step_times(self, requests: Requests, settings: Settings) -> StepTimes:
        """Time the steps that these requests need."""
        longest = int((requests.input_tokens + requests.output_tokens).max())
        return step_times(
            self.case,
            longest=longest,
            most_sequences=min(settings.max_num_seqs, len(requests)),
            token_budget=settings.token_budget,
        )

    def serve(
        self,
        requests: Requests,
        settings: Settings,
        times: StepTimes,
        progress: Callable[[float], object] | None = None,
    ) -> Outcome:
        """Serve requests, with what they wait outside of steps."""
        behaviour = self.case[4].behaviour
        steps = float(behaviour.first_token_steps)
        if requests.concurrency is None:
            steps = max(steps - _IN_LOOP - settings.steps_ahead, 0.0)
        return with_overheads(
            run(requests, times, settings, progress=progress),
            first_token_s=float(behaviour.first_token_s),
            first_steps=steps,
        )


def make_server(
    model: ModelLike,
    hardware: HardwareLike,
    precision: PrecisionLike,
    widths: tuple[int, int],
    engine: str,
    memory_fraction: float,
    options: ServerOptions,
) -> Server:
    """Look up names and check the plan."""
    serves = find_engine(engine)
    if serves.name not in POLICIES:
        msg = f"engine must be one whose scheduler is known ({', '.join(POLICIES)}), got {engine!r}"
        raise ValueError(msg)
    target = resolve(model, hardware, precision, memory_fraction)
    layout = check_layout(target.model, tp=widths[0], pp=1, ep=widths[1], attention_dp=None, cp=1)
    target.hardware.check_devices("devices", layout.devices)
    if layout.attention_dp > 1:
        msg = (
            "simulate follows one attention replica, so that ep must be at most tp, got ep "
            f"{widths[1]} and tp {widths[0]}"
        )
        raise ValueError(msg)
    grid = make_grid(
        (layout,), batches=(1,), inputs=(1,), outputs=(1,), engine=serves.name,
        techniques=NO_TECHNIQUES,
    )  # fmt: skip
    efficiency = efficiency_for(target.hardware, target.precision, engine=serves.name)
    if options.async_scheduling is not None:
        ahead = truth("async_scheduling", options.async_scheduling)
        serves = replace(serves, overlaps_host=ahead)
        behaviour = replace(efficiency.behaviour, overlaps=float(ahead))
        efficiency = replace(efficiency, behaviour=behaviour)
    case = (target.model, target.hardware, target.precision, grid, efficiency)
    return Server(case=case, engine=serves, memory_fraction=target.memory_fraction, options=options)


def sent_requests(
    given: pd.DataFrame | Requests | None,
    concurrency: int | None,
    rate: float | None,
    burstiness: float,
    count: int,
    lengths: tuple[LengthsLike, LengthsLike],
    seed: int,
) -> Requests:
    """Take the requests that are given, or draw them."""
    if isinstance(given, Requests):
        return given
    if given is not None:
        return requests_from_frame(
            given, rate=rate, burstiness=burstiness, concurrency=concurrency, seed=seed
        )
    inputs, outputs = (
        FixedLengths(tokens=whole_number(name, one)) if isinstance(one, int) else one
        for name, one in zip(("input_tokens", "output_tokens"), lengths, strict=True)
    )
    return draw_requests(
        whole_number("num_prompts", count),
        input_lengths=inputs,
        output_lengths=outputs,
        rate=rate,
        burstiness=burstiness,
        concurrency=concurrency,
        seed=seed,
    )


def count_or_none(name: str, value: int | None) -> int | None:
    """Check a count, if one is given."""
    return None if value is None else whole_number(name, value)
