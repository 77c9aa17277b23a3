"""Configurations that are no descriptions of models: refused in a sentence, and soon."""

from __future__ import annotations

import copy
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from llmcalc_core.hub.reader import read_hf_config

CASES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("public_counts.json").read_text("utf-8")
)
JUNK: list[Any] = [
    None, True, False, 0, 1, -1, 2, 0.5, 1e308, float("inf"), float("nan"), 2**31, 2**63, 10**30,
    "", "x", "auto", "a" * 5000, "7", [], [[]], [1, [2]], [{}], {}, {"a": 1}, [None], ["x"], [True],
    [1.5], ["full_attention"], [0] * 20_000, ["a" * 1000] * 50, {"model_type": "llama"},
    {"model_type": [1]},
]  # fmt: skip
LLAMA: dict[str, Any] = {
    "model_type": "llama", "vocab_size": 32000, "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "intermediate_size": 11008,
}  # fmt: skip


def mutated(seed: int) -> dict[str, Any]:
    """Change, add or leave out some fields of a file, in its sections too."""
    chance = random.Random(seed)  # noqa: S311 - mutations
    values = copy.deepcopy(chance.choice(CASES)["config"])
    places = [values, *(one for one in values.values() if isinstance(one, dict))]
    for _ in range(chance.choice((1, 1, 2, 4))):
        place = chance.choice(places)
        name = chance.choice(
            [*place, "quantization_config", "layer_types", "head_dim", "vision_config"]
        )
        if chance.random() < 0.15:
            place.pop(name, None)
        else:
            place[name] = copy.deepcopy(chance.choice(JUNK))
    return values


@pytest.mark.parametrize("start", range(0, 600, 100))
def test_a_mutated_file_is_read_or_refused_in_a_sentence(start: int) -> None:
    for seed in range(start, start + 100):
        began, message = time.process_time(), ""
        try:
            read_hf_config(mutated(seed))
        except ValueError as error:
            message = str(error)
        assert len(message) < 400, seed
        assert time.process_time() - began < 2, seed


GIANTS = [
    ({"num_hidden_layers": 2**31 - 1}, "num_hidden_layers must be a whole number .* at most"),
    ({"num_hidden_layers": 10_000}, "num_decoder_layers must be .* at most 512"),
    ({"vocab_size": 2**26, "hidden_size": 2**25}, "at most 5e[+]13 parameters, these make"),
    ({"num_attention_heads": 2**25, "hidden_size": 2**25}, "num_attention_heads must be"),
    ({"hidden_size": "4096"}, "hidden_size must be a whole number, got '4096'"),
]


@pytest.mark.parametrize(("values", "message"), GIANTS)
def test_counts_are_bounded_before_anything_is_built(values: dict[str, Any], message: str) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match=message):
        read_hf_config({**LLAMA, **values})
    assert time.process_time() - began < 0.2


def test_kinds_of_fields_are_harmless_not_names() -> None:
    harmless = {
        "vision_start_token_id": 5, "new_attention_dropout": 0.1, "linear_initializer_range": 0.02,
        "attention_rope_style": "x", "expert_output_scale": 2.5, "mlp_router_dtype": "float32",
        "router_aux_loss_coef": 0.1,
    }  # fmt: skip
    assert read_hf_config({**LLAMA, **harmless}) == read_hf_config(LLAMA)
    with pytest.raises(ValueError, match="qk_rope_head_dim may change the architecture"):
        read_hf_config({**LLAMA, "qk_rope_head_dim": 64})
    with pytest.raises(ValueError, match="position_embedding_type may change"):
        read_hf_config({**LLAMA, "position_embedding_type": "learned_absolute"})


def test_what_is_not_understood_can_be_left_out() -> None:
    with pytest.warns(UserWarning, match="the field index_topk is not understood .* got 2048"):
        config = read_hf_config({**LLAMA, "index_topk": 2048}, unknown="warn")
    assert config == read_hf_config(LLAMA)
    with pytest.raises(ValueError, match="unknown must be one of refuse, warn, got 'maybe'"):
        read_hf_config(LLAMA, unknown="maybe")
