"""The work of one layer as a whole, which the estimate counts by its parts."""

from __future__ import annotations

from llmcalc_core.costmodel.sections import part_section
from llmcalc_core.layers.layer import Layer
from llmcalc_core.layers.work import Pass, Section


def layer_section(layer: Layer, step: Pass) -> Section:
    """Join the operations and messages of all parts of a layer."""
    parts = [part_section(part, step) for part in layer.parts]
    return Section(
        operations=tuple(one for part in parts for one in part.operations),
        messages=tuple(one for part in parts for one in part.messages),
    )
