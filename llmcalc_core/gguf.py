"""Types of GGUF files: real mixes, of which each matrix has a type of its own.

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
