"""A model as its distinct layers and the order they come in, with exact parameter counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

from llmcalc_core.domain.config import ModelConfig
from llmcalc_core.domain.layers import (
    Attention,
    ChannelMixer,
    FeedForward,
    LatentAttention,
    Layer,
    Mixture,
)
from llmcalc_core.domain.token_mixers import token_mixer


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A decoder: distinct layers, the order they come in, embedding and head.

    Attributes
    ----------
    layers : tuple of Layer
        The distinct kinds of layer.
    sequence : tuple of int
        For each layer from first to last, its kind (a position in ``layers``).
    embedding_parameters, head_parameters, final_norm_parameters : int
        Embedding (with learned positions and its projections); head (0 if tied).
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
    tied: bool
    max_context: int | None

    @property
    def layer_count(self) -> int:
        """Number of layers."""
        return len(self.sequence)

    @property
    def parameters(self) -> int:
        """All parameters; a head tied to the embedding is counted once."""
        return self._outside + sum(self.layers[kind].parameters for kind in self.sequence)

    @property
    def active_parameters(self) -> int:
        """Parameters that one token uses (the routed experts it does not visit left out)."""
        return self._outside + sum(self.layers[kind].active_parameters for kind in self.sequence)

    @property
    def _outside(self) -> int:
        return self.embedding_parameters + self.head_parameters + self.final_norm_parameters

    @property
    def has_mixture(self) -> bool:
        """Whether any layer is a mixture of experts."""
        return any(isinstance(layer.channel, Mixture) for layer in self.layers)

    @property
    def divides_prompts(self) -> bool:
        """Whether the tokens of a prompt can be read side by side: all layers are attention."""
        return all(isinstance(layer.mixer, (Attention, LatentAttention)) for layer in self.layers)

    @property
    def experts(self) -> int:
        """Routed experts of a mixture layer; 1 for a dense model."""
        return max(
            (layer.channel.experts for layer in self.layers if isinstance(layer.channel, Mixture)),
            default=1,
        )


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
    kinds = [_layer(config, index) for index in range(config.num_decoder_layers)]
    distinct = tuple(dict.fromkeys(kinds))
    position = {layer: index for index, layer in enumerate(distinct)}
    norm = _norm_parameters(config)
    embedding_width = config.embedding_size or config.hidden_size
    embedding = config.vocab_size * embedding_width + config.learned_positions * config.hidden_size
    if config.embedding_size:
        embedding += 2 * config.embedding_size * config.hidden_size
    head = 0 if config.tie_word_embeddings else config.vocab_size * embedding_width
    return Model(
        name=config.model,
        hidden=config.hidden_size,
        vocabulary=config.vocab_size,
        heads=_shardable_heads(config),
        layers=distinct,
        sequence=tuple(position[layer] for layer in kinds),
        embedding_parameters=embedding,
        head_parameters=head + config.vocab_size * config.lm_head_bias,
        final_norm_parameters=norm if config.final_norm else 0,
        tied=config.tie_word_embeddings,
        max_context=config.max_model_len,
    )


def _shardable_heads(config: ModelConfig) -> int:
    """Give the number that tensor parallelism must divide: heads, or channels without any.

    Of a gated delta net that is the key heads, which are not replicated (vLLM and SGLang).
    """
    if "linear_attention" in config.layer_types:
        return gcd(config.num_attention_heads, config.linear_num_key_heads or 1)
    if set(config.layer_types) == {"mamba"}:
        return config.mamba_expand * config.hidden_size
    return config.num_attention_heads


def _norm_parameters(config: ModelConfig) -> int:
    return config.hidden_size * (2 if config.norm == "layernorm" else 1)


def _layer(config: ModelConfig, index: int) -> Layer:
    return Layer(
        mixer=token_mixer(config, config.layer_types[index]),
        channel=_channel_mixer(config, index),
        norms=config.norms_per_layer,
        norm_parameters=config.norms_per_layer * _norm_parameters(config),
    )


def _channel_mixer(config: ModelConfig, index: int) -> ChannelMixer | None:
    after = index - config.first_k_dense_replace
    in_step = after % config.moe_layer_freq == config.moe_layer_offset
    if config.num_experts > 1 and after >= 0 and in_step:
        return _mixture(config)
    if config.intermediate_size == 0:
        return None
    return FeedForward(
        width=config.intermediate_size,
        up_projections=config.num_ffi,
        parameters=_feed_forward_parameters(config, config.intermediate_size),
    )


def _mixture(config: ModelConfig) -> Mixture:
    width = config.moe_intermediate_size or 0
    shared_width = config.n_shared_experts * (config.shared_expert_intermediate_size or 0)
    shared = (config.num_ffi + 1) * config.hidden_size * shared_width
    router = config.num_experts * (config.hidden_size + config.router_bias)
    return Mixture(
        experts=config.num_experts,
        top_k=config.expert_top_k,
        width=width,
        up_projections=config.num_ffi,
        shared_width=shared_width,
        expert_parameters=_feed_forward_parameters(config, width),
        shared_parameters=shared + config.shared_expert_gate * config.hidden_size,
        router_parameters=router,
    )


def _feed_forward_parameters(config: ModelConfig, width: int) -> int:
    biases = config.num_ffi * width + config.hidden_size if config.mlp_bias else 0
    return (config.num_ffi + 1) * config.hidden_size * width + biases
