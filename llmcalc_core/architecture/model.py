"""A model as its distinct layers and the order they come in, with exact parameter counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import gcd

from llmcalc_core.architecture.decoder_layers import decoder_layer, norm_parameters, shardable_heads
from llmcalc_core.architecture.prediction import TokenPrediction
from llmcalc_core.layers.attention_shapes import Attention, LatentAttention
from llmcalc_core.layers.shapes import (
    AlternatingUpdates,
    BlockResiduals,
    HyperConnections,
    Layer,
    MoE,
    Part,
    Projection,
)
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.model.vision import VisionTower


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A decoder: distinct layers, the order they come in, embedding and head.

    Attributes
    ----------
    layers : tuple of Layer
        The distinct kinds of layer.
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

    @property
    def layer_count(self) -> int:
        """Number of layers."""
        return len(self.sequence)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The distinct parts that the layers are made of."""
        return tuple(dict.fromkeys(part for layer in self.layers for part in layer.parts))

    @cached_property
    def carried(self) -> float:
        """Rows of the hidden size that a token carries from layer to layer, in the mean [1].

        One, or every stream, or the blocks that later layers attend to.
        """
        for part in self.parts:
            if isinstance(part, HyperConnections | AlternatingUpdates):
                return float(part.streams)
            if isinstance(part, BlockResiduals):
                return part.blocks
        return 1.0

    @cached_property
    def carried_at_most(self) -> float:
        """The same where they are the most: before the last layer [1]."""
        blocks = (part.most for part in self.parts if isinstance(part, BlockResiduals))
        return float(next(blocks, self.carried))

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

    @cached_property
    def is_moe(self) -> bool:
        """Whether any layer is a mixture of experts."""
        return any(isinstance(layer.channel, MoE) for layer in self.layers)

    @property
    def divides_prompts(self) -> bool:
        """Whether the tokens of a prompt can be read side by side: all layers are attention."""
        mixers = (layer.mixer for layer in self.layers if layer.mixer)
        return all(isinstance(one, Attention | LatentAttention | Projection) for one in mixers)

    @property
    def experts(self) -> int:
        """Routed experts of a mixture layer; 1 for a dense model.

        Where they differ between layers, their greatest common divisor, which expert parallelism
        has to divide.
        """
        counts = [layer.channel.experts for layer in self.layers if isinstance(layer.channel, MoE)]
        return gcd(*counts) if counts else 1


@lru_cache(maxsize=1024)
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
    kinds = [decoder_layer(config, index) for index in range(config.num_decoder_layers)]
    distinct = tuple(dict.fromkeys(kinds))
    position = {layer: index for index, layer in enumerate(distinct)}
    embedding_width = config.embedding_size or config.hidden_size
    head = 0 if config.tie_word_embeddings else config.vocab_size * embedding_width
    return Model(
        name=config.model,
        hidden=config.hidden_size,
        vocabulary=config.vocab_size,
        heads=shardable_heads(config),
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
    )


def _embedding_parameters(config: ModelConfig) -> int:
    hidden, width = config.hidden_size, config.embedding_size or config.hidden_size
    embedding = config.vocab_size * width + config.learned_positions * hidden
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
        layer=decoder_layer(config, config.num_decoder_layers),
        joining_parameters=2 * config.hidden_size**2,
        norm_parameters=2 * norm_parameters(config),
        final_parameters=_final_parameters(config),
    )


def _final_parameters(config: ModelConfig) -> int:
    """Count the final norm, and what joins streams or blocks of the residual before it."""
    streams, hidden = config.hyper_connections, config.hidden_size
    joined = streams * streams * hidden + streams + 1 if streams else 0
    attended = 2 * hidden if config.residual_block_size else 0
    further = _further_streams(config) * hidden**2
    return norm_parameters(config) * config.final_norm + joined + attended + further
