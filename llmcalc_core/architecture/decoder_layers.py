"""The layers of a configuration, one by one."""

from __future__ import annotations

from math import gcd

from llmcalc_core.layers.channel_from_config import channel_mixer
from llmcalc_core.layers.shapes import (
    AlternatingUpdates,
    BlockResiduals,
    HyperConnections,
    Layer,
    LayerInputs,
    LowRankResidual,
    Norms,
    Residual,
)
from llmcalc_core.layers.token_from_config import token_mixer
from llmcalc_core.model.config import ModelConfig


def norm_parameters(config: ModelConfig) -> int:
    """Count the parameters of a normalisation of the hidden size."""
    return config.hidden_size * (2 if config.norm == "layernorm" else 1)


def decoder_layer(config: ModelConfig, index: int) -> Layer:
    """Describe a layer; the one after the last is that of a prediction module."""
    return Layer(
        mixer=token_mixer(config, index),
        channel=channel_mixer(config, index),
        norm=Norms(parameters=norm_parameters(config)),
        norms=config.of_layer("norms_per_layer", index),
        beside=_beside(config),
    )


def _beside(config: ModelConfig) -> tuple[Residual, ...]:
    """Describe what a layer has beside its mixers and norms, the same in every layer."""
    hidden, streams = config.hidden_size, config.hyper_connections
    beside: tuple[Residual, ...] = ()
    if streams:
        mixes = streams * (2 + streams)
        beside = (HyperConnections(
            streams=streams, parameters=2 * (mixes * (streams * hidden + 1) + 3)
        ),)  # fmt: skip
    if config.residual_block_size:
        layers, size = config.num_decoder_layers, config.residual_block_size
        before = [-(-index // size) + 1 for index in range(layers)]
        blocks = BlockResiduals(blocks=sum(before) / layers, most=before[-1], parameters=4 * hidden)
        beside = (*beside, blocks)
    if config.per_layer_input_size:
        width = config.per_layer_input_size
        beside = (*beside, LayerInputs(width=width, parameters=(2 * width + 1) * hidden))
    if config.altup_num_inputs:
        inputs = config.altup_num_inputs
        rows = inputs + 1 + config.altup_correct_scale  # a router, its norm, a scale
        around = rows * hidden + inputs**2 + inputs**3
        beside = (*beside, AlternatingUpdates(streams=inputs, parameters=around))
    if config.laurel_rank:
        rank = config.laurel_rank
        beside = (*beside, LowRankResidual(rank=rank, parameters=(2 * rank + 1) * hidden))
    return beside


def shardable_heads(config: ModelConfig) -> int:
    """Give the number that tensor parallelism must divide: heads, or channels without any.

    Of a recurrent layer that is the key heads, which are not replicated (vLLM and SGLang), or the
    heads of Mamba-2; of compressed attention also the groups of the output projection.
    """
    kinds = set(config.layer_types)
    recurrent = {
        "linear_attention": config.linear_num_key_heads,
        "kimi_delta_attention": config.linear_num_key_heads,
        "mamba2": config.mamba_num_heads,
        "mamba": config.mamba_expand * config.hidden_size,
    }
    counts = [recurrent[kind] or 1 for kind in kinds & set(recurrent) - {"mamba"}]
    if kinds - set(recurrent) - {"none", "linear"}:
        layers = range(config.num_decoder_layers)
        counts += {config.of_layer("num_attention_heads", index) for index in layers}
        counts += [config.o_groups] if config.o_groups else []
    return gcd(*counts) if counts else recurrent["mamba"] or 1
