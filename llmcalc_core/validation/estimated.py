"""From a case to what the estimates say about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import llmcalc_core as api  # its public functions
from llmcalc_core.validation.cases import Case
from llmcalc_core.validation.cells import CannotPredictError

_WHOLE_MEMORY = 1.0
"""Part of a device that a static batch may fill: it runs without a server's margin."""

_MOST_REQUESTS = 32_768
"""Requests that a saturated engine is offered where the source states no number."""

Estimate = Mapping[str, Any]


def static_estimate(case: Case, stage: str, trial: Mapping[str, object]) -> Estimate:
    """Estimate a stage of a batch that starts together.

    Parameters
    ----------
    case : Case
        A static case.
    stage : {'prefill', 'decode', 'end_to_end'}
        What was measured.
    trial : mapping
        Further arguments, such as constants to try.

    Returns
    -------
    mapping
        As from the function of the stage.
    """
    asked = {
        **_shared(case), **trial, "batch_size": case.batch, "memory_fraction": _WHOLE_MEMORY,
    }  # fmt: skip
    if stage == "prefill":
        return api.estimate_prefill_performance(**asked)
    if stage == "decode":
        return api.estimate_decode_performance(**asked, output_tokens=case.output_tokens)
    return api.estimate_end_to_end_performance(**asked, output_tokens=case.output_tokens)


def serving_estimate(
    case: Case, trial: Mapping[str, object], *, told: int | None = None
) -> Estimate:
    """Estimate continuous batching at the case's concurrency.

    Parameters
    ----------
    case : Case
        A case of continuous batching.
    trial : mapping
        As of :func:`static_estimate`.
    told : int, optional
        Requests that the server was told to run at least; where not given, those in flight, which a
        benchmark's server lets in.

    Returns
    -------
    mapping
        As from :func:`llmcalc_core.estimate_serving_performance`.
    """
    running = case.batch if told is None else told
    usual = case.hardware.engine(case.serves).max_num_seqs
    asked = {
        **_shared(case), **trial, "attention_data_parallel": case.layout.attention_dp,
        "fixed_lengths": case.arrivals.fixed_lengths, "held_steps": case.arrivals.held_steps,
        "in_step": case.arrivals.in_step, "streaming": case.arrivals.streamed,
        "num_prompts": max(round(float(case.arrivals.rounds) * case.batch), 1),
        "graph_batch_sizes": case.graph_sizes or None, "memory_fraction": case.memory_fraction,
        "max_num_seqs": max(usual, math.ceil(running / case.layout.attention_dp)),
    }  # fmt: skip
    return api.estimate_serving_performance(
        **asked, concurrency=case.batch, output_tokens=case.output_tokens
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturated:
    """A run whose requests are all queued at once, before an engine that takes what fits.

    Attributes
    ----------
    batch : int
        Requests in flight while enough are queued.
    requests : int
        Requests of the whole run.
    waves : float
        Time of the run over that of one request: its last requests run with fewer beside them.
    estimate : mapping
        Of continuous batching with ``batch`` in flight.
    """

    batch: int
    requests: int
    waves: float
    estimate: Estimate

    @property
    def tokens_per_s(self) -> float:
        """Output tokens of the run over its time."""
        full: float = self.estimate["tokens_per_s"]
        return full * self.requests / self.batch / self.waves


def saturated_run(case: Case, trial: Mapping[str, object]) -> Saturated:
    """Estimate a saturated run: with the largest batch that fits, to its last request.

    Raises
    ------
    CannotPredictError
        If not one request fits.
    """
    most = min(case.batch or _MOST_REQUESTS, case.requests or _MOST_REQUESTS)
    estimate = serving_estimate(replace(case, batch=most), trial, told=case.batch)
    batch = min(most, int(estimate["running"]))
    if batch < 1:
        msg = "no batch fits the memory of the devices"
        raise CannotPredictError(msg)
    if batch < most:
        estimate = serving_estimate(replace(case, batch=batch), trial)
    requests = case.requests or batch
    full, left = divmod(requests, batch)
    waves = float(full)
    if left:
        last = serving_estimate(replace(case, batch=left), trial)
        waves += (left / last["tokens_per_s"]) / (batch / estimate["tokens_per_s"])
    return Saturated(batch=batch, requests=requests, waves=waves, estimate=estimate)


def _shared(case: Case) -> dict[str, Any]:
    """Arguments that every estimate takes."""
    return {
        "model": case.model,
        "input_tokens": case.input_tokens,
        "system_name": case.hardware,
        "bits": case.precision,
        "tensor_parallel": case.layout.tp,
        "pipeline_parallel": case.layout.pp,
        "expert_parallel": case.layout.ep,
        "engine": case.serves,
        "engine_version": case.serves.version,
        **case.techniques,
    }
