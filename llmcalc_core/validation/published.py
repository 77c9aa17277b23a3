"""Rows of published tables of static, closed- and open-loop and saturated runs: a row as a case."""

from __future__ import annotations

import re
from collections.abc import Mapping

from llmcalc_core.architecture.model import architecture
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.precision import Precision
from llmcalc_core.validation.cases import Case
from llmcalc_core.validation.cells import (
    CannotPredictError,
    count_or_one,
    measured_number,
    optional_count,
    stated_count,
)
from llmcalc_core.validation.names import checkpoint_precision, device, engine, model
from llmcalc_core.validation.traffic import (
    arrivals,
    memory_fraction,
    replicas_and_ranks,
    states_a_rate,
    techniques,
    traffic,
)
from llmcalc_core.workload.layout import Layout

COLUMNS = (
    "id", "source_title", "engine", "model", "hardware", "n_devices", "tp", "pp", "ep",
    "precision_weights", "precision_kv", "stage_or_metric", "batch_or_concurrency",
    "input_tokens", "output_tokens", "per", "kind", "notes",
)  # fmt: skip
"""Columns that a row is read from; ``value``, what was measured, may be absent, and so may the
columns of a stated load."""

# The longest wait for a first token of a static batch is its prefill. A throughput of
# unspecified scope falls with the length of the prompt in its source, as output tokens do.
# FasterTransformer calls 2**30 bytes a GB (print_mem_usage in its cuda_utils.h).
_METRICS = {
    "ttft_ms": "ttft_ms",
    "ttft_max_ms": "ttft_ms",
    "prefill_latency_ms": "ttft_ms",
    "tpot_ms": "tpot_ms",
    "tpot_p50_ms": "tpot_ms",
    "decode_latency_total_ms": "decode_ms",
    "e2e_latency_ms": "e2e_ms",
    "throughput_output_tok_s": "tokens_per_s",
    "throughput_tok_s_unspecified_scope": "tokens_per_s",
    "memory_used_gb": "memory_gib",
    "fits_in_memory": "fits",
}
_KINDS = {
    "static_batch": "static",
    "closed_loop_concurrency": "closed_loop",
    "inflight_saturated": "saturated",
}
_NOTED_LENGTHS = re.compile(r"p50 in (\d+), out (\d+)")
_ACCELMARK_LENGTHS = (280, 310)
"""Median lengths of AccelMark's suites; a time per token at batch 1 hardly depends on them."""

_SATURATED = "TensorRT-LLM perf-overview"
"""Its document says with how many requests each pair of lengths ran."""

_DIVIDED = f"{_SATURATED} v1"
"""From version 1.0 on it has mixtures run with attention data parallelism and expert parallelism
over all devices of a stage; in 0.17 their tensors are divided."""

_MOST_IN_A_REPLICA = 4096
"""Requests that ``trtllm-bench`` lets an attention replica have in flight at the most
(tensorrt_llm/bench/build/tuning.py, finetune_setting; read 2026-11-29)."""

_GRAPH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 384, 512, 1024, 2048, 4096, 8192)
"""``cuda_graph_config.batch_sizes`` of its runs from 0.21 on, padded (docs/source/performance/
perf-overview.md; read 2026-11-29)."""

_REQUESTS = {
    (128, 128): 30_000, (128, 2048): 3000, (128, 4096): 1500, (500, 2000): 3000,
    (1000, 1000): 3000, (1000, 2000): 1500, (2048, 128): 3000, (2048, 2048): 1500,
    (5000, 500): 1500, (20_000, 2000): 1000,
    (1024, 1024): 3000, (8192, 1024): 1500, (1024, 8192): 1500, (32_768, 1024): 1000,
    (1024, 32_768): 1000,
}  # fmt: skip


def source_of(fields: Mapping[str, str]) -> str:
    """Who measured a row."""
    return fields["source_title"]


def read_case(fields: Mapping[str, str]) -> Case:
    """Turn a row into a case.

    Raises
    ------
    CannotPredictError
        If something is not stated, not known or not what an estimate describes.
    ValueError
        If a cell holds no valid value, or the model can't be laid out so.
    """
    metric = _known(fields, "stage_or_metric", _METRICS)
    kind = "open_loop" if states_a_rate(fields) else _known(fields, "kind", _KINDS)
    _refuse_queued(fields)
    config = model(fields["model"])
    replicas, ranks = replicas_and_ranks(fields, config)
    layout = _layout(fields, config, replicas, ranks)
    lengths = _lengths(fields, metric)
    hardware = device(fields["hardware"])
    served_by = engine(fields["engine"])
    batch = 0 if kind == "open_loop" else _batch(fields, kind, layout, replicas)
    requests = _requests(fields, kind, lengths, replicas)
    return Case(
        id=fields["id"],
        source=source_of(fields),
        model=config,
        hardware=hardware,
        engine=served_by,
        engine_version=_version(fields),
        precision=_precision(fields, config, hardware, served_by),
        layout=layout,
        kind=kind,
        batch=batch,
        input_tokens=lengths[0],
        output_tokens=lengths[1],
        metrics=(metric,),
        measured=(measured_number(fields, "value"),),
        per=_per(fields, layout, replicas) if metric == "tokens_per_s" else 1,
        requests=requests if kind == "saturated" else 0,
        arrivals=arrivals(fields, kind, requests, batch),
        memory_fraction=memory_fraction(fields),
        techniques={} if kind == "open_loop" else techniques(fields, kind, served_by),
        traffic=traffic(fields, lengths, replicas) if kind == "open_loop" else None,
        graph_sizes=_GRAPH_SIZES if source_of(fields).startswith(_DIVIDED) else (),
    )


