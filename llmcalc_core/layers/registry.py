"""Kinds of layer by the names that a configuration has for them: the one list of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llmcalc_core.layers.attention import Attention
from llmcalc_core.layers.compressed import CompressedAttention
from llmcalc_core.layers.delta import GatedDeltaNet
from llmcalc_core.layers.feed_forward import FeedForward
from llmcalc_core.layers.latent import LatentAttention
from llmcalc_core.layers.lightning import LightningAttention
from llmcalc_core.layers.mamba import Mamba
from llmcalc_core.layers.mamba2 import Mamba2
from llmcalc_core.layers.moe import MoE
from llmcalc_core.layers.part import Residual
from llmcalc_core.layers.projection import Projection
from llmcalc_core.layers.residual import (
    AlternatingUpdates,
    BlockResiduals,
    HyperConnections,
    LayerInputs,
    LayerVectors,
    LowRankResidual,
)
from llmcalc_core.layers.rg_lru import RealGatedRecurrence
from llmcalc_core.layers.short_conv import ShortConvolution
from llmcalc_core.layers.token_mixer import TokenMixer
from llmcalc_core.model.config import ModelConfig

MixerMaker = Callable[[ModelConfig, int], TokenMixer | Projection | None]
ChannelMaker = Callable[[ModelConfig, int], FeedForward | MoE | Projection | None]


def no_mixer(_config: ModelConfig, _index: int) -> None:
    """Describe a layer that lacks a mixer."""


_OTHERS: dict[str, MixerMaker] = {
    "linear_attention": GatedDeltaNet.from_config,
    "kimi_delta_attention": GatedDeltaNet.kimi_from_config,
    "lightning_attention": LightningAttention.from_config,
    "mamba": Mamba.from_config,
    "mamba2": Mamba2.from_config,
    "rg_lru": RealGatedRecurrence.from_config,
    "short_convolution": ShortConvolution.from_config,
    "linear": Projection.from_config,
    "none": no_mixer,
}
TOKEN_MIXERS: Mapping[str, Mapping[str, MixerMaker]] = {
    "plain": {
        "full_attention": Attention.from_config,
        "sliding_attention": Attention.from_config,
        "chunked_attention": Attention.from_config,
        "block_sparse_attention": Attention.from_config,
        **_OTHERS,
    },
    "latent": {"full_attention": LatentAttention.from_config, **_OTHERS},
    "compressed": {
        "sliding_attention": CompressedAttention.from_config,
        "compressed_sparse_attention": CompressedAttention.from_config,
        "heavily_compressed_attention": CompressedAttention.from_config,
        **_OTHERS,
    },
}
"""Token mixers of ``layer_types``, by the family that all attention of a model is of."""

CHANNEL_MIXERS: Mapping[str, ChannelMaker] = {
    "dense": FeedForward.from_config,
    "sparse": MoE.from_config,
    "linear": Projection.from_config,
    "none": no_mixer,
}
"""Channel mixers of ``mlp_layer_types``."""

RESIDUALS: tuple[Callable[[ModelConfig], Residual | None], ...] = (
    HyperConnections.from_config,
    BlockResiduals.from_config,
    LayerInputs.from_config,
    AlternatingUpdates.from_config,
    LowRankResidual.from_config,
    LayerVectors.from_config,
)
"""What every layer of a configuration may have beside its mixers and norms."""


def token_mixer(config: ModelConfig, index: int) -> TokenMixer | Projection | None:
    """Describe the token mixer of a layer, if it has one.

    Raises
    ------
    KeyError
        For a kind that is in no list above, which the configuration should have refused.
    """
    kind, _ = config.mixers_of(index)
    return TOKEN_MIXERS[config.attention_family][kind](config, index)


def mixers_beside(config: ModelConfig, index: int) -> tuple[TokenMixer | Projection, ...]:
    """Describe the token mixer that a layer has beside its own, if there is one.

    Both read the same normalised input, and their results are summed (Falcon-H1).
    """
    if not config.parallel_mixer or index >= config.num_decoder_layers:
        return ()
    found = _OTHERS[config.parallel_mixer](config, index)
    return () if found is None else (found,)


def channel_mixer(config: ModelConfig, index: int) -> FeedForward | MoE | Projection | None:
    """Describe the channel mixer of a layer, if it has one.

    Raises
    ------
    KeyError
        For a kind that is not in the list above, which the configuration should have refused.
    """
    _, kind = config.mixers_of(index)
    return CHANNEL_MIXERS[kind](config, index)


def residuals(config: ModelConfig) -> tuple[Residual, ...]:
    """Describe what a layer has beside its mixers and norms, the same in every layer."""
    return tuple(found for make in RESIDUALS if (found := make(config)) is not None)
