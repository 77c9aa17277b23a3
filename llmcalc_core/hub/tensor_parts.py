"""Which part of a model a tensor of safetensors is, by the name that checkpoints have for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial

from llmcalc_core.architecture.model import Model
from llmcalc_core.hub.quantisation.packed import Unpacked
from llmcalc_core.hub.stored import Stored, dense_part, mixer_part

_BESIDE = re.compile(r"visual|vision|audio|image|projector|aligner")
"""Words in the names of tensors that are no part of the decoder."""

_PREDICTION = re.compile(r"(?:^|\.)(?:mtp|nextn)")
_LAYER = re.compile(r"(.*?(?:^|\.)(?:layers|h|blocks)\.)(\d{1,6})\.(.+)")
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
_LAST = re.compile(r"\.(?:o_proj|o_[ab]_proj|out_proj|wo|wo_[ab]|dense|c_proj)\.(?!bias$)")
_EMBEDDING = re.compile(r"embed_tokens|embeddings?\.|wte\.|wpe\.|embed_in\.|altup_|per_layer_")
_HEAD = re.compile(r"(?:^|\.)(?:lm_head|embed_out)\.|(?:^|\.)output\.\w+$")


def stored_tensors(tensors: Iterable[Unpacked], model: Model) -> Iterator[Stored]:
    """Say of each tensor which part of a model it is."""
    part_of = lru_cache(maxsize=65_536)(partial(_part, model))
    for one in tensors:
        name = one.tensor.name
        found = _LAYER.match(name)
        if found:
            before, number, inner = found.groups()
            layer = int(number)
            inner = _NUMBER.sub("experts.0.", inner) if "experts." in inner else inner
            part = part_of(before, layer, inner)
        else:
            layer, part = None, _outside(name)
        yield Stored(
            name=name,
            shape=one.tensor.shape,
            layer=layer,
            part=part,
            parameters=one.parameters,
            bytes=one.tensor.bytes,
            type=one.type,
        )


def _part(model: Model, before: str, layer: int, inner: str) -> str:
    """Give the part of a tensor of a layer by its name before and after the number."""
    if _BESIDE.search(before) or _BESIDE.search(inner):
        return "beside"
    if _PREDICTION.search(before) or _PREDICTION.search(inner) or layer >= model.layer_count:
        return "mtp"
    return _part_of(inner, model, layer)


def _outside(name: str) -> str:
    if _BESIDE.search(name):
        return "beside"
    if _PREDICTION.search(name):
        return "mtp"
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
