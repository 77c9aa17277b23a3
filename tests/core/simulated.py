"""Step times and requests that tests of the simulator share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from llmcalc_core.simulation.settings import Settings
from llmcalc_core.simulation.steps import FormedStep
from llmcalc_core.workload.requests import Requests


@dataclass(frozen=True)
class LinearSteps:
    """Steps that take a time of their own, and more with each token and with longer contexts."""

    base: float = 1.0
    token: float = 0.0
    context: float = 0.0
    stage: float = 0.0

    def decode(self, sequences: int, context: int, beside: float = 0.0) -> float:
        return self.mixed(sequences, context, (), beside)

    def mixed(
        self,
        sequences: int,
        context: int,
        prompts: Sequence[tuple[int, int]],
        beside: float = 0.0,
    ) -> float:
        tokens = sequences + sum(new for new, _ in prompts)
        held = context + sum(before for _, before in prompts)
        return self.base + self.token * tokens + self.context * held + beside

    def stage_seconds(self, tokens: int, *, reads: bool) -> float:  # noqa: ARG002 - as the others
        return self.stage * tokens


@dataclass(frozen=True)
class EqualStages:
    """A pipeline each of whose stages takes the same time for a step."""

    steps: LinearSteps
    stages: int

    def seconds(
        self, sequences: int, context: int, prompts: Sequence[tuple[int, int]]
    ) -> tuple[float, float]:
        seconds = self.steps.mixed(sequences, context, prompts)
        return seconds, self.stages * seconds


def requests_of(
    lengths: Iterable[tuple[int, int]],
    *,
    arrival_s: Sequence[float] | None = None,
    prefix: Sequence[int] | None = None,
    prefix_tokens: Sequence[int] | None = None,
    conversation: Sequence[int] | None = None,
    after: Sequence[int] | None = None,
    concurrency: int | None = None,
) -> Requests:
    """Requests of these tokens in and out; all at once and with nothing in common unless told."""
    inputs, outputs = np.array(list(lengths), np.int64).T
    none = [-1] * inputs.size
    return Requests(
        arrival_s=np.array(arrival_s or [0.0] * inputs.size, float),
        input_tokens=inputs,
        output_tokens=outputs,
        prefix=np.array(prefix or none),
        prefix_tokens=np.array(prefix_tokens or [0] * inputs.size),
        conversation=np.array(conversation or none),
        after=np.array(after or none),
        concurrency=concurrency,
    )


def settings_of(**changes: object) -> Settings:
    """Settings of a small engine with room for everything."""
    small = {"policy": "vllm", "token_budget": 64, "max_num_seqs": 8, "kv_blocks": 1000}
    return Settings(**(small | {"block_tokens": 4} | changes))


def one_by_one(formed: Iterable[FormedStep]) -> list[tuple[tuple[int, ...], tuple[object, ...]]]:
    """What each step held: who decoded, and which parts of prompts were read."""
    return [(step.decoding, step.chunks) for step in formed for _ in range(step.steps)]
