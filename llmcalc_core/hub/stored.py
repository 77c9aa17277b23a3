"""What the tensors of a checkpoint are, held against a description: parameters, bytes, types."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.layers.moe import MoE
from llmcalc_core.layers.token_mixer import RecurrentMixer
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import FP8_BLOCK_BITS, Precision

OUTSIDE = ("embedding", "head", "final")
"""Parts of a decoder that are outside of its layers; ``final`` are the norm at the end and such."""

_MAIN = ("dense", "shared", "attention", "recurrent", "experts")
"""Parts in the order in which one gives a precision its main type."""

_OWN = ("attention", "attention_output", "recurrent", "shared")
_NEAR = 1e-3
"""Share of its bits by which each part may differ from what its type says, such as by a norm."""

_ROUNDING = 1e-9

_ALIKE = 0.05
"""Share by which scales of FP8 may differ from one of 32 bits for each block."""

_WIDE = 16.0
_MOST_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A tensor of a checkpoint, as a part of the model.

    Attributes
    ----------
    name : str
        As the checkpoint calls it.
    shape : tuple of int
        Its sides as they are stored [elements].
    layer : int or None
        Which layer it is of; None outside of them.
    part : str
        ``dense``, ``experts``, ``shared``, ``attention``, ``attention_output``, ``recurrent`` or
        ``others`` (norms, routers) of a layer; of :data:`OUTSIDE`; ``mtp``, or ``beside``.
    parameters : int
        Weights that it holds, unpacked; none if it is a scale.
    bytes : float
        What it takes [bytes].
    type : str
        The data type nearest to it; empty for a scale.
    """

    name: str
    shape: tuple[int, ...]
    layer: int | None
    part: str
    parameters: int
    bytes: float
    type: str


def mixer_part(model: Model, layer: int, *, output: bool, recurrent: bool = False) -> str:
    """Give the part of a precision that a projection of a layer's token mixer is.

    ``output`` is whether it is the last of them; ``recurrent`` whether its name is that of a
    recurrent mixer, which may stand beside attention.
    """
    kind = model.layers[model.sequence[layer]]
    beside = recurrent and any(isinstance(part, RecurrentMixer) for part in kind.extras)
    if beside or isinstance(kind.mixer, RecurrentMixer):
        return "recurrent"
    return "attention_output" if output else "attention"


def dense_part(model: Model, layer: int) -> str:
    """Give the part that a plain feed-forward is: beside experts, that which all tokens use."""
    channel = model.layers[model.sequence[layer]].channel
    return "shared" if isinstance(channel, MoE) and channel.shared_width else "dense"


def hold(config: ModelConfig, tensors: Iterable[Stored], description: str) -> ModelConfig:
    """Hold parameters against a description: of every layer, and of what is outside of them.

    Whether the head is tied is what the weights say.

    Parameters
    ----------
    config : ModelConfig
        The description.
    tensors : iterable of Stored
        All tensors.
    description : str
        What it was read from, for messages.

    Returns
    -------
    ModelConfig
        The description, with the head and the modules of prediction that the weights have.

    Raises
    ------
    ValueError
        Where they differ, with the first layer that does and its tensors.
    """
    layers: dict[int, list[Stored]] = defaultdict(list)
    outside: list[Stored] = []
    predicts = False
    for one in tensors:
        predicts = predicts or one.part == "mtp"
        if one.part in OUTSIDE:
            outside.append(one)
        elif one.layer is not None and one.part not in ("mtp", "beside"):
            layers[one.layer].append(one)
    model = architecture(config)
    if len(layers) != model.layer_count:
        msg = (
            f"{config.model}: the weights have {len(layers)} layers, {description} "
            f"{model.layer_count}"
        )
        raise ValueError(msg)
    for index, kind in enumerate(model.sequence):
        compare(f"layer {index}", layers[index], model.layers[kind].parameters, description)
    head = any(one.part == "head" for one in outside)
    if head == config.tie_word_embeddings:
        config = replace(config, tie_word_embeddings=not head)
        model = architecture(config)
    expected = model.parameters - sum(model.layers[kind].parameters for kind in model.sequence)
    compare("what is outside of the layers", outside, expected, description)
    return config if predicts or not config.mtp_layers else _without_prediction(config)


def _without_prediction(config: ModelConfig) -> ModelConfig:
    return replace(config, mtp_layers=0, mtp_layer=())


def compare(what: str, tensors: Iterable[Stored], expected: int, description: str) -> None:
    """Compare the parameters of some tensors with a number.

    Raises
    ------
    ValueError
        Where they differ, with the tensors: first those that are as large as the difference.
    """
    own = [one for one in tensors if one.parameters]
    found = sum(one.parameters for one in own)
    if found == expected:
        return
    apart = abs(found - expected)
    shown = sorted(own, key=lambda one: (one.parameters != apart, -one.parameters))[:_MOST_SHOWN]
    shapes = ", ".join(
        f"{one.name.rpartition('.')[0].rpartition('.')[2] or one.name} "
        f"{' x '.join(map(str, one.shape))}"
        for one in shown
    )
    msg = f"{what} has {found:,} parameters in the weights, {expected:,} by {description}: {shapes}"
    raise ValueError(msg)


