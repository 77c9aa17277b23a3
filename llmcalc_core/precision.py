"""Number formats: what a value takes in memory and what a device computes with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from llmcalc_core.checks import one_of, positive
from llmcalc_core.dtypes import (
    MEANINGS,
    STORED_BITS,
    VALUE_BITS,
    data_type,
)

# What a field is like where it is not given, in an order in which each is known when it is asked.
_LIKE = {
    "experts": "weights",
    "expert_activations": "activations",
    "attention": "weights",
    "attention_output": "attention",
    "recurrent": "weights",
    "shared": "weights",
}

PARTS = ("attention", "attention_output", "recurrent", "shared")
"""Parts of a model, beside the routed experts, whose weights may have a type of their own."""


@dataclass(frozen=True, kw_only=True)
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
    attention, attention_output, recurrent, shared : str, optional
        Weights of the projections before attention and of the one after it, of the projections
        of recurrent layers, and of shared experts; ``weights`` if not given (the output
        projection: ``attention``). They compute in ``activations`` where they are like
        ``weights``, else in their own type (4-bit integers in 16 bits).
    stored_bits : mapping of str to float
        Mean bits of a stored weight, scales included, of ``weights``, ``experts``, the parts above
        or the ``head``, where a checkpoint stores them in several types (the type above is then
        that of most) or a head in fewer than 16; 16 of ``mtp`` where it leaves its modules of
        multi-token prediction as they are. Kept as a tuple of pairs.
    scale_bits : float, optional
        Bits of scales and zeros beside each weight of the narrowest type, such as 0.25 (MXFP4:
        8 bits for 32 values); those of the type's usual format if not given.

    Raises
    ------
    ValueError
        For a name that is not known, with the nearest one, or scales out of range.

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
    attention: str = ""
    attention_output: str = ""
    recurrent: str = ""
    shared: str = ""
    scale_bits: float | None = None
    stored_bits: Mapping[str, float] | tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        """Bring each name to its canonical spelling."""
        object.__setattr__(self, "stored_bits", _checked_bits(dict(self.stored_bits)))
        for name, other in _LIKE.items():
            if not getattr(self, name):
                object.__setattr__(self, name, getattr(self, other))
        for name in ("weights", "activations", "kv_cache", *_LIKE):
            object.__setattr__(self, name, data_type(name, getattr(self, name)))
        if self.scale_bits is not None:
            positive("scale_bits", self.scale_bits, unit="bits", zero=True)

    @cached_property
    def weight_bytes(self) -> float:
        """Bytes of one weight of a linear layer, scales included."""
        mixed = self.stored_bits
        return (self.bits("weights") if mixed else self._stored_bits(self.weights)) / 8

    def part(self, name: str) -> Precision:
        """Give the types of 'attention', 'attention_output', 'recurrent' or 'shared'.

        Returns
        -------
        Precision
            One whose ``weights`` and ``activations`` are those of the part; itself where they
            are the same.

        Examples
        --------
        >>> Precision(weights="fp4", activations="fp4", attention="bf16").part("attention").weights
        'bf16'
        """
        weights: str = getattr(self, name)
        if not self.stored_bits:
            return self if weights == self.weights else _part(self, weights)
        bits = self.bits(name)
        if weights == self.weights and bits == self.bits("weights"):
            return self
        return _mixed_part(self, weights, bits)

    def bits(self, name: str) -> float:
        """Give the mean bits of a stored weight of ``weights``, ``experts``, a part or the head.

        Examples
        --------
        >>> mixed = Precision(weights="fp4", stored_bits={"attention": 8.0})
        >>> mixed.bits("weights"), mixed.bits("attention"), mixed.bits("head")
        (4.5, 8.0, 16.0)
        """
        stated = dict(self.stored_bits).get(name) if self.stored_bits else None
        if stated is not None:
            return stated
        if name == "head":
            return max(16.0, self._stored_bits(self.weights))
        return self._stored_bits(getattr(self, name))

    def _stored_bits(self, kind: str) -> float:
        """Bits of a stored weight, with the scales of this precision where it states them."""
        if self.scale_bits is None or kind not in VALUE_BITS:
            return STORED_BITS[kind]
        if kind != self.narrowest:
            return STORED_BITS[kind]
        return VALUE_BITS[kind] + self.scale_bits

    @property
    def narrowest(self) -> str:
        """The narrowest type that weights are stored in."""
        stored = (self.weights, self.experts, self.attention, self.attention_output,
                  self.recurrent, self.shared)  # fmt: skip
        return min(stored, key=STORED_BITS.__getitem__)

    @cached_property
    def activation_bytes(self) -> float:
        """Bytes of one activation that enters a matrix multiplication."""
        return STORED_BITS[self.activations] / 8

    @cached_property
    def expert_weight_bytes(self) -> float:
        """Bytes of one weight of a routed expert, scales included."""
        mixed = self.stored_bits
        return (self.bits("experts") if mixed else self._stored_bits(self.experts)) / 8

    @property
    def head_bytes(self) -> float:
        """Bytes of one weight of the output head."""
        return self.bits("head") / 8

    @cached_property
    def expert_activation_bytes(self) -> float:
        """Bytes of one activation that enters a routed expert."""
        return STORED_BITS[self.expert_activations] / 8

    @cached_property
    def output_bytes(self) -> float:
        """Bytes of one element of the residual stream: 2, or 4 when computing in 32 bits."""
        return max(2.0, self.activation_bytes)

    @cached_property
    def kv_bytes(self) -> float:
        """Bytes of one element of the KV cache."""
        return STORED_BITS[self.kv_cache] / 8

    @cached_property
    def unquantised_bytes(self) -> float:
        """Bytes of one weight of the embedding, a normalisation or the router."""
        return max(2.0, self._stored_bits(self.weights) / 8)

    @property
    def computed(self) -> frozenset[str]:
        """Types that the projections of the parts compute in; none where all are alike."""
        own = {self.part(name).activations for name in PARTS}
        return frozenset(own | {self.activations} if own != {self.activations} else ())

    @property
    def label(self) -> str:
        """A short name: 'bf16' when all three are, else 'w int4, a bf16, kv bf16'."""
        own = (self.weights, self.activations, self.kv_cache)
        named = (name for name, meaning in MEANINGS.items() if own == meaning)
        words = [next(named, f"w {own[0]}, a {own[1]}, kv {own[2]}")]
        apart = (self.experts, self.expert_activations)
        if apart != own[:2]:
            words.append(f"experts w {apart[0]}, a {apart[1]}")
        words += [
            f"{name.replace('_', ' ')} {getattr(self, name)}"
            for name in PARTS
            if getattr(self, name) != getattr(self, _LIKE[name])
        ]
        if self.scale_bits is not None:
            words.append(f"{self._stored_bits(self.narrowest):g} bits")
        mixed = dict(self.stored_bits).items()
        words += [f"{name.replace('_', ' ')} {bits:.3g} bits" for name, bits in mixed]
        return ", ".join(words)


def _checked_bits(given: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    for name in given:
        one_of("stored_bits", name, ("weights", "experts", *PARTS, "head", "mtp"))
    return tuple(
        (name, positive(f"stored_bits, {name}", given[name], unit="bits")) for name in sorted(given)
    )


@lru_cache(maxsize=1024)
def _part(precision: Precision, weights: str) -> Precision:
    """Give a precision whose main types are those of a part that is stored in ``weights``."""
    if weights == precision.experts:
        activations = precision.expert_activations
    else:
        _, activations, _ = MEANINGS[weights]
    scales = precision.scale_bits if weights == precision.narrowest else None
    return replace(precision, weights=weights, activations=activations, scale_bits=scales)


@lru_cache(maxsize=1024)
def _mixed_part(precision: Precision, weights: str, bits: float) -> Precision:
    """Give the same, with the mean bits of the part."""
    return replace(_part(precision, weights), stored_bits={"weights": bits})
