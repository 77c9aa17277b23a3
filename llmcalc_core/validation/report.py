"""How far predictions are from measurements: errors by group and by metric, as frames and text."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from llmcalc_core.spreadsheets import text_cell
from llmcalc_core.validation.cases import Case, Figure
from llmcalc_core.validation.schemas import Outcome, Schema

if TYPE_CHECKING:
    import pandas as pd

GROUP = ("source", "device", "model", "engine", "metric")
STATISTICS = ("n", "median", "p90", "bias", "inside")

_LABELS = {
    "ttft_ms": "TTFT",
    "ttft_mean_ms": "TTFT mean",
    "ttft_p50_ms": "TTFT p50",
    "ttft_p90_ms": "TTFT p90",
    "ttft_p99_ms": "TTFT p99",
    "tpot_mean_ms": "TPOT mean",
    "e2e_ms": "static end to end",
    "e2e_mean_ms": "end to end mean",
    "e2e_p99_ms": "end to end p99",
    "memory_gib": "memory",
    "fits": "fits",
    "weights_gib": "weights",
    "kv_cache_gib": "KV pool",
    "kv_tokens": "KV tokens",
    "max_concurrency": "concurrency",
    "num_blocks": "blocks",
    "printed_tokens": "tokens printed",
    "printed_concurrency": "concurrency printed",
    "peak_running": "requests at once",
}
_THROUGHPUTS = {
    "static": "static end to end",
    "saturated": "saturated",
    "closed_loop": "closed-loop throughput",
    "open_loop": "open-loop throughput",
}


def relative_error(metric: str, figure: Figure, measured: float) -> float:
    """Error of a figure: estimated over measured, less one; of a throughput the same of its time.

    Whether something fits is right (0), or wrong by 1 or -1.

    Examples
    --------
    >>> relative_error("tpot_ms", Figure(value=12.0), 10.0)
    0.19999999999999996
    >>> relative_error("tokens_per_s", Figure(value=80.0), 100.0)
    0.25
    """
    if metric == "fits":
        return figure.value - measured
    ratio = measured / figure.value if metric == "tokens_per_s" else figure.value / measured
    return ratio - 1


def time_ms(case: Case, metric: str, value: float) -> float:
    """Time that a value of a case stands for [ms]: of a throughput the time of its batch.

    NaN for memory, and for a throughput whose batch is not known or not one.
    """
    if metric == "tokens_per_s":
        tokens = case.batch * case.output_tokens
        return 1e3 * tokens / (value * case.per) if tokens else math.nan
    if metric == "decode_ms":
        return value / case.output_tokens
    return value if metric.endswith("_ms") else math.nan


def errors(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """List the error of every figure that has a measured value.

    Returns
    -------
    DataFrame
        ``id``, ``source``, ``device``, ``model``, ``engine``, ``metric``, ``basis``,
        ``measured_ms`` and ``estimated_ms`` (of a throughput the time of its batch; NaN for
        memory), ``error`` (signed, a share) and ``inside`` (1 where the measured value lies in
        the band, 0 where not, NaN without a band).
    """
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    rows = [
        (outcome.id, outcome.source, case.hardware.name, case.model.model, case.engine,
         _label(case, metric), outcome.prediction.basis,
         time_ms(case, metric, measured), time_ms(case, metric, figure.value),
         relative_error(metric, figure, measured), _inside(figure, measured))
        for outcome in outcomes
        if (case := outcome.case) is not None and outcome.prediction is not None
        for metric, measured, figure in zip(
            case.metrics, case.measured, outcome.prediction.figures, strict=True)
        if not math.isnan(measured) and not math.isnan(figure.value) and _compares(measured, metric)
    ]  # fmt: skip
    columns = ["id", *GROUP, "basis", "measured_ms", "estimated_ms", "error", "inside"]
    return pd.DataFrame(rows, columns=columns)


def error_table(listed: pd.DataFrame, by: Sequence[str] = GROUP) -> pd.DataFrame:
    """Summarise errors by group.

    Parameters
    ----------
    listed : DataFrame
        From :func:`errors`.
    by : sequence of str
        Columns to group by.

    Returns
    -------
    DataFrame
        The columns of ``by``, then ``n``, ``median`` and ``p90`` of the absolute error,
        ``bias`` (median of the signed error) and ``inside`` (share of measured values in the
        80 % band), all shares of the measured value.
    """
    sized = listed.assign(size=listed["error"].abs())
    groups = sized.groupby(list(by), sort=True)
    return groups.agg(
        n=("error", "size"),
        median=("size", "median"),
        p90=("size", lambda sizes: sizes.quantile(0.9)),
        bias=("error", "median"),
        inside=("inside", "mean"),
    ).reset_index()


def reasons(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Count the rows not predicted, by source and reason."""
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    rows = [(outcome.source, outcome.reason) for outcome in outcomes if outcome.reason]
    listed = pd.DataFrame(rows, columns=["source", "reason"])
    return listed.groupby(["source", "reason"], sort=True).size().reset_index(name="n")


def as_text(outcomes: Sequence[Outcome], by: Sequence[str] = GROUP) -> str:
    """Describe the outcomes: errors by group, a total per metric, what was not predicted."""
    listed = errors(outcomes)
    missed = reasons(outcomes)
    count = int(missed["n"].sum())
    parts = [f"{len(outcomes) - count} of {len(outcomes)} rows predicted, {count} not"]
    if len(listed):
        parts += [_text(error_table(listed, by)), _text(error_table(listed, ("metric",)))]
    if count:
        parts.append(_text(missed))
    return "\n\n".join(parts)


def write_predictions(schema: Schema, outcomes: Sequence[Outcome], file: TextIO) -> None:
    """Write a CSV line for each row: its id, figures with bands, basis and reason.

    A figure without a band, and every figure of a row that is not predicted, is an empty cell.
    """
    ends = ("", "_low", "_high")
    names = [f"{figure}{end}" for figure in schema.figures for end in ends]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["id", *names, "basis", "reason"])
    for outcome in outcomes:
        if outcome.prediction is None:
            cells, basis = [""] * len(names), ""
        else:
            figures = outcome.prediction.figures
            cells = [
                "" if math.isnan(value) else f"{value:.6g}"
                for figure in figures
                for value in (figure.value, figure.low, figure.high)
            ]
            basis = outcome.prediction.basis
        writer.writerow([text_cell(outcome.id), *cells, basis, text_cell(outcome.reason)])


def _compares(measured: float, metric: str) -> bool:
    """Whether a share of a measured value says anything: not of a pool that is missing bytes."""
    return measured > 0 or metric == "fits"


def _label(case: Case, metric: str) -> str:
    if metric in ("tpot_ms", "decode_ms"):
        return "TPOT mixture" if case.mixture else "TPOT dense"
    if metric == "e2e_ms" and case.kind == "open_loop":
        return "open-loop end to end"
    return _THROUGHPUTS[case.kind] if metric == "tokens_per_s" else _LABELS[metric]


def _inside(figure: Figure, measured: float) -> float:
    if math.isnan(figure.low):
        return math.nan
    return float(figure.low <= measured <= figure.high)


def _text(frame: pd.DataFrame) -> str:
    formats = {
        "median": "{:.1%}".format,
        "p90": "{:.1%}".format,
        "bias": "{:+.1%}".format,
        "inside": "{:.0%}".format,
    }
    shown = {name: form for name, form in formats.items() if name in frame}
    return frame.to_string(index=False, na_rep="-", formatters=shown)
