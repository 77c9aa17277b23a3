"""What the tensors of quantised safetensors hold: weights as they were before they were packed.

Names and shapes are those that the quantisers write: AutoAWQ and GPTQModel (``qweight``,
``qzeros``, ``scales``, ``g_idx``), compressed-tensors (``weight_packed``, ``weight_scale``,
``weight_shape``), Model Optimizer (``weight`` of two FP4 in a byte, ``weight_scale``,
``weight_scale_2``), FP8 in blocks (``weight_scale_inv``), bitsandbytes (``weight.absmax``,
``weight.quant_state``, ``SCB``), MLX (``weight`` of 32 bits, ``scales``, ``biases``) and gpt-oss
(``_blocks``, ``_scales``); their source read 2026-12-01. No value is read, only names, shapes and
types.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.hub.headers import TYPE_BITS, Tensor
from llmcalc_core.hub.quantisation.scheme import WIDE, Quantisation, Scheme

_ENDS = frozenset({
    "weight", "weight_packed", "qweight", "blocks", "qzeros", "scales", "g_idx", "biases", "SCB",
    "weight_format", "weight_scale_inv", "weight_scale_2", "weight_scale", "weight_global_scale",
    "weight_shape", "weight_zero_point", "weight_g_idx", "scale_inv", "scale",
    *(f"{one}_{kind}" for one in ("input", "output", "activation", "pre_quant", "k", "q", "v", "kv")
      for kind in ("scale", "zero_point", "global_scale")),
})  # fmt: skip
_JOINED = ("_blocks", "_scales", "_scale_inv", "_scale")
"""Ends of the names of experts in one tensor, which have no dot before them."""

_STATES = ("absmax", "quant_map", "nested_absmax", "nested_quant_map", "bitsandbytes__nf4",
           "bitsandbytes__fp4")  # fmt: skip
_STATE = re.compile(r"\.(weight\.(?:absmax|quant_map|nested_absmax|nested_quant_map|"
                    r"quant_state\.\w+))$")  # fmt: skip
_PACKED = ("qweight", "weight_packed", "blocks")
_BESIDE_ANY = re.compile(r"^(?:input|output|activation|pre_quant|[kqv]|kv)_")
"""What stands beside modules of a quantised checkpoint, whatever they are stored in."""

_WORD, _BYTE, _WIDE_BITS = 32, 8, 16
_WORDS = ("I32", "U32")
_BYTES = ("U8", "I8")
_IN_BLOCK = (8, 16)
"""Bytes of two FP4 values each that share a scale: 16 values (NVFP4) or 32 (MXFP4)."""

_FLOATS = {"F64": "fp32", "F32": "fp32", "F16": "fp16", "BF16": "bf16", "F4": "fp4"}


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A tensor, and what it holds.

    Attributes
    ----------
    tensor : Tensor
        As it is stored.
    parameters : int
        Weights in it; none if it is a scale.
    type : str
        The data type nearest to it; empty for a scale.
    """

    tensor: Tensor
    parameters: int
    type: str


def unpacked(tensors: Iterable[Tensor], quantisation: Quantisation | None) -> Iterator[Unpacked]:
    """Say of each tensor what it holds.

    Parameters
    ----------
    tensors : iterable of Tensor
        All of a checkpoint.
    quantisation : Quantisation or None
        What the checkpoint says of its modules: bits that shapes alone do not tell.

    Yields
    ------
    Unpacked
        Of each tensor.
    """
    modules: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for one in tensors:
        module, kind = _split(one.name)
        modules[module][kind] = one
    scheme_of = _schemes(quantisation)
    for module, own in modules.items():
        yield from _module(module, own, scheme_of)


def _split(name: str) -> tuple[str, str]:
    """Give the module of a tensor, and what the tensor is to it."""
    module, _, last = name.rpartition(".")
    if last in _ENDS:
        return module, last
    if last in _STATES and (found := _STATE.search(name)):
        return name[: found.start()], found[1]
    joined = next((one for one in _JOINED if last.endswith(one)), "")
    return (name.removesuffix(joined), joined[1:]) if joined else (name, "")