def _known(fields: Mapping[str, str], column: str, meanings: Mapping[str, str]) -> str:
    text = fields[column].strip()
    if text not in meanings:
        msg = f"{column} {text!r} is none that an estimate describes"
        raise CannotPredictError(msg)
    return meanings[text]


def _refuse_queued(fields: Mapping[str, str]) -> None:
    if "requests queued (" in fields["notes"]:
        msg = "requests waited for room in the cache: neither a static batch nor its concurrency"
        raise CannotPredictError(msg)


def _layout(
    fields: Mapping[str, str], config: ModelConfig, replicas: int, ranks: int | None
) -> Layout:
    tp, ep = stated_count(fields, "tp"), count_or_one(fields, "ep")
    if config.num_experts > 1 and source_of(fields).startswith(_DIVIDED):
        tp, ep, ranks = 1, tp, tp
    layout = check_layout(
        architecture(config), tp=tp, pp=count_or_one(fields, "pp"), ep=ep, attention_dp=ranks
    )
    devices = stated_count(fields, "n_devices")
    if devices != layout.devices * replicas:
        msg = f"{devices} devices are stated for a layout of {layout.devices * replicas}"
        raise CannotPredictError(msg)
    return layout


def _lengths(fields: Mapping[str, str], metric: str) -> tuple[int, int]:
    """Prompt and generated tokens, from their columns or from the notes."""
    if fields["input_tokens"].strip() and fields["output_tokens"].strip():
        # A prefill alone is written as 0 output tokens; its one token comes with it.
        return stated_count(fields, "input_tokens"), count_or_one(fields, "output_tokens")
    noted = _NOTED_LENGTHS.search(fields["notes"])
    if noted:
        return int(noted[1]), int(noted[2])
    if metric == "tpot_ms" and fields["source_title"].startswith("AccelMark"):
        return _ACCELMARK_LENGTHS
    msg = "lengths of prompts and outputs are not stated"
    raise CannotPredictError(msg)


def _batch(fields: Mapping[str, str], kind: str, layout: Layout, replicas: int) -> int:
    """Count a replica's requests in flight; of a saturated run the most, where the source tells."""
    if kind == "saturated" and "max_num_seqs=" not in fields["notes"]:
        ours = source_of(fields).startswith(_SATURATED)
        return _MOST_IN_A_REPLICA * layout.attention_dp if ours else 0
    return max(round(stated_count(fields, "batch_or_concurrency") / replicas), 1)


def _requests(fields: Mapping[str, str], kind: str, lengths: tuple[int, int], replicas: int) -> int:
    """Count a replica's requests of a whole run; 0 where the source does not tell."""
    stated = optional_count(fields, "num_requests")
    if stated is not None:
        return max(round(stated / replicas), 1)
    if kind == "saturated" and source_of(fields).startswith(_SATURATED):
        return _REQUESTS.get(lengths, 0)
    return 0


def _per(fields: Mapping[str, str], layout: Layout, replicas: int) -> float:
    scopes = {"per_instance": 1 / replicas, "per_gpu": float(layout.devices)}
    text = fields["per"].strip()
    if text not in scopes:
        msg = "the source does not say whether the throughput is per instance or per device"
        raise CannotPredictError(msg)
    return scopes[text]


_UNSTATED = {"SGLang cookbook": "0.5.9"}
"""What rows of a source that state no number are read as: the others of SGLang's cookbook at
7b5bd9c are of 0.5.6 to 0.5.9."""


def _version(fields: Mapping[str, str]) -> str:
    stated = fields.get("engine_version", "")
    return stated if re.search(r"\d", stated) else _UNSTATED.get(source_of(fields), stated)


def _precision(
    fields: Mapping[str, str], config: ModelConfig, hardware: Hardware, served_by: str
) -> Precision:
    weights = fields["precision_weights"].strip()
    if weights == "int8" and "weight-only" in fields["notes"]:
        weights = "w8a16"
    return checkpoint_precision(
        weights,
        model=config,
        hardware=hardware,
        engine=served_by,
        kv_cache=fields["precision_kv"],
    )
