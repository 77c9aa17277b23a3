"""StepFun: Step 3.5 and 3.7, with a gate for each head, and more heads in the sliding layers.

Defaults are those of the configuration class in Hugging Face transformers. The encoder of images is
that of modeling_step3p7.py.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    CHANNELS,
    FULL,
    KV,
    SLIDING,
    attention_bias,
    encoder_layer,
    images,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.model.vision import VisionTower

_FIRST = 3  # layers without experts where a file does not say which


@dialect("step3p5", "step3p7_text", "step3p5_text")
def _step3p5(fields: Fields) -> dict[str, Any]:
    """Read the decoder; entries of lists after the last layer are those of prediction."""
    fields.require("attention_output_gate", expected=None)
    fields.require("use_head_wise_attn_gate", expected=True)
    fields.require("use_moe", expected=True)
    fields.ignore("moe_router_activation", "need_fp32_gate", "norm_expert_weight", "use_qk_norm")
    fields.ignore("moe_router_scaling_factor", "max_seq_len", "use_rope_layers", "yarn_only_types")
    fields.ignore("partial_rotary_factors", "query_pre_attn_scalar", "per_layer_config", "sink")
    fields.ignore("n_shared_experts", "swiglu_limits_shared", "num_local_experts", "att_impl_type")
    layers = fields.number("num_hidden_layers")
    predicted = fields.number("num_nextn_predict_layers", default=0)
    kinds = _kinds(fields, layers, predicted)
    heads = fields.number("num_attention_heads")
    sliding = _sliding_heads(fields, heads)
    channels = _channels(fields, layers, predicted)
    module: dict[str, str | int] = {}
    if predicted:
        own = sliding if kinds[layers] == SLIDING else heads
        module = {"layer_type": kinds[layers], "mlp_layer_type": channels[layers],
                  "num_attention_heads": own}  # fmt: skip
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": fields.number("hidden_size"),
        "num_decoder_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": fields.number(KV, "num_attention_groups"),
        "head_dim": fields.number("head_dim"),
        "intermediate_size": fields.number("intermediate_size"),
        "max_model_len": fields.optional("max_position_embeddings"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=False),
        **attention_bias(fields),
        "sliding_window": fields.optional("sliding_window"),
        "layer_types": kinds[:layers],
        "mlp_layer_types": channels[:layers],
        "per_layer": {"num_attention_heads": tuple(
            sliding if kind == SLIDING else heads for kind in kinds[:layers]
        )} if sliding != heads else {},
        "qk_norm": True,
        "attn_gate_per_head": True,
        "num_experts": fields.number("n_routed_experts", "moe_num_experts", "num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok", "moe_top_k"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": 1,
        "shared_expert_intermediate_size": fields.number("share_expert_dim", "share_expert_dims"),
        "router_bias": fields.flag("use_moe_router_bias", default=True),
        "mtp_layers": predicted,
        "mtp_layer": module,
    }  # fmt: skip


def _kinds(fields: Fields, layers: int, predicted: int) -> tuple[str, ...]:
    """Read the attention of each layer, and of modules where the list goes on."""
    fields.ignore("mtp_layer_types", "mtp_mlp_layer_types")
    kinds = fields.entries("layer_types") or (FULL,) * layers
    if len(kinds) not in (layers, layers + predicted) or not set(kinds) <= {FULL, SLIDING}:
        fields.refuse("layer_types", f"must be {FULL} or {SLIDING} for each of {layers} layers")
    return kinds if len(kinds) > layers else (*kinds, *(kinds[-1],) * predicted)


def _sliding_heads(fields: Fields, heads: int) -> int:
    """Read the heads of the sliding layers, in either spelling; other shapes must not differ."""
    found = fields.number("num_sliding_attention_heads", default=heads)
    if fields.value("attention_other_setting") is None:
        return found
    other = fields.section("attention_other_setting")
    other.require("attention_type", expected=SLIDING)
    other.require("num_attention_groups", expected=fields.number(KV, "num_attention_groups"))
    other.require("head_dim", expected=fields.number("head_dim"))
    other.ignore("true_head_dim")
    return other.number("num_attention_heads", default=heads)


def _channels(fields: Fields, layers: int, predicted: int) -> tuple[str, ...]:
    """Read which layers have experts: by their names, their numbers, or all after the first.

    Modules of prediction have none where the file does not name theirs.
    """
    named, listed = fields.entries("mlp_layer_types"), fields.value("moe_layers_enum")
    first = fields.number("first_k_dense_replace", default=_FIRST)
    both = layers + predicted
    if named:
        if len(named) not in (layers, both) or not set(named) <= {"dense", "sparse"}:
            fields.refuse("mlp_layer_types", f"must be dense or sparse for each of {layers} layers")
        return (*named, *("dense",) * (both - len(named)))
    sparse = set(range(first, layers))
    if listed is not None:
        texts = listed.split(",") if isinstance(listed, str) else listed
        if not isinstance(texts, list) or not all(str(text).strip().isdigit() for text in texts):
            fields.refuse("moe_layers_enum", "must be numbers of layers")
        sparse = {int(text) for text in texts}
    return tuple("sparse" if layer in sparse else "dense" for layer in range(both))


@dialect("step3p7")
def _step3p7(fields: Fields) -> dict[str, Any]:
    """Read the text part, nested or not, and the encoder of images."""
    if fields.value("text_config") is None:
        return _step3p5(fields)
    text, vision = fields.section("text_config"), images(fields)
    fields.require("projector_bias", expected=False)
    described = _step3p5(text)
    if vision:
        described["vision"] = step_vision(vision, described["hidden_size"])
    fields.ignore_rest()
    return described


def step_vision(vision: Fields, text_hidden: int) -> VisionTower:
    """Read the encoder of Step 3.7: two convolutions of stride two at the end, and a projection."""
    hidden = vision.number("hidden_size", "width")
    if vision.value("mlp_ratio") is not None:
        inner = int(hidden * vision.real("mlp_ratio"))
    else:
        inner = vision.number("intermediate_size")
    patch, side = vision.number("patch_size", least=1), vision.number("image_size")
    kernel = 3 * 3
    downsampled = 2 * hidden * (hidden * kernel + 1) + 4 * hidden * (2 * hidden * kernel + 1)
    return VisionTower(
        layers=vision.number("num_hidden_layers", "layers"),
        hidden_size=hidden,
        intermediate_size=inner,
        patch_size=patch,
        merge_size=4,
        layer_parameters=encoder_layer(hidden, inner, gated=False, biased=True, norms=6 * hidden),
        outside_parameters=CHANNELS * patch * patch * hidden
        + (side // patch) ** 2 * hidden
        + 2 * hidden,
        projector_parameters=downsampled + 4 * hidden * text_hidden,
        image_size=side,
    )