def _schemes(quantisation: Quantisation | None) -> Callable[[str], Scheme]:
    """Give the scheme of a module; all experts of a layer have that of the first."""
    known: dict[str, Scheme] = {}

    def scheme_of(module: str) -> Scheme:
        name = re.sub(r"experts\.\d+\.", "experts.0.", module)
        if name not in known:
            known[name] = _scheme(quantisation, name)
        return known[name]

    return scheme_of


def _scheme(quantisation: Quantisation | None, name: str) -> Scheme:
    if quantisation is None:
        return WIDE
    if "layers." in name:
        return quantisation.scheme_of(name[name.index("layers.") :])
    return quantisation.head if "lm_head" in name else quantisation.embedding


def _module(
    module: str, own: dict[str, Tensor], scheme_of: Callable[[str], Scheme]
) -> Iterator[Unpacked]:
    main = next((kind for kind in (*_PACKED, "weight", "") if kind in own), None)
    narrow = main is not None and (main in _PACKED or _is_narrow(own[main]))
    for kind, one in own.items():
        if kind == main:
            parameters, stored = _weights(kind, own, lambda: scheme_of(module))
            yield Unpacked(one, parameters, stored)
        elif narrow or _BESIDE_ANY.match(kind):
            yield Unpacked(one, 0, "")
        else:
            yield Unpacked(one, one.elements, _FLOATS.get(one.type, "int8"))


def _is_narrow(tensor: Tensor) -> bool:
    return tensor.type in _WORDS or TYPE_BITS[tensor.type] < _WIDE_BITS


def _weights(kind: str, own: dict[str, Tensor], scheme: Callable[[], Scheme]) -> tuple[int, str]:
    """Count the weights of a module, and give their type."""
    tensor = own[kind]
    if kind == "blocks":
        return 2 * tensor.elements, "fp4"
    if tensor.type in _WORDS:
        return _in_words(own, tensor, scheme())
    if tensor.type in _BYTES:
        return _in_bytes(kind, own, tensor, scheme)
    if tensor.type in _FLOATS:
        return tensor.elements, _FLOATS[tensor.type]
    return tensor.elements, "fp8" if tensor.type.startswith("F") else "int8"


def _in_words(own: dict[str, Tensor], tensor: Tensor, scheme: Scheme) -> tuple[int, str]:
    """Count integers that are packed into words of 32 bits.

    Zeros are packed as the weights are, one for each scale; without them the bits are those that
    the checkpoint states, and in MLX with the scales and biases of every group.
    """
    zeros, scales = own.get("qzeros"), own.get("scales")
    if zeros and scales and scales.elements:
        bits = round(_WORD * zeros.elements / scales.elements) or 1
        return tensor.elements * _WORD // bits, _integer(bits)
    kind = DATA_TYPES[scheme.weights]
    if "weight" in own and scales:
        held = sum(one.bytes for name, one in own.items() if name in ("weight", "scales", "biases"))
        bits_each = kind.bits + scheme.scale_bits if kind.is_quantised else kind.stored_bits
        return round(_BYTE * held / bits_each), scheme.weights
    bits = int(kind.bits) if kind.is_quantised else 4
    return tensor.elements * _WORD // bits, kind.name if kind.is_quantised else "int4"


def _integer(bits: int) -> str:
    return "int4" if bits < _BYTE - 1 else "int8"


def _in_bytes(
    kind: str, own: dict[str, Tensor], tensor: Tensor, scheme: Callable[[], Scheme]
) -> tuple[int, str]:
    """Count values that are bytes, or two in each."""
    if "weight.absmax" in own:
        return 2 * tensor.elements, "int4"
    scale = own.get("weight_scale", own.get("scale"))
    if kind == "weight_packed" or (scale is not None and _share_scales(tensor, scale)):
        return 2 * tensor.elements, "fp4"
    if "SCB" in own or tensor.type == "I8":
        return tensor.elements, "int8"
    return tensor.elements, scheme().weights if DATA_TYPES[scheme().weights].bits == _BYTE else (
        "int8"
    )


def _share_scales(tensor: Tensor, scale: Tensor) -> bool:
    """Tell whether a scale of 8 bits is that of a block of FP4."""
    if TYPE_BITS[scale.type] != _BYTE or len(scale.shape) != len(tensor.shape):
        return False
    rows, columns = tensor.shape[:-1], tensor.shape[-1]
    return scale.shape[:-1] == rows and any(scale.shape[-1] * one == columns for one in _IN_BLOCK)
