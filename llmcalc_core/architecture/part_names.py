"""What the parts of a model are called."""

from __future__ import annotations

from collections import Counter

from llmcalc_core.architecture.model import Model
from llmcalc_core.layers.attention_shapes import Attention, CompressedAttention, LatentAttention
from llmcalc_core.layers.recurrent_shapes import GatedDeltaNet, StateSpace, StateSpaceDual
from llmcalc_core.layers.shapes import (
    AlternatingUpdates,
    BlockResiduals,
    FeedForward,
    HyperConnections,
    LayerInputs,
    LowRankResidual,
    MoE,
    Norms,
    Part,
    Projection,
)

_NAMES: dict[type, str] = {
    Attention: "attention",
    LatentAttention: "latent attention",
    CompressedAttention: "compressed attention",
    StateSpace: "Mamba",
    StateSpaceDual: "Mamba-2",
    GatedDeltaNet: "gated delta net",
    Projection: "projection",
    FeedForward: "feed-forward",
    MoE: "mixture of experts",
    Norms: "norms",
    HyperConnections: "hyper-connections",
    BlockResiduals: "attention residuals",
    LayerInputs: "layer inputs",
    AlternatingUpdates: "alternating updates",
    LowRankResidual: "low-rank residual",
}


def part_names(model: Model) -> tuple[str, ...]:
    """Name the parts of the layers, then what is before and after them; like ones are numbered.

    Examples
    --------
    >>> from llmcalc_core.model.config import ModelConfig
    >>> from llmcalc_core.architecture.model import architecture
    >>> part_names(architecture(ModelConfig(
    ...     vocab_size=10, hidden_size=8, num_decoder_layers=2, num_attention_heads=4,
    ...     intermediate_size=8)))
    ('attention', 'feed-forward', 'norms', 'embedding', 'head')
    """
    names = [_name(part) for part in model.parts]
    often, seen = Counter(names), Counter[str]()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name} {seen[name]}" if often[name] > 1 else name)
    return (*numbered, "embedding", "head")


def _name(part: Part) -> str:
    if isinstance(part, Attention) and part.window:
        return "sliding-window attention"
    if isinstance(part, Attention) and part.chunk:
        return "chunked attention"
    if isinstance(part, LatentAttention | CompressedAttention) and part.indexer:
        return f"sparse {_NAMES[type(part)]}"
    return _NAMES[type(part)]
