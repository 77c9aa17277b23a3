"""Parameters of a model by what they do: embedding, attention, experts, norms, head."""

from __future__ import annotations

from collections import Counter

from llmcalc_core.architecture.model import Model
from llmcalc_core.layers.layer import Layer

PARTS = (
    "embedding", "attention", "recurrent", "dense", "routed", "shared", "router", "norms",
    "other", "head",
)  # fmt: skip
"""Parts of a decoder: of an embedding, of layers by what they do, and of a head."""

EXTRA_PARTS = ("vision", "mtp")
"""Parts beside the decoder: the encoder of images, modules of multi-token prediction."""


def part_parameters(model: Model) -> dict[str, int]:
    """Count the parameters of each part that a model has.

    Parameters
    ----------
    model : Model
        From ``architecture``.

    Returns
    -------
    dict of str to int
        Of :data:`PARTS`, which sum to ``model.parameters``, then of :data:`EXTRA_PARTS`; none
        that are zero. ``attention`` and ``recurrent`` are token mixers, ``dense`` feed-forward
        layers, ``routed`` and ``shared`` experts.

    Examples
    --------
    >>> from llmcalc_core.architecture.model import architecture
    >>> from llmcalc_core.model.config import ModelConfig
    >>> part_parameters(architecture(ModelConfig(
    ...     vocab_size=10, hidden_size=8, num_decoder_layers=1, num_attention_heads=2,
    ...     intermediate_size=16)))
    {'embedding': 80, 'attention': 256, 'dense': 384, 'norms': 24, 'head': 80}
    """
    counted = dict.fromkeys(PARTS, 0)
    counted["embedding"] = model.embedding_parameters
    counted["norms"] = model.final_norm_parameters
    counted["head"] = model.head_parameters
    for kind in model.sequence:
        for part, parameters in _layer_parts(model.layers[kind]).items():
            counted[part] += parameters
    counted |= {"vision": model.vision_parameters, "mtp": model.mtp_parameters}
    return {part: parameters for part, parameters in counted.items() if parameters}


def _layer_parts(layer: Layer) -> Counter[str]:
    counted = Counter[str]()
    for part in layer.parts:
        counted.update(part.counts)
    return counted
