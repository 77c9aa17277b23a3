"""Plans, reasons and counts in words."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core import DoesNotFitError, Evaluation, EvaluationRequest, get_minimum_system_size
from llmcalc_widgets.engines import ENGINE_NAMES
from llmcalc_widgets.view.units import banded_seconds, counted, gigabytes, number, seconds

TIMES = "\N{MULTIPLICATION SIGN}"

Row = Any  # a row of the frame: a Series whose figures differ in type

STAGE_WORDS = {
    "decode": "decode",
    "prefill": "prefill",
    "serving": "serving by continuous batching",
}
LATENCY_WORDS = {
    "decode": "per output token",
    "prefill": "to the first token",
    "serving": "per output token",
}
THROUGHPUT_WORDS = {
    "decode": "Generated tokens/s per device",
    "prefill": "Prompt tokens/s per device",
    "serving": "Generated tokens/s per device",
}
BASIS_WORDS = {
    "measured": "measured: fitted to measurements of this model on this device, or to your own",
    "calibrated": "calibrated: fitted to measurements on this device and number format",
    "transferred": "transferred: from measurements on a related device or number format",
    "assumed": "assumed: no measurements on this device or a relative of it",
}
BOUND_WORDS = {
    "compute": "compute rate",
    "memory bandwidth": "memory bandwidth",
    "link": "links between devices",
    "overhead": "fixed overheads",
    "host link": "link to the host",
}
TIME_WORDS = {
    "gemm_s": "matrix products",
    "attention_s": "attention",
    "communication_s": "communication",
    "memory_traffic_s": "other memory traffic",
    "overhead_s": "overhead",
}
MEMORY_WORDS = {
    "weights_bytes": "weights",
    "kv_cache_bytes": "KV cache",
    "activations_bytes": "activations",
    "reserve_bytes": "reserve",
}


_PLAN_COLUMNS = ("tp", "pp", "ep", "cp", "replicas", "batch")
_VERDICT_COLUMNS = ("rejected_for", "memory_headroom_bytes")


def split_words(row: Row) -> str:
    """Say how a replica is split, such as 'TP 4 x PP 2'."""
    return _split_words(row["tp"], row["pp"], row["ep"], row.get("cp", 1))


def plan_words(row: Row, stage: str) -> str:
    """Say what a plan is, such as 'TP 4 x PP 1 x 2 replicas, batch 64 each'."""
    *widths, replicas, batch = (row.get(name, 1) for name in _PLAN_COLUMNS)
    return _plan_words(tuple(widths), replicas, load_words(batch, stage))


def load_words(batch: int, stage: str) -> str:
    """Say what a replica has to do at a time: a batch, or requests in flight.

    Examples
    --------
    >>> load_words(1024, "decode"), load_words(1024, "serving")
    ('batch 1,024', '1,024 in flight')
    """
    return f"{batch:,} in flight" if stage == "serving" else f"batch {batch:,}"


def _split_words(tp: int, pp: int, ep: int, cp: int) -> str:
    experts = f" {TIMES} EP {ep}" if ep > 1 else ""
    contexts = f" {TIMES} CP {cp}" if cp > 1 else ""
    return f"TP {tp} {TIMES} PP {pp}{experts}{contexts}"


@lru_cache(maxsize=8192)
def _plan_words(widths: tuple[int, int, int, int], replicas: int, load: str) -> str:
    each = " each" if replicas > 1 else ""
    copies = counted(replicas, "replica")
    return f"{_split_words(*widths)} {TIMES} {copies}, {load}{each}"


def rejection_words(row: Row, request: EvaluationRequest) -> str:
    """Say why a plan is rejected; empty if it is not."""
    return _rejection_words(row["rejected_for"], row["memory_headroom_bytes"], request)


def _rejection_words(reason: str, free_bytes: float, request: EvaluationRequest) -> str:
    if reason == "memory":
        return f"does not fit: {gigabytes(-free_bytes)} short per device"
    if reason == "host memory":
        return "does not fit in the host's memory"
    return f"over the limit of {seconds(request.latency_limit_s or 0.0)}" if reason else ""


def tooltips(evaluation: Evaluation, rows: NDArray[np.intp]) -> list[str]:
    """Describe each row in a few lines of text."""
    what = LATENCY_WORDS[evaluation.request.stage]
    names = (
        evaluation.latency_column,
        *evaluation.band_columns,
        "tokens_per_s_per_device",
        *_VERDICT_COLUMNS,
    )
    figures = (_column(evaluation, rows, name) for name in names)
    return [
        f"{plan}\nTime {what}: {', '.join(banded_seconds(latency, low, high))}"
        f"\n{number(rate)} tokens/s per device"
        + (f"\n{_rejection_words(reason, free, evaluation.request)}" if reason else "")
        for plan, latency, low, high, rate, reason, free in zip(
            plans_words(evaluation, rows), *figures, strict=True
        )
    ]


def plans_words(evaluation: Evaluation, rows: NDArray[np.intp]) -> list[str]:
    """Say what the plan of each row is."""
    *widths, replicas, batches = (_column(evaluation, rows, name) for name in _PLAN_COLUMNS)
    loads = (load_words(batch, evaluation.request.stage) for batch in batches)
    return [*map(_plan_words, zip(*widths, strict=True), replicas, loads)]


def _column(evaluation: Evaluation, rows: NDArray[np.intp], name: str) -> list[Any]:
    """List a column of some rows, faster than a frame of them is made; a width not tried is 1."""
    if name not in evaluation.frame:
        return [1] * len(rows)
    return list(evaluation.frame[name].to_numpy()[rows].tolist())


def question_words(request: EvaluationRequest) -> tuple[str, str]:
    """Say what is deployed on what, and with which workload; not escaped."""
    deployed = (
        f"{request.models[0].model or 'unnamed model'} on "
        f"{request.devices[-1]:,} {TIMES} {request.hardware[0].name}"
    )
    workload = (
        f"{STAGE_WORDS[request.stage]}, {ENGINE_NAMES[request.engine]}, "
        f"{request.precisions_of(request.models[0])[0].label}, "
        f"{request.input_tokens[0]:,} tokens in, {request.output_tokens[0]:,} out"
    )
    return deployed, workload


def status_words(evaluation: Evaluation, drawn: int, brushed: int | None) -> str:
    """Count the plans, those drawn if not all are, and those in the brush if there is one."""
    frame, request = evaluation.frame, evaluation.request
    fitting = int((frame["rejected_for"] != "memory").sum())
    some = f" ({drawn:,} of them drawn)" if drawn < len(frame) else ""
    parts = [counted(len(frame), "plan") + some, f"{fitting:,} fit in memory"]
    if request.latency_limit_s is not None:
        parts.append(f"{int((frame['rejected_for'] == '').sum()):,} within the limit")
    parts.append(f"{int(frame['on_front'].sum()):,} on the front")
    if brushed is not None:
        parts.append(f"{brushed:,} in the brush")
    return ", ".join(parts)


def nothing_words(evaluation: Evaluation) -> str:
    """Say why no plan is left, and what would help; empty if some plan is."""
    frame, request = evaluation.frame, evaluation.request
    if evaluation.recommended is not None:
        return ""
    late = frame[frame["rejected_for"] == "latency limit"]
    if not late.empty:
        fastest = late.iloc[int(late[evaluation.latency_column].argmin())]
        return (
            f"No plan that fits in memory meets the limit of "
            f"{seconds(request.latency_limit_s or 0.0)}. The fastest needs "
            f"{seconds(fastest[evaluation.latency_column])} {LATENCY_WORDS[request.stage]}: "
            f"{plan_words(fastest, request.stage)}."
        )
    closest = frame.iloc[int(frame["memory_headroom_bytes"].argmax())]
    return (
        f"{request.models[0].model or 'The model'} does not fit on "
        f"{counted(request.devices[-1], 'device')} of {request.hardware[0].name}. The smallest "
        f"plan, {plan_words(closest, request.stage)}, is "
        f"{gigabytes(-closest['memory_headroom_bytes'])} short on a device. "
        f"{_enough_words(request)}"
    )


def _enough_words(request: EvaluationRequest) -> str:
    batch = request.batches[0]
    try:
        enough = get_minimum_system_size(
            model=request.models[0],
            system_name=request.hardware[0],
            batch_size=batch,
            input_tokens=request.input_tokens[0],
            output_tokens=request.output_tokens[0],
            bits=request.precisions_of(request.models[0])[0],
            memory_fraction=request.memory_fraction,
        )
    except DoesNotFitError:
        return "No number of these devices would do."
    return f"{counted(enough, 'device')} would do at {load_words(batch, request.stage)}."


def share_words(part: float, whole: float) -> str:
    """Say a share in percent."""
    return f"{number(100 * part / whole)} %" if whole else "0 %"
