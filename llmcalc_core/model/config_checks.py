"""What ``ModelConfig`` checks: each value, what follows from others, and contradictions."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from llmcalc_core.checks import nearest, one_of, truth, whole_number
from llmcalc_core.model.vision import vision_tower
from llmcalc_core.precision import stored_precision
from llmcalc_core.several import pairs, several
from llmcalc_core.shown import shown

if TYPE_CHECKING:
    from llmcalc_core.model.config import ModelConfig

_DELTA = (
    "linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim",
    "linear_value_head_dim",
)  # fmt: skip
LAYER_TYPES: dict[str, tuple[str, ...]] = {
    "full_attention": (),
    "sliding_attention": ("sliding_window",),
    "chunked_attention": ("attention_chunk_size",),
    "block_sparse_attention": ("index_n_heads", "index_head_dim", "index_topk"),
    "compressed_sparse_attention": ("o_lora_rank", "sparse_compress_ratio", "index_topk"),
    "heavily_compressed_attention": ("o_lora_rank", "heavy_compress_ratio"),
    "linear_attention": _DELTA,
    "kimi_delta_attention": _DELTA,
    "lightning_attention": (),
    "rg_lru": ("lru_width",),
    "mamba": ("mamba_d_state", "mamba_dt_rank"),
    "mamba2": ("mamba_d_state", "mamba_num_heads", "mamba_head_dim", "mamba_n_groups"),
    "short_convolution": ("short_conv_kernel",),
    "linear": (),
    "none": (),
}
"""Token mixers that a layer can have, and the fields that each of them needs."""

RECURRENT = (
    "linear_attention", "kimi_delta_attention", "lightning_attention", "mamba", "mamba2",
    "rg_lru", "short_convolution",
)  # fmt: skip
"""Those of them that keep a state, which a layer may have beside attention."""

ATTENTION_KINDS: dict[str, tuple[str, ...]] = {
    "plain": (
        "full_attention", "sliding_attention", "chunked_attention", "block_sparse_attention",
    ),
    "latent": ("full_attention",),
    "compressed": (
        "sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention",
    ),
}  # fmt: skip
"""Those of them that are attention, by the family that all attention of a model is of."""

ATTENTION = ("causal", "bidirectional")
"""Which tokens of a text a token attends to: those before it, or all."""

MLP_LAYER_TYPES = ("dense", "sparse", "linear", "none")
"""Channel mixers that a layer can have: feed-forward, mixture of experts, one projection."""

PER_LAYER = (
    "num_attention_heads", "num_key_value_heads", "head_dim", "v_head_dim", "sliding_window",
    "attention_sinks", "intermediate_size", "num_experts", "expert_top_k", "moe_intermediate_size",
    "norms_per_layer", "router_bias", "index_shared",
)  # fmt: skip
"""Fields that can differ between layers."""

_MAY_BE_ZERO = {
    "attention_sinks",
    "intermediate_size",
    "norms_per_layer",
    "moe_intermediate_size",
    "shared_expert_intermediate_size",
    "router_bias",
    "index_shared",
}
"""Numbers that may be 0 although their default is not."""

_MOST = {
    "num_ffi": 2, "num_decoder_layers": 512, "mtp_layers": 512, "num_attention_heads": 65_536,
    "num_key_value_heads": 65_536, "num_experts": 65_536, "expert_top_k": 65_536,
    "n_shared_experts": 1_024,
}  # fmt: skip
"""Numbers that have a largest value: far above what any model has, so that it can be computed."""

_MOST_PARAMETERS = 5e13
"""Parameters of a model, twenty times those of the largest that is published."""


def settle(config: ModelConfig) -> dict[str, Any]:
    """Give every field its checked and final value.

    A number must be at least 1, or 0 where that is its default; None where it may be.

    Raises
    ------
    ValueError
        For a value that is out of its range or of another type.
    """
    values = {field.name: getattr(config, field.name) for field in fields(config)}
    if not isinstance(values["model"], str) or not values["model"]:
        msg = f"model must be a name, got {shown(values['model'])}"
        raise ValueError(msg)
    for field in fields(config):
        name, value = field.name, values[field.name]
        if field.type == "bool":
            truth(name, value)
        elif field.type == "int" or (field.type == "int | None" and value is not None):
            least = int(field.default != 0 and name not in _MAY_BE_ZERO)
            values[name] = whole_number(name, value, least=least, most=_MOST.get(name))
    values["precision"] = stored_precision(values["precision"])
    values["vision"] = vision_tower(values["vision"])
    if not isinstance(values["parallel_mixer"], str) or values["parallel_mixer"]:
        values["parallel_mixer"] = one_of("parallel_mixer", values["parallel_mixer"], RECURRENT)
    values["attention"] = one_of("attention", values["attention"], ATTENTION)
    values["norm"] = one_of("norm", values["norm"], ("rmsnorm", "layernorm"))
    _settle_layers(values)
    _fill(values)
    return values


def _settle_layers(values: dict[str, Any]) -> None:
    """Repeat each pattern of layers until it is as long as the model is deep."""
    layers = values["num_decoder_layers"]
    default = "sliding_attention" if values["sliding_window"] else "full_attention"
    given = several("layer_types", values["layer_types"]) or [default]
    kinds = tuple(one_of("layer_types", kind, (*LAYER_TYPES,)) for kind in given)
    values["layer_types"] = _repeated(kinds, layers)
    channels = tuple(
        one_of("mlp_layer_types", kind, MLP_LAYER_TYPES)
        for kind in several("mlp_layer_types", values["mlp_layer_types"])
    )
    values["mlp_layer_types"] = _repeated(channels, layers)
    differing: dict[str, tuple[int, ...]] = {}
    for name, pattern in pairs("per_layer", values["per_layer"]).items():
        if name not in PER_LAYER:
            msg = f"per_layer has no field {shown(name)}{nearest(name, PER_LAYER)}"
            raise ValueError(msg)
        least = int(name not in _MAY_BE_ZERO)
        numbers = tuple(
            whole_number(f"per_layer, {name}", value, least=least, most=_MOST.get(name))
            for value in several(f"per_layer, {name}", pattern)
        )
        if not numbers:
            msg = f"per_layer, {name} must have a value or more, got {shown(pattern)}"
            raise ValueError(msg)
        differing[name] = _repeated(numbers, layers)
    values["per_layer"] = tuple(sorted(differing.items()))
    own = pairs("mtp_layer", values["mtp_layer"])
    values["mtp_layer"] = tuple(sorted((name, _of_module(name, own[name])) for name in own))


def _of_module(name: str, value: object) -> str | int:
    """Check what the layer of a prediction module has of its own."""
    kinds = {"layer_type": (*LAYER_TYPES,), "mlp_layer_type": MLP_LAYER_TYPES}
    known = one_of("mtp_layer", name, (*kinds, *PER_LAYER))
    if known in kinds:
        return one_of(f"mtp_layer, {known}", value, kinds[known])
    return whole_number(f"mtp_layer, {known}", value, least=int(known not in _MAY_BE_ZERO))


def _repeated(pattern: tuple[Any, ...], length: int) -> tuple[Any, ...]:
    if not pattern:
        return ()
    return (pattern * -(-length // len(pattern)))[:length]


def _fill(values: dict[str, Any]) -> None:
    """Fill in what follows from other fields; a field of ``per_layer`` by its largest value."""
    for name, numbers in values["per_layer"]:
        if values[name] is None:
            values[name] = max(numbers)
    hidden, heads = values["hidden_size"], values["num_attention_heads"]
    if values["num_key_value_heads"] is None:
        values["num_key_value_heads"] = heads
    if values["head_dim"] is None:
        if hidden % heads and values["kv_lora_rank"] is None:
            msg = (
                "hidden_size must be a multiple of num_attention_heads unless head_dim is "
                f"given, got {hidden} and {heads}"
            )
            raise ValueError(msg)
        values["head_dim"] = hidden // heads
    if values["moe_intermediate_size"] is None:
        values["moe_intermediate_size"] = values["intermediate_size"]
    if values["shared_expert_intermediate_size"] is None:
        values["shared_expert_intermediate_size"] = values["moe_intermediate_size"]


def refuse_contradictions(config: ModelConfig) -> None:
    """Refuse a configuration whose numbers, each valid by itself, cannot be together.

    Raises
    ------
    ValueError
        With the fields, the rule and the values.
    """
    _refuse_heads(config)
    _refuse_experts(config)
    _refuse_missing_parts(config)
    _refuse_giants(config)


def _refuse_giants(config: ModelConfig) -> None:
    """Refuse numbers whose matrices alone are more than any model has."""
    hidden, layers = config.hidden_size, config.num_decoder_layers
    width = config.intermediate_size + config.num_experts * (config.moe_intermediate_size or 0)
    heads = config.num_attention_heads * (config.head_dim or 0)
    count = hidden * (config.vocab_size + layers * (2.0 * width + 2 * heads))
    if count > _MOST_PARAMETERS:
        msg = f"a model must have at most {_MOST_PARAMETERS:g} parameters, these make {count:.3g}"
        raise ValueError(msg)


def _refuse_heads(config: ModelConfig) -> None:
    names = ("num_attention_heads", "num_key_value_heads")
    shapes = {tuple(config.of_layer(name, index) for name in names) for index in _described(config)}
    for heads, kv_heads in sorted(shapes):
        _refuse_undivided(heads, kv_heads)


def _described(config: ModelConfig) -> range:
    """Give the numbers of all layers, that of a prediction module among them."""
    return range(config.num_decoder_layers + (config.mtp_layers > 0))


def _refuse_undivided(heads: int, kv_heads: int) -> None:
    if heads % kv_heads:
        divisors = [number for number in range(1, heads + 1) if heads % number == 0]
        closest = min(divisors, key=lambda number: abs(number - kv_heads))
        msg = (
            f"num_key_value_heads must divide num_attention_heads ({heads}), got {kv_heads}; "
            f"the nearest valid value is {closest}"
        )
        raise ValueError(msg)


def _refuse_experts(config: ModelConfig) -> None:
    for index in _described(config):
        top_k, experts = (config.of_layer(name, index) for name in ("expert_top_k", "num_experts"))
        if top_k > experts:
            msg = f"expert_top_k must be at most num_experts ({experts}), got {top_k}"
            raise ValueError(msg)
    channels = {config.mixers_of(index)[1] for index in _described(config)}
    if "sparse" in channels and config.num_experts == 1:
        msg = "mlp_layer_types with sparse need num_experts of at least 2, got 1"
        raise ValueError(msg)
    if config.num_experts == 1 or config.mlp_layer_types:
        return
    whole_number("moe_intermediate_size", config.moe_intermediate_size)
    offset, frequency = config.moe_layer_offset, config.moe_layer_freq
    whole_number("moe_layer_offset", offset, least=0, most=frequency - 1)
    most = config.num_decoder_layers - 1 - offset
    whole_number("first_k_dense_replace", config.first_k_dense_replace, least=0, most=most)


def _refuse_missing_parts(config: ModelConfig) -> None:
    """Refuse a kind of layer without the numbers that describe it."""
    latent = ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
    if config.kv_lora_rank is not None:
        _need(config, "latent attention (kv_lora_rank) needs", latent)
    index = ("index_topk", "index_n_heads", "index_head_dim")
    blocks = "block_sparse_attention" in config.layer_types
    if any(getattr(config, name) for name in index) and not blocks:
        family = "kv_lora_rank" if config.o_lora_rank is None else "o_lora_rank"
        _need(config, "sparse attention (index_topk) needs", (family, "q_lora_rank", *index))
    if config.o_lora_rank is not None:
        names = ("o_groups", "q_lora_rank", "qk_rope_head_dim", "sliding_window")
        _need(config, "compressed attention (o_lora_rank) needs", names)
    if config.per_layer_input_size:
        _need(config, "inputs of layers (per_layer_input_size) need", ("per_layer_input_vocab",))
    _refuse_kinds(config)
    if config.attention == "bidirectional":
        _refuse_one_way(config)
    key_heads, value_heads = config.linear_num_key_heads, config.linear_num_value_heads
    if key_heads and value_heads and value_heads % key_heads:
        closest = max(round(value_heads / key_heads), 1) * key_heads
        msg = (
            f"linear_num_value_heads must be a multiple of linear_num_key_heads ({key_heads}), "
            f"got {value_heads}; the nearest valid value is {closest}"
        )
        raise ValueError(msg)


def _refuse_kinds(config: ModelConfig) -> None:
    """Refuse token mixers that lack a field, or are of another family than the model's."""
    family = config.attention_family
    own = ATTENTION_KINDS[family]
    others = {kind for kinds in ATTENTION_KINDS.values() for kind in kinds} - {*own}
    mixers = {config.mixers_of(index)[0] for index in _described(config)}
    for kind in sorted(mixers | ({config.parallel_mixer} - {""})):
        if LAYER_TYPES[kind]:
            _need(config, f"layer_types with {kind} need", LAYER_TYPES[kind])
        if kind in others:
            msg = (
                f"layer_types must be {' or '.join(own)}, or no attention, where attention is "
                f"{family}, got {shown(kind)}"
            )
            raise ValueError(msg)


def _refuse_one_way(config: ModelConfig) -> None:
    """Refuse parts that read a text from its start, or predict its next token, in an encoder."""
    both_ways = ("full_attention", "sliding_attention")
    others = {*config.layer_types} - {*both_ways}
    if others or config.attention_family != "plain" or config.parallel_mixer:
        found = min(others, default=config.parallel_mixer or f"{config.attention_family} attention")
        msg = (
            f"bidirectional attention must be of layer_types {' or '.join(both_ways)} alone, "
            f"got {found!r}"
        )
        raise ValueError(msg)
    for name in ("mtp_layers", "num_kv_shared_layers"):
        if getattr(config, name):
            msg = f"{name} must be 0 where attention is bidirectional, got {getattr(config, name)}"
            raise ValueError(msg)


def _need(config: ModelConfig, what: str, names: tuple[str, ...]) -> None:
    absent = [name for name in names if not getattr(config, name)]
    if absent:
        msg = f"{what} {', '.join(absent)} as well"
        raise ValueError(msg)
