"""How requests came and what the server was told, where a row says so.

The columns ``dp``, ``request_rate``, ``num_requests``, ``max_batched_tokens``, ``memory_fraction``,
``prefix_hit_rate`` and ``lengths`` (see :func:`llmcalc_core.validation.traffic.lengths_of`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from llmcalc_core.checks import fraction, share
from llmcalc_core.defaults import MEMORY_FRACTION
from llmcalc_core.engines import find_engine
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.validation.cells import count_or_one, measured_number, optional_count
from llmcalc_core.validation.names import engine
from llmcalc_core.validation.traffic import (
    Traffic,
    are_fixed,
    at_a_rate,
    lengths_of,
    schedules_ahead,
)
from llmcalc_core.workload.arrivals import ROUNDS, Arrivals

_POISSON = 1.0
"""Burstiness of the clients of vLLM and SGLang where a rate is given [1]."""

_PROMPTS = 1000
"""Requests at a rate where a row does not say: those of ``vllm bench serve``."""


def replicas_and_ranks(fields: Mapping[str, str], config: ModelConfig) -> tuple[int, int | None]:
    """Read the column ``dp``, where a file has it.

    Engines share the experts of a mixture among data parallel ranks; those of a dense model have
    nothing in common, and each serves its part of the requests.

    Returns
    -------
    tuple of (int, int or None)
        Replicas of the model, and attention ranks of each; None where the layout decides.

    Examples
    --------
    >>> from llmcalc_core import find_model
    >>> dense, mixture = find_model("llama3_8b"), find_model("mixtral_8x7b")
    >>> replicas_and_ranks({"dp": "4"}, dense), replicas_and_ranks({"dp": "4"}, mixture)
    ((4, None), (1, 4))
    >>> replicas_and_ranks({}, dense)
    (1, None)
    """
    width = count_or_one(fields, "dp") if "dp" in fields else 1
    if config.num_experts > 1 and width > 1:
        return 1, width
    return width, None


def states_a_rate(fields: Mapping[str, str]) -> bool:
    """Tell whether requests came at a rate; at an infinite one all come at once.

    Examples
    --------
    >>> states_a_rate({"request_rate": "8"}), states_a_rate({"request_rate": "inf"})
    (True, False)
    """
    return math.isfinite(measured_number(fields, "request_rate"))


def arrivals(fields: Mapping[str, str], kind: str, requests: int, batch: int) -> Arrivals:
    """Say how requests of a loop came; without a word saturated runs have fixed lengths.

    Parameters
    ----------
    fields : mapping
        The row.
    kind : str
        As of a case.
    requests, batch : int
        Requests of a replica's whole run, 0 where not known, and those in flight.
    """
    word = fields.get("lengths", "").strip()
    rounds = max(requests / batch, 1.0) if requests and kind == "closed_loop" else float(ROUNDS)
    return Arrivals(fixed_lengths=are_fixed(word) if word else kind == "saturated", rounds=rounds)


def memory_fraction(fields: Mapping[str, str]) -> float:
    """Read what a server was told that it may use of a device's memory."""
    stated = measured_number(fields, "memory_fraction")
    return MEMORY_FRACTION if math.isnan(stated) else fraction("memory_fraction", stated)


def techniques(fields: Mapping[str, str], kind: str, served_by: str) -> dict[str, Any]:
    """Give further arguments of the estimates: a hit rate, and tokens of a step if not as usual.

    Examples
    --------
    >>> techniques({"prefix_hit_rate": "0.5", "max_batched_tokens": "512"}, "closed_loop", "vllm")
    {'prefix_hit_rate': 0.5, 'prefill_chunk_tokens': 512}
    """
    found: dict[str, Any] = {}
    hits = _hit_rate(fields)
    if hits:
        found["prefix_hit_rate"] = hits
    tokens = optional_count(fields, "max_batched_tokens")
    if tokens and kind != "static" and tokens != find_engine(served_by).token_budget:
        found["prefill_chunk_tokens"] = tokens
    return found


def traffic(fields: Mapping[str, str], lengths: tuple[int, int], replicas: int) -> Traffic:
    """Give what one of some replicas is sent at the stated rate."""
    word = fields.get("lengths", "").strip() or "fixed"
    inputs, outputs = (lengths_of(word, one) for one in lengths)
    stated = optional_count(fields, "num_requests") or _PROMPTS
    return Traffic(
        requests=at_a_rate(
            max(round(stated / replicas), 1),
            measured_number(fields, "request_rate") / replicas,
            _POISSON,
            (inputs, outputs),
            _hit_rate(fields),
        ),
        options={
            "max_num_batched_tokens": optional_count(fields, "max_batched_tokens"),
            "async_scheduling": schedules_ahead(
                engine(fields["engine"]), fields.get("engine_version", "")
            ),
        },
    )


def _hit_rate(fields: Mapping[str, str]) -> float:
    stated = measured_number(fields, "prefix_hit_rate")
    return 0.0 if math.isnan(stated) else share("prefix_hit_rate", stated)
