"""Rows of one's own as the calculator itself says them."""

from __future__ import annotations

from typing import Any

import llmcalc_core as llm
from llmcalc_core import Hardware, find_hardware

DEVICE = find_hardware("H100_80GB")
ALIKE = {"model": "llama3_8b", "tensor_parallel": 1, "input_tokens": 1000, "output_tokens": 200}
CONCURRENCIES = (1, 4, 16, 64, 128)
Row = dict[str, Any]


def served(row: Row, hardware: Hardware = DEVICE) -> dict[str, Any]:
    """What the calculator says of a row."""
    named = {"ttft_ms", "tpot_ms", "e2e_ms", "kind", "precision"}
    asked = {name: value for name, value in row.items() if name not in named}
    return llm.estimate_serving_performance(
        **asked, system_name=hardware, bits=row.get("precision", "bf16"), memory_fraction=1.0
    )


def rows_like(
    hardware: Hardware = DEVICE, *, ttft: float = 1.0, tpot: float = 1.0, **changes: Any
) -> list[Row]:
    """Measured as the calculator says of a device, times factors."""
    rows = [ALIKE | changes | {"concurrency": count} for count in CONCURRENCIES]
    found = [served(row, hardware) for row in rows]
    return [
        row | {"ttft_ms": ttft * one["ttft_ms"], "tpot_ms": tpot * one["tpot_ms"]}
        for row, one in zip(rows, found, strict=True)
    ]
