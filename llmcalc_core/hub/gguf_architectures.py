"""Architectures of GGUF, each as the ``config.json`` of the model type that it was converted from.

Names of architectures, of metadata and of tensors are those of llama.cpp (gguf-py/gguf/constants.py
and src/llama-arch.cpp); what stands for what is in its converters (conversion/*.py; read
2026-12-01). A description is held against the tensors, so what is not like it is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from llmcalc_core.checks import nearest
from llmcalc_core.hub.gguf_fields import GgufModel, usual_fields
from llmcalc_core.hub.gguf_recurrent import (
    delta,
    falcon_h1,
    granite_hybrid,
    lfm2,
    mamba,
    mamba2,
    nemotron_h,
)

Reader = Callable[[GgufModel], dict[str, Any]]


def config_values(model: GgufModel) -> dict[str, Any]:
    """Give what the ``config.json`` of a model would say.

    Raises
    ------
    ValueError
        For an architecture that is not known, or metadata that are missing.
    """
    reader = ARCHITECTURES.get(model.architecture)
    if reader is None:
        _refuse_architecture(model)
    return {**usual_fields(model), **reader(model)}


def _refuse_architecture(model: GgufModel) -> NoReturn:
    """Refuse an architecture that is not known, or one that is no model of text."""
    name = model.architecture[:60]
    if name in _NO_DECODERS:
        msg = f"{model.name}: the architecture {name!r} is {_NO_DECODERS[name]}, no decoder"
        raise ValueError(msg)
    msg = (
        f"{model.name}: general.architecture must be one of the {len(ARCHITECTURES)} that can be "
        f"read, got {name!r}{nearest(name, ARCHITECTURES)}; the config.json of the model may be "
        "read by ModelConfig.from_hf"
    )
    raise ValueError(msg)


_NO_DECODERS = {
    "clip": "an encoder of images (mmproj)", "bert": "an encoder", "modern-bert": "an encoder",
    "nomic-bert": "an encoder", "jina-bert-v2": "an encoder", "t5encoder": "an encoder",
    "gemma-embedding": "an encoder", "wavtokenizer-dec": "a decoder of sounds",
}  # fmt: skip


def _as(model_type: str, **more: object) -> Reader:
    """Read what the usual fields of a model type say."""
    return lambda _: {"model_type": model_type, **more}


def _llama(model: GgufModel) -> dict[str, Any]:
    """Read Llama, Mistral and Mixtral; with biases of three projections, what is like Qwen2."""
    if model.number("expert_count"):
        return {"model_type": "mixtral"}
    partly = model.has("attn_q.bias") and not model.has("attn_output.bias")
    return {"model_type": "qwen2" if partly else "llama"}


def _llama4(model: GgufModel) -> dict[str, Any]:
    sparse = model.layers_with("ffn_gate_inp.weight")
    return {
        "model_type": "llama4_text",
        "intermediate_size_mlp": model.number("feed_forward_length"),
        "intermediate_size": model.number("expert_feed_forward_length"),
        "interleave_moe_layer_step": sparse.index(True) + 1 if True in sparse else 1,
        "attention_chunk_size": model.number("attention.chunk_size") or 8192,
    }


def _windowed(model_type: str, usual_window: int) -> Reader:
    """Read a model whose older files left out the window that llama.cpp has for it."""

    def reader(model: GgufModel) -> dict[str, Any]:
        window = model.number("attention.sliding_window") or usual_window
        return {"model_type": model_type, "sliding_window": window}

    return reader


def _qwen_mixture(model_type: str) -> Reader:
    return lambda model: {
        "model_type": model_type,
        "mlp_only_layers": [
            layer for layer, sparse in enumerate(model.layers_with("ffn_gate_inp.weight"))
            if not sparse
        ],
    }  # fmt: skip


def _gemma3n(model: GgufModel) -> dict[str, Any]:
    inputs = model.needed("embedding_length_per_layer_input")
    table = model.shapes.get("per_layer_token_embd.weight", (0, 0))
    return {
        "model_type": "gemma3n_text",
        "num_kv_shared_layers": model.number("attention.shared_kv_layers") or 0,
        "altup_num_inputs": model.number("altup.num_inputs") or 0,
        "altup_correct_scale": model.has("altup_correct_scale.weight"),
        "laurel_rank": model.side("laurel_l.weight", 1) or 0,
        "hidden_size_per_layer_input": inputs,
        "vocab_size_per_layer_input": table[-1],
    }


def _gemma4(model: GgufModel) -> dict[str, Any]:
    """Read Gemma 4, whose full layers have heads of their own, and maybe no values."""
    sliding = model.each("attention.sliding_window_pattern")
    kv_heads = model.each("attention.head_count_kv") or (
        (model.needed("attention.head_count_kv"),) * model.layers
    )
    valued = model.layers_with("attn_v.weight")
    windowed = [heads for heads, one in zip(kv_heads, sliding, strict=False) if one]
    whole = [heads for heads, one in zip(kv_heads, sliding, strict=False) if not one]
    from_keys = any(not one and not own for one, own in zip(sliding, valued, strict=False))
    inputs = model.number("embedding_length_per_layer_input") or 0
    return {
        "model_type": "gemma4_text",
        "num_key_value_heads": windowed[0] if windowed else kv_heads[0],
        "num_global_key_value_heads": whole[0] if whole and from_keys else None,
        "head_dim": model.needed("attention.key_length_swa"),
        "global_head_dim": model.needed("attention.key_length"),
        "attention_k_eq_v": from_keys,
        "num_kv_shared_layers": model.number("attention.shared_kv_layers") or 0,
        "use_double_wide_mlp": len(set(model.each("feed_forward_length"))) > 1,
        "hidden_size_per_layer_input": inputs,
        "vocab_size_per_layer_input": model.shapes.get("per_layer_token_embd.weight", (0, 0))[-1],
        "enable_moe_block": bool(model.number("expert_count")),
        "top_k_experts": model.number("expert_used_count"),
    }


def _granite_mixture(model: GgufModel) -> dict[str, Any]:
    shared = model.side("ffn_down_shexp.weight", 0) or 0
    kind = "granitemoeshared" if shared else "granitemoe"
    width = model.side("ffn_down_exps.weight", 0)
    return {"model_type": kind, "intermediate_size": width, "shared_intermediate_size": shared}


def _latent(model_type: str) -> Reader:
    """Read latent attention, whose cached widths count as one head of keys and values."""

    def reader(model: GgufModel) -> dict[str, Any]:
        width = model.number("attention.key_length_mla") or model.needed("attention.key_length")
        value = model.number("attention.value_length_mla") or model.needed("attention.value_length")
        rotary = model.needed("rope.dimension_count")
        indexed = model.number("attention.indexer.head_count")
        return {
            "model_type": model_type,
            "num_key_value_heads": None,
            "head_dim": None,
            "attention_bias": False,
            "q_lora_rank": model.number("attention.q_lora_rank"),
            "kv_lora_rank": model.needed("attention.kv_lora_rank"),
            "qk_nope_head_dim": max(width - rotary, 0),
            "qk_rope_head_dim": rotary,
            "v_head_dim": value,
            "num_nextn_predict_layers": model.predicting,
            **(_indexer(model) if indexed else {}),
        }

    return reader


def _indexer(model: GgufModel) -> dict[str, Any]:
    found = model.layers_with("indexer.proj.weight")
    return {
        "index_n_heads": model.needed("attention.indexer.head_count"),
        "index_head_dim": model.needed("attention.indexer.key_length"),
        "index_topk": model.needed("attention.indexer.top_k"),
        "indexer_types": ["full" if one else "shared" for one in found],
    }


def _glm4_moe(model: GgufModel) -> dict[str, Any]:
    return {
        "model_type": "glm4_moe",
        "use_qk_norm": model.has("attn_q_norm.weight"),
        "num_nextn_predict_layers": model.predicting,
    }


def _gpt_oss(model: GgufModel) -> dict[str, Any]:
    width = model.side("ffn_down_exps.weight", 0)
    return {"model_type": "gpt_oss", "intermediate_size": width}


def _olmo2(model: GgufModel) -> dict[str, Any]:
    return {"model_type": "olmo3" if model.number("attention.sliding_window") else "olmo2"}


def _olmoe(model: GgufModel) -> dict[str, Any]:
    width = model.side("ffn_down_exps.weight", 0)
    return {"model_type": "olmoe", "intermediate_size": width}


def _cohere(model_type: str) -> Reader:
    return lambda model: {"model_type": model_type, "use_qk_norm": model.has("attn_q_norm.weight")}


def _stablelm(model: GgufModel) -> dict[str, Any]:
    return {
        "model_type": "stablelm",
        "use_qkv_bias": model.has("attn_q.bias"),
        "use_parallel_residual": not model.has("ffn_norm.weight"),
    }


def _seed_oss(model: GgufModel) -> dict[str, Any]:
    return {"model_type": "seed_oss", "attention_out_bias": model.has("attn_output.bias")}


def _ernie_moe(model: GgufModel) -> dict[str, Any]:
    sparse = model.layers_with("ffn_gate_inp.weight")
    shared = model.side("ffn_down_shexp.weight", 0) or 0
    width = model.side("ffn_down_exps.weight", 0) or 1
    return {
        "model_type": "ernie4_5_moe",
        "moe_num_experts": model.needed("expert_count"),
        "moe_k": model.needed("expert_used_count"),
        "moe_num_shared_experts": shared // width,
        "moe_layer_start_index": sparse.index(True) if True in sparse else 0,
        "num_nextn_predict_layers": model.predicting,
    }


def _hunyuan_moe(model: GgufModel) -> dict[str, Any]:
    shared, width = model.side("ffn_down_shexp.weight", 0) or 0, model.number("feed_forward_length")
    return {
        "model_type": "hunyuan_v1_moe",
        "use_qk_norm": model.has("attn_q_norm.weight"),
        "moe_topk": model.needed("expert_used_count"),
        "intermediate_size": width,
        "num_shared_expert": shared // max(width or 1, 1),
    }


def _bailing(model: GgufModel) -> dict[str, Any]:
    shared, width = (
        model.side("ffn_down_shexp.weight", 0) or 0,
        model.number("expert_feed_forward_length"),
    )
    return {
        "model_type": "bailing_moe_v2",
        "use_qkv_bias": model.has("attn_qkv.bias"),
        "use_qk_norm": model.has("attn_q_norm.weight"),
        "num_shared_experts": shared // max(width or 1, 1),
        "moe_router_enable_expert_bias": model.has("exp_probs_b.bias"),
        "num_nextn_predict_layers": model.predicting,
    }


def _afmoe(model: GgufModel) -> dict[str, Any]:
    sparse = model.layers_with("ffn_gate_inp.weight")
    return {
        "model_type": "afmoe",
        "num_dense_layers": sparse.index(True) if True in sparse else 0,
    }


ARCHITECTURES: dict[str, Reader] = {
    "llama": _llama, "llama4": _llama4, "arcee": _as("arcee"), "apertus": _as("apertus"),
    "mistral3": _as("ministral3"), "mistral4": _latent("mistral4"),
    "qwen2": _as("qwen2"), "qwen2vl": _as("qwen2"), "qwen3": _as("qwen3"),
    "qwen3vl": _as("qwen3"), "qwen2moe": _qwen_mixture("qwen2_moe"),
    "qwen3moe": _qwen_mixture("qwen3_moe"), "qwen3vlmoe": _qwen_mixture("qwen3_moe"),
    "qwen3next": delta("qwen3_next"), "qwen35": delta("qwen3_5_text"),
    "qwen35moe": delta("qwen3_5_moe_text"),
    "gemma": _as("gemma"), "gemma2": _windowed("gemma2", 4096),
    "gemma3": _windowed("gemma3_text", 1024), "gemma3n": _gemma3n, "gemma4": _gemma4,
    "phi2": _as("phi"), "phi3": _as("phi3"), "phimoe": _as("phimoe"),
    "granite": _as("granite"), "granitemoe": _granite_mixture, "granitehybrid": granite_hybrid,
    "olmo": _as("olmo"), "olmo2": _olmo2, "olmoe": _olmoe,
    "glm4": _as("glm4"), "glm4moe": _glm4_moe, "chatglm": _as("glm"),
    "deepseek": _as("deepseek"), "deepseek2": _latent("deepseek_v3"),
    "glm-dsa": _latent("glm_moe_dsa"), "gpt-oss": _gpt_oss,
    "mamba": mamba, "mamba2": mamba2, "falcon-h1": falcon_h1,
    "nemotron": _as("nemotron"), "nemotron_h": nemotron_h, "nemotron_h_moe": nemotron_h,
    "lfm2": lfm2("lfm2"), "lfm2moe": lfm2("lfm2_moe"),
    "command-r": _cohere("cohere"), "cohere2": _cohere("cohere2"),
    "starcoder2": _as("starcoder2", use_bias=True), "stablelm": _stablelm,
    "exaone": _as("exaone"), "exaone4": _as("exaone4"), "smollm3": _as("smollm3"),
    "seed_oss": _seed_oss, "ernie4_5": _as("ernie4_5"), "ernie4_5-moe": _ernie_moe,
    "hunyuan-dense": _as("hunyuan_v1_dense"), "hunyuan-moe": _hunyuan_moe,
    "minimax-m2": _as("minimax_m2"), "bailingmoe": _bailing, "bailingmoe2": _bailing,
    "dots1": _as("dots1"), "internlm2": _as("internlm2"), "afmoe": _afmoe,
    "gptneox": _as("gpt_neox", attention_bias=True), "bitnet": _as("bitnet"),
}  # fmt: skip
"""The reader of each architecture."""
