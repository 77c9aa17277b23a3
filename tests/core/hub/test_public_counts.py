"""Every model type that is read counts as the class of Hugging Face transformers does.

Each case of ``public_counts.json`` and ``public_counts_of_images.json`` is the default model of a
type, built by transformers 5.24.0 without memory (the meta device) on 2026-11-30 and 2026-12-01,
with what its file has to state: all else is the default of its class. Where the class cannot build
its own default, the file states what it needs. ``corrections`` are numbers of a router's load,
which are buffers there. ``python -m tests.transformers_counts`` counts them again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmcalc_core.hub.dialects.class_defaults import class_defaults
from llmcalc_core.hub.reader import read_hf_config

CASES: list[dict[str, Any]] = [
    case
    for name in ("public_counts.json", "public_counts_of_images.json")
    for case in json.loads(Path(__file__).with_name(name).read_text("utf-8"))
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["config"]["model_type"])
def test_a_default_model_counts_as_in_transformers(case: dict[str, Any]) -> None:
    assert read_hf_config(case["config"]).parameters == case["parameters"] + case["corrections"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["config"]["model_type"])
def test_a_field_that_says_what_the_class_has_changes_nothing(case: dict[str, Any]) -> None:
    stated = {**class_defaults(case["config"]["model_type"]), **case["config"]}
    assert read_hf_config(stated).parameters == read_hf_config(case["config"]).parameters


DEEPSEEK = {
    "model_type": "deepseek_v3", "vocab_size": 129280, "hidden_size": 7168,
    "num_hidden_layers": 4, "num_attention_heads": 128, "intermediate_size": 18432,
}  # fmt: skip


def test_a_field_that_is_absent_is_that_of_the_class() -> None:
    # transformers 5.24.0: 4 layers, 3 of them dense, 256 experts, rank 1,536 of the queries
    whole = read_hf_config(DEEPSEEK)
    assert (whole.num_experts, whole.first_k_dense_replace, whole.q_lora_rank) == (256, 3, 1536)
    assert read_hf_config({**DEEPSEEK, "q_lora_rank": None}).q_lora_rank is None


TEXT = {
    "model_type": "qwen3_5_text", "vocab_size": 1000, "hidden_size": 256, "num_hidden_layers": 4,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64, "intermediate_size": 512,
}  # fmt: skip


@pytest.mark.parametrize(
    ("outside", "inside", "tied"),
    [(True, False, True), (False, True, False), (None, True, True), (None, None, False)],
)
def test_the_whole_file_decides_whether_the_head_is_tied(
    outside: bool | None,  # noqa: FBT001
    inside: bool | None,  # noqa: FBT001
    tied: bool,  # noqa: FBT001
) -> None:
    text = TEXT if inside is None else {**TEXT, "tie_word_embeddings": inside}
    whole = {"model_type": "qwen3_5", "text_config": text}
    stated = whole if outside is None else {**whole, "tie_word_embeddings": outside}
    assert read_hf_config(stated).tie_word_embeddings == tied


def test_a_recent_file_that_is_silent_has_the_head_of_its_class() -> None:
    text = {**TEXT, "model_type": "mistral"}
    whole = {"model_type": "mistral3", "text_config": text, "vision_config": None}
    assert not read_hf_config(whole).tie_word_embeddings
    assert read_hf_config({**whole, "transformers_version": "5.24.0"}).tie_word_embeddings
