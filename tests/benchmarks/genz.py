"""GenZ, the public calculator, set up to answer the same questions without printing."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from typing import Any

import pytest

SYSTEM = {
    "Flops": 312,
    "Memory_size": 80,
    "Memory_BW": 2039,
    "ICN": 600,
    "real_values": True,
}
"""An A100 of 80 GB, in the units of GenZ: TFLOPS, GB, GB/s and GB/s."""


def genz() -> Any:
    """Return ``GenZ.LLM_inference``; skip the benchmark where the extra is not installed."""
    return pytest.importorskip("GenZ.LLM_inference", reason="needs the extra: genz-llm")


def quietly(ask: Callable[..., Any], **question: Any) -> Any:
    """Call GenZ, which prints and warns on its way."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ask(**question)
