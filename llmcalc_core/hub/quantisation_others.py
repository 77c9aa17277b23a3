"""How AMD Quark and Intel AutoRound write the quantisation of a checkpoint.

Sources: vLLM's reader of Quark (quantization/quark/quark.py) and AutoRound's documentation of its
formats, read 2026-11-23.
"""

from __future__ import annotations

from llmcalc_core.hub.dialects.fields import Fields
from llmcalc_core.hub.quantisation import WIDE, Modules, Quantisation, Scheme

_DTYPES = {"fp4": "fp4", "fp8_e4m3": "fp8", "int4": "int4", "uint4": "int4", "int8": "int8"}
_WIDE_BITS = 16


def quark(fields: Fields) -> Quantisation:
    """Read Quark: a scheme for all, others for some layers by name, and what is left out."""
    layers = fields.section("layer_quant_config") if fields.value("layer_quant_config") else None
    own = {} if layers is None else {name: layers.section(name) for name in layers.names()}
    excluded = Modules.of(str(name) for name in fields.entries("exclude"))
    found = Quantisation(
        default=_quark_scheme(fields.section("global_quant_config")),
        excluded=excluded,
        schemes=tuple((Modules.of([name]), _quark_scheme(one)) for name, one in own.items()),
        kv_cache="fp8" if any(one.value("output_tensors") for one in own.values()) else "bf16",
    )
    return Quantisation(
        default=found.default, excluded=excluded, schemes=found.schemes, kv_cache=found.kv_cache,
        head=found.scheme_of("lm_head"),
    )  # fmt: skip


def _quark_scheme(fields: Fields) -> Scheme:
    if fields.value("weight") is None:
        return WIDE
    weight = fields.section("weight")
    stored = _DTYPES.get(str(weight.value("dtype")))
    if stored is None:
        weight.refuse("dtype", f"must be one of {', '.join(_DTYPES)}")
    computed = "bf16"
    if fields.value("input_tensors"):
        entering = fields.section("input_tensors")
        computed = _DTYPES.get(str(entering.value("dtype")), "bf16")
    group = weight.optional("group_size") if weight.value("qscheme") == "per_group" else None
    bits = 8 if stored.startswith("fp") else 16
    return Scheme(weights=stored, activations=computed, scale_bits=bits / group if group else 0.0)


def auto_round(fields: Fields) -> Quantisation:
    """Read AutoRound in integers: a 16-bit scale, and a zero unless symmetric, for every group."""
    if fields.value("data_type") not in (None, "int"):
        fields.refuse("data_type", "can only be described as int")
    bits, group = fields.number("bits"), fields.number("group_size", default=128)
    stored = {4: "int4", 8: "int8"}.get(bits)
    if stored is None:
        fields.refuse("bits", "can only be described as 4 or 8")
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
