"""Precisions: the data types of a model's weights, activations and KV cache, and their names."""

from __future__ import annotations

from llmcalc_core.precision.names import (
    PLAIN,
    asked_precision,
    gguf_precision,
    parse_precision,
    stored_precision,
)
from llmcalc_core.precision.parts import PARTS
from llmcalc_core.precision.precision import FP8_BLOCK_BITS, Precision
from llmcalc_core.precision.schemes import BLOCK_SCHEME, CHECKPOINT, PRECISIONS

__all__ = [
    "BLOCK_SCHEME",
    "CHECKPOINT",
    "FP8_BLOCK_BITS",
    "PARTS",
    "PLAIN",
    "PRECISIONS",
    "Precision",
    "asked_precision",
    "gguf_precision",
    "parse_precision",
    "stored_precision",
]
