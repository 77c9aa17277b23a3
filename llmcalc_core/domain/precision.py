"""Number formats: what a value takes in memory and what a device computes with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from llmcalc_core.domain.checks import one_of

STORED_BITS = {
    "fp32": 32.0,
    "tf32": 32.0,
    "bf16": 16.0,
    "fp16": 16.0,
    "fp8": 8.0,
    "int8": 8.0,
    # NVFP4: 4 bits and an FP8 scale for every 16 values (NVIDIA TensorRT documentation).
    "fp4": 4.5,
    # AWQ and GPTQ: 4 bits, a 16-bit scale and a 4-bit zero for every 128 values.
    "int4": 4.0 + 20.0 / 128.0,
}
"""Bits that a stored value takes, its share of the quantisation scales included."""

_SPELLINGS = {
    "float32": "fp32", "f32": "fp32", "single": "fp32", "tfloat32": "tf32",
    "bfloat16": "bf16", "float16": "fp16", "f16": "fp16", "half": "fp16",
    "float8": "fp8", "f8": "fp8", "fp8_e4m3": "fp8", "e4m3": "fp8", "fp8_block": "fp8",
    "i8": "int8", "int8_wo": "w8a16", "i4": "int4", "int4_wo": "w4a16", "awq": "w4a16",
    "gptq": "w4a16", "float4": "fp4", "f4": "fp4", "nvfp4": "fp4", "mxfp4": "fp4", "e2m1": "fp4",
}  # fmt: skip

# What a bare name means for (weights, activations, KV cache), as serving engines do it: 4-bit
# integer weights are unpacked to 16 bits for the multiplication; 8-bit and FP4 checkpoints
# compute in their own type; an FP4 checkpoint keeps an FP8 cache.
_MEANING = {
    "fp32": ("fp32", "fp32", "fp32"),
    "tf32": ("tf32", "tf32", "tf32"),
    "bf16": ("bf16", "bf16", "bf16"),
    "fp16": ("fp16", "fp16", "fp16"),
    "fp8": ("fp8", "fp8", "fp8"),
    "int8": ("int8", "int8", "int8"),
    "fp4": ("fp4", "fp4", "fp8"),
    "int4": ("int4", "bf16", "bf16"),
    "w4a16": ("int4", "bf16", "bf16"),
    "w8a16": ("int8", "bf16", "bf16"),
    "w8a8": ("int8", "int8", "bf16"),
    "w4a8": ("int4", "int8", "bf16"),
    "w4a4": ("fp4", "fp4", "bf16"),
    "w16a16": ("bf16", "bf16", "bf16"),
}

PRECISIONS = tuple(_MEANING)
"""The names that :func:`parse_precision` knows, in their canonical spelling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """What weights, activations and the KV cache are stored in and computed with.

    Parameters
    ----------
    weights, activations, kv_cache : str
        One of fp32, tf32, bf16, fp16, fp8, int8, fp4, int4, or a usual spelling of it.
        Embedding, head, normalisations and the router stay at 16 bits when ``weights`` are
        narrower, as quantised checkpoints keep them.
    experts, expert_activations : str, optional
        The same for the routed experts of a mixture, which 4-bit checkpoints often quantise
        alone; ``weights`` and ``activations`` if not given.

    Raises
    ------
    ValueError
        For a name that is not known, with the nearest one.

    Examples
    --------
    >>> Precision(weights="NVFP4", activations="fp8", kv_cache="fp8").weights
    'fp4'
    """

    weights: str = "bf16"
    activations: str = "bf16"
    kv_cache: str = "bf16"
    experts: str = ""
    expert_activations: str = ""

    def __post_init__(self) -> None:
        """Bring each name to its canonical spelling."""
        object.__setattr__(self, "experts", self.experts or self.weights)
        entering = self.expert_activations or self.activations
        object.__setattr__(self, "expert_activations", entering)
        for name in ("weights", "activations", "kv_cache", "experts", "expert_activations"):
            object.__setattr__(self, name, _data_type(name, getattr(self, name)))

    @property
    def weight_bytes(self) -> float:
        """Bytes of one weight of a linear layer, scales included."""
        return STORED_BITS[self.weights] / 8

    @property
    def activation_bytes(self) -> float:
        """Bytes of one activation that enters a matrix multiplication."""
        return STORED_BITS[self.activations] / 8

    @property
    def expert_weight_bytes(self) -> float:
        """Bytes of one weight of a routed expert, scales included."""
        return STORED_BITS[self.experts] / 8

    @property
    def expert_activation_bytes(self) -> float:
        """Bytes of one activation that enters a routed expert."""
        return STORED_BITS[self.expert_activations] / 8

    @property
    def output_bytes(self) -> float:
        """Bytes of one element of the residual stream: 2, or 4 when computing in 32 bits."""
        return max(2.0, self.activation_bytes)

    @property
    def kv_bytes(self) -> float:
        """Bytes of one element of the KV cache."""
        return STORED_BITS[self.kv_cache] / 8

    @property
    def unquantised_bytes(self) -> float:
        """Bytes of one weight of the embedding, the head, a normalisation or the router."""
        return max(2.0, self.weight_bytes)

    @property
    def label(self) -> str:
        """A short name: 'bf16' when all three are, else 'w int4, a bf16, kv bf16'."""
        own = (self.weights, self.activations, self.kv_cache)
        apart = (self.experts, self.expert_activations)
        named = (name for name, meaning in _MEANING.items() if own == meaning)
        label = next(named, f"w {own[0]}, a {own[1]}, kv {own[2]}")
        return label if apart == own[:2] else f"{label}, experts w {apart[0]}, a {apart[1]}"


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
    """
    if isinstance(bits, Precision):
        return bits
    return _named(one_of("bits", _canonical(bits), PRECISIONS))


@cache
def _named(name: str) -> Precision:
    weights, activations, kv_cache = _MEANING[name]
    return Precision(weights=weights, activations=activations, kv_cache=kv_cache)


def _canonical(name: object) -> object:
    folded = name.strip().casefold().replace("-", "_") if isinstance(name, str) else name
    return _SPELLINGS.get(folded, folded) if isinstance(folded, str) else name


def _data_type(name: str, value: object) -> str:
    return one_of(name, _canonical(value), tuple(STORED_BITS))
