"""What encoders of images have in common, and models whose text part is another dialect.

Each encoder stands with its maker's models; its parameters add up to the published number to the
last digit where that is known.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.fields import Dialect, Fields

CHANNELS = 3
"""Colours of a pixel."""


def images(fields: Fields) -> Fields | None:
    """Give the section of the encoder of images; None where the file has none."""
    if not fields.value("vision_config"):
        return None
    section = fields.section("vision_config")
    section.ignore_rest()
    return section


def text_part(fields: Fields, text: Fields, reader: Dialect) -> dict[str, Any]:
    """Read the text part; the whole file may say that the head is tied."""
    described = reader(text)
    if fields.value("tie_word_embeddings") is not None:
        tied = fields.flag("tie_word_embeddings", default=False)
        described["tie_word_embeddings"] = tied
    return described


def encoder_layer(hidden: int, inner: int, *, gated: bool, biased: bool, norms: int) -> int:
    """Count a layer: four projections, two or three of the feed-forward part, biases, norms."""
    matrices = 4 * hidden * hidden + (2 + gated) * hidden * inner
    biases = (5 * hidden + (1 + gated) * inner) if biased else 0
    return matrices + biases + norms
