"""A precision in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.gguf import GGUF_TYPES
from llmcalc_core.precision.parts import LIKE, PARTS
from llmcalc_core.precision.schemes import BLOCK_SCHEME, SCHEMES, types_of

if TYPE_CHECKING:
    from llmcalc_core.precision.precision import Precision


def label_of(precision: Precision) -> str:
    """Name a precision: 'bf16' when all three are, else 'w int4, a bf16, kv bf16'."""
    if (mix := _gguf_name(precision)) is not None:
        return mix
    own = (precision.weights, precision.activations, precision.kv_cache)
    known = (name for name in (*DATA_TYPES, *SCHEMES) if own == types_of(name))
    named = next(known, None)
    words = [
        f"w {_word(precision, own[0])}, a {own[1]}, kv {own[2]}"
        if named is None
        else _word(precision, named)
    ]
    apart = (precision.experts, precision.expert_activations)
    if apart != own[:2]:
        words.append(f"experts w {_word(precision, apart[0])}, a {apart[1]}")
    words += [
        f"{name.replace('_', ' ')} {_word(precision, getattr(precision, name))}"
        for name in PARTS
        if getattr(precision, name) != getattr(precision, LIKE[name])
    ]
    if precision.fp8_blocks is False:
        words.append("no blocks")
    if precision.scale_bits is not None:
        words.append(f"{precision.type_bits(precision.narrowest):g} bits")
    mixed = dict(precision.stored_bits).items()
    words += [f"{name.replace('_', ' ')} {bits:.3g} bits" for name, bits in mixed]
    return ", ".join(words)


def _word(precision: Precision, kind: str) -> str:
    """Name a type of weights, FP8 in blocks by its own name."""
    return BLOCK_SCHEME if precision.fp8_blocks and kind == "fp8" else kind


def _gguf_name(precision: Precision) -> str | None:
    """Name the mix of GGUF that a precision is, and its KV cache where that has fewer bits."""
    stored = dict(precision.stored_bits)
    cached = stored.pop("kv_cache", None)
    for name, own in GGUF_TYPES.items():
        if stored == dict(own.bits) and precision.weights == own.stored:
            return name if cached is None else f"{name}, kv {cached:g} bits"
    return None
