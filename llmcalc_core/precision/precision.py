"""``Precision``: the data types of a model's weights, activations and KV cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from llmcalc_core.checks import one_of, positive, truth
from llmcalc_core.dtypes import DATA_TYPES, data_type, folded
from llmcalc_core.precision.label import label_of
from llmcalc_core.precision.parts import LIKE, PARTS, STATED
from llmcalc_core.precision.schemes import BLOCK_SCHEME
from llmcalc_core.several import pairs

FP8_BLOCK_BITS = 32.0 / 128.0**2
"""Bits of scales beside a weight in FP8 whose blocks of 128 by 128 have one of 32 bits, as in
DeepSeek-V3 (technical report, arXiv:2412.19437, section 3.3.2) and FP8 mixtures since."""

_BYTE = 8.0


@dataclass(frozen=True, kw_only=True)
class Precision:
    """What weights, activations and the KV cache are stored in and computed with.

    Parameters
    ----------
    weights, activations, kv_cache : str
        Names of :data:`llmcalc_core.dtypes.DATA_TYPES`, such as bf16, fp8 or int4, or a usual
        spelling of one.
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
        Mean bits of a stored weight, scales included, of ``weights``, ``experts``, the parts above,
        the ``embedding``, the ``head`` or the ``others`` (norms and routers), where a checkpoint
        stores them in several types (the type above is then that of most), a head in fewer than 16
        bits, or norms in more; 16 of ``mtp`` where it leaves its modules of multi-token prediction
        as they are; bits of a value of the ``kv_cache`` where it has scales. Kept as a tuple of
        pairs.
    scale_bits : float, optional
        Bits of scales and zeros beside each weight of the narrowest type, such as 0.25 (MXFP4:
        8 bits for 32 values); those of the type's usual format if not given.
    fp8_blocks : bool, optional
        Whether weights in FP8 have a scale of 32 bits for each block of 128 by 128, as in
        DeepSeek-V3's checkpoint, instead of one for a column or a matrix: other kernels multiply
        them, and engines do not cut blocks. Also said by the type ``fp8_block`` of weights, or by
        such ``scale_bits``. Where nothing is said, a precision that is asked for is that of the
        model's published checkpoint (:func:`llmcalc_core.hub.published_fp8.as_published`), and
        one that is stored has no blocks.

    Raises
    ------
    ValueError
        For a name that is not known, with the nearest one, scales out of range, or blocks where
        no weights are in FP8.

    Examples
    --------
    >>> Precision(weights="NVFP4", activations="fp8", kv_cache="fp8").weights
    'fp4'
    >>> Precision(weights="fp8_block", activations="fp8") == Precision(
    ...     weights="fp8", activations="fp8", fp8_blocks=True)
    True
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
    fp8_blocks: bool | None = None

    def __post_init__(self) -> None:
        """Bring each name to its canonical spelling."""
        named = any(folded(str(getattr(self, name))) == BLOCK_SCHEME for name in _WEIGHTS)
        stored = pairs("stored_bits", self.stored_bits)
        object.__setattr__(self, "stored_bits", _checked_bits(stored))
        for name, other in LIKE.items():
            given = getattr(self, name)
            if given is None or (isinstance(given, str) and not given):
                object.__setattr__(self, name, getattr(self, other))
        for name in ("weights", "activations", "kv_cache", *LIKE):
            object.__setattr__(self, name, data_type(name, getattr(self, name)))
        if self.scale_bits is not None:
            positive("scale_bits", self.scale_bits, unit="bits", zero=True)
        self._settle_blocks(named=named)

    def _settle_blocks(self, *, named: bool) -> None:
        """Say in one way that FP8 has blocks: by name, by its bits of scales or by the field."""
        by_bits = self.scale_bits == FP8_BLOCK_BITS and self.narrowest == "fp8"
        if by_bits and self.fp8_blocks is not False:
            object.__setattr__(self, "scale_bits", None)
        if self.fp8_blocks is not None:
            truth("fp8_blocks", self.fp8_blocks)
        elif named or by_bits:
            object.__setattr__(self, "fp8_blocks", True)
        if self.fp8_blocks and not self.has_fp8:
            held = ", ".join(dict.fromkeys(self._kinds))
            msg = (
                f"fp8_blocks must be None or False where no weights are in fp8, got them in {held}"
            )
            raise ValueError(msg)

    @cached_property
    def weight_bytes(self) -> float:
        """Bytes of one weight of a linear layer, scales included."""
        mixed = self.stored_bits
        return (self.bits("weights") if mixed else self.type_bits(self.weights)) / 8

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
        """Give the mean bits of a stored weight of ``weights``, ``experts`` or another part.

        Examples
        --------
        >>> mixed = Precision(weights="fp4", stored_bits={"attention": 8.0})
        >>> mixed.bits("weights"), mixed.bits("attention"), mixed.bits("head")
        (4.5, 8.0, 16.0)
        """
        stated = dict(self.stored_bits).get(name) if self.stored_bits else None
        if stated is not None:
            return stated
        if name in _WIDE_PARTS:
            return max(16.0, self.type_bits(self.weights))
        return self.type_bits(getattr(self, name))

    def type_bits(self, kind: str) -> float:
        """Bits of a stored weight, with the scales of this precision where it states them."""
        found = DATA_TYPES[kind]
        if self.scale_bits is None or not found.is_quantised or kind != self.narrowest:
            in_blocks = self.fp8_blocks and kind == "fp8"
            return found.stored_bits + FP8_BLOCK_BITS if in_blocks else found.stored_bits
        return found.bits + self.scale_bits

    @property
    def narrowest(self) -> str:
        """The narrowest type that weights are stored in."""
        return min(self._kinds, key=lambda kind: DATA_TYPES[kind].stored_bits)

    @property
    def _kinds(self) -> tuple[str, ...]:
        """The types that weights are stored in, by part."""
        return (self.weights, self.experts, self.attention, self.attention_output,
                self.recurrent, self.shared)  # fmt: skip

    @property
    def has_fp8(self) -> bool:
        """Whether weights of any part are in FP8."""
        return "fp8" in self._kinds

    @property
    def has_block_scales(self) -> bool:
        """Whether weights of 8 bits have a scale for each block of them, of whatever size.

        Examples
        --------
        >>> [Precision(weights=name).has_block_scales for name in ("fp8_block", "fp8")]
        [True, False]
        """
        others = bool(self.scale_bits) and DATA_TYPES[self.narrowest].bits == _BYTE
        return bool(self.fp8_blocks) or others

    @cached_property
    def activation_bytes(self) -> float:
        """Bytes of one activation that enters a matrix multiplication."""
        return DATA_TYPES[self.activations].stored_bits / 8

    @cached_property
    def expert_weight_bytes(self) -> float:
        """Bytes of one weight of a routed expert, scales included."""
        mixed = self.stored_bits
        return (self.bits("experts") if mixed else self.type_bits(self.experts)) / 8

    @cached_property
    def embedding_bytes(self) -> float:
        """Bytes of one weight of the embedding."""
        stated = dict(self.stored_bits).get("embedding")
        return self.unquantised_bytes if stated is None else stated / 8

    @cached_property
    def head_bytes(self) -> float:
        """Bytes of one weight of the output head."""
        return self.bits("head") / 8

    @cached_property
    def expert_activation_bytes(self) -> float:
        """Bytes of one activation that enters a routed expert."""
        return DATA_TYPES[self.expert_activations].stored_bits / 8

    @cached_property
    def output_bytes(self) -> float:
        """Bytes of one element of the residual stream: 2, or 4 when computing in 32 bits."""
        return max(2.0, self.activation_bytes)

    @cached_property
    def kv_bytes(self) -> float:
        """Bytes of one element of the KV cache."""
        usual = DATA_TYPES[self.kv_cache].stored_bits
        return dict(self.stored_bits).get("kv_cache", usual) / 8

    @cached_property
    def unquantised_bytes(self) -> float:
        """Bytes of one weight of the embedding, a normalisation or the router."""
        return max(2.0, self.type_bits(self.weights) / 8)

    @cached_property
    def others_bytes(self) -> float:
        """Bytes of one weight of a normalisation or a router, as it is stored."""
        return self.bits("others") / 8

    @property
    def computed(self) -> frozenset[str]:
        """Types that the projections of the parts compute in; none where all are alike."""
        own = {self.part(name).activations for name in PARTS}
        return frozenset(own | {self.activations} if own != {self.activations} else ())

    @property
    def label(self) -> str:
        """A short name: 'bf16' when all three are, else 'w int4, a bf16, kv bf16'."""
        return label_of(self)


_WIDE_PARTS = ("embedding", "head", "others")
"""Parts that quantised checkpoints keep in 16 bits unless they say otherwise."""

_WEIGHTS = ("weights", *(name for name in LIKE if name != "expert_activations"))
"""Fields that are types of weights."""


def _checked_bits(given: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    for name in given:
        one_of("stored_bits", name, STATED)
    return tuple(
        (name, positive(f"stored_bits, {name}", given[name], unit="bits")) for name in sorted(given)
    )


@lru_cache(maxsize=1024)
def _part(precision: Precision, weights: str) -> Precision:
    """Give a precision whose main types are those of a part that is stored in ``weights``."""
    if weights == precision.experts:
        activations = precision.expert_activations
    else:
        activations = DATA_TYPES[weights].computes_in
    scales = precision.scale_bits if weights == precision.narrowest else None
    return replace(
        precision,
        weights=weights,
        activations=activations,
        scale_bits=scales,
        fp8_blocks=precision.fp8_blocks if weights == "fp8" else None,
    )


@lru_cache(maxsize=1024)
def _mixed_part(precision: Precision, weights: str, bits: float) -> Precision:
    """Give the same, with the mean bits of the part."""
    return replace(_part(precision, weights), stored_bits={"weights": bits})
