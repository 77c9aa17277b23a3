"""Rows of serving under closed-loop concurrency: a row becomes a case."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from llmcalc_core.architecture.model import architecture
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.validation.cases import Case
from llmcalc_core.validation.cells import (
    CannotPredictError,
    count_or_one,
    measured_number,
    stated_count,
)
from llmcalc_core.validation.inferencex import settings
from llmcalc_core.validation.names import checkpoint_precision, device, engine, model
from llmcalc_core.workload.requests import SHORTEST_SHARE, Arrivals

COLUMNS = (
    "id", "model", "hardware", "engine", "weights", "concurrency", "tensor_parallel",
    "pipeline_parallel", "attention_data_parallel", "moe_tensor_parallel",
    "moe_expert_parallel", "input_tokens", "output_tokens",
)  # fmt: skip
"""Columns that a row is read from; those of what was measured may be absent."""

METRICS = ("ttft_ms", "tpot_ms")

_DRAWN_SHARE = (1 + SHORTEST_SHARE) / 2
"""Mean length over the nominal one where InferenceX draws lengths; those of others are fixed."""

_INFERENCEX = "InferenceX"
_INFERENCEX_IDS = re.compile(r"\d{4}_\d\d_\d\d_.*|.*_cfg\d+|.*_gap_analysis_.*")
"""How its rows are called in aiconfigurator's files, which do not name their source otherwise: by
the day of a sweep, the number of a configuration at the end, or as of a "gap analysis", whose
figures are those of rows of the other two forms, rounded."""

_APART_SINCE = (0, 5, 6)
"""Versions of SGLang from here on whose clients in vendors' sweeps of fixed lengths are taken to
come apart. Their scripts are not published; that 42 runs of 0.5.1 wait for all others, as they do
in the simulator, and 66 of 0.5.6 hardly do, is told by the rows' own times."""

_APART = 0.1
"""How far they stay in step [1]; between 0 and 0.2 the rows' times say much the same."""

_NODE_DEVICES = 8
"""Devices of a server: no row is of more."""


def source_of(fields: Mapping[str, str]) -> str:
    """Who measured a row, by ``source_ref`` where a file has it, else by the form of its id.

    Examples
    --------
    >>> source_of({"id": "dsr1_b200_sglang_fp4_agg_1024x1024_c4_cfg202"})
    'InferenceX'
    >>> source_of({"id": "qwen_qwen3_32b_h100_sxm_vllm_agg_1024x1024_c8_tp2_epnone_31"})
    'vendor sweep'
    """
    named = fields.get("source_ref", "").strip()
    if named:
        ours = _INFERENCEX in named
    else:
        ours = _INFERENCEX_IDS.fullmatch(fields["id"].strip()) is not None
    return _INFERENCEX if ours else "vendor sweep"


def in_step(fields: Mapping[str, str]) -> float:
    """How far the clients of a sweep of fixed lengths stay in step.

    Examples
    --------
    >>> in_step({"engine": "sglang", "engine_version": "0.5.1.post1"})
    1.0
    >>> in_step({"engine": "sglang", "engine_version": "0.5.6.post2"})
    0.1
    """
    numbers = re.match(r"v?(\d+)\.(\d+)\.(\d+)", fields.get("engine_version", "").strip())
    if engine(fields["engine"]) != "sglang" or numbers is None:
        return 1.0
    return _APART if tuple(map(int, numbers.groups())) >= _APART_SINCE else 1.0


def read_case(fields: Mapping[str, str]) -> Case:
    """Turn a row into a case.

    Raises
    ------
    CannotPredictError
        If something is not stated or not known.
    ValueError
        If a cell holds no valid value, or the model can't be laid out so.
    """
    config = model(fields["model"])
    hardware = device(fields["hardware"])
    served_by = engine(fields["engine"])
    source = source_of(fields)
    drawn = source == _INFERENCEX
    share = _DRAWN_SHARE if drawn else 1.0
    case = Case(
        id=fields["id"],
        source=source,
        model=config,
        hardware=hardware,
        engine=served_by,
        engine_version=fields.get("engine_version", ""),
        precision=checkpoint_precision(
            fields["weights"], model=config, hardware=hardware, engine=served_by
        ),
        layout=check_layout(
            architecture(config),
            tp=stated_count(fields, "tensor_parallel"),
            pp=count_or_one(fields, "pipeline_parallel"),
            ep=count_or_one(fields, "moe_expert_parallel"),
            attention_dp=_attention_ranks(fields),
        ),
        kind="closed_loop",
        batch=stated_count(fields, "concurrency"),
        input_tokens=round(share * stated_count(fields, "input_tokens")),
        output_tokens=round(share * stated_count(fields, "output_tokens")),
        metrics=METRICS,
        measured=tuple(measured_number(fields, metric) for metric in METRICS),
        arrivals=Arrivals(fixed_lengths=not drawn, in_step=in_step(fields)),
    )
    return _as_its_server_was_set(case) if drawn else case


def _as_its_server_was_set(case: Case) -> Case:
    told = settings(case)
    kv_cache = told.kv_cache or case.precision.kv_cache
    layout = replace(case.layout, ep=case.layout.tp) if told.experts_apart else case.layout
    return replace(
        case,
        engine_version=told.engine_version or case.engine_version,
        told=told.told,
        precision=replace(case.precision, kv_cache=kv_cache),
        layout=layout,
        arrivals=Arrivals(held_steps=told.held_steps),
    )


def _attention_ranks(fields: Mapping[str, str]) -> int:
    """Count the attention replicas.

    On n devices with n groups of experts the files may give the mixture a tensor width of n as
    well, and n x n attention ranks. There are n: rows of the same run that are recorded rightly
    have the same figures, and times per token fit n devices and no others.

    Raises
    ------
    CannotPredictError
        If there are more ranks than devices of a server, and no such reason.
    """
    ranks = count_or_one(fields, "attention_data_parallel")
    slices = count_or_one(fields, "moe_tensor_parallel")
    groups = count_or_one(fields, "moe_expert_parallel")
    if ranks > 1 and slices == groups > 1:
        return groups
    if ranks > _NODE_DEVICES and slices * groups > 1:
        msg = (
            f"{ranks} attention ranks with a mixture split of {slices} x {groups} are more than "
            f"the {_NODE_DEVICES} devices of a server"
        )
        raise CannotPredictError(msg)
    return ranks
