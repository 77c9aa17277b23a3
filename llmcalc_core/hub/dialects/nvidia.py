"""NVIDIA: Nemotron, layers found by search (Puzzle, DeciLM), hybrids of Mamba-2 with attention.

Defaults are those of the configuration classes in Hugging Face transformers.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import FULL, KV, decoder_fields
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.hub.dialects.meta import llama

_NONE = "none"
# Letters of hybrid_override_pattern, and the names that stand for them: (token, channel) mixer.
_BLOCKS = {
    "M": ("mamba2", _NONE), "E": (_NONE, "sparse"), "*": (FULL, _NONE), "-": (_NONE, "dense"),
}  # fmt: skip
_LETTERS = {"linear_attention": "M", "mamba": "M", "moe": "E", "full_attention": "*",
            "attention": "*", "mlp": "-"}  # fmt: skip
_FFN_MULTIPLE = 256  # widths of the searched layers are rounded up to it (modeling_decilm.py)


@dialect("nemotron", "jais2")
def _nemotron(fields: Fields) -> dict[str, Any]:
    return {**llama(fields), "num_ffi": 1, "norm": "layernorm"}


@dialect("deci")
def _deci(fields: Fields) -> dict[str, Any]:
    """Read DeciLM, whose layers have key and value heads of their own number."""
    heads = fields.entries("num_key_value_heads_per_layer")
    layers = fields.number("num_hidden_layers")
    if len(heads) != layers:
        fields.refuse("num_key_value_heads_per_layer", f"must be a number for each of {layers}")
    return {**llama(fields), "num_key_value_heads": max(heads), "per_layer": {KV: heads}}


@dialect("nemotron_h")
def _nemotron_h(fields: Fields) -> dict[str, Any]:
    """Read Nemotron-H and Nemotron-3: each layer is one mixer, of tokens or of channels."""
    for name in ("attention_bias", "mlp_bias", "use_bias", "mamba_proj_bias"):
        fields.require(name, expected=False)
    fields.require("use_conv_bias", expected=True)
    fields.require("mamba_ssm_cache_dtype", expected="float32")
    fields.require("sliding_window", expected=None)
    fields.require("mlp_hidden_act", expected="relu2")
    fields.ignore("expand", "chunk_size", "mamba_hidden_act", "moe_shared_expert_overlap")
    fields.ignore("time_step_rank", "ssm_cfg")
    layers = fields.optional("num_hidden_layers")
    pattern = _pattern(fields, "layers_block_type", "hybrid_override_pattern")
    if layers is not None and layers != len(pattern):
        fields.refuse("num_hidden_layers", f"must be the {len(pattern)} of the layers' pattern")
    mixers, channels = zip(*(_BLOCKS[letter] for letter in pattern), strict=True)
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": fields.number("hidden_size"),
        "num_decoder_layers": len(pattern),
        "num_attention_heads": fields.number("num_attention_heads"),
        "num_key_value_heads": fields.number(KV),
        "head_dim": fields.number("head_dim", "attention_head_dim"),
        "intermediate_size": fields.number("intermediate_size"),
        "num_ffi": 1,
        "max_model_len": fields.optional("max_position_embeddings"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=False),
        "layer_types": mixers,
        "mlp_layer_types": channels,
        "norms_per_layer": 1,
        "mamba_d_state": fields.number("ssm_state_size"),
        "mamba_d_conv": fields.number("conv_kernel"),
        "mamba_num_heads": fields.number("mamba_num_heads"),
        "mamba_head_dim": fields.number("mamba_head_dim"),
        "mamba_n_groups": fields.number("n_groups"),
        **(_nemotron_experts(fields) if "sparse" in channels else {}),
        **_prediction(fields),
    }


def _pattern(fields: Fields, names: str, letters: str) -> str:
    """Read the letters of the layers, or the list of their names."""
    named = fields.entries(names)
    if named:
        if not set(named) <= set(_LETTERS):
            fields.refuse(names, f"can only hold {', '.join(_LETTERS)}")
        return "".join(_LETTERS[name] for name in named)
    pattern = fields.value(letters)
    if not isinstance(pattern, str) or not pattern or not set(pattern) <= set(_BLOCKS):
        fields.refuse(letters, f"must be a text of {' '.join(_BLOCKS)}")
    return pattern


def _prediction(fields: Fields) -> dict[str, Any]:
    """Read the modules of multi-token prediction: a mixer of tokens, then one of channels."""
    fields.ignore("mtp_layers_block_type", "mtp_hybrid_override_pattern")
    count = fields.number("num_nextn_predict_layers", default=0)
    if not count:
        return {}
    pattern = _pattern(fields, "mtp_layers_block_type", "mtp_hybrid_override_pattern")
    mixers, channels = zip(*(_BLOCKS[letter] for letter in pattern), strict=True)
    if mixers[1:] != (_NONE,) or channels[:1] != (_NONE,):
        given = fields.given("mtp_layers_block_type", "mtp_hybrid_override_pattern")
        fields.refuse(given, "must be a mixer of tokens and a feed-forward")
    own = {"layer_type": mixers[0], "mlp_layer_type": channels[1], "norms_per_layer": 2}
    return {"mtp_layers": count, "mtp_layer": own}


def _nemotron_experts(fields: Fields) -> dict[str, Any]:
    return {
        "num_experts": fields.number("n_routed_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "moe_latent_size": fields.optional("moe_latent_size"),
        "n_shared_experts": fields.number("n_shared_experts"),
        "shared_expert_intermediate_size": fields.number("moe_shared_expert_intermediate_size"),
        "router_bias": True,
    }


@dialect("nemotron-nas")
def _nemotron_nas(fields: Fields) -> dict[str, Any]:
    """Read layers that a search has chosen one by one (Puzzle, arXiv:2411.19146)."""
    fields.require("attention_bias", expected=False)
    fields.require("mlp_bias", expected=False)
    heads, hidden = fields.number("num_attention_heads"), fields.number("hidden_size")
    blocks = fields.sections("block_configs")
    if len(blocks) != fields.number("num_hidden_layers"):
        fields.refuse("block_configs", "must describe each of num_hidden_layers")
    mixers = [_searched_attention(block.section("attention"), heads) for block in blocks]
    channels = [_searched_feed_forward(block.section("ffn"), hidden) for block in blocks]
    present = [
        (mixer[0] != _NONE) + (channel[0] != _NONE)
        for mixer, channel in zip(mixers, channels, strict=True)
    ]
    most = max(kv_heads for _, kv_heads in mixers) or heads
    return {
        **decoder_fields(fields, width=max(width for _, width in channels)),
        "num_key_value_heads": most,
        "layer_types": tuple(kind for kind, _ in mixers),
        "mlp_layer_types": tuple(kind for kind, _ in channels),
        "per_layer": {
            "num_key_value_heads": tuple(kv_heads or most for _, kv_heads in mixers),
            "intermediate_size": tuple(width for _, width in channels),
            "norms_per_layer": tuple(present),
        },
    }


def _searched_attention(block: Fields, heads: int) -> tuple[str, int]:
    """Give the kind of a layer's attention and its key and value heads, 0 without any."""
    for name in ("num_sink_tokens", "sparsify", "window_length"):
        block.require(name, expected=None)
    block.require("unshifted_sink", expected=False)
    block.ignore("use_prefill_window_in_sink_attention")
    linear = block.flag("replace_with_linear", default=False)
    group = block.optional("n_heads_in_group")
    if block.flag("no_op", default=False):
        return _NONE, 0
    if linear:
        return "linear", 0
    if not group or heads % group:
        block.refuse("n_heads_in_group", f"must divide num_attention_heads ({heads})")
    return FULL, heads // group


def _searched_feed_forward(block: Fields, hidden: int) -> tuple[str, int]:
    """Give the kind of a layer's feed-forward part and its width."""
    block.require("sparsify", expected=None)
    linear = block.flag("replace_with_linear", default=False)
    multiple = block.value("ffn_mult")
    if block.flag("no_op", default=False):
        return _NONE, 0
    if linear:
        return "linear", 0
    if not isinstance(multiple, int | float) or multiple <= 0:
        block.refuse("ffn_mult", "must be a number above 0")
    width = int(2 * multiple * hidden / 3)
    return "dense", -(-width // _FFN_MULTIPLE) * _FFN_MULTIPLE
