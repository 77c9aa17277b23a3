"""The table of figures of the recommended and the selected plan."""

from __future__ import annotations

from collections.abc import Callable

from llmcalc_core import Evaluation
from llmcalc_widgets.chart.legend import DIAMOND, RING, drawing
from llmcalc_widgets.text.sentences import limit_words
from llmcalc_widgets.text.units import banded_seconds, number, seconds, tokens_per_s
from llmcalc_widgets.text.wording import BOUND_WORDS, Row, rejection_words, split_words

_RECOMMENDED = f"{drawing(DIAMOND)}Recommended"
_SELECTED = f"{drawing(RING)}Selected"

Figure = tuple[str, Callable[[Row], str]]


def comparison(evaluation: Evaluation, selected: int | None) -> str:
    """Write the table.

    Parameters
    ----------
    evaluation : Evaluation
        Whose plans.
    selected : int or None
        The row beside the recommended one.

    Returns
    -------
    str
        HTML.
    """
    columns: list[tuple[str, Row]] = []
    if evaluation.recommended is not None:
        columns.append((_RECOMMENDED, evaluation.plan(evaluation.recommended)))
    if selected is not None:
        columns.append((_SELECTED, evaluation.plan(selected)))
    if not columns:
        return '<div class="llmcalc-note">No plan to recommend.</div>'
    heads = "".join(f'<th scope="col">{head}</th>' for head, _ in columns)
    rows = "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(f"<td>{figure(row)}</td>" for _, row in columns)
        + "</tr>"
        for name, figure in _figures(evaluation)
    )
    return (
        f'<table><thead><tr><th scope="row"></th>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        f'<div class="llmcalc-note">{_reason(evaluation)}</div>'
    )


def plan_heading(*, selected: bool) -> str:
    """Write whose bars follow."""
    return f'<h3 class="whose">{_SELECTED if selected else _RECOMMENDED} plan</h3>'


def _figures(evaluation: Evaluation) -> list[Figure]:
    request = evaluation.request
    generating = request.stage != "prefill"
    figures: list[Figure] = [
        ("Plan", lambda row: f'<span class="plan">{split_words(row)}</span>'),
        ("Replicas", lambda row: f"{int(row['replicas']):,}"),
        ("In flight each" if request.stage == "serving" else "Batch each",
         lambda row: f"{int(row['batch']):,}"),
        ("Devices", lambda row: f"{int(row['devices']):,}"),
        ("Verdict", lambda row: rejection_words(row, request) or "fits"),
        ("Per token", lambda row: _banded(row, "tpot")),
        ("First token", lambda row: _banded(row, "ttft")),
        ("End to end", lambda row: seconds(row["e2e_latency_s"])),
        ("Throughput" if generating else "Prompt rate",
         lambda row: tokens_per_s(row["tokens_per_s"])),
        ("per device", lambda row: tokens_per_s(row["tokens_per_s_per_device"])),
    ]  # fmt: skip
    if generating:
        figures.append(("per user", lambda row: tokens_per_s(1 / row["tpot_s"])))
    figures += [
        ("Requests", lambda row: f"{number(row['requests_per_s'])} /s"),
        ("Bound by", lambda row: BOUND_WORDS[str(row["bound_by"])]),
    ]
    return figures


def _banded(row: Row, name: str) -> str:
    time, band = banded_seconds(*(float(row[f"{name}{end}_s"]) for end in ("", "_low", "_high")))
    return f'{time}, <span class="band">{band}</span>'


def _reason(evaluation: Evaluation) -> str:
    if evaluation.recommended is None:
        return ""
    limits = len(limit_words(evaluation.request))
    within = f" and meet the limit{'s' if limits > 1 else ''}" if limits else ""
    return f"Recommended: most tokens/s per device of the plans that fit in memory{within}."
