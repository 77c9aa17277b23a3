"""A layer: a token mixer, a channel mixer, norms, and what is beside them."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.layers.feed_forward import FeedForward
from llmcalc_core.layers.moe import MoE
from llmcalc_core.layers.norms import Norms
from llmcalc_core.layers.part import Part
from llmcalc_core.layers.projection import Projection
from llmcalc_core.layers.registry import channel_mixer, mixers_beside, residuals, token_mixer
from llmcalc_core.layers.token_mixer import TokenMixer
from llmcalc_core.model.config import ModelConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One kind of layer: a token and a channel mixer (or none), norms, and what is beside them."""

    mixer: TokenMixer | Projection | None
    channel: FeedForward | MoE | Projection | None
    norm: Norms
    norms: int
    extras: tuple[Part, ...] = ()

    @classmethod
    def from_config(cls, config: ModelConfig, index: int) -> Layer:
        """Describe a layer; the one after the last is that of a prediction module."""
        return cls(
            mixer=token_mixer(config, index),
            channel=channel_mixer(config, index),
            norm=Norms.from_config(config),
            norms=config.of_layer("norms_per_layer", index),
            extras=(*mixers_beside(config, index), *residuals(config)),
        )

    @property
    def parts(self) -> tuple[Part, ...]:
        """All that the layer is made of, each norm by itself."""
        mixers = tuple(part for part in (self.mixer, self.channel) if part is not None)
        return (*mixers, *self.extras, *(self.norm,) * self.norms)

    @property
    def parameters(self) -> int:
        """Parameters of the whole layer."""
        return sum(part.parameters for part in self.parts)

    @property
    def active_parameters(self) -> int:
        """Parameters that one token uses."""
        return self.parameters - sum(part.inactive_parameters for part in self.parts)

    @property
    def description(self) -> str:
        """Its mixers in words.

        Examples
        --------
        >>> Layer.from_config(ModelConfig(
        ...     vocab_size=10, hidden_size=8, num_decoder_layers=1, num_attention_heads=4,
        ...     intermediate_size=1024), 0).description
        'attention of 4 heads (4 KV, 2 wide); feed-forward of 1,024'
        """
        mixers = (part.description for part in (self.mixer, self.channel) if part is not None)
        return "; ".join(mixers) or "norms alone"
