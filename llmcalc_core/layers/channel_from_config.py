"""Channel mixers of a configuration, with their exact parameter counts."""

from __future__ import annotations

from llmcalc_core.layers.shapes import ChannelMixer, FeedForward, MoE, Projection
from llmcalc_core.model.config import ModelConfig


def channel_mixer(config: ModelConfig, index: int) -> ChannelMixer | None:
    """Describe the channel mixer of a layer, if it has one."""
    _, kind = config.mixers_of(index)
    width = config.of_layer("intermediate_size", index)
    if kind == "sparse":
        return _mixture(config, index)
    if kind == "linear":
        return Projection(parameters=config.hidden_size**2)
    if kind == "none" or width == 0:
        return None
    return FeedForward(
        width=width,
        up_projections=config.num_ffi,
        parameters=_feed_forward_parameters(config, config.hidden_size, width),
    )


def _mixture(config: ModelConfig, index: int) -> MoE:
    hidden, latent = config.hidden_size, config.moe_latent_size
    experts = config.of_layer("num_experts", index)
    width = config.of_layer("moe_intermediate_size", index)
    shared_width = config.n_shared_experts * (config.shared_expert_intermediate_size or 0)
    shared = (config.num_ffi + 1) * hidden * shared_width
    router = experts * (hidden + config.of_layer("router_bias", index))
    inside = latent or hidden
    return MoE(
        experts=experts,
        top_k=config.of_layer("expert_top_k", index),
        width=width,
        up_projections=config.num_ffi,
        shared_width=shared_width,
        latent=latent,
        latent_norm=config.moe_latent_norm,
        expert_parameters=_feed_forward_parameters(config, inside, width),
        shared_parameters=shared + config.shared_expert_gate * hidden,
        latent_parameters=2 * hidden * latent + config.moe_latent_norm * latent if latent else 0,
        router_parameters=router + config.router_scale * (hidden + experts),
    )


def _feed_forward_parameters(config: ModelConfig, hidden: int, width: int) -> int:
    biases = config.num_ffi * width + hidden if config.mlp_bias else 0
    return (config.num_ffi + 1) * hidden * width + biases
