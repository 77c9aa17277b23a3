"""Precisions by name: what users ask for, what a GGUF file has, what a checkpoint is stored in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache, lru_cache

from llmcalc_core.checks import one_of
from llmcalc_core.dtypes import DATA_TYPES, folded
from llmcalc_core.gguf import GGUF_CACHES, GGUF_TYPES
from llmcalc_core.precision.precision import Precision
from llmcalc_core.precision.schemes import (
    BLOCK_SCHEME,
    CHECKPOINT,
    PRECISIONS,
    SCHEME_SPELLINGS,
    SCHEMES,
    types_of,
)
from llmcalc_core.shown import shown
from llmcalc_core.texts import text


def parse_precision(bits: str | Precision) -> Precision:
    """Turn a name such as 'bf16', 'FP8' or 'w4a16' into a :class:`Precision`.

    Raises
    ------
    ValueError
        For a name that is not known, with the nearest one.

    Examples
    --------
    >>> parse_precision("w4a16").activations
    'bf16'
    >>> parse_precision("w4a8").activations, parse_precision("w4afp8").activations
    ('int8', 'fp8')
    """
    return bits if isinstance(bits, Precision) else _named(_canonical(bits, PRECISIONS))


def _canonical(bits: object, names: tuple[str, ...]) -> str:
    return _spelt(bits, names) if isinstance(bits, str) else one_of("bits", bits, names)


@lru_cache(maxsize=256)
def _spelt(bits: str, names: tuple[str, ...]) -> str:
    given = folded(bits)
    of_type = (one.name for one in DATA_TYPES.values() if given in one.spellings)
    known = given if given in SCHEMES else SCHEME_SPELLINGS.get(given)
    return one_of("bits", known or next(of_type, given), names)


@cache
def _named(name: str) -> Precision:
    if name in GGUF_TYPES:
        own = GGUF_TYPES[name]
        return Precision(
            weights=own.stored, activations="int8", kv_cache="fp16", stored_bits=own.bits
        )
    weights, activations, kv_cache = types_of(name)
    blocks = True if name == BLOCK_SCHEME else None
    return Precision(weights=weights, activations=activations, kv_cache=kv_cache, fp8_blocks=blocks)


PLAIN = Precision()
"""All in 16 bits, as a checkpoint is that does not say otherwise."""


def gguf_precision(name: str, *, kv_cache: str = "f16") -> Precision:
    """Give the types of a GGUF file, and of the KV cache that llama.cpp keeps beside it.

    Parameters
    ----------
    name : str
        Such as 'Q4_K_M' or 'Q8_0'; 'F16' for all in 16 bits.
    kv_cache : {'f16', 'q8_0', 'q4_0'}
        As ``--cache-type-k`` and ``--cache-type-v`` say.

    Returns
    -------
    Precision
        To pass as ``bits`` or ``precision``.

    Raises
    ------
    ValueError
        For a name that is not known, with the nearest one.

    Examples
    --------
    >>> gguf_precision("Q4_K_M").label, gguf_precision("Q4_K_M", kv_cache="q8_0").kv_bytes
    ('q4_k_m', 1.0625)
    """
    mix = folded(text("name", name))
    known = one_of("name", "fp16" if mix in ("f16", "fp16") else mix, (*GGUF_TYPES, "fp16"))
    cached = folded(text("kv_cache", kv_cache))
    own, cache_type = _named(known), one_of("kv_cache", cached, tuple(GGUF_CACHES))
    if cache_type == "f16":
        return own
    kind = "int8" if cache_type == "q8_0" else "int4"
    bits = {**dict(own.stored_bits), "kv_cache": GGUF_CACHES[cache_type]}
    return replace(own, kv_cache=kind, stored_bits=bits)


def asked_precision(bits: str | Precision) -> Precision | None:
    """Turn what was asked for into a ``Precision``; None is that of each model's checkpoint.

    Raises
    ------
    ValueError
        For a name that is not known, with the nearest one.

    Examples
    --------
    >>> asked_precision("checkpoint") is None, asked_precision("fp8").label
    (True, 'fp8')
    """
    if isinstance(bits, Precision):
        return bits
    name = _canonical(bits, (*PRECISIONS, CHECKPOINT))
    return None if name == CHECKPOINT else _named(name)


def stored_precision(value: object) -> Precision | None:
    """Check what a checkpoint is stored in: a ``Precision``, a name, its fields, or None.

    Raises
    ------
    ValueError
        For anything else.

    Examples
    --------
    >>> stored_precision({"experts": "fp4", "scale_bits": 0.25}).expert_weight_bytes
    0.53125
    """
    if value is None or isinstance(value, Precision):
        return value
    if isinstance(value, str):
        return parse_precision(value)
    if isinstance(value, Mapping):
        known = [field.name for field in fields(Precision)]
        return Precision(**{one_of("precision", key, known): value[key] for key in value})
    msg = f"precision must be a Precision, a name, its fields or None, got {shown(value)}"
    raise ValueError(msg)
