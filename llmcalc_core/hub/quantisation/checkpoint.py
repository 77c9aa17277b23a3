"""From the quantisation of a checkpoint's modules to the precision of a model's parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from llmcalc_core.architecture.model import architecture
from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.hub.quantisation.scheme import Quantisation, Scheme
from llmcalc_core.layers.attention import Attention
from llmcalc_core.layers.compressed import CompressedAttention
from llmcalc_core.layers.delta import GatedDeltaNet
from llmcalc_core.layers.latent import LatentAttention
from llmcalc_core.layers.layer import Layer
from llmcalc_core.layers.mamba2 import Mamba2
from llmcalc_core.layers.part import Part
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import FP8_BLOCK_BITS, Precision

_GATED = ("gate_proj", "up_proj", "down_proj")
_NUMBERED = ("w1", "w2", "w3")


def _under(module: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{module}.{name}" for name in names)


_USUAL = {
    "attention": _under("self_attn", ("q_proj", "k_proj", "v_proj")),
    "latent": _under("self_attn", ("q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj")),
    "attention_output": ("self_attn.o_proj",),
    "recurrent": _under("linear_attn", ("in_proj_qkv", "in_proj_z", "out_proj")),
    "dense": _under("mlp", _GATED),
    "shared": _under("mlp.shared_experts", _GATED),
    "experts": _under("mlp.experts.0", _GATED),
}
"""Modules of each part of a layer, as most checkpoints name them."""

_NEMOTRON = {
    "attention": _under("mixer", ("q_proj", "k_proj", "v_proj")),
    "attention_output": ("mixer.o_proj",),
    "recurrent": _under("mixer", ("in_proj", "out_proj")),
    "dense": _under("mixer", ("up_proj", "down_proj")),
    "shared": _under("mixer.shared_experts", ("up_proj", "down_proj")),
    "experts": _under("mixer.experts.0", ("up_proj", "down_proj")),
}
_DEEPSEEK_4 = {
    "attention": _under("attn", ("wq_a", "wq_b", "wkv")),
    "attention_output": _under("attn", ("wo_a", "wo_b")),
    "dense": _under("ffn", _NUMBERED),
    "shared": _under("ffn.shared_experts", _NUMBERED),
    "experts": _under("ffn.experts.0", _NUMBERED),
}
_BLOCK = {"experts": _under("block_sparse_moe.experts.0", _NUMBERED)}
_KIMI = {
    **_BLOCK,
    "recurrent": _under("self_attn", ("q_proj", "k_proj", "v_proj", "o_proj")),
    "shared": _under("block_sparse_moe.shared_experts", _GATED),
}
_ONE_SHARED = {"shared": _under("mlp.shared_expert", _GATED)}
_FEED_FORWARD = {
    "dense": _under("feed_forward", _GATED),
    "shared": _under("feed_forward.shared_expert", _GATED),
    "experts": _under("feed_forward.experts.0", _GATED),
}
_OWN = {
    "nemotron_h": _NEMOTRON, "deepseek_v4": _DEEPSEEK_4, "mixtral": _BLOCK, "minimax_m2": _BLOCK,
    "phimoe": _BLOCK, "kimi_linear": _KIMI, "kimi_k3": _KIMI,
    "gemma4": {"experts": _under("experts.0", _GATED)}, "llama4": _FEED_FORWARD,
    "jamba": {**_FEED_FORWARD, "recurrent": ("mamba.in_proj", "mamba.out_proj")},
    "qwen2_moe": _ONE_SHARED, "qwen3_5_moe": _ONE_SHARED,
    "qwen3_next": {
        **_ONE_SHARED, "recurrent": _under("linear_attn", ("in_proj_qkvz", "out_proj")),
    },
    "phi3": {"attention": ("self_attn.qkv_proj",),
             "dense": ("mlp.gate_up_proj", "mlp.gate_up_proj", "mlp.down_proj")},
}  # fmt: skip
"""The same where a ``model_type`` has names of its own."""


def modules_of(
    layer: Layer, config: ModelConfig, model_type: str
) -> Iterator[tuple[str, str, float]]:
    """Name the quantisable modules of a layer, each with its part and its parameters.

    Returns
    -------
    iterator of (part, name, parameters)
        Parts as in ``Precision``, and ``dense``; names such as ``self_attn.q_proj``. Of experts,
        the first stands for all.
    """
    names = dict(_USUAL)
    names |= next((own for kind, own in _OWN.items() if model_type.startswith(kind)), {})
    for part, parameters in _parts(layer):
        own = names["latent" if part == "attention" and config.kv_lora_rank else part]
        sizes = _sizes(layer.mixer, config.hidden_size) if part in _BY_SHAPE else {}
        shares = [sizes.get(name.rpartition(".")[2], 1.0) for name in own]
        for name, share in zip(own, shares, strict=True):
            yield part, name, parameters * share / sum(shares)


def spellings(name: str) -> tuple[str, ...]:
    """Give a module's name, and others that checkpoints of the same model have for it.

    Examples
    --------
    >>> spellings("layers.0.ffn.w1")
    ('layers.0.ffn.w1', 'layers.0.ffn.gate_proj', 'layers.0.ffn.gate_up_proj')
    """
    inside, _, last = name.rpartition(".")
    names = [name, *(f"{inside}.{other}" for other in _ALSO.get(last, ()))]
    for one, other in (("shared_experts", "shared_expert"), ("shared_expert", "shared_experts")):
        names += [text.replace(f".{one}.", f".{other}.") for text in names if f".{one}." in text]
    return tuple(dict.fromkeys(names))


_ALSO = {
    "gate_proj": ("w1", "gate_up_proj"), "up_proj": ("w3", "gate_up_proj"), "down_proj": ("w2",),
    "w1": ("gate_proj", "gate_up_proj"), "w3": ("up_proj", "gate_up_proj"), "w2": ("down_proj",),
    "q_proj": ("qkv_proj",), "k_proj": ("qkv_proj",), "v_proj": ("qkv_proj",),
    "wq_a": ("fused_wqa_wkv",), "wkv": ("fused_wqa_wkv",),
    "in_proj_qkv": ("in_proj_qkvz",), "in_proj_z": ("in_proj_qkvz",),
}  # fmt: skip
_BY_SHAPE = ("attention", "recurrent")


def _parts(layer: Layer) -> Iterator[tuple[str, int]]:
    """Give the parts of a layer, with the parameters of each."""
    for part in (layer.mixer, layer.channel):
        yield from part.quantisable.items() if part else ()


def _sizes(mixer: Part | None, hidden: int) -> dict[str, float]:
    """Give the parameters of the projections of a token mixer that are not of one size."""
    if isinstance(mixer, Attention):
        queries = mixer.heads * (mixer.head_dim + mixer.gate)
        keys, values = mixer.kv_heads * mixer.head_dim, mixer.kv_heads * mixer.v_dim
        return {"q_proj": queries, "k_proj": keys, "v_proj": values}
    if isinstance(mixer, LatentAttention):
        rank, query = mixer.q_rank or 0, mixer.heads * (mixer.nope_dim + mixer.rope_dim)
        return {
            "q_a_proj": hidden * rank,
            "q_b_proj": (rank or hidden) * query,
            "kv_a_proj_with_mqa": hidden * (mixer.kv_rank + mixer.rope_dim),
            "kv_b_proj": mixer.kv_rank * mixer.heads * (mixer.nope_dim + mixer.v_dim),
        }
    if isinstance(mixer, CompressedAttention):
        rank, width = mixer.q_rank, mixer.head_dim
        return {"wq_a": hidden * rank, "wq_b": rank * mixer.heads * width, "wkv": hidden * width}
    if isinstance(mixer, GatedDeltaNet):
        both = 2 * mixer.keys + mixer.values
        values = mixer.values
        return {"in_proj_qkv": both, "in_proj_z": values, "in_proj_qkvz": both + values,
                "out_proj": values}  # fmt: skip
    if isinstance(mixer, Mamba2):
        entering = 2 * mixer.inner + 2 * mixer.groups * mixer.state + mixer.heads
        return {"in_proj": entering, "out_proj": mixer.inner}
    return {}


_FIRST = ("dense", "shared", "attention", "recurrent", "experts")
_NEAR = 1e-9
_WIDE_BITS = 16.0


def checkpoint_precision(
    quantisation: Quantisation, config: ModelConfig, model_type: str
) -> Precision:
    """Give each part of a model the scheme that most of its weights have, and their mean bits.

    Parameters
    ----------
    quantisation : Quantisation
        Which modules are quantised how.
    config : ModelConfig
        The architecture.
    model_type : str
        Whose names the modules have.

    Returns
    -------
    Precision
        Types of the dense layers (where there are none, of the shared experts, else of
        attention) as its main ones, the others as parts; ``stored_bits`` where the weights of a
        part differ. The embedding stays at 16 bits.

    Raises
    ------
    ValueError
        If it says something of modules that this model is not known to have.
    """
    weighed = _weighed(quantisation, config, model_type)
    schemes = {part: counted.most_common(1)[0][0] for part, counted in weighed.items()}
    main = next(part for part in _FIRST if part in schemes)
    experts = schemes.get("experts", schemes[main])
    narrowest = min(schemes.values(), key=lambda scheme: DATA_TYPES[scheme.weights].stored_bits)
    in_blocks = any(_in_blocks(scheme) for scheme in schemes.values())
    plain_scales = narrowest.scale_bits == DATA_TYPES[narrowest.weights].scale_bits
    own: dict[str, Any] = {
        part: schemes[part].weights
        for part in ("attention", "attention_output", "recurrent", "shared")
        if part in schemes
    }
    plain = Precision(
        weights=schemes[main].weights,
        activations=schemes[main].activations,
        kv_cache=quantisation.kv_cache,
        experts=experts.weights,
        expert_activations=experts.activations,
        scale_bits=None if plain_scales or _in_blocks(narrowest) else narrowest.scale_bits,
        fp8_blocks=True if in_blocks else None,
        **own,
    )
    means = {part: _mean(counted) for part, counted in weighed.items()}
    means["weights"] = means[main]
    means.pop("dense", None)
    if not config.tie_word_embeddings:
        means["head"] = _bits(quantisation.head)
    prediction = f"layers.{config.num_decoder_layers}.mlp.experts.0.gate_proj"
    mixed = {part: mean for part, mean in means.items() if abs(plain.bits(part) - mean) > _NEAR}
    narrow = any(DATA_TYPES[scheme.weights].is_quantised for scheme in schemes.values())
    if DATA_TYPES[quantisation.embedding.weights].is_quantised:
        mixed["embedding"] = _bits(quantisation.embedding)
        if config.tie_word_embeddings:
            mixed["head"] = mixed["embedding"]
    if config.mtp_layers and narrow and quantisation.leaves_prediction(prediction):
        mixed["mtp"] = _WIDE_BITS
    return replace(plain, stored_bits=mixed) if mixed else plain


def _in_blocks(scheme: Scheme) -> bool:
    return scheme.weights == "fp8" and scheme.scale_bits == FP8_BLOCK_BITS


def _weighed(
    quantisation: Quantisation, config: ModelConfig, model_type: str
) -> dict[str, Counter[Scheme]]:
    """Count the parameters of each part that have a scheme."""
    model = architecture(config)
    weighed: dict[str, Counter[Scheme]] = {}
    seen: set[str] = set()
    for index, kind in enumerate(model.sequence):
        for part, name, parameters in modules_of(model.layers[kind], config, model_type):
            names = spellings(f"layers.{index}.{name}")
            seen.update(names)
            scheme = quantisation.scheme_of(*names)
            counted = weighed.setdefault(part, Counter())
            counted[scheme] += round(parameters)
    unmet = quantisation.unmet(seen)
    if unmet:
        msg = f"the quantisation names parts of layers that are not known, such as {unmet[0]!r}"
        raise ValueError(msg)
    return weighed


def _mean(counted: Counter[Scheme]) -> float:
    """Give the mean bits of a part's weights; of one without any, those of its scheme."""
    if not counted.total():
        return _bits(next(iter(counted)))
    return sum(_bits(scheme) * number for scheme, number in counted.items()) / counted.total()


def _bits(scheme: Scheme) -> float:
    """Bits that a weight takes, its share of the scales included."""
    kind = DATA_TYPES[scheme.weights]
    return kind.bits + scheme.scale_bits if kind.is_quantised else kind.stored_bits
