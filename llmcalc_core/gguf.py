"""Types of GGUF: those of a tensor, and real mixes, of which each matrix has a type of its own.

A block of 256 weights has scales of its own: Q4_K 4.5 bits a weight, Q5_K 5.5, Q6_K 6.5625, IQ4_XS
4.25; a block of 32 Q4_0 4.5, Q8_0 8.5 (ggml-common.h). Which matrix has which is in
``llama_tensor_get_type`` (src/llama-quant.cpp): of the mixes called M every second layer, in the
mean, has its down projection and its values in the next larger type, and the head is in Q6_K;
IQ4_XS has all values, and one down projection of eight, in Q5_K. Llama 3.1 8B has the bits per
weight that the page of llama-quantize lists (tools/quantize/README.md, 311c2c9f; read 2026-11-30).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufType:
    """A mix of GGUF.

    Attributes
    ----------
    stored : str
        The data type that most of its weights are nearest to.
    bits : mapping of str to float
        Mean bits of a weight, as ``stored_bits`` of a :class:`llmcalc_core.Precision` has them.
    """

    stored: str
    bits: MappingProxyType[str, float]


_Q4_0, _IQ4_XS, _Q4_K, _Q5_K, _Q6_K, _Q8_0 = 4.5, 4.25, 4.5, 5.5, 6.5625, 8.5


def _mix(
    stored: str,
    usual: float,
    larger: float,
    head: float,
    *,
    down: float = 0.5,
    values: float = 0.5,
) -> GgufType:
    """Lay out a mix whose down projections and values have the larger type in a share of layers.

    Of queries, keys and values the values are a sixth, where four heads share a key.
    """
    feed_forward = usual + down * (larger - usual) / 3
    bits = {
        "weights": feed_forward,
        "experts": feed_forward,
        "shared": feed_forward,
        "attention": usual + values * (larger - usual) / 6,
        "attention_output": usual,
        "recurrent": usual,
        "embedding": usual,
        "head": head,
    }
    return GgufType(stored=stored, bits=MappingProxyType(bits))


GGUF_TYPES = {
    "q8_0": _mix("int8", _Q8_0, _Q8_0, _Q8_0),
    "q6_k": _mix("int8", _Q6_K, _Q6_K, _Q6_K),
    "q5_k_m": _mix("int8", _Q5_K, _Q6_K, _Q6_K),
    "q4_k_m": _mix("int4", _Q4_K, _Q6_K, _Q6_K),
    "q4_0": _mix("int4", _Q4_0, _Q4_0, _Q6_K),
    "iq4_xs": _mix("int4", _IQ4_XS, _Q5_K, _Q6_K, down=1 / 8, values=1.0),
}
"""By the names that files have, in lower case; F16 is the data type fp16."""

GGUF_CACHES = {"f16": 16.0, "q8_0": _Q8_0, "q4_0": _Q4_0}
"""Bits of a value of the KV cache, by ``--cache-type-k`` and ``--cache-type-v``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GgmlType:
    """A type of the tensors of a GGUF file.

    Attributes
    ----------
    name : str
        As ggml calls it.
    block : int
        Elements that are stored together, with what scales they have [elements].
    block_bytes : int
        Bytes that these take [bytes].
    """

    name: str
    block: int
    block_bytes: int

    @property
    def bits(self) -> float:
        """Bits of an element, its share of the scales included [bits].

        Examples
        --------
        >>> GGML_TYPES[12].name, GGML_TYPES[12].bits
        ('Q4_K', 4.5)
        """
        return 8 * self.block_bytes / self.block

    @property
    def stored(self) -> str:
        """The data type that it is nearest to.

        Examples
        --------
        >>> GGML_TYPES[39].name, GGML_TYPES[39].stored, GGML_TYPES[10].stored
        ('MXFP4', 'fp4', 'int4')
        """
        known = _OF_FLOATS.get(self.name)
        return known or ("int4" if self.bits <= _FOUR_BITS else "int8")


_OF_FLOATS = {"F32": "fp32", "F64": "fp32", "F16": "fp16", "BF16": "bf16", "MXFP4": "fp4",
              "NVFP4": "fp4"}  # fmt: skip
_FOUR_BITS = 5.0

_SIZES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4),
    27: ("I64", 1, 8), 28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2),
    31: ("Q4_0_4_4", 32, 18), 32: ("Q4_0_4_8", 32, 18), 33: ("Q4_0_8_8", 32, 18),
    34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 36: ("IQ4_NL_4_4", 32, 18),
    37: ("IQ4_NL_4_8", 32, 18), 38: ("IQ4_NL_8_8", 32, 18), 39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}  # fmt: skip

GGML_TYPES = {
    number: GgmlType(name=name, block=block, block_bytes=size)
    for number, (name, block, size) in _SIZES.items()
}
"""Types by the number that a file has for them: ``ggml_type`` of ggml/include/ggml.h and the blocks
of ggml-common.h (Q8_1 as there; those that llama.cpp no longer writes as it once did), the table
``GGML_QUANT_SIZES`` of gguf-py 0.19.0; read 2026-12-01."""
