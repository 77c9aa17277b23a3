"""Pools that vLLM's own planning made: a row becomes a question."""

from __future__ import annotations

import math
from collections.abc import Mapping

from llmcalc_core.architecture.model import architecture
from llmcalc_core.memory.cache_groups import cache_groups
from llmcalc_core.memory.held_blocks import printed_concurrency, running_requests
from llmcalc_core.precision import PLAIN
from llmcalc_core.validation.cases import Case
from llmcalc_core.validation.cells import (
    CannotPredictError,
    measured_number,
    stated_count,
    stated_number,
)
from llmcalc_core.validation.logged_names import UNKNOWN_DEVICE, checkpoint_model
from llmcalc_core.workload.layout import Layout

COLUMNS = (
    "model", "tp", "input_tokens", "output_tokens", "available_bytes", "kv_cache_dtype",
    "max_model_len", "max_num_batched_tokens", "max_num_seqs",
)  # fmt: skip
"""Columns of planned pools."""

METRICS = ("num_blocks", "printed_tokens", "printed_concurrency", "peak_running")


def source_of_pool(fields: Mapping[str, str]) -> str:  # noqa: ARG001 - one maker
    """Say what made a row."""
    return "vLLM"


def read_pool(fields: Mapping[str, str]) -> Case:
    """Predict what vLLM's planning and scheduler make of a pool.

    Raises
    ------
    CannotPredictError
        If its model is not known or keeps nothing.
    ValueError
        For a cell that is no number.
    """
    config, _ = checkpoint_model(fields["model"])
    element = 1.0 if fields["kv_cache_dtype"].startswith("fp8") else 2.0
    groups = cache_groups(architecture(config), element, stated_count(fields, "tp"))
    if groups is None:
        msg = f"{config.model} keeps nothing of a request"
        raise CannotPredictError(msg)
    prompt, answer, length, budget, seqs = (
        float(stated_count(fields, column))
        for column in (
            "input_tokens", "output_tokens", "max_model_len", "max_num_batched_tokens",
            "max_num_seqs",
        )
    )  # fmt: skip
    blocks = float(stated_number(fields, "available_bytes") // groups.block_bytes)
    concurrency = float(
        printed_concurrency(groups, blocks=blocks, length=length, in_flight=2 * budget)
    )
    running = running_requests(
        groups, blocks=blocks, prompt=prompt, answer=answer, token_budget=budget,
        in_flight=2 * budget,
    )  # fmt: skip
    return Case(
        id=fields["id"],
        source="vLLM",
        model=config,
        hardware=UNKNOWN_DEVICE,
        engine="vllm",
        precision=PLAIN,
        layout=Layout(tp=stated_count(fields, "tp")),
        kind="start_up",
        batch=0,
        input_tokens=int(prompt),
        output_tokens=int(answer),
        metrics=METRICS,
        measured=tuple(measured_number(fields, metric) for metric in METRICS),
        predicted=(
            blocks, math.floor(concurrency * length), concurrency, min(float(running), seqs),
        ),
    )  # fmt: skip
