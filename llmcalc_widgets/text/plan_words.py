"""Plans, layouts, reasons and counts in words."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmcalc_core import LIMITS, Evaluation, EvaluationRequest
from llmcalc_widgets.text.units import (
    banded_seconds,
    counted,
    gigabytes,
    number,
    number_text,
    percentile_text,
    seconds,
)

TIMES = "\N{MULTIPLICATION SIGN}"

_LEAST_SHARE = 0.001

_LIMITED = {"TPOT limit": "", "TTFT limit": " to the first token"}
"""What follows a limit that has words of its own."""

Row = Any  # a row of the frame: a Series whose figures differ in type

PHASE_WORDS = {
    "decode": "decode",
    "prefill": "prefill",
    "serving": "serving by continuous batching",
}
LATENCY_WORDS = {
    "decode": "per output token",
    "prefill": "to the first token",
    "serving": "per output token",
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
KIND_WORDS = {
    "gemm": TIME_WORDS["gemm_s"],
    "attention": TIME_WORDS["attention_s"],
    "communication": TIME_WORDS["communication_s"],
    "memory": TIME_WORDS["memory_traffic_s"],
    "overhead": TIME_WORDS["overhead_s"],
}
MEMORY_WORDS = {
    "weights_bytes": "weights",
    "kv_cache_bytes": "KV cache",
    "activations_bytes": "activations",
    "reserve_bytes": "reserve",
}


TOO_LARGE = ("memory", "host memory")
"""Reasons for which a plan is rejected that are no limits on times."""

_WIDTH_COLUMNS = ("tp", "pp", "attention_dp", "cp", "ep")
_PLAN_COLUMNS = (*_WIDTH_COLUMNS, "replicas", "batch")
_RATE = "request_rate"
_ENDLESS = "longer and longer"
"""What a wait is while more requests come than are served."""


AXIS_WORDS = {
    "batch": "Batch per replica [sequences]",
    "input_tokens": "Input tokens of each sequence",
}
_WIDTH = re.compile(r"\b(TP|PP|EP|DP|CP) (\d+)")
_REPLICAS = re.compile(r"([\d,]+) replicas?")

LAYOUT_COLUMNS = ("tp", "pp", "ep", "cp", "attention_dp", "replicas")
"""What a layout is, of the columns that there are."""


def of_words(time: str, percentile: float | None) -> str:
    """Say of what a time is: of a percentile of the requests, given as a part of all [1], or so.

    Examples
    --------
    >>> of_words("TTFT", 0.95), of_words("TTFT", None)
    ('p95 of TTFT', 'TTFT')
    """
    return time if percentile is None else f"{percentile_text(percentile)} of {time}"


def time_words(phase: str, percentile: float | None = None) -> str:
    """Name the time that a phase is about, as a heading.

    Examples
    --------
    >>> time_words("decode"), time_words("serving", 0.95)
    ('Time per output token', 'p95 of time per output token')
    """
    time = LATENCY_WORDS[phase]
    return f"Time {time}" if percentile is None else of_words(f"time {time}", percentile)


def at_words(percentile: float | None) -> str:
    """Say at which percentile something holds; nothing for the mean.

    Examples
    --------
    >>> at_words(0.95), at_words(None)
    (' at p95', '')
    """
    return "" if percentile is None else f" at {percentile_text(percentile)}"


def split_words(row: Row) -> str:
    """Say how a replica is split: factors that multiply to its devices, each a flag of engines.

    Tensor and pipeline parallel always; replicas of the attention (DP) and context parallel (CP)
    where there are any. Experts (EP) are divided over these devices, and take none of their own.

    Examples
    --------
    >>> split_words({"tp": 2, "pp": 1, "attention_dp": 4, "ep": 8}).replace(TIMES, "x")
    'TP 2 x PP 1 x DP 4 (EP 8)'
    """
    return _split_words(*(row.get(name, 1) for name in _WIDTH_COLUMNS))


def plan_words(row: Row, phase: str) -> str:
    """Say what a plan is: as :func:`split_words`, times its replicas, and what each has to do.

    Examples
    --------
    >>> plan_words({"tp": 4, "pp": 1, "replicas": 2, "batch": 64}, "decode").replace(TIMES, "x")
    'TP 4 x PP 1 x 2 replicas, batch 64 each'
    """
    *widths, replicas, batch = (row.get(name, 1) for name in _PLAN_COLUMNS)
    return _plan_words(tuple(widths), replicas, load_words(batch, phase), row.get(_RATE, None))


def load_words(batch: int, phase: str) -> str:
    """Say what a replica has to do at a time: a batch, or requests in flight.

    Examples
    --------
    >>> load_words(1024, "decode"), load_words(1024, "serving")
    ('batch 1,024', '1,024 in flight')
    """
    return f"{batch:,} in flight" if phase == "serving" else f"batch {batch:,}"


def _split_words(tp: int, pp: int, attention_dp: int, cp: int, ep: int) -> str:
    ranks = f" {TIMES} DP {attention_dp}" if attention_dp > 1 else ""
    contexts = f" {TIMES} CP {cp}" if cp > 1 else ""
    experts = f" (EP {ep})" if ep > 1 else ""
    return f"TP {tp} {TIMES} PP {pp}{ranks}{contexts}{experts}"


def _copies_words(replicas: int) -> str:
    return f" {TIMES} {counted(replicas, 'replica')}" if replicas > 1 else ""


@lru_cache(maxsize=8192)
def _plan_words(
    widths: tuple[int, int, int, int, int], replicas: int, load: str, rate: float | None
) -> str:
    each = " each" if replicas > 1 else ""
    at = "" if rate is None else f" at {rate_words(rate)}"
    return f"{_split_words(*widths)}{_copies_words(replicas)}{at}, {load}{each}"


def rate_words(rate: float) -> str:
    """Write a rate of requests [1/s].

    Examples
    --------
    >>> rate_words(10.0), rate_words(0.5)
    ('10 requests/s', '0.5 requests/s')
    """
    return f"{number_text(rate)} requests/s"


def rejection_words(row: Row, request: EvaluationRequest, percentile: float | None = None) -> str:
    """Say why a plan is rejected, by a percentile where limits are of one; empty if it is not."""
    reason, free_bytes = row["rejected_for"], row["memory_headroom_bytes"]
    return reason_words(reason, free_bytes, request, percentile)


def reason_words(
    reason: str, free_bytes: float, request: EvaluationRequest, percentile: float | None = None
) -> str:
    """Say why a plan is rejected for a reason, with so much memory free [bytes]; empty for none.

    The limits are of the request's percentile, or of one that was simulated.
    """
    if reason == "memory":
        return f"does not fit: {gigabytes(-free_bytes)} short per device"
    if reason == "host memory":
        return "does not fit in the host's memory"
    if reason == "load":
        return "requests come faster than they are served"
    if reason not in LIMITS:
        return reason
    _, field = LIMITS[reason]
    limited = _LIMITED.get(reason, f" ({reason})")
    at = at_words(percentile or request.percentile)
    return f"over the limit of {seconds(getattr(request, field))}{limited}{at}"


def plans_words(
    evaluation: Evaluation, rows: NDArray[np.intp], *, with_rate: bool = True
) -> list[str]:
    """Say what the plan of each row is, with the rate of requests where there is one."""
    *widths, replicas, batches = (column_of(evaluation, rows, name) for name in _PLAN_COLUMNS)
    loads = (load_words(batch, evaluation.request.phase) for batch in batches)
    rated = with_rate and evaluation.has(_RATE)
    rates = column_of(evaluation, rows, _RATE) if rated else [None] * len(rows)
    return [*map(_plan_words, zip(*widths, strict=True), replicas, loads, rates)]


def column_of(evaluation: Evaluation, rows: NDArray[np.intp], name: str) -> list[Any]:
    """List a column of some rows, faster than a frame of them is made; a width not tried is 1."""
    if not evaluation.has(name):
        return [1] * len(rows)
    return list(evaluation.column(name)[rows].tolist())


def mean_latency(plan: Row, evaluation: Evaluation) -> float:
    """Give the mean time that the phase is about, which its kinds sum to [s]."""
    name = evaluation.latency_column
    return float(plan[name.replace("_s", "_mean_s") if evaluation.request.percentile else name])


def share_words(part: float, whole: float) -> str:
    """Say a share in percent, of which parts below a tenth are of no account.

    Examples
    --------
    >>> share_words(0.4, 2.0), share_words(1e-7, 1.0), share_words(0.0, 1.0)
    ('20.0 %', 'under 0.1 %', '0 %')
    """
    if not (part and whole):
        return "0 %"
    share = part / whole
    return "under 0.1 %" if share < _LEAST_SHARE else f"{number(100 * share)} %"


def banded_words(time: float, low: float, high: float) -> str:
    """Write a time with its 80 % band [s]; in words, where it has no end.

    Examples
    --------
    >>> banded_words(0.0231, 0.0198, 0.027), banded_words(float("inf"), 1.0, float("inf"))
    ('23.1 ms, 80 %: 19.8 to 27.0', 'longer and longer')
    """
    return ", ".join(banded_seconds(time, low, high)) if isfinite(time) else _ENDLESS


def time_text(time: float) -> str:
    """Write a time [s]; in words, where it has no end.

    Examples
    --------
    >>> time_text(0.04), time_text(float("inf"))
    ('40.0 ms', 'longer and longer')
    """
    return seconds(time) if isfinite(time) else _ENDLESS


def layout_words(row: Row) -> str:
    """Say how all devices are used, such as 'TP 4 x PP 1 x 2 replicas'."""
    return f"{split_words(row)}{_copies_words(row['replicas'])}"


def named_layout(words: str, layouts: Collection[str]) -> str | None:
    """Find the layout of a plan that is written in other words, such as those of 0.1.0.

    Examples
    --------
    >>> known = [layout_words({"tp": 2, "pp": 1, "attention_dp": 2, "ep": 4, "replicas": 1})]
    >>> named_layout("tp 2, dp 2, ep 4", known) == known[0], named_layout("TP 8", known)
    (True, None)
    """
    asked = _parts(words)
    return next((known for known in layouts if asked and _parts(known) == asked), None)


def _parts(words: str) -> dict[str, int]:
    """Read what a layout is of, without what is 1."""
    parts = {name: int(count) for name, count in _WIDTH.findall(words.upper())}
    if several := _REPLICAS.search(words):
        parts["replicas"] = int(several[1].replace(",", ""))
    return {name: count for name, count in parts.items() if count > 1}


def layouts_of(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Give each plan of a frame by how it uses the devices."""
    rows: list[Any] = frame.to_dict("records")
    return {layout_words(row): row for row in rows}


