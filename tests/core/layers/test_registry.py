"""Every kind that a configuration can name is made by one class; others raise."""

from __future__ import annotations

from typing import Any

import pytest

from llmcalc_core import ModelConfig
from llmcalc_core.layers.layer import Layer
from llmcalc_core.layers.registry import (
    CHANNEL_MIXERS,
    TOKEN_MIXERS,
    channel_mixer,
    token_mixer,
)
from llmcalc_core.model.config_checks import ATTENTION_KINDS, LAYER_TYPES, MLP_LAYER_TYPES

PLAIN: dict[str, Any] = {
    "vocab_size": 1000, "hidden_size": 64, "num_decoder_layers": 1, "num_attention_heads": 4,
    "intermediate_size": 96,
}  # fmt: skip
LATENT = {"kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16}
COMPRESSED = {
    "o_lora_rank": 8, "o_groups": 2, "q_lora_rank": 16, "qk_rope_head_dim": 8,
    "sliding_window": 16,
}  # fmt: skip


def test_configurations_and_registry_name_the_same_kinds() -> None:
    others = {*LAYER_TYPES} - {kind for kinds in ATTENTION_KINDS.values() for kind in kinds}
    assert {family: {*kinds} for family, kinds in TOKEN_MIXERS.items()} == {
        family: {*kinds} | others for family, kinds in ATTENTION_KINDS.items()
    }
    assert {*CHANNEL_MIXERS} == {*MLP_LAYER_TYPES}


def test_a_kind_that_no_class_makes_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    config = ModelConfig(**PLAIN)
    monkeypatch.setattr(ModelConfig, "mixers_of", lambda *_: ("unheard of", "hashed"))
    with pytest.raises(KeyError, match="unheard of"):
        token_mixer(config, 0)
    with pytest.raises(KeyError, match="hashed"):
        channel_mixer(config, 0)


# A window of latent attention is not all of it, nor full attention a window of compressed layers.
FOREIGN: list[tuple[dict[str, Any], str]] = [
    (LATENT | {"sliding_window": 16}, "must be full_attention, .* is latent, got 'sliding_att"),
    (
        LATENT | {"layer_types": ("chunked_attention",), "attention_chunk_size": 8},
        "must be full_attention, or no attention, where .* latent, got 'chunked_attention'",
    ),
    (COMPRESSED | {"layer_types": ("full_attention",)}, "is compressed, got 'full_attention'"),
]


@pytest.mark.parametrize(("fields", "message"), FOREIGN)
def test_kinds_of_another_family_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelConfig(**(PLAIN | fields))


def test_a_layer_without_mixers_has_its_norms() -> None:
    config = ModelConfig(**PLAIN, layer_types=("none",), mlp_layer_types=("none",))
    layer = Layer.from_config(config, 0)
    assert layer.description == "norms alone"
    assert layer.parameters == layer.active_parameters == 2 * 64


@pytest.mark.parametrize(("width", "parameters"), [(0, 0), (1, 3 * 64 * 1)])
def test_a_layer_has_a_feed_forward_part_from_a_width_of_one_on(
    width: int, parameters: int
) -> None:
    channel = channel_mixer(ModelConfig(**PLAIN | {"intermediate_size": width}), 0)
    assert (channel.parameters if channel else 0) == parameters
