"""Layouts and what fits in them, in words."""

from __future__ import annotations

from typing import Any

import pandas as pd

from llmcalc_core import EvaluationRequest
from llmcalc_widgets.text.units import counted, gigabytes
from llmcalc_widgets.text.wording import TIMES, Row, split_words

AXIS_WORDS = {
    "batch": "Batch per replica [sequences]",
    "input_tokens": "Input tokens of each sequence",
}
LAYOUT_COLUMNS = ("tp", "pp", "ep", "cp", "attention_dp", "replicas")
"""What a layout is, of the columns that there are."""


def layout_words(row: Row) -> str:
    """Say how all devices are used, such as 'TP 4 x PP 1 x 2 replicas'."""
    ranks = f" {TIMES} DP {row['attention_dp']}" if row["attention_dp"] > 1 else ""
    copies = f" {TIMES} {counted(row['replicas'], 'replica')}" if row["replicas"] > 1 else ""
    return f"{split_words(row)}{ranks}{copies}"


def layouts_of(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Give each plan of a frame by how it uses the devices."""
    rows: list[Any] = frame.to_dict("records")
    return {layout_words(row): row for row in rows}


def heading_words(request: EvaluationRequest, layout: str) -> str:
    """Say what is deployed on what, and how; not escaped."""
    model = request.models[0]
    precision = request.precisions_of(model)[0].label
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
