"""Data types: what each takes to store, what it computes in, and where it stands in.

A new type is one record of :data:`DATA_TYPES`; every table of the core that is keyed by types is
made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmcalc_core.checks import one_of


@dataclass(frozen=True, slots=True, kw_only=True)
class DataType:
    """A type of numbers.

    Attributes
    ----------
    name : str
        Canonical spelling.
    spellings : tuple of str
        Others, folded: lower case, ``_`` for ``-``.
    number : {'float', 'int'}
        Floating point or integer.
    bits : float
        Of a value [bits].
    scale_bits : float
        Of the scales and zeros beside each value in the type's usual format [bits].
    fallback : tuple of str
        What a device without the type computes in instead, the first that it has: values are
        unpacked to that type.
    computes_in : str
        What weights of the type are multiplied in where only they are named.
    kv_cache : str
        The KV cache that engines keep beside weights of the type where only they are named.
    kernels : str
        The type whose kernels run it just as fast: itself, or the other type of 16 bits.
    like : tuple of str
        Types whose kernels reach a like part of their peak, the nearest first.
    curve : str
        The type whose products have the curve of its own, where only how fast its own are at best
        is known (``products`` in ``efficiency.toml``).
    narrow_gemm : bool
        Whether engines' products in it take ``narrow_gemm_time`` of kernels measured alone.
    """

    name: str
    spellings: tuple[str, ...]
    number: Literal["float", "int"]
    bits: float
    scale_bits: float = 0.0
    fallback: tuple[str, ...]
    computes_in: str
    kv_cache: str
    kernels: str
    like: tuple[str, ...] = ()
    curve: str
    narrow_gemm: bool = False

    @property
    def stored_bits(self) -> float:
        """Bits that a stored value takes, its share of the usual scales included.

        Examples
        --------
        >>> DATA_TYPES["fp4"].stored_bits
        4.5
        """
        return self.bits + self.scale_bits

    @property
    def has_16_bits(self) -> bool:
        """Whether it is one of the types that models are trained and served in unquantised."""
        return self.bits == _UNQUANTISED

    @property
    def is_quantised(self) -> bool:
        """Whether values need scales: those of less than 16 bits."""
        return self.bits < _UNQUANTISED

    @property
    def is_packed(self) -> bool:
        """Whether a byte holds several values, which kernels in 16 bits have to unpack."""
        return self.bits < _BYTE


_UNQUANTISED, _BYTE = 16.0, 8.0

WIDE_TYPES = ("bf16", "fp16", "fp32")
"""What everything is computed in at last; a device has a rate for one of them."""

_RECORDS = (
    DataType(
        name="fp32", spellings=("float32", "f32", "single"), number="float", bits=32.0,
        fallback=(), computes_in="fp32", kv_cache="fp32", kernels="fp32", curve="fp32",
    ),
    DataType(  # a way to multiply: values stay 32 bits wide
        name="tf32", spellings=("tfloat32",), number="float", bits=32.0,
        fallback=("fp32",), computes_in="tf32", kv_cache="tf32", kernels="tf32", curve="tf32",
    ),
    DataType(
        name="bf16", spellings=("bfloat16",), number="float", bits=16.0,
        fallback=("fp16", "fp32"), computes_in="bf16", kv_cache="bf16", kernels="bf16",
        curve="bf16",
    ),
    DataType(
        name="fp16", spellings=("float16", "f16", "half"), number="float", bits=16.0,
        fallback=("bf16", "fp32"), computes_in="fp16", kv_cache="fp16", kernels="bf16",
        curve="bf16",
    ),
    DataType(
        name="fp8", spellings=("float8", "f8", "fp8_e4m3", "e4m3", "fp8_block"), number="float",
        bits=8.0, fallback=WIDE_TYPES, computes_in="fp8", kv_cache="fp8", kernels="fp8",
        like=("int8",), curve="fp8", narrow_gemm=True,
    ),
    DataType(
        name="int8", spellings=("i8",), number="int", bits=8.0, fallback=WIDE_TYPES,
        computes_in="int8", kv_cache="int8", kernels="int8", like=("fp8",), curve="int8",
    ),
    # NVFP4: an FP8 scale for every 16 values (NVIDIA TensorRT documentation). Its checkpoints keep
    # an FP8 cache.
    DataType(
        name="fp4", spellings=("float4", "f4", "nvfp4", "mxfp4", "e2m1"), number="float", bits=4.0,
        scale_bits=8.0 / 16.0, fallback=("fp8", *WIDE_TYPES), computes_in="fp4", kv_cache="fp8",
        kernels="fp4", like=("fp8", "int8"), curve="fp8", narrow_gemm=True,
    ),
    # AWQ and GPTQ: a 16-bit scale and a 4-bit zero for every 128 values, which are unpacked to 16
    # bits for the multiplication.
    DataType(
        name="int4", spellings=("i4",), number="int", bits=4.0, scale_bits=20.0 / 128.0,
        fallback=("int8", *WIDE_TYPES), computes_in="bf16", kv_cache="bf16", kernels="int4",
        like=("int8", "fp8"), curve="int4",
    ),
)  # fmt: skip

DATA_TYPES = {one.name: one for one in _RECORDS}
"""The types by name, from the widest to the narrowest."""


def folded(name: str) -> str:
    """Fold how people write a name: case, blanks around it and hyphens.

    Examples
    --------
    >>> folded(" FP8-E4M3 ")
    'fp8_e4m3'
    """
    return name.strip().casefold().replace("-", "_")


def data_type(name: str, value: object) -> str:
    """Give the canonical spelling of a type.

    Raises
    ------
    ValueError
        For one that is not known, with the nearest.

    Examples
    --------
    >>> data_type("weights", "bfloat16")
    'bf16'
    """
    if not isinstance(value, str) or value in DATA_TYPES:
        return one_of(name, value, tuple(DATA_TYPES))
    given = folded(value)
    spelt = (one.name for one in DATA_TYPES.values() if given in one.spellings)
    return one_of(name, next(spelt, given), tuple(DATA_TYPES))
