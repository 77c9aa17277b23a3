"""Decoders of the Llama kind: Llama, Mistral, Qwen, Phi-3, InternLM.

Defaults are those of the configuration classes in Hugging Face transformers.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.fields import Dialect, Fields

FULL, SLIDING = "full_attention", "sliding_attention"
_MISTRAL_WINDOW = 4096  # where a file of Mistral does not speak of a window at all

KV = "num_key_value_heads"
"""A field that most dialects need."""


def common(
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
        fields.number(name)
    return {
        "vocab_size": fields.number("vocab_size"),
        "hidden_size": fields.number("hidden_size"),
        "num_decoder_layers": fields.number("num_hidden_layers"),
        "num_attention_heads": fields.number("num_attention_heads"),
        "num_key_value_heads": fields.optional("num_key_value_heads"),
        "head_dim": fields.optional("head_dim"),
        "intermediate_size": fields.number("intermediate_size", default=width),
        "max_model_len": fields.optional("max_position_embeddings"),
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=tied),
    }


def attention_bias(fields: Fields, name: str = "attention_bias") -> dict[str, Any]:
    """Read whether all four projections of attention have a bias."""
    biased = fields.flag(name, default=False)
    return {"qkv_bias": biased, "attention_output_bias": biased}


def windows(
    fields: Fields, pattern: tuple[str, ...] = (SLIDING,), *, absent: int | None = None
) -> dict[str, Any]:
    """Read which layers have a window; one as long as the context is none."""
    window = fields.optional("sliding_window") or absent
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


def qwen_windows(fields: Fields) -> dict[str, Any]:
    """Read the windows of Qwen models: off unless use_sliding_window, and in upper layers only."""
    if not fields.flag("use_sliding_window", default=False):
        fields.ignore("sliding_window", "layer_types")
        return {}
    layers = fields.number("num_hidden_layers")
    below = min(fields.number("max_window_layers"), layers)
    return windows(fields, (FULL,) * below + (SLIDING,) * (layers - below))


def llama(fields: Fields) -> dict[str, Any]:
    """Read the most common dialect."""
    mlp_bias = fields.flag("mlp_bias", default=False)
    return {**common(fields), **attention_bias(fields), "mlp_bias": mlp_bias}


def _mistral(fields: Fields) -> dict[str, Any]:
    absent = _MISTRAL_WINDOW if fields.absent("sliding_window") else None
    return {**common(fields, needs=(KV,)), **windows(fields, absent=absent)}


def _phi3(fields: Fields) -> dict[str, Any]:
    return {**common(fields), **windows(fields)}


def _qwen2(fields: Fields) -> dict[str, Any]:
    return {**common(fields, needs=(KV,)), **qwen_windows(fields), "qkv_bias": True}


def _qwen3(fields: Fields) -> dict[str, Any]:
    return {
        **common(fields, needs=(KV, "head_dim")),
        **attention_bias(fields),
        **qwen_windows(fields),
        "qk_norm": True,
    }


def _internlm(fields: Fields) -> dict[str, Any]:
    return {**common(fields), **attention_bias(fields, "bias")}


DENSE: dict[str, Dialect] = {
    "llama": llama,
    "mistral": _mistral,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "phi3": _phi3,
    "internlm": _internlm,
    "internlm2": _internlm,
}
"""Dialects of dense decoders."""