def bits_by_part(tensors: Iterable[Stored]) -> dict[str, float]:
    """Give the mean bits of a weight of each part, with all scales beside it [bits].

    The norm at the end counts as one of ``others``.
    """
    sizes, counted = Counter[str](), Counter[str]()
    for one in tensors:
        part = "others" if one.part == "final" else one.part
        sizes[part] += round(8 * one.bytes)
        counted[part] += one.parameters
    return {part: sizes[part] / counted[part] for part in sizes if counted[part]}


def types_by_part(tensors: Iterable[Stored]) -> dict[str, str]:
    """Give the type that most weights of each part have."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for one in tensors:
        if one.type:
            counted[one.part][one.type] += one.parameters
    return {part: types.most_common(1)[0][0] for part, types in counted.items()}


def own_types(types: Mapping[str, str]) -> dict[str, Any]:
    """Give the types of the parts that a precision has fields for."""
    return {part: types[part] for part in _OWN if part in types}


def main_part(types: Mapping[str, str]) -> str | None:
    """Give the part whose type is the main one of a precision; None where there is no layer."""
    return next((part for part in _MAIN if part in types), None)


def stated_bits(
    plain: Precision, means: Mapping[str, float], main: str, *, tied: bool
) -> dict[str, float]:
    """Give the bits of the parts that are not stored as the types of a precision say.

    Parameters
    ----------
    plain : Precision
        The types alone.
    means : mapping of str to float
        From :func:`bits_by_part`.
    main : str
        Whose bits are those of ``weights``.
    tied : bool
        Whether the head is the embedding.

    Returns
    -------
    dict of str to float
        As ``stored_bits`` of a precision.
    """
    own = {part: means[part] for part in ("experts", *_OWN, "embedding", "others") if part in means}
    own["weights"] = means[main]
    if "head" in means or tied:
        own["head"] = means.get("head", means.get("embedding", plain.bits("head")))
    if means.get("mtp", 0.0) >= _WIDE and DATA_TYPES[plain.narrowest].is_quantised:
        own["mtp"] = _WIDE
    apart = {part: abs(plain.bits(part) / mean - 1) for part, mean in own.items() if part != "mtp"}
    if max(apart.values()) <= _NEAR:
        return {part: mean for part, mean in own.items() if part == "mtp"}
    return {part: mean for part, mean in own.items() if apart.get(part, 1.0) > _ROUNDING}


def as_stored(plain: Precision, tensors: Iterable[Stored], *, tied: bool) -> Precision:
    """Give a precision the types and bits that weights are really stored in.

    Parameters
    ----------
    plain : Precision
        What the checkpoint says of itself.
    tensors : iterable of Stored
        All tensors.
    tied : bool
        Whether the head is the embedding.

    Returns
    -------
    Precision
        The same where the weights are as it says.
    """
    own = tuple(tensors)
    types, means = types_by_part(own), bits_by_part(own)
    main = main_part(types)
    if main is None:
        return plain
    kept = {name: bits for name, bits in dict(plain.stored_bits).items() if name == "kv_cache"}
    weights, experts = types[main], types.get("experts", types[main])
    typed = Precision(
        weights=weights,
        activations=plain.activations if weights == plain.weights else _computed(plain, weights),
        kv_cache=plain.kv_cache,
        experts=experts,
        expert_activations=plain.expert_activations
        if experts == plain.experts
        else _computed(plain, experts),
        **own_types(types),
    )
    if typed.narrowest == plain.narrowest:
        typed = replace(typed, scale_bits=plain.scale_bits)
    if typed.has_fp8 and (plain.fp8_blocks or _in_blocks(own)):
        typed = replace(typed, fp8_blocks=True)
    stated = stated_bits(typed, means, main, tied=tied) | kept
    return replace(typed, stored_bits=stated) if stated else typed


def _computed(plain: Precision, kind: str) -> str:
    """Give what weights of a type are multiplied in: as other parts of that type are."""
    for weights, activations in (
        (plain.weights, plain.activations),
        (plain.experts, plain.expert_activations),
    ):
        if kind == weights:
            return activations
    return DATA_TYPES[kind].computes_in


def _in_blocks(tensors: Iterable[Stored]) -> bool:
    """Tell whether FP8 has a scale of 32 bits for each block of 128 by 128."""
    narrow, scales = 0, 0.0
    for one in tensors:
        if one.type == "fp8":
            narrow += one.parameters
        elif not one.type and one.name.endswith("_scale_inv"):
            scales += 8 * one.bytes
    return narrow > 0 and abs(scales / narrow / FP8_BLOCK_BITS - 1) < _ALIKE
