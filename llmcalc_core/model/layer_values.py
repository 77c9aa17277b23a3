"""What a ``ModelConfig`` says of each layer, and of all attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING


class LayerValues:
    """The values and kinds of single layers, from fields of the whole model."""

    __slots__ = ()

    if TYPE_CHECKING:
        attention: str
        num_decoder_layers: int
        layer_types: tuple[str, ...]
        mlp_layer_types: tuple[str, ...]
        per_layer: Mapping[str, tuple[int, ...]] | tuple[tuple[str, tuple[int, ...]], ...]
        mtp_layer: Mapping[str, str | int] | tuple[tuple[str, str | int], ...]
        num_experts: int
        first_k_dense_replace: int
        moe_layer_freq: int
        moe_layer_offset: int
        kv_lora_rank: int | None
        o_lora_rank: int | None

    def of_layer(self, name: str, index: int) -> int:
        """Give the value of a field in one layer; 0 where it has none.

        The layer after the last is that of a prediction module.
        """
        if index == self.num_decoder_layers:
            own = dict(self.mtp_layer).get(name)
            return int(own) if own is not None else self.of_layer(name, index - 1)
        differing = dict(self.per_layer).get(name)
        value: int | None = differing[index] if differing else getattr(self, name)
        return value or 0

    @property
    def generates(self) -> bool:
        """Whether it can generate text: an encoder reads it and generates nothing."""
        return self.attention == "causal"

    @property
    def attention_family(self) -> str:
        """What all attention of the model is: 'plain', 'latent' or 'compressed'."""
        if self.o_lora_rank is not None:
            return "compressed"
        return "plain" if self.kv_lora_rank is None else "latent"

    def mixers_of(self, index: int) -> tuple[str, str]:
        """Give the kinds of the token and the channel mixer of a layer.

        The layer after the last is that of a prediction module.
        """
        if index == self.num_decoder_layers:
            own, (token, channel) = dict(self.mtp_layer), self.mixers_of(index - 1)
            return str(own.get("layer_type", token)), str(own.get("mlp_layer_type", channel))
        if self.mlp_layer_types:
            return self.layer_types[index], self.mlp_layer_types[index]
        after = index - self.first_k_dense_replace
        in_step = after % self.moe_layer_freq == self.moe_layer_offset
        sparse = self.num_experts > 1 and after >= 0 and in_step
        return self.layer_types[index], "sparse" if sparse else "dense"
