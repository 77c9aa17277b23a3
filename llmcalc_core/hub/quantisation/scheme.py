"""What a checkpoint's quantisation says: a scheme for modules by name, and what is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate

from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.hub.dialects.fields import Fields

_PREFIXES = ("model.", "model.language_model.", "language_model.model.", "backbone.", "")
"""What stands before ``layers.`` in the names of modules that regular expressions are tried on."""

_PART = re.compile(r"attn|mlp|ffn|expert|mixer|_proj|feed_forward")
_ELSEWHERE = re.compile(r"mtp|visual|vision|audio|lm_head|embed|projector|indexer|router|eh_proj")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """How the weights of a module are stored and multiplied.

    Attributes
    ----------
    weights, activations : str
        Types, as in ``Precision``.
    scale_bits : float
        Bits of scales and zeros beside each weight [bits].
    """

    weights: str
    activations: str
    scale_bits: float = 0.0


WIDE = Scheme(weights="bf16", activations="bf16")
"""Of a module that is not quantised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Modules:
    """A set of modules, as checkpoints name them: names, wildcards and regular expressions.

    Examples
    --------
    >>> narrow = Modules.of(["lm_head", "model.layers.3.self_attn*", "re:.*shared_experts.*"])
    >>> "layers.3.self_attn.q_proj" in narrow, "layers.30.self_attn.q_proj" in narrow
    (True, False)
    >>> "layers.7.mlp.shared_experts.up_proj" in narrow
    True
    >>> "layers.0.mlp.up_proj" in Modules.of(["mtp.layers.0*"])
    False
    """

    names: tuple[str, ...]
    spans: frozenset[str]
    wildcards: re.Pattern[str] | None
    expressions: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, names: Iterable[str]) -> Modules:
        """Sort names by how they are meant; ``re:`` starts a regular expression.

        Modules of multi-token prediction (``mtp.``) have layers of their own, which are no matter.
        """
        spans, wildcards, expressions = [], [], []
        names = tuple(names)
        for name in names:
            if name.removeprefix("model.").startswith("mtp."):
                continue
            inside = name[name.index("layers.") :] if "layers." in name else name
            if name.startswith("re:"):
                expressions.append(re.compile(name.removeprefix("re:")))
            elif "*" in name:
                wildcards += [translate(inside), translate(f"{inside}.*")]
            else:
                spans.append(inside)
        return cls(
            names=names,
            spans=frozenset(spans),
            wildcards=re.compile("|".join(wildcards)) if wildcards else None,
            expressions=tuple(expressions),
        )

    def __contains__(self, name: str) -> bool:
        """Whether a module, such as ``layers.3.self_attn.q_proj``, or what holds it, is meant."""
        words = name.split(".")
        ends = range(1, len(words) + 1)
        return (
            any(".".join(words[at:end]) in self.spans for end in ends for at in range(end))
            or (self.wildcards is not None and self.wildcards.match(name) is not None)
            or any(
                expression.match(prefix + name)
                for expression in self.expressions
                for prefix in _PREFIXES
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantisation:
    """Which scheme each module of a checkpoint has.

    Attributes
    ----------
    default : Scheme
        Of every projection of a layer that nothing else is said of.
    excluded : Modules
        Not quantised.
    schemes : tuple of (Modules, Scheme)
        Of some modules.
    kv_cache : str
        Type of the KV cache; 16 bits where the checkpoint does not say.
    head, embedding : Scheme
        Of the output head, and of the embedding.
    """

    default: Scheme
    excluded: Modules
    schemes: tuple[tuple[Modules, Scheme], ...] = ()
    kv_cache: str = "bf16"
    head: Scheme = WIDE
    embedding: Scheme = WIDE

    def scheme_of(self, *names: str) -> Scheme:
        """Give the scheme of a module by any of its names, such as ``layers.3.mlp.up_proj``."""
        if any(name in self.excluded for name in names):
            return WIDE
        for modules, scheme in self.schemes:
            if any(name in modules for name in names):
                return scheme
        return self.default

    def leaves_prediction(self, module: str) -> bool:
        """Whether modules of multi-token prediction are left out, one of which is named."""
        named = any(name.removeprefix("model.").startswith("mtp") for name in self.excluded.names)
        return named or self.scheme_of(module) == WIDE

    def unmet(self, names: Iterable[str]) -> tuple[str, ...]:
        """Give what the checkpoint calls parts of layers that none of these names is."""
        known = tuple(names)
        return tuple(
            target
            for modules, _ in self.schemes
            if not any(name in modules for name in known)
            for target in modules.names
            if _PART.search(target) and not _ELSEWHERE.search(target)
        )


_EXCLUDED = ("modules_to_not_convert", "ignored_layers", "ignore", "exclude_modules", "exclude",
             "llm_int8_skip_modules")  # fmt: skip
_TYPES: dict[tuple[str, float], str] = {
    (one.number, one.bits): one.name for one in DATA_TYPES.values() if one.is_quantised
}
_TYPES["float", 16.0] = WIDE.weights


def excluded_modules(fields: Fields) -> Modules:
    """Read the modules that are left out, under any of the names that methods have for them."""
    names = [name for listed in _EXCLUDED for name in fields.entries(listed)]
    return Modules.of(str(name) for name in names)


def numeric_type(fields: Fields) -> str:
    """Read a type written as ``type`` and ``num_bits``.

    Raises
    ------
    ValueError
        For a type that cannot be described.

    Examples
    --------
    >>> numeric_type(Fields({"type": "float", "num_bits": 8}, "weights"))
    'fp8'
    """
    kind, bits = str(fields.value("type")), fields.number("num_bits")
    widths = sorted(width for known, width in _TYPES if known == kind)
    if not widths:
        fields.refuse("type", "must be float or int")
    rule = f"must be one of {', '.join(f'{width:g}' for width in widths)} where type is {kind}"
    return _TYPES.get((kind, bits)) or fields.refuse("num_bits", rule)
