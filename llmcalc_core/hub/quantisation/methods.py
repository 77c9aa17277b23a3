"""How each ``quant_method`` writes the quantisation of a checkpoint.

Sources: the quantisation configurations of vLLM (vllm/model_executor/layers/quantization, that of
AMD Quark in quark/quark.py among them; read 2026-11-23), compressed-tensors, the documentation of
Intel AutoRound's formats (read 2026-11-23), the export of NVIDIA Model Optimizer
(modelopt/torch/export/model_config.py) and the modes of TensorRT-LLM
(tensorrt_llm/quantization/mode.py; both read 2026-11-30), and the files of published checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.hub.dialects.fields import Fields
from llmcalc_core.hub.quantisation.scheme import (
    WIDE,
    Modules,
    Quantisation,
    Scheme,
    excluded_modules,
    numeric_type,
)
from llmcalc_core.precision import FP8_BLOCK_BITS

_ALGORITHMS = {
    "FP8": Scheme(weights="fp8", activations="fp8"),
    "FP8_PER_CHANNEL_PER_TOKEN": Scheme(weights="fp8", activations="fp8"),
    "FP8_PB_WO": Scheme(weights="fp8", activations="bf16", scale_bits=FP8_BLOCK_BITS),
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
"""Schemes of Model Optimizer by ``quant_algo``; the blocks of FP8_PB_WO are 128 by 128
(FP8_2D_BLOCKWISE_WEIGHT_ONLY_CFG)."""

_KV_CACHE = {"FP8": "fp8", "INT8": "int8", "NVFP4": "fp4", "NVFP4_AFFINE": "fp4"}
"""Types of the KV cache by ``kv_cache_quant_algo``."""


def model_optimizer(fields: Fields) -> Quantisation:
    """Read what Model Optimizer writes, here or into ``hf_quant_config.json``."""
    mixed = fields.value("quant_algo") == "MIXED_PRECISION"
    found = Quantisation(
        default=WIDE if mixed else _algorithm(fields),
        excluded=excluded_modules(fields),
        schemes=schemes_by_layer(fields) if mixed else (),
        kv_cache=kv_cache_type(fields),
    )
    return replace(found, head=found.scheme_of("lm_head")) if mixed else found


def schemes_by_layer(fields: Fields) -> tuple[tuple[Modules, Scheme], ...]:
    """Read ``quantized_layers``, which gives modules an algorithm each."""
    layers = fields.section("quantized_layers")
    by_scheme: dict[Scheme, list[str]] = {}
    for name in layers.names():
        by_scheme.setdefault(_algorithm(layers.section(name)), []).append(name)
    return tuple((Modules.of(names), scheme) for scheme, names in by_scheme.items())


def kv_cache_type(fields: Fields) -> str:
    """Read the type of the KV cache, by its algorithm or as a scheme; 16 bits where it has none.

    Raises
    ------
    ValueError
        For an algorithm or a scheme that cannot be described.

    Examples
    --------
    >>> kv_cache_type(Fields({"kv_cache_quant_algo": "INT8"}, "x"))
    'int8'
    """
    name = fields.given("kv_cache_quant_algo", "kv_cache_scheme")
    stated = fields.value(name)
    if stated is None:
        return "bf16"
    if isinstance(stated, str):
        rule = f"can only be described as {', '.join(_KV_CACHE)}"
        return _KV_CACHE.get(stated) or fields.refuse(name, rule)
    return numeric_type(fields.section(name))


def _algorithm(fields: Fields) -> Scheme:
    known = _ALGORITHMS.get(str(fields.value("quant_algo")))
    return known or fields.refuse("quant_algo", f"must be one of {', '.join(_ALGORITHMS)}")


_INTEGERS = {one.bits: one.name for one in DATA_TYPES.values() if one.number == "int"}
_QUARK_TYPES = {
    "fp4": "fp4", "fp8_e4m3": "fp8", "int4": "int4", "uint4": "int4", "int8": "int8",
    "bfloat16": "bf16", "float16": "bf16",
}  # fmt: skip
_WIDE_BITS = 16


def _fp8(fields: Fields) -> Quantisation:
    """Read FP8 in blocks or per tensor; some checkpoints keep their experts narrower."""
    narrow = fields.value("quantized_layers")
    return Quantisation(
        default=replace(_ALGORITHMS["FP8"], scale_bits=_block_bits(fields, "weight_block_size")),
        excluded=Modules.of(()) if narrow else excluded_modules(fields),
        schemes=schemes_by_layer(fields) if narrow else (),
        kv_cache=kv_cache_type(fields),
    )


def _block_bits(fields: Fields, name: str) -> float:
    """Give the bits of scales, of 32 bits a block, beside each weight; 0 without blocks."""
    sizes = fields.entries(name)
    if not sizes:
        return 0.0
    if not all(isinstance(size, int) and size > 0 for size in sizes):
        fields.refuse(name, "must be whole numbers of at least 1, such as [128, 128]")
    return 32.0 / prod(size for size in sizes if isinstance(size, int))


def _mxfp4(fields: Fields) -> Quantisation:
    """Read weights in MXFP4, multiplied by activations of 16 bits."""
    scheme = Scheme(weights="fp4", activations="bf16", scale_bits=8 / 32)
    return Quantisation(default=scheme, excluded=excluded_modules(fields))


def _awq(fields: Fields) -> Quantisation:
    """Read AWQ: a 16-bit scale and a zero for every group."""
    if fields.number("bits", "w_bit", default=4) != 4:  # noqa: PLR2004
        fields.refuse(fields.given("bits", "w_bit"), "can only be described as 4")
    group = fields.number("group_size", "q_group_size", default=128)
    zero = 4.0 if fields.flag("zero_point", default=True) else 0.0
    scheme = Scheme(weights="int4", activations="bf16", scale_bits=(16 + zero) / group)
    return Quantisation(default=scheme, excluded=excluded_modules(fields))


def _gptq(fields: Fields) -> Quantisation:
    """Read GPTQ: a 16-bit scale and a zero for every group, or for a column (-1)."""
    bits = fields.number("bits")
    stored = _INTEGERS.get(bits) or fields.refuse("bits", "can only be described as 4 or 8")
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
            default=Scheme(weights="int8", activations="bf16"), excluded=excluded_modules(fields)
        )
    scale = 8 if fields.flag("bnb_4bit_use_double_quant", default=False) else 32
    scheme = Scheme(weights="int4", activations="bf16", scale_bits=scale / 64)
    return Quantisation(default=scheme, excluded=excluded_modules(fields))


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
        excluded=excluded_modules(fields),
        schemes=tuple(schemes),
        kv_cache=kv_cache_type(fields),
    )
    return replace(found, head=found.scheme_of("lm_head"))


def _scheme(group: Fields) -> Scheme:
    weights = group.section("weights")
    bits, kind, stored = weights.number("num_bits"), weights.value("type"), numeric_type(weights)
    computed = "bf16"
    if group.value("input_activations"):
        computed = numeric_type(group.section("input_activations"))
    size = weights.value("group_size")
    if weights.value("strategy") == "block":
        bits_of_scales = _block_bits(weights, "block_structure")
        return Scheme(weights=stored, activations=computed, scale_bits=bits_of_scales)
    if not isinstance(size, int) or size < 1:
        return Scheme(weights=stored, activations=computed)
    zero = 0 if kind == "float" or weights.flag("symmetric", default=True) else bits
    return Scheme(
        weights=stored,
        activations=computed,
        scale_bits=((8 if kind == "float" else 16) + zero) / size,
    )


def _quark(fields: Fields) -> Quantisation:
    """Read Quark: a scheme for all, others for some layers by name, and what is left out."""
    layers = fields.section("layer_quant_config") if fields.value("layer_quant_config") else None
    own = {} if layers is None else {name: layers.section(name) for name in layers.names()}
    excluded = Modules.of(str(name) for name in fields.entries("exclude"))
    caches = [one.section("output_tensors") for one in own.values() if one.value("output_tensors")]
    found = Quantisation(
        default=_quark_scheme(fields.section("global_quant_config")),
        excluded=excluded,
        schemes=tuple((Modules.of([name]), _quark_scheme(one)) for name, one in own.items()),
        kv_cache=_quark_type(caches[0]) if caches else "bf16",
    )
    return replace(found, head=found.scheme_of("lm_head"))


def _quark_type(tensor: Fields) -> str:
    known = _QUARK_TYPES.get(str(tensor.value("dtype")))
    return known or tensor.refuse("dtype", f"must be one of {', '.join(_QUARK_TYPES)}")


def _quark_scheme(fields: Fields) -> Scheme:
    if fields.value("weight") is None:
        return WIDE
    weight = fields.section("weight")
    stored, computed = _quark_type(weight), "bf16"
    if fields.value("input_tensors"):
        computed = _quark_type(fields.section("input_tensors"))
    group = weight.optional("group_size") if weight.value("qscheme") == "per_group" else None
    bits = 8 if stored.startswith("fp") else 16
    return Scheme(weights=stored, activations=computed, scale_bits=bits / group if group else 0.0)


def _auto_round(fields: Fields) -> Quantisation:
    """Read AutoRound in integers: a 16-bit scale, and a zero unless symmetric, for every group."""
    if fields.value("data_type") not in (None, "int"):
        fields.refuse("data_type", "can only be described as int")
    bits, group = fields.number("bits"), fields.number("group_size", default=128)
    stored = _INTEGERS.get(bits) or fields.refuse("bits", "can only be described as 4 or 8")
    zero = 0 if fields.flag("sym", default=True) else bits
    left_out = []
    extra = fields.section("extra_config") if fields.value("extra_config") else None
    for name in extra.names() if extra else ():
        own = extra.section(name).number("bits", default=bits) if extra else bits
        if own >= _WIDE_BITS:
            left_out.append(name)
        elif own != bits:
            fields.refuse("extra_config", f"can only be described with {bits} or 16 bits")
    scheme = Scheme(weights=stored, activations="bf16", scale_bits=(16 + zero) / group)
    return Quantisation(default=scheme, excluded=Modules.of(left_out))


_MLX_MODES = {
    "mxfp4": Scheme(weights="fp4", activations="bf16", scale_bits=8 / 32),
    "nvfp4": Scheme(weights="fp4", activations="bf16", scale_bits=8 / 16),
    "mxfp8": Scheme(weights="fp8", activations="bf16", scale_bits=8 / 32),
}


def _mlx(fields: Fields) -> Quantisation:
    """Read MLX: all matrices, embedding and head too, and modules of their own by name.

    mlx.nn.quantize and mlx_lm/utils.py (mlx-lm 0.28): in the affine mode a scale and a bias of 16
    bits for every group.
    """
    scheme = _mlx_scheme(fields)
    left_out, own = [], []
    for name in fields.names():
        if name in ("group_size", "bits", "mode", "quant_method"):
            continue
        if fields.value(name) is False:
            left_out.append(name)
        elif fields.value(name) is not True:
            own.append((Modules.of([name]), _mlx_scheme(fields.section(name))))
    excluded = Modules.of(left_out)
    found = Quantisation(default=scheme, excluded=excluded, schemes=tuple(own))
    embedding = found.scheme_of("embed_tokens", "model.embed_tokens")
    return replace(found, head=found.scheme_of("lm_head"), embedding=embedding)


def _mlx_scheme(fields: Fields) -> Scheme:
    mode = fields.text("mode") or "affine"
    if mode in _MLX_MODES:
        return _MLX_MODES[mode]
    if mode != "affine":
        fields.refuse("mode", f"can only be described as affine, {', '.join(_MLX_MODES)}")
    bits, group = fields.number("bits"), fields.number("group_size", default=64, least=1)
    if bits == _MLX_BYTE:
        return Scheme(weights="int8", activations="bf16", scale_bits=32 / group)
    if bits not in _MLX_BITS:
        fields.refuse("bits", "can only be described as 4, 5, 6 or 8")
    return Scheme(weights="int4", activations="bf16", scale_bits=bits - 4 + 32 / group)


_MLX_BYTE, _MLX_BITS = 8, (4, 5, 6)

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
    "quark": _quark,
    "auto-round": _auto_round,
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
    if method is None and fields.stated("bits") and fields.stated("group_size"):
        return _mlx(fields)
    if str(method) not in METHODS:
        rule = f"must be one that can be described ({', '.join(METHODS)})"
        fields.refuse("quant_method", f"{rule}; without the quantisation, give a precision")
    return METHODS[str(method)](fields)
