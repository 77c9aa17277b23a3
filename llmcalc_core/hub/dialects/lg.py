"""LG AI Research: EXAONE 4 and K-EXAONE.

Defaults are those of the configuration classes in Hugging Face transformers; counts were checked
against its models (5.23.0).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    FULL,
    KV,
    SLIDING,
    decoder_fields,
    first_dense_layers,
    images,
    text_part,
    windows,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect
from llmcalc_core.hub.dialects.meta import llama
from llmcalc_core.hub.dialects.qwen import qwen2_vision


@dialect("exaone")
def _exaone(fields: Fields) -> dict[str, Any]:
    """Read EXAONE 3 and 3.5."""
    if not fields.stated("num_hidden_layers"):
        return {**llama(fields), "num_decoder_layers": fields.number("num_layers")}
    return llama(fields)


@dialect("exaone4")
def _exaone4(fields: Fields) -> dict[str, Any]:
    """Read EXAONE 4, whose windows follow a number or a text such as LLLG."""
    pattern = fields.value("sliding_window_pattern")
    kinds: tuple[str, ...] = (FULL,)
    if isinstance(pattern, str):
        kinds = tuple(FULL if letter == "G" else SLIDING for letter in pattern)
    elif fields.value("sliding_window") is not None:
        period = fields.number("sliding_window_pattern", default=4)
        kinds = (SLIDING,) * (period - 1) + (FULL,)
    return {**decoder_fields(fields, needs=(KV,)), **windows(fields, kinds), "qk_norm": True}


@dialect("exaone4_5")
def _exaone4_5(fields: Fields) -> dict[str, Any]:
    """Read EXAONE 4.5: EXAONE 4, and Qwen2.5-VL's encoder with fewer key and value heads."""
    text, vision = fields.section("text_config"), images(fields)
    text.ignore("_num_mtp_layers", "mtp_share_layers")
    text.ignore("_num_mtp_layers")
    described = text_part(fields, text, _exaone4)
    if vision:
        heads, kv_heads = vision.number("num_heads", least=1), vision.number(KV)
        hidden = vision.number("hidden_size")
        fewer = 2 * (hidden + 1) * (hidden - hidden // heads * kv_heads)
        tower = qwen2_vision(vision)
        each = tower.layer_parameters - fewer
        described["vision"] = replace(tower, layer_parameters=each)
    inside = text.number("num_nextn_predict_layers", default=0)
    described["mtp_layers"] = fields.number("num_nextn_predict_layers", default=inside)
    fields.ignore_rest()
    return described


@dialect("exaone_moe")
def _exaone_moe(fields: Fields) -> dict[str, Any]:
    """Read K-EXAONE, with one dense module of multi-token prediction."""
    fields.require("moe_layer_freq", expected=1)
    fields.ignore("is_moe_layer", "sliding_window_pattern", "rope_layers")
    base = decoder_fields(fields, needs=(KV,))
    return {
        **base,
        **windows(fields, _pattern(fields)),
        "qk_norm": True,
        "num_experts": fields.number("num_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "n_shared_experts": fields.number("num_shared_experts", default=0),
        "first_k_dense_replace": first_dense_layers(
            fields, base["num_decoder_layers"], "first_k_dense_replace", default=1
        ),
        "router_bias": True,
        **_exaone_prediction(fields),
    }  # fmt: skip


def _exaone_prediction(fields: Fields) -> dict[str, Any]:
    """Read K-EXAONE's module, of full attention where nothing else is said.

    As in vLLM's exaone_moe_mtp.py and exaone_moe.py (055e47c) and in Megatron Bridge's
    exaone_moe_bridge.py; all read 2026-11-23. Several modules would share their matrix and norms.
    """
    fields.ignore("mtp_num_speculative_steps", "mtp_share_layers", "mtp_loss_scaling_factor")
    count = fields.number("num_nextn_predict_layers", default=0)
    kinds = fields.entries("mtp_layer_types") or (FULL,) * count
    own = fields.entries("mtp_sliding_windows")
    if not count:
        return {}
    if count > 1:
        fields.refuse("num_nextn_predict_layers", "can only be described as 0 or 1")
    if len(kinds) != 1 or kinds[0] not in (FULL, SLIDING):
        fields.refuse("mtp_layer_types", f"must be one of '{FULL}' and '{SLIDING}'")
    if kinds[0] == SLIDING and own != (fields.number("sliding_window"),):
        fields.refuse("mtp_sliding_windows", "can only be described where it is sliding_window")
    return {"mtp_layers": count, "mtp_layer": {"layer_type": kinds[0], "mlp_layer_type": "dense"}}


def _pattern(fields: Fields) -> tuple[str, ...]:
    """Read windows as a text such as LLLG, or as the length of a period that ends in full."""
    pattern = fields.value("sliding_window_pattern")
    if isinstance(pattern, str):
        return tuple(FULL if letter == "G" else SLIDING for letter in pattern)
    period = fields.number("sliding_window_pattern", default=4)
    return (SLIDING,) * (period - 1) + (FULL,)