def heading_words(request: EvaluationRequest, layout: str) -> str:
    """Say what is deployed on what, and how; not escaped."""
    model = request.models[0]
    precision = request.precisions_of(model, request.hardware[0])[0].label
    return (
        f"{model.model or 'unnamed model'}, {precision}, on {request.devices[0]:,} {TIMES} "
        f"{request.hardware[0].name}: {layout}"
    )


def verdict_words(plan: Row, largest: dict[str, int]) -> str:
    """Say whether the plan fits, and what the largest that fits is either way."""
    batch, prompt, output = (int(plan[name]) for name in ("batch", "input_tokens", "output_tokens"))
    free = float(plan["memory_headroom_bytes"])
    used = gigabytes(float(plan["device_memory_bytes"]))
    fits = f"{gigabytes(free)} free" if free >= 0 else f"{gigabytes(-free)} short"
    here = f"Batch {batch:,} at {prompt:,} + {output:,} tokens takes {used} of a device, {fits}."
    if not largest["batch"] and not largest["input_tokens"]:
        return f"{here} Nothing fits in this layout."
    most = f"Largest batch that fits: {largest['batch']:,}" if largest["batch"] else "No batch fits"
    longest = (
        f"longest prompt at batch {batch:,}: {largest['input_tokens']:,} tokens"
        if largest["input_tokens"]
        else f"no prompt fits at batch {batch:,}"
    )
    return f"{here} {most}; {longest}."
