"""Xiaomi: MiMo, with modules of multi-token prediction, sliding layers of own heads, and sinks.

Defaults are those of the configuration class in Hugging Face transformers.
"""

from __future__ import annotations

from typing import Any

from llmcalc_core.hub.dialects.decoder import FULL, KV, SLIDING, attention_bias, decoder_fields
from llmcalc_core.hub.dialects.fields import Fields, dialect

_PREDICTED = 3  # modules in the published weights (arXiv:2601.02780, abstract)
_PERIOD = 6  # full attention in the first layer and in every sixth


@dialect("mimo")
def _mimo(fields: Fields) -> dict[str, Any]:
    """Read MiMo-7B: Qwen2 with modules of multi-token prediction."""
    fields.require("use_sliding_window", expected=False)
    fields.ignore("sliding_window", "layer_types")
    return {
        **decoder_fields(fields, needs=(KV,)),
        "qkv_bias": fields.flag("attention_bias", default=True),
        "mtp_layers": fields.number("num_nextn_predict_layers", default=0),
    }


@dialect("mimo_v2_flash")
def _mimo_v2_flash(fields: Fields) -> dict[str, Any]:
    """Read MiMo-V2-Flash; where the file has no heads of the sliding layers, twice the KV heads."""
    fields.require("n_shared_experts", expected=None)
    fields.ignore("attention_value_scale", "swa_rope_theta", "sliding_window")
    base = decoder_fields(fields, needs=(KV, "head_dim", "v_head_dim"))
    window = fields.number("sliding_window_size", "sliding_window")
    fields.require("attention_chunk_size", expected=window)
    layers = base["num_decoder_layers"]
    kinds = _kinds(fields, "hybrid_layer_pattern", "layer_types", (FULL, SLIDING), layers) or tuple(
        FULL if layer == 0 or (layer + 1) % _PERIOD == 0 else SLIDING for layer in range(layers)
    )
    channels = _kinds(fields, "moe_layer_freq", "mlp_layer_types", ("dense", "sparse"), layers)
    whole, sliding = _heads(fields)
    own = {name: number for name, number in sliding.items() if number != whole[name]}
    return {
        **base,
        **attention_bias(fields),
        "attention_output_bias": False,
        "v_head_dim": fields.number("v_head_dim"),
        "sliding_window": window,
        "layer_types": kinds,
        "mlp_layer_types": channels or ("dense", *("sparse",) * (layers - 1)),
        "per_layer": {
            name: tuple(number if kind == SLIDING else whole[name] for kind in kinds)
            for name, number in own.items()
        },
        "attention_sinks": bool(whole["attention_sinks"] and sliding["attention_sinks"]),
        "num_experts": fields.number("n_routed_experts"),
        "expert_top_k": fields.number("num_experts_per_tok"),
        "moe_intermediate_size": fields.number("moe_intermediate_size"),
        "router_bias": fields.value("topk_method") in (None, "noaux_tc"),
        "mtp_layers": _PREDICTED,
        "mtp_layer": {"layer_type": SLIDING, "mlp_layer_type": "dense", **sliding},
    }


def _heads(fields: Fields) -> tuple[dict[str, int], dict[str, int]]:
    """Read heads, widths and sinks of the full layers and of the sliding ones."""
    names = ("num_attention_heads", KV, "head_dim", "v_head_dim")
    whole = {name: fields.number(name) for name in names}
    usual = {**whole, KV: 2 * whole[KV]}
    sliding = {name: fields.number(f"swa_{name}", default=usual[name]) for name in names}
    whole["attention_sinks"] = int(fields.flag("add_full_attention_sink_bias", default=False))
    sliding["attention_sinks"] = int(fields.flag("add_swa_attention_sink_bias", default=True))
    return whole, sliding


def _kinds(
    fields: Fields, switches: str, names: str, kinds: tuple[str, str], layers: int
) -> tuple[str, ...]:
    """Read the kind of each layer, as 0 or 1 or by its name; none where the file has neither."""
    numbers, named = fields.entries(switches), fields.entries(names)
    if numbers and (len(numbers) != layers or not set(numbers) <= {0, 1}):
        fields.refuse(switches, f"must be 0 or 1 for each of {layers} layers")
    if named and (len(named) != layers or not set(named) <= set(kinds)):
        fields.refuse(names, f"must be {kinds[0]} or {kinds[1]} for each of {layers} layers")
    found = tuple(kinds[number] for number in numbers)
    if found and named and found != named:
        fields.refuse(names, f"can only be described as {switches} says")
    return found or named
