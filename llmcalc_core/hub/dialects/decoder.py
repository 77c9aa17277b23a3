"""What decoders, and encoders of images, of nearly every maker have in common.

Defaults are those of the configuration classes in Hugging Face transformers. Each encoder stands
with its maker's models; its parameters add up to the published number to the last digit where that
is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcalc_core.hub.dialects.fields import Dialect, Fields

FULL, SLIDING = "full_attention", "sliding_attention"
KV = "num_key_value_heads"
"""A field that most dialects need."""
_RECENT = ("5.", "6.")
PLAIN_FEED_FORWARD = {"num_ffi": 1, "norm": "layernorm"}
"""Feed-forward layers with one projection up, and layer norms, as before Llama."""


def decoder_fields(
    fields: Fields,
    *,
    tied: bool = False,
    width: int | None = None,
    needs: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Read what nearly every decoder says in the same words.

    ``width`` is that of the dense feed-forward layer where the file need not give it. ``needs``
    names what must be there because its default in transformers is a number of some particular
    model.
    """
    for name in needs:
        if fields.absent(name):
            fields.number(name)
    hidden, heads = fields.number("hidden_size"), fields.number("num_attention_heads", least=1)
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": hidden,
        "num_decoder_layers": fields.number("num_hidden_layers"),
        "num_attention_heads": heads,
        "num_key_value_heads": fields.optional("num_key_value_heads"),
        "head_dim": fields.optional("head_dim") or hidden // heads or None,
        "intermediate_size": fields.number("intermediate_size", default=width),
        "max_model_len": fields.optional("max_position_embeddings"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=tied),
    }


def attention_bias(fields: Fields, name: str = "attention_bias") -> dict[str, Any]:
    """Read whether all four projections of attention have a bias."""
    biased = fields.flag(name, default=False)
    return {"qkv_bias": biased, "attention_output_bias": biased}


def biased_everywhere(*, biased: bool) -> dict[str, bool]:
    """Say that all projections of attention and of the feed-forward layer have a bias, or none."""
    return {"qkv_bias": biased, "attention_output_bias": biased, "mlp_bias": biased}


def windows(
    fields: Fields, pattern: tuple[str, ...] = (SLIDING,), *, absent: int | None = None
) -> dict[str, Any]:
    """Read which layers have a window; one as long as the context is none."""
    window = fields.optional("sliding_window", "sliding_window_size") or absent
    kinds = fields.entries("layer_types") or pattern
    if not set(kinds) <= {FULL, SLIDING}:
        fields.refuse("layer_types", f"can only hold {FULL} and {SLIDING}")
    if SLIDING not in kinds:
        return {}
    if not window:
        if fields.value("layer_types") is not None:
            fields.refuse("sliding_window", f"must be given for layers of {SLIDING}")
        return {}
    context = fields.optional("max_position_embeddings")
    if context is not None and window >= context:
        return {}
    return {"sliding_window": window, "layer_types": kinds}


def layer_kinds(
    fields: Fields, named: Mapping[str, str], layers: int, *, name: str = "layer_types"
) -> tuple[str, ...]:
    """Read the kind of each layer by the names that a file has for them; none where it has none."""
    kinds = fields.words(name)
    if kinds and (len(kinds) != layers or not set(kinds) <= set(named)):
        fields.refuse(name, f"must be one of {', '.join(named)} for each of {layers} layers")
    return tuple(named[kind] for kind in kinds)


def delta_shape(fields: Fields) -> dict[str, Any]:
    """Read the heads of gated delta nets, as Qwen3-Next writes them."""
    return {
        "linear_num_key_heads": fields.number("linear_num_key_heads"),
        "linear_num_value_heads": fields.number("linear_num_value_heads"),
        "linear_key_head_dim": fields.number("linear_key_head_dim"),
        "linear_value_head_dim": fields.number("linear_value_head_dim"),
        "linear_conv_kernel_dim": fields.number("linear_conv_kernel_dim", default=4),
    }


def mixtures(fields: Fields, layers: int) -> tuple[str, ...]:
    """Read which layers are dense and which have experts; none where the file does not say."""
    return layer_kinds(
        fields, {"dense": "dense", "sparse": "sparse"}, layers, name="mlp_layer_types"
    )


def local_experts(fields: Fields) -> dict[str, Any]:
    """Read how many experts there are, and how many a token uses, as Mixtral writes them."""
    return {
        "num_experts": fields.number("num_local_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
    }


def first_dense_layers(fields: Fields, layers: int, *names: str, default: int = 0) -> int:
    """Read how many layers are dense, as a number or by the names of all; they are the first."""
    kinds = fields.words("mlp_layer_types")
    if kinds and not fields.stated(*names):
        fields.ignore(*names)
        dense = kinds.count("dense")
    else:
        dense = fields.number(*names, default=default)
    if kinds and kinds != ("dense",) * dense + ("sparse",) * (layers - dense):
        fields.refuse("mlp_layer_types", f"can only be described with {dense} dense layers first")
    return dense


CHANNELS = 3
"""Colours of a pixel."""


def images(fields: Fields) -> Fields | None:
    """Give the section of the encoder of images; None where an older file has none.

    A file that transformers 5 wrote would mean a default encoder by that, which is refused.
    """
    if not fields.value("vision_config"):
        if is_recent(fields) and fields.absent("vision_config"):
            fields.refuse("vision_config", "must describe the encoder of images")
        return None
    section = fields.section("vision_config")
    section.ignore_rest()
    return section


def text_part(fields: Fields, text: Fields, reader: Dialect) -> dict[str, Any]:
    """Read the text part; the whole decides whether the head is tied, where it says so.

    A file that transformers 5 wrote means what the whole says, or its class by default. In an older
    one that says nothing outside, the text part does, or both classes have to (Mistral Small 3.2
    has a head of its own).
    """
    described = reader(text)
    name = "tie_word_embeddings"
    inner = bool(described.get(name))
    whole = fields.flag(name, default=inner)
    if fields.stated(name) or is_recent(fields):
        described[name] = whole
    elif not text.stated(name):
        described[name] = whole and inner
    return described


def is_recent(fields: Fields) -> bool:
    """Tell whether transformers 5 or later wrote a file."""
    return str(fields.value("transformers_version")).startswith(_RECENT)


def encoder_layer(hidden: int, inner: int, *, gated: bool, biased: bool, norms: int) -> int:
    """Count a layer: four projections, two or three of the feed-forward part, biases, norms."""
    matrices = 4 * hidden * hidden + (2 + gated) * hidden * inner
    biases = (5 * hidden + (1 + gated) * inner) if biased else 0
    return matrices + biases + norms
