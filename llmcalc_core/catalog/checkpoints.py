"""From the quantisation of a checkpoint's modules to the precision of a model's parts."""

from __future__ import annotations

from collections import Counter

from llmcalc_core.catalog.quantisation import Quantisation, Scheme
from llmcalc_core.domain.config import ModelConfig
from llmcalc_core.domain.data_types import STORED_BITS, VALUE_BITS
from llmcalc_core.domain.layers import FeedForward, Mixture, precision_part
from llmcalc_core.domain.model import architecture
from llmcalc_core.domain.precision import Precision

_USUAL = {
    "attention": "self_attn.q_proj",
    "attention_output": "self_attn.o_proj",
    "recurrent": "linear_attn.in_proj_qkv",
    "dense": "mlp.gate_proj",
    "shared": "mlp.shared_experts.gate_proj",
    "experts": "mlp.experts.0.gate_proj",
}
"""A module that stands for each part of a layer, as most checkpoints name it."""

_NEMOTRON = {
    "attention": "mixer.q_proj",
    "attention_output": "mixer.o_proj",
    "recurrent": "mixer.in_proj",
    "dense": "mixer.up_proj",
    "shared": "mixer.shared_experts.up_proj",
    "experts": "mixer.experts.0.up_proj",
}
_DEEPSEEK_4 = {
    "attention": "attn.wq_b",
    "attention_output": "attn.wo_b",
    "dense": "ffn.w1",
    "shared": "ffn.shared_experts.w1",
    "experts": "ffn.experts.0.w1",
}
_BLOCK = {"experts": "block_sparse_moe.experts.0.w1"}
_KIMI = {
    **_BLOCK,
    "recurrent": "self_attn.q_proj",
    "shared": "block_sparse_moe.shared_experts.gate_proj",
}
_ONE_SHARED = {"shared": "mlp.shared_expert.gate_proj"}
_FEED_FORWARD = {
    "dense": "feed_forward.gate_proj",
    "shared": "feed_forward.shared_expert.gate_proj",
    "experts": "feed_forward.experts.0.gate_proj",
}
_OWN = {
    "nemotron_h": _NEMOTRON, "deepseek_v4": _DEEPSEEK_4, "mixtral": _BLOCK, "minimax_m2": _BLOCK,
    "phimoe": _BLOCK, "kimi_linear": _KIMI, "kimi_k3": _KIMI,
    "gemma4": {"experts": "experts.0.gate_proj"}, "llama4": _FEED_FORWARD,
    "jamba": {**_FEED_FORWARD, "recurrent": "mamba.in_proj"}, "qwen2_moe": _ONE_SHARED,
    "qwen3_5_moe": _ONE_SHARED, "qwen3_next": _ONE_SHARED,
    "phi3": {"attention": "self_attn.qkv_proj", "dense": "mlp.gate_up_proj"},
}  # fmt: skip
"""The same where a ``model_type`` has names of its own."""


def checkpoint_precision(
    quantisation: Quantisation, config: ModelConfig, model_type: str
) -> Precision:
    """Give each part of a model the scheme that most of its layers have.

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
        attention) as its main ones, the others as parts. Embedding and head stay at 16 bits.
    """
    schemes = _schemes(quantisation, config, model_type)
    first = ("dense", "shared", "attention", "recurrent", "experts")
    main = next(schemes[part] for part in first if part in schemes)
    experts = schemes.get("experts", main)
    narrowest = min(schemes.values(), key=lambda scheme: STORED_BITS[scheme.weights])
    usual = STORED_BITS[narrowest.weights] - VALUE_BITS.get(narrowest.weights, 16.0)
    own = {
        part: schemes[part].weights
        for part in ("attention", "attention_output", "recurrent", "shared")
        if part in schemes
    }
    return Precision(
        weights=main.weights,
        activations=main.activations,
        kv_cache=quantisation.kv_cache,
        experts=experts.weights,
        expert_activations=experts.activations,
        scale_bits=None if narrowest.scale_bits == usual else narrowest.scale_bits,
        **own,
    )


def _schemes(quantisation: Quantisation, config: ModelConfig, model_type: str) -> dict[str, Scheme]:
    """Give the scheme that most layers have, of each part that there is."""
    names = dict(_USUAL)
    if config.q_lora_rank:
        names["attention"] = "self_attn.q_b_proj"
    names |= next((own for kind, own in _OWN.items() if model_type.startswith(kind)), {})
    model = architecture(config)
    votes: dict[str, Counter[Scheme]] = {}
    for index, kind in enumerate(model.sequence):
        layer = model.layers[kind]
        parts = [precision_part(layer.mixer)] if layer.mixer else []
        if "attention" in parts:
            parts.append("attention_output")
        if isinstance(layer.channel, FeedForward):
            parts.append("dense")
        elif isinstance(layer.channel, Mixture):
            parts += ["experts", "shared"] if layer.channel.shared_width else ["experts"]
        for part in parts:
            scheme = quantisation.scheme_of(f"layers.{index}.{names[part]}")
            votes.setdefault(part, Counter())[scheme] += 1
    return {part: counted.most_common(1)[0][0] for part, counted in votes.items()}
