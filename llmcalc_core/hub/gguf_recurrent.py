"""Architectures of GGUF with recurrent layers, alone or between attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmcalc_core.hub.gguf_fields import GgufModel


def delta(model_type: str) -> Callable[[GgufModel], dict[str, Any]]:
    """Read gated delta nets, which have the fields of state space models."""

    def reader(model: GgufModel) -> dict[str, Any]:
        values = model.needed("ssm.time_step_rank")
        inner = model.needed("ssm.inner_size")
        attending = model.layers_with("attn_k.weight")
        return {
            "model_type": model_type,
            "linear_num_key_heads": model.needed("ssm.group_count"),
            "linear_num_value_heads": values,
            "linear_key_head_dim": model.needed("ssm.state_size"),
            "linear_value_head_dim": inner // max(values, 1),
            "linear_conv_kernel_dim": model.needed("ssm.conv_kernel"),
            "layer_types": ["full_attention" if one else "linear_attention" for one in attending],
            "mtp_num_hidden_layers": model.predicting,
        }

    return reader


def granite_hybrid(model: GgufModel) -> dict[str, Any]:
    """Read Granite 4: Mamba-2 and attention, experts in some, a shared part in all."""
    recurrent = model.layers_with("ssm_in.weight")
    heads = model.needed("ssm.time_step_rank")
    shared = model.side("ffn_down_shexp.weight", 0) or model.side("ffn_down.weight", 0) or 0
    return {
        "model_type": "granitemoehybrid",
        "layer_types": ["mamba" if one else "attention" for one in recurrent],
        "intermediate_size": model.side("ffn_down_exps.weight", 0) or shared,
        "shared_intermediate_size": shared,
        "mamba_n_heads": heads,
        "mamba_d_head": model.needed("ssm.inner_size") // max(heads, 1),
        "mamba_n_groups": model.needed("ssm.group_count"),
        "mamba_d_state": model.needed("ssm.state_size"),
        "mamba_d_conv": model.needed("ssm.conv_kernel"),
    }


def mamba(model: GgufModel) -> dict[str, Any]:
    """Read Mamba, and Falcon-Mamba, which normalises inside without weights."""
    kind = "falcon_mamba" if model.stated("ssm.dt_b_c_rms") is True else "mamba"
    hidden, inner = model.needed("embedding_length"), model.needed("ssm.inner_size")
    return {
        "model_type": kind,
        "intermediate_size": inner,
        "expand": inner // max(hidden, 1),
        "state_size": model.needed("ssm.state_size"),
        "conv_kernel": model.needed("ssm.conv_kernel"),
        "time_step_rank": model.needed("ssm.time_step_rank"),
    }


def mamba2(model: GgufModel) -> dict[str, Any]:
    """Read a stack of Mamba-2 layers; what is called a rank is their heads."""
    heads = model.needed("ssm.time_step_rank")
    return {
        "model_type": "mamba2",
        "state_size": model.needed("ssm.state_size"),
        "conv_kernel": model.needed("ssm.conv_kernel"),
        "num_heads": heads,
        "head_dim": model.needed("ssm.inner_size") // max(heads, 1),
        "n_groups": model.needed("ssm.group_count"),
    }


def falcon_h1(model: GgufModel) -> dict[str, Any]:
    """Read Falcon-H1: attention and Mamba-2 side by side in every layer."""
    heads = model.needed("ssm.time_step_rank")
    return {
        "model_type": "falcon_h1",
        "mamba_n_heads": heads,
        "mamba_d_ssm": model.needed("ssm.inner_size"),
        "mamba_n_groups": model.needed("ssm.group_count"),
        "mamba_d_state": model.needed("ssm.state_size"),
        "mamba_d_conv": model.needed("ssm.conv_kernel"),
        "mamba_rms_norm": model.has("ssm_norm.weight"),
    }


def nemotron_h(model: GgufModel) -> dict[str, Any]:
    """Read Nemotron-H and 3, each layer of which has tensors of one mixer alone."""
    recurrent, attending = model.layers_with("ssm_in.weight"), model.layers_with("attn_q.weight")
    sparse = model.layers_with("ffn_gate_inp.weight")
    letters = ("M" if a else "*" if b else "E" if c else "-"
               for a, b, c in zip(recurrent, attending, sparse, strict=True))  # fmt: skip
    heads = model.needed("ssm.time_step_rank")
    return {
        "model_type": "nemotron_h",
        "hybrid_override_pattern": "".join(letters),
        "attention_bias": False,
        "mlp_bias": False,
        "sliding_window": None,
        "ssm_state_size": model.needed("ssm.state_size"),
        "conv_kernel": model.needed("ssm.conv_kernel"),
        "mamba_num_heads": heads,
        "mamba_head_dim": model.needed("ssm.inner_size") // max(heads, 1),
        "n_groups": model.needed("ssm.group_count"),
        "moe_shared_expert_intermediate_size": model.side("ffn_down_shexp.weight", 0) or 0,
        "moe_latent_size": model.side("ffn_latent_down.weight", 1),
        "num_nextn_predict_layers": 0,
    }


def lfm2(model_type: str) -> Callable[[GgufModel], dict[str, Any]]:
    """Read LFM2, whose layers attend or convolve."""

    def reader(model: GgufModel) -> dict[str, Any]:
        attending = model.layers_with("attn_q.weight")
        sparse = model.layers_with("ffn_gate_inp.weight")
        return {
            "model_type": model_type,
            "layer_types": ["full_attention" if one else "conv" for one in attending],
            "block_auto_adjust_ff_dim": False,
            "conv_L_cache": model.needed("shortconv.l_cache"),
            "num_dense_layers": sparse.index(True) if True in sparse else 0,
        }

    return reader
