"""What a command answers, as text, JSON or CSV."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from llmcalc_core.spreadsheets import csv_text

FORMATS = ("text", "json", "csv")

_SHOWN = {
    "model": ("model", 1.0), "hardware": ("hardware", 1.0), "precision": ("precision", 1.0),
    "devices": ("devices", 1.0), "tp": ("TP", 1.0), "pp": ("PP", 1.0), "ep": ("EP", 1.0),
    "attention_dp": ("attention DP", 1.0), "cp": ("CP", 1.0), "replicas": ("replicas", 1.0),
    "request_rate": ("requests/s in", 1.0), "batch": ("batch", 1.0),
    "input_tokens": ("in", 1.0), "output_tokens": ("out", 1.0),
    "ttft_s": ("TTFT ms", 1e3), "ttft_low_s": ("from", 1e3), "ttft_high_s": ("to", 1e3),
    "tpot_s": ("TPOT ms", 1e3), "tpot_low_s": ("from ", 1e3), "tpot_high_s": ("to ", 1e3),
    "tokens_per_s_per_device": ("tokens/s/device", 1.0), "requests_per_s": ("requests/s", 1.0),
    "cost_usd_per_hour": ("USD/h", 1.0),
    "cost_usd_per_million_tokens": ("USD/M tokens", 1.0),
    "memory_headroom_bytes": ("GB free", 1e-9), "load": ("load", 1.0),
    "rejected_for": ("rejected for", 1.0), "basis": ("basis", 1.0),
}  # fmt: skip
"""Columns of plans that text shows: what they are called there, and what they are multiplied by."""

_UNLESS_ONE = ("pp", "ep", "attention_dp", "cp", "replicas")
"""Widths that are shown where any of them is not 1."""

_UNLESS_ALIKE = ("model", "precision", "input_tokens", "output_tokens", "cost_usd_per_hour")
"""Columns that are shown where several rows differ in them."""


def as_format(frame: pd.DataFrame, form: str) -> str:
    r"""Write a frame as JSON records or CSV, with all of its columns, or as text.

    Parameters
    ----------
    frame : DataFrame
        What a function gave.
    form : {'text', 'json', 'csv'}
        How.

    Returns
    -------
    str
        Without a last line break.

    Examples
    --------
    >>> as_format(pd.DataFrame({"part": ["weights"], "value": [16.1]}), "csv")
    'part,value\nweights,16.1'
    """
    if form == "json":
        rows = [{str(name): _plain(value) for name, value in row.items()} for row in _rows(frame)]
        return json.dumps(rows, indent=1, allow_nan=False)
    if form == "csv":
        return csv_text(frame).rstrip("\n")
    return frame.to_string(index=False, float_format=lambda value: f"{value:.4g}", na_rep="-")


def of_plans(frame: pd.DataFrame) -> pd.DataFrame:
    """Give what a reader of plans looks at first, in usual units; what all rows share is left out.

    Parameters
    ----------
    frame : DataFrame
        From :func:`llmcalc_core.explore` or :func:`llmcalc_core.find_slo_plan`.

    Returns
    -------
    DataFrame
        Columns with units in their names.
    """
    left_out = [name for name in _UNLESS_ONE if name in frame and (frame[name] == 1).all()]
    if len(frame) > 1:
        left_out += [name for name in _UNLESS_ALIKE if name in frame and _is_alike(frame[name])]
    if not frame["rejected_for"].astype(str).any():
        left_out.append("rejected_for")
    shown: dict[str, Any] = {}
    for name, (label, factor) in _SHOWN.items():
        if name in frame and name not in left_out:
            shown[label] = frame[name] if factor == 1 else frame[name] * factor
    return pd.DataFrame(shown)


def _is_alike(values: pd.Series[Any]) -> bool:
    return bool((values == values.iloc[0]).all())


def _rows(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    return frame.to_dict("records")


def _plain(value: Any) -> Any:  # noqa: ANN401 - cells differ in type
    """Give what JSON has: no infinity and no NaN, which become null."""
    found = value.item() if hasattr(value, "item") else value
    if isinstance(found, float) and not abs(found) < float("inf"):
        return None
    return found
