"""Which fields of a ``config.json`` can change the layers of a model, by the kind of field."""

from __future__ import annotations

import re

# Words in the names of fields that change the layers of a model. A field with such a word that
# no dialect has read is not understood, unless it is of a harmless kind, what the model type has
# anyway, or off (null, false, 0, empty).
_STRUCTURAL = re.compile(
    r"altup|attention|attn|audio|bias|block|chunk|compress|conv|dim|embed|encoder|engram|expert|"
    r"ffn|gate|group|hash|hc_|head|hybrid|hyper|index|kv|latent|laurel|layer|linear|lora|mamba|"
    r"mixer|mlp|moe|mtp|norm|parallel|pattern|rank|ratio|recurren|residual|res_|router|shared|sink|"
    r"size|sparse|ssm|state|topk|vision|vocab|window"
)
# Kinds of fields that hold no weights: tokens, training, rounding, positions that are computed, the
# way scores of a router become weights, and what an implementation is called.
_HARMLESS_KIND = re.compile(
    r"token_(?:id|index|ids)$|dropout|_pdrop$|drop_path|layer_?drop$|jitter|"
    r"initiali[sz]er|(?:^|_)init(?:_|$)|_std$|_eps$|epsilon|_(?:loss|loss_coef|loss_weight)$|"
    r"_loss_scaling_factor$|aux_loss|z_loss|load_balance|"
    r"rope(?!.*_dim)|rotary|max_position|original_max|alibi_bias_max|yarn|mscale|"
    r"_dtype$|fp32|_implementation|use_cache|gradient_checkpointing|"
    r"softcap|clip_qkv|(?:^|_)act(?:_fn|ivation)?$|activation_(?:fn|function)$|"
    r"^output_(?:attentions|hidden_states|router_logits)$|tokenizer|"
    r"norm_topk|norm_prob|route_norm|score_func|scoring_func|router_activation|topk_method|"
    r"^topk_group$|^n_group$|group_limited|renormalize|capacity|"
    r"time_step_(?:min|max|floor|limit)$|use_.*_kernels?$|grouped_mm$|"
    r"image_(?:seq|token)_length|^seq_length$|_trainable$|^freeze"
)
_LEARNED = re.compile(r"learn|absolute")
_SCALES = re.compile(r"scale$|_scale_|scaling|multiplier$|^scale_|^dim_model_base$")
_HARMLESS = frozenset(
    {
        "apply_query_key_layer_scaling", "attention_softmax_in_fp32", "chunk_size_feed_forward",
        "compression_config", "ep_size", "fused_add_norm", "mamba_chunk_size",
        "max_window_layers", "num_beam_groups", "num_expert_group", "query_pre_attn_scalar",
        "pad_vocab_size_multiple", "reorder_and_upcast_attn", "rescale_prenorm_residual",
        "scale_attn_by_inverse_layer_idx", "scale_attn_weights", "use_grouped_topk",
        "attn_temperature_tuning", "floor_scale", "id2label", "label2id", "vision_feature_layer",
        "vision_feature_select_strategy", "is_encoder_decoder", "hidden_act",
        "projector_hidden_act", "use_bidirectional_attention",
    }
)  # fmt: skip


def is_harmless(name: str, value: object) -> bool:
    """Tell whether a field cannot change the layers of a model, by its name and its value.

    Examples
    --------
    >>> is_harmless("vision_start_token_id", 5), is_harmless("index_topk", 2048)
    (True, False)
    >>> is_harmless("index_topk", None), is_harmless("attention_scale", True)
    (True, False)
    """
    if not value or not is_structural(name):
        return True
    if isinstance(value, int | float) and not isinstance(value, bool) and _SCALES.search(name):
        return True
    if name == "position_embedding_type":
        return not _LEARNED.search(str(value))
    return is_of_harmless_kind(name)


def is_structural(name: str) -> bool:
    """Tell whether the name of a field has a word of what layers are made of.

    Examples
    --------
    >>> is_structural("q_lora_rank"), is_structural("seed")
    (True, False)
    """
    return _STRUCTURAL.search(name) is not None


def is_of_harmless_kind(name: str) -> bool:
    """Tell whether a field is of a kind that holds no weights, whatever its value.

    Examples
    --------
    >>> is_of_harmless_kind("attention_dropout"), is_of_harmless_kind("qk_rope_head_dim")
    (True, False)
    """
    return name in _HARMLESS or _HARMLESS_KIND.search(name) is not None
