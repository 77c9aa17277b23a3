"""How each ``quant_method`` writes the quantisation of a checkpoint.

Sources: the quantisation configurations of vLLM (vllm/model_executor/layers/quantization, read
2026-11-23), compressed-tensors and NVIDIA Model Optimizer, and the files of published checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.hub.dialects.fields import Fields
from llmcalc_core.hub.quantisation import WIDE, Modules, Quantisation, Scheme
from llmcalc_core.hub.quantisation_others import auto_round, quark

_ALGORITHMS = {
    "FP8": Scheme(weights="fp8", activations="fp8"),
    "FP8_PER_CHANNEL_PER_TOKEN": Scheme(weights="fp8", activations="fp8"),
    "FP8_PB_WO": Scheme(weights="fp8", activations="bf16"),
    "MXFP8": Scheme(weights="fp8", activations="fp8", scale_bits=8 / 32),
    "NVFP4": Scheme(weights="fp4", activations="fp4", scale_bits=8 / 16),
    "NVFP4_AWQ": Scheme(weights="fp4", activations="fp4", scale_bits=8 / 16),
    "W4A16_NVFP4": Scheme(weights="fp4", activations="bf16", scale_bits=8 / 16),
    "MXFP4": Scheme(weights="fp4", activations="fp4", scale_bits=8 / 32),
    "W4A8_MXFP4_FP8": Scheme(weights="fp4", activations="fp8", scale_bits=8 / 32),
    "W4A16_AWQ": Scheme(weights="int4", activations="bf16", scale_bits=16 / 128),
    "W4A8_AWQ": Scheme(weights="int4", activations="fp8", scale_bits=16 / 128),
    "W8A16": Scheme(weights="int8", activations="bf16"),
    "W8A8_SQ_PER_CHANNEL": Scheme(weights="int8", activations="int8"),
    "INT8_SQ": Scheme(weights="int8", activations="int8"),
}
"""Schemes of NVIDIA Model Optimizer by ``quant_algo``."""

_TYPES: dict[tuple[str, float], str] = {
    (one.number, one.bits): one.name for one in DATA_TYPES.values() if one.is_quantised
}
_NOT = ("modules_to_not_convert", "ignored_layers", "ignore", "exclude_modules", "exclude",
        "llm_int8_skip_modules")  # fmt: skip


def _excluded(fields: Fields) -> Modules:
    names = [name for listed in _NOT for name in fields.entries(listed)]
    return Modules.of(str(name) for name in names)


def _fp8(fields: Fields) -> Quantisation:
    """Read FP8 in blocks or per tensor; some checkpoints keep their experts narrower."""
    narrow = fields.value("quantized_layers")
    return Quantisation(
        default=_ALGORITHMS["FP8"],
        excluded=Modules.of(()) if narrow else _excluded(fields),
        schemes=_by_layer(fields) if narrow else (),
        kv_cache=_cache(fields),
    )


def _mxfp4(fields: Fields) -> Quantisation:
    """Read weights in MXFP4, multiplied by activations of 16 bits."""
    scheme = Scheme(weights="fp4", activations="bf16", scale_bits=8 / 32)
    return Quantisation(default=scheme, excluded=_excluded(fields))


def _awq(fields: Fields) -> Quantisation:
    """Read AWQ: a 16-bit scale and a zero for every group."""
    if fields.number("bits", "w_bit", default=4) != 4:  # noqa: PLR2004
        fields.refuse("bits", "can only be described as 4")
    group = fields.number("group_size", "q_group_size", default=128)
    zero = 4.0 if fields.flag("zero_point", default=True) else 0.0
    scheme = Scheme(weights="int4", activations="bf16", scale_bits=(16 + zero) / group)
    return Quantisation(default=scheme, excluded=_excluded(fields))


def _gptq(fields: Fields) -> Quantisation:
    """Read GPTQ: a 16-bit scale and a zero for every group, or for a column (-1)."""
    bits = fields.number("bits")
    stored = _TYPES.get(("int", bits)) or fields.refuse("bits", "can only be described as 4 or 8")
    size = fields.value("group_size")
    scales = (16 + bits) / size if isinstance(size, int) and size > 0 else 0.0
    rules = fields.value("dynamic") or {}
    if not isinstance(rules, dict) or not all(rule.startswith("-:") for rule in rules):
        fields.refuse("dynamic", "can only be described where it leaves modules out (-:)")
    scheme = Scheme(weights=stored, activations="bf16", scale_bits=scales)
    left_out = [f"re:{rule.removeprefix('-:')}" for rule in rules]
    head = scheme if fields.flag("lm_head", default=False) else WIDE
    return Quantisation(default=scheme, excluded=Modules.of(left_out), head=head)


def _bitsandbytes(fields: Fields) -> Quantisation:
    """Read 4 bits with a 32-bit scale for 64 values (8 bits if nested), or 8 bits."""
    if not fields.flag("load_in_4bit", default=False):
        return Quantisation(
            default=Scheme(weights="int8", activations="bf16"), excluded=_excluded(fields)
        )
    scale = 8 if fields.flag("bnb_4bit_use_double_quant", default=False) else 32
    scheme = Scheme(weights="int4", activations="bf16", scale_bits=scale / 64)
    return Quantisation(default=scheme, excluded=_excluded(fields))


def _compressed_tensors(fields: Fields) -> Quantisation:
    """Read groups of modules with a scheme each; the class Linear means all of them."""
    groups = fields.section("config_groups")
    default, schemes = WIDE, []
    for name in groups.names():
        group = groups.section(name)
        scheme = _scheme(group)
        targets = [str(target) for target in group.entries("targets")] or ["Linear"]
        if "Linear" in targets:
            default = scheme
        schemes.append((Modules.of(target for target in targets if target != "Linear"), scheme))
    found = Quantisation(
        default=default,
        excluded=_excluded(fields),
        schemes=tuple(schemes),
        kv_cache=_cache(fields),
    )
    return replace(found, head=found.scheme_of("lm_head"))


def _scheme(group: Fields) -> Scheme:
    weights = group.section("weights")
    bits, kind = weights.number("num_bits"), weights.value("type")
    stored = _TYPES.get((str(kind), bits)) or weights.refuse("num_bits", f"has no type for {kind}")
    computed = "bf16"
    if group.value("input_activations"):
        entering = group.section("input_activations")
        computed = _TYPES.get((str(entering.value("type")), entering.number("num_bits")), "bf16")
    size = weights.value("group_size")
    if not isinstance(size, int) or size < 1:
        return Scheme(weights=stored, activations=computed)
    zero = 0 if kind == "float" or weights.flag("symmetric", default=True) else bits
    return Scheme(
        weights=stored,
        activations=computed,
        scale_bits=((8 if kind == "float" else 16) + zero) / size,
    )


def model_optimizer(fields: Fields) -> Quantisation:
    """Read what NVIDIA Model Optimizer writes, here or into ``hf_quant_config.json``."""
    algorithm = fields.value("quant_algo")
    mixed = algorithm == "MIXED_PRECISION"
    found = Quantisation(
        default=WIDE if mixed else _algorithm(fields),
        excluded=_excluded(fields),
        schemes=_by_layer(fields) if mixed else (),
        kv_cache=_cache(fields),
    )
    return replace(found, head=found.scheme_of("lm_head")) if mixed else found


def _algorithm(fields: Fields) -> Scheme:
    known = _ALGORITHMS.get(str(fields.value("quant_algo")))
    return known or fields.refuse("quant_algo", f"must be one of {', '.join(_ALGORITHMS)}")


def _by_layer(fields: Fields) -> tuple[tuple[Modules, Scheme], ...]:
    layers = fields.section("quantized_layers")
    by_scheme: dict[Scheme, list[str]] = {}
    for name in layers.names():
        by_scheme.setdefault(_algorithm(layers.section(name)), []).append(name)
    return tuple((Modules.of(names), scheme) for scheme, names in by_scheme.items())


def _cache(fields: Fields) -> str:
    stated = fields.value("kv_cache_quant_algo", "kv_cache_scheme")
    if stated is None:
        return "bf16"
    if isinstance(stated, str) and stated in _ALGORITHMS:
        return _ALGORITHMS[stated].weights
    scheme = fields.section("kv_cache_scheme")
    return _TYPES.get((str(scheme.value("type")), scheme.number("num_bits")), "bf16")


METHODS: dict[str, Callable[[Fields], Quantisation]] = {
    "fp8": _fp8,
    "fbgemm_fp8": _fp8,
    "mxfp4": _mxfp4,
    "awq": _awq,
    "gptq": _gptq,
    "bitsandbytes": _bitsandbytes,
    "compressed-tensors": _compressed_tensors,
    "modelopt": model_optimizer,
    "modelopt_fp4": model_optimizer,
    "modelopt_mixed": model_optimizer,
    "quark": quark,
    "auto-round": auto_round,
}
"""The reader of each ``quant_method``."""


NARROW_EXPERTS = (
    Modules.of(["ffn.experts"]),
    Scheme(weights="fp4", activations="fp8", scale_bits=8 / 32),
)
"""Experts of an FP8 checkpoint whose ``expert_dtype`` is fp4 (DeepSeek-V4: in MXFP4)."""


def read_quantisation(values: Mapping[str, Any], where: str) -> Quantisation:
    """Read a ``quantization_config``, or the ``quantization`` of a ``hf_quant_config.json``.

    Parameters
    ----------
    values : mapping
        Its content.
    where : str
        What it is, for messages.

    Returns
    -------
    Quantisation
        What is quantised how.

    Raises
    ------
    ValueError
        For a method that is not known, or one that cannot be described.

    Examples
    --------
    >>> read_quantisation({"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}, "x").kv_cache
    'fp8'
    """
    fields = Fields(values, where)
    method = fields.value("quant_method")
    if method is None and fields.value("quant_algo") is not None:
        return model_optimizer(fields)
    if str(method) not in METHODS:
        rule = f"must be one that can be described ({', '.join(METHODS)})"
        fields.refuse("quant_method", f"{rule}; without the quantisation, give a precision")
    return METHODS[str(method)](fields)
