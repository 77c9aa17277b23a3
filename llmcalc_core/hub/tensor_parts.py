"""Which part of a model a tensor of safetensors is, by the name that checkpoints have for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from llmcalc_core.architecture.model import Model
from llmcalc_core.hub.quantisation.packed import Unpacked
from llmcalc_core.hub.stored import Stored, dense_part, mixer_part

_BESIDE = re.compile(r"visual|vision|audio|image|projector|aligner")
"""Words in the names of tensors that are no part of the decoder."""

_PREDICTION = re.compile(r"(?:^|\.)(?:mtp|nextn)")
_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")
_NUMBER = re.compile(r"experts\.\d+\.")
_PARTS = (
    ("others", re.compile(r"e_score_correction|expert_bias|moe_statics|per_expert_scale")),
    ("shared", re.compile(r"shared_?(?:expert|mlp)")),
    ("experts", re.compile(r"(?:^|\.)experts?(?:\.|_|$)|block_sparse_moe\.(?:in|out)put_linear")),
    ("others", re.compile(r"(?:mlp|ffn|moe|feed_forward|mixer)\.(?:gate|router|wg)\."
                          r"|(?:^|\.)router\.|^[a-z_]*(?:norm|ln)[a-z_0-9]*\.(?:weight|bias)$")),
    ("mixer", re.compile(r"^(?:self_|linear_)?(?:attn|attention|mixer|mamba|conv)\b")),
)  # fmt: skip
"""Which part a tensor of a layer is, the first that fits; any other is of a feed-forward."""

_RECURRENT = re.compile(r"^(?:mamba|linear_attn|conv)\b")
_LAST = re.compile(r"\.(?:o_proj|o_[ab]_proj|out_proj|wo|wo_[ab]|dense|c_proj)\.(?!bias)")
_EMBEDDING = re.compile(r"embed_tokens|embeddings?\.|wte\.|wpe\.|embed_in\.|altup_|per_layer_")
_HEAD = re.compile(r"(?:^|\.)(?:lm_head|embed_out)\.|(?:^|\.)output\.\w+$")


def stored_tensors(tensors: Iterable[Unpacked], model: Model) -> Iterator[Stored]:
    """Say of each tensor which part of a model it is."""
    parts = lru_cache(maxsize=8192)(lambda inner, layer: _part_of(inner, model, layer))
    for one in tensors:
        name = one.tensor.name
        layer, part = None, "beside"
        if not _BESIDE.search(name):
            found = _LAYER.search(name)
            layer = int(found[1]) if found else None
            if _PREDICTION.search(name) or (layer is not None and layer >= model.layer_count):
                part = "mtp"
            elif found and layer is not None:
                part = parts(_NUMBER.sub("experts.0.", name[found.end() :]), layer)
            else:
                part = _outside(name)
        yield Stored(
            name=name,
            shape=one.tensor.shape,
            layer=layer,
            part=part,
            parameters=one.parameters,
            bytes=one.tensor.bytes,
            type=one.type,
        )


def _outside(name: str) -> str:
    if _HEAD.search(name):
        return "head"
    return "embedding" if _EMBEDDING.search(name) else "final"


def _part_of(inner: str, model: Model, layer: int) -> str:
    part = next((name for name, words in _PARTS if words.search(inner)), "dense")
    mixes = model.layers[model.sequence[layer]].mixer is not None
    if part == "mixer" and mixes:
        return mixer_part(
            model,
            layer,
            output=_LAST.search(inner) is not None,
            recurrent=_RECURRENT.match(inner) is not None,
        )
    return dense_part(model, layer) if part in ("dense", "mixer") else part
