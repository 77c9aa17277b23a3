"""Encoders of texts by what their file says comes after the layers."""

from __future__ import annotations

import pytest

from llmcalc_core.hub.reader import read_hf_config

BERT = {
    "vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
    "intermediate_size": 3072, "max_position_embeddings": 512,
}  # fmt: skip


# Built by transformers 5.24.0: 108,891,648 before the pooler; a pooler has 768 x 769 = 590,592, a
# classifier of two labels 1,538, the head of words 592,128 and a bias for each of 30,522.
@pytest.mark.parametrize(
    ("architecture", "parameters"),
    [
        ("BertModel", 109_482_240),
        ("BertForMaskedLM", 109_514_298),
        ("BertForSequenceClassification", 109_483_778),
    ],
)
def test_a_head_is_what_the_file_names(architecture: str, parameters: int) -> None:
    config = {"model_type": "bert", **BERT, "architectures": [architecture]}
    assert read_hf_config(config).parameters == parameters


def test_a_head_that_is_not_known_is_refused() -> None:
    config = {"model_type": "bert", **BERT, "architectures": ["BertForQuestionAnswering"]}
    with pytest.raises(ValueError, match="architectures must end in Model"):
        read_hf_config(config)


# Counted by transformers 5.24.0 from the fields of the published files:
# FacebookAI/xlm-roberta-large (a masked language model) and BAAI/bge-m3 (XLMRobertaModel).
LARGE = {
    "model_type": "xlm-roberta", "vocab_size": 250002, "hidden_size": 1024,
    "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096,
    "type_vocab_size": 1, "layer_norm_eps": 1e-05, "hidden_act": "gelu", "initializer_range": 0.02,
    "output_past": True, "pad_token_id": 1, "position_embedding_type": "absolute",
}  # fmt: skip


@pytest.mark.parametrize(
    ("architecture", "positions", "parameters"),
    [("XLMRobertaForMaskedLM", 514, 560_142_482), ("XLMRobertaModel", 8194, 567_754_752)],
)
def test_published_files_of_xlm_roberta(architecture: str, positions: int, parameters: int) -> None:
    config = {**LARGE, "architectures": [architecture], "max_position_embeddings": positions}
    read = read_hf_config(config)
    assert (read.parameters, read.max_model_len) == (parameters, positions - 2)
    assert (read.attention, read.bytes_per_token) == ("bidirectional", 0)


def test_a_decoder_of_the_same_shape_keeps_a_cache() -> None:
    # 12 layers with keys and values of 768 elements in 16 bits
    read = read_hf_config({"model_type": "bert", **BERT, "is_decoder": True})
    assert (read.attention, read.bytes_per_token) == ("causal", 12 * 2 * 768 * 2)


def test_windows_of_modernbert_are_of_both_sides() -> None:
    # answerdotai/ModernBERT-base: 149,655,232 parameters, local_attention 128 (arXiv:2412.13663)
    base = {
        "model_type": "modernbert", "vocab_size": 50368, "hidden_size": 768,
        "num_hidden_layers": 22, "num_attention_heads": 12, "intermediate_size": 1152,
        "local_attention": 128, "global_attn_every_n_layers": 3, "attention_bias": False,
        "mlp_bias": False, "norm_bias": False, "max_position_embeddings": 8192,
        "architectures": ["ModernBertForMaskedLM"],
    }  # fmt: skip
    read = read_hf_config(base)
    assert (read.parameters, read.sliding_window) == (149_655_232, 129)
    assert read.layer_types[:4] == ("full_attention", *("sliding_attention",) * 2, "full_attention")
