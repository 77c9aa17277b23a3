"""A model as its distinct layers and the order they come in, with exact parameter counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import gcd

from llmcalc_core.layers.layer import Layer
from llmcalc_core.layers.moe import MoE
from llmcalc_core.layers.norms import Norms
from llmcalc_core.layers.part import Part, Residual
from llmcalc_core.layers.token_mixer import AttentionMixer, TokenMixer
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.model.vision import VisionTower
from llmcalc_core.shown import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrediction:
    """A module of multi-token prediction (DeepSeek-V3, arXiv:2412.19437, section 2.2).

    It joins the normalised state of a token with the normalised embedding of the next (a matrix of
    twice the hidden size by the hidden size), runs one layer, and ends as the decoder does;
    embedding and head are the decoder's own.

    Attributes
    ----------
    count : int
        How many such modules a model has, one for each token further ahead.
    layer : Layer
        The layer of one.
    joining_parameters, norm_parameters, final_parameters : int
        Of one: the matrix, the two norms before it, and what comes after the layer.
    """

    count: int
    layer: Layer
    joining_parameters: int
    norm_parameters: int
    final_parameters: int

    @property
    def parameters(self) -> int:
        """Parameters of all modules."""
        return self.count * (self.layer.parameters + self._around)

    @property
    def active_parameters(self) -> int:
        """Parameters that one token uses in all modules."""
        return self.count * (self.layer.active_parameters + self._around)

    @property
    def _around(self) -> int:
        return self.joining_parameters + self.norm_parameters + self.final_parameters


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A decoder: distinct layers, the order they come in, embedding and head.

    Attributes
    ----------
    layers : tuple of Layer
        The distinct kinds of layer.
    heads : int
        What the tensor parallel width must divide: heads, or channels of what has none.
    sequence : tuple of int
        For each layer from first to last, its kind (a position in ``layers``).
    embedding_parameters, head_parameters, final_norm_parameters : int
        Embedding (with learned positions and its projections); head (0 if tied); final norm (with
        what joins several residual streams).
    layer_input_width : int
        Width of the embeddings that layers have for themselves, over all layers [elements].
    further_streams : int
        Streams of alternating updates beside the first, projected from it and back.
    prediction : TokenPrediction or None
        Modules of multi-token prediction, apart from the decoder.
    vision : VisionTower or None
        The encoder of images, apart from the decoder.
    generates : bool
        Whether it is a decoder; an encoder reads texts and generates none.
    """

    name: str
    hidden: int
    vocabulary: int
    heads: int
    layers: tuple[Layer, ...]
    sequence: tuple[int, ...]
    embedding_parameters: int
    head_parameters: int
    final_norm_parameters: int
    layer_input_width: int
    further_streams: int
    tied: bool
    max_context: int | None
    prediction: TokenPrediction | None = None
    vision: VisionTower | None = None
    generates: bool = True

    def check_phase(self, phase: str, *, prefix_hit_rate: float = 0.0) -> None:
        """Refuse to generate text with an encoder, or to find a prompt's start in its cache.

        Raises
        ------
        ValueError
            If the model generates nothing, and the phase is another than 'prefill' or a part of
            prompts is cached.
        """
        if self.generates:
            return
        if prefix_hit_rate:
            msg = (
                f"prefix_hit_rate must be 0 for {self.name}, an encoder, which keeps no cache, "
                f"got {prefix_hit_rate}"
            )
            raise ValueError(msg)
        if phase != "prefill":
            msg = (
                f"{self.name} is an encoder: it reads prompts and generates nothing; phase must be "
                f"'prefill', got {phase!r}"
            )
            raise ValueError(msg)

    @property
    def layer_count(self) -> int:
        """Number of layers."""
        return len(self.sequence)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The distinct parts that the layers are made of."""
        return tuple(dict.fromkeys(part for layer in self.layers for part in layer.parts))

    @cached_property
    def part_names(self) -> tuple[str, ...]:
        """Names of the parts, then of what is before and after them; like ones are numbered.

        Examples
        --------
        >>> architecture(ModelConfig(
        ...     vocab_size=10, hidden_size=8, num_decoder_layers=2, num_attention_heads=4,
        ...     intermediate_size=8)).part_names
        ('attention', 'feed-forward', 'norms', 'embedding', 'head')
        """
        labels = [part.label for part in self.parts]
        often, seen = Counter(labels), Counter[str]()
        names = []
        for label in labels:
            seen[label] += 1
            names.append(f"{label} {seen[label]}" if often[label] > 1 else label)
        return (*names, "embedding", "head")

    @cached_property
    def residual_rows(self) -> float:
        """Rows of the hidden size that a token carries from layer to layer, in the mean [1].

        One, or every stream, or the blocks that later layers attend to.
        """
        return max((part.rows for part in self._residuals), default=1.0)

    @cached_property
    def most_residual_rows(self) -> float:
        """The same where they are the most: before the last layer [1]."""
        return max((part.most_rows for part in self._residuals), default=1.0)

    @cached_property
    def activation_width(self) -> float:
        """Elements for each token that the widest operation of any layer has alive."""
        return max(part.activation_width for part in self.parts)

    @cached_property
    def activation_widths(self) -> tuple[tuple[float, float], ...]:
        """The same of each part that may be the widest: what devices divide, and what all have."""
        widths = {
            (part.activation_width - part.whole_activation_width, part.whole_activation_width)
            for part in self.parts
        }
        return tuple(
            one for one in sorted(widths)
            if not any(one != two and one[0] <= two[0] and one[1] <= two[1] for two in widths)
        )  # fmt: skip

    @property
    def parameters(self) -> int:
        """Parameters of the decoder; a head tied to the embedding is counted once."""
        return self._outside + sum(self.layers[kind].parameters for kind in self.sequence)

    @property
    def active_parameters(self) -> int:
        """Parameters that one token uses (the routed experts it does not visit left out)."""
        return self._outside + sum(self.layers[kind].active_parameters for kind in self.sequence)

    @property
    def mtp_parameters(self) -> int:
        """Parameters of multi-token prediction, beside those of the decoder."""
        return self.prediction.parameters if self.prediction else 0

    @property
    def vision_parameters(self) -> int:
        """Parameters of the encoder of images, beside those of the decoder."""
        return self.vision.parameters if self.vision else 0

    @property
    def _outside(self) -> int:
        return self.embedding_parameters + self.head_parameters + self.final_norm_parameters

    @property
    def _residuals(self) -> tuple[Residual, ...]:
        return tuple(part for part in self.parts if isinstance(part, Residual))

    @cached_property
    def token_mixers(self) -> tuple[TokenMixer, ...]:
        """The distinct token mixers of the layers."""
        return tuple(part for part in self.parts if isinstance(part, TokenMixer))

    @cached_property
    def attention_heads(self) -> int:
        """Heads as the configuration names them, which may be divided in groups alone."""
        found = (
            getattr(mixer, "heads", 0)
            for mixer in self.token_mixers
            if isinstance(mixer, AttentionMixer)
        )
        return max(found, default=0) or self.heads

    @cached_property
    def kv_heads(self) -> tuple[int, ...]:
        """Numbers of key and value heads that layers have, where fewer than query heads."""
        found = (mixer.grouped_kv_heads for mixer in self.token_mixers)
        return tuple(sorted({heads for heads in found if heads}))

    @cached_property
    def divides_prompts(self) -> bool:
        """Whether the tokens of a prompt can be read side by side: all layers are attention."""
        return all(mixer.gathered_width(1.0) is not None for mixer in self.token_mixers)

    @cached_property
    def mixtures(self) -> tuple[MoE, ...]:
        """The distinct mixtures of experts of the layers."""
        return tuple(part for part in self.parts if isinstance(part, MoE))

    @cached_property
    def is_moe(self) -> bool:
        """Whether any layer is a mixture of experts."""
        return bool(self.mixtures)

    @cached_property
    def experts(self) -> int:
        """Routed experts of a mixture layer; 1 for a dense model.

        Where they differ between layers, their greatest common divisor, which expert parallelism
        has to divide.
        """
        return gcd(*(mixture.experts for mixture in self.mixtures)) or 1


def architecture(config: ModelConfig) -> Model:
    """Turn the flat numbers of a configuration into layers and parameter counts.

    Parameters
    ----------
    config : ModelConfig
        The configuration; checked when it was made.

    Returns
    -------
    Model
        The layers, in order.

    Raises
    ------
    ValueError
        If it is no configuration.

    Examples
    --------
    Llama 2 7B has 6,738,415,616 parameters (safetensors index of meta-llama/Llama-2-7b-hf).

    >>> llama = ModelConfig(
    ...     model="llama2_7b", vocab_size=32000, hidden_size=4096, num_decoder_layers=32,
    ...     num_attention_heads=32, intermediate_size=11008,
    ... )
    >>> architecture(llama).parameters
    6738415616
    """
    _check_config(config)
    return _architecture(config)


def _check_config(config: object) -> None:
    if not isinstance(config, ModelConfig):
        msg = f"config must be a ModelConfig, such as find_model gives, got {shown(config)}"
        raise ValueError(msg)  # noqa: TRY004 - all bad input is a ValueError


@lru_cache(maxsize=1024)
def _architecture(config: ModelConfig) -> Model:
    """Turn a configuration into layers and counts once: it is asked for at every estimate."""
    kinds = [Layer.from_config(config, index) for index in range(config.num_decoder_layers)]
    distinct = tuple(dict.fromkeys(kinds))
    position = {layer: index for index, layer in enumerate(distinct)}
    embedding_width = config.embedding_size or config.hidden_size
    head = 0 if config.tie_word_embeddings else config.vocab_size * embedding_width
    return Model(
        name=config.model,
        hidden=config.hidden_size,
        vocabulary=config.vocab_size,
        heads=_shardable_heads(distinct) or config.hidden_size,
        layers=distinct,
        sequence=tuple(position[layer] for layer in kinds),
        embedding_parameters=_embedding_parameters(config),
        head_parameters=head + config.vocab_size * config.lm_head_bias,
        final_norm_parameters=_final_parameters(config),
        layer_input_width=config.per_layer_input_size * config.num_decoder_layers,
        further_streams=_further_streams(config),
        tied=config.tie_word_embeddings,
        max_context=config.max_model_len,
        prediction=_prediction(config),
        vision=config.vision,
        generates=config.generates,
    )


def _shardable_heads(layers: tuple[Layer, ...]) -> int:
    """Give the number that tensor parallelism must divide: heads, or channels without any."""
    mixers = (part for layer in layers for part in layer.parts if isinstance(part, TokenMixer))
    return gcd(*(mixer.shardable_heads for mixer in mixers if mixer.shardable_heads))


def _embedding_parameters(config: ModelConfig) -> int:
    hidden, width = config.hidden_size, config.embedding_size or config.hidden_size
    embedding = config.vocab_size * width + config.learned_positions * hidden
    embedding += config.outer_vector_size
    if config.embedding_size:
        embedding += 2 * width * hidden
    if config.per_layer_input_size:
        inputs = config.per_layer_input_size * config.num_decoder_layers
        embedding += inputs * (config.per_layer_input_vocab + hidden) + config.per_layer_input_size
    return embedding + _further_streams(config) * hidden**2


def _further_streams(config: ModelConfig) -> int:
    return max(config.altup_num_inputs - 1, 0)


def _prediction(config: ModelConfig) -> TokenPrediction | None:
    """Describe the modules of multi-token prediction; each ends as the decoder does."""
    if not config.mtp_layers:
        return None
    return TokenPrediction(
        count=config.mtp_layers,
        layer=Layer.from_config(config, config.num_decoder_layers),
        joining_parameters=2 * config.hidden_size**2,
        norm_parameters=2 * Norms.from_config(config).parameters,
        final_parameters=_final_parameters(config),
    )


def _final_parameters(config: ModelConfig) -> int:
    """Count the final norm, and what joins streams or blocks of the residual before it."""
    streams, hidden = config.hyper_connections, config.hidden_size
    joined = streams * streams * hidden + streams + 1 if streams else 0
    attended = 2 * hidden if config.residual_block_size else 0
    further = _further_streams(config) * hidden**2
    return Norms.from_config(config).parameters * config.final_norm + joined + attended + further
