"""Reading config.json: more dialects, each against the catalogue."""

from __future__ import annotations

from typing import Any

import pytest

from llmcalc_core.hub.models import find_model
from llmcalc_core.hub.reader import read_hf_config


def _decoder(model_type: str, shape: tuple[int, ...], **more: object) -> dict[str, Any]:
    names = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
             "num_key_value_heads", "intermediate_size", "max_position_embeddings")  # fmt: skip
    return {"model_type": model_type, **dict(zip(names, shape, strict=True)), **more}


# The fields that say something about the architecture, in the words of the published files.
DIALECTS: list[tuple[str, dict[str, Any]]] = [
    ("glm_4_32b", _decoder("glm4", (151552, 6144, 61, 48, 2, 23040, 32768), head_dim=128,
                           attention_bias=False)),
    ("glm_4_5", _decoder("glm4_moe", (151552, 5120, 92, 96, 8, 12288, 131072), head_dim=128,
                         attention_bias=True, use_qk_norm=True, n_routed_experts=160,
                         num_experts_per_tok=8, moe_intermediate_size=1536, n_shared_experts=1,
                         first_k_dense_replace=3, num_nextn_predict_layers=1, n_group=1)),
    ("glm_4_5_air", _decoder("glm4_moe", (151552, 4096, 46, 96, 8, 10944, 131072), head_dim=128,
                             attention_bias=True, use_qk_norm=False, n_routed_experts=128,
                             num_experts_per_tok=8, moe_intermediate_size=1408,
                             n_shared_experts=1, first_k_dense_replace=1,
                             num_nextn_predict_layers=1)),
    ("qwen3_next_80b_a3b", _decoder(
        "qwen3_next", (151936, 2048, 48, 16, 2, 5120, 262144), head_dim=256, num_experts=512,
        num_experts_per_tok=10, moe_intermediate_size=512, shared_expert_intermediate_size=512,
        decoder_sparse_step=1, full_attention_interval=4, linear_conv_kernel_dim=4,
        linear_key_head_dim=128, linear_value_head_dim=128, linear_num_key_heads=16,
        linear_num_value_heads=32, mlp_only_layers=[])),
    ("seed_oss_36b", _decoder("seed_oss", (155136, 5120, 64, 80, 8, 27648, 524288), head_dim=128,
                              attention_bias=True, attention_out_bias=False, mlp_bias=False)),
    ("olmo2_7b", _decoder("olmo2", (100352, 4096, 32, 32, 32, 11008, 4096))),
    ("olmoe_1b_7b", _decoder("olmoe", (50304, 2048, 16, 16, 16, 1024, 4096), num_experts=64,
                             num_experts_per_tok=8, norm_topk_prob=False)),
    ("command_r_35b", _decoder("cohere", (256000, 8192, 40, 64, 64, 22528, 131072),
                               attention_bias=False, use_qk_norm=False, logit_scale=0.0625)),
    ("starcoder2_7b", _decoder("starcoder2", (49152, 4608, 32, 36, 4, 18432, 16384),
                               use_bias=True, sliding_window=4096, mlp_type="default",
                               norm_type="layer_norm", norm_epsilon=1e-5)),
    ("starcoder2_15b", _decoder("starcoder2", (49152, 6144, 40, 48, 4, 24576, 16384),
                                sliding_window=4096, tie_word_embeddings=False)),
    ("gpt_neox_20b", _decoder("gpt_neox", (50432, 6144, 44, 64, 64, 24576, 2048),
                              use_parallel_residual=True, attention_bias=True)),
    ("phi_2", _decoder("phi", (51200, 2560, 32, 32, 32, 10240, 2048), qk_layernorm=False)),
    ("smollm3_3b", _decoder("smollm3", (128256, 2048, 36, 16, 4, 11008, 65536),
                            no_rope_layers=[1, 1, 1, 0] * 9, no_rope_layer_interval=4,
                            use_sliding_window=False, layer_types=["full_attention"] * 36)),
    ("granite_3_1_8b", _decoder("granite", (49155, 4096, 40, 32, 8, 12800, 131072),
                                attention_multiplier=0.0078125, embedding_multiplier=12.0,
                                residual_multiplier=0.22, logits_scaling=16.0,
                                tie_word_embeddings=True)),
    ("bloom_176b", {"model_type": "bloom", "vocab_size": 250880, "n_embed": 14336, "n_layer": 70,
                    "num_attention_heads": 112, "seq_length": 2048,
                    "apply_residual_connection_post_layernorm": False}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values"), DIALECTS, ids=[name for name, _ in DIALECTS])
def test_dialect_says_the_same_as_the_catalogue(name: str, values: dict[str, Any]) -> None:
    expected = find_model(name)
    assert read_hf_config({**values, "_name_or_path": expected.model}) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (_decoder("cohere", (1000, 64, 2, 4, 4, 128, 512), use_qk_norm=True), "use_qk_norm"),
        (_decoder("starcoder2", (1000, 64, 2, 4, 4, 128, 512), mlp_type="gated"), "mlp_type"),
        (_decoder("olmoe", (1000, 64, 2, 4, 4, 128, 512)), "num_experts"),
        (_decoder("smollm3", (1000, 64, 2, 4, 4, 128, 512), use_sliding_window=True), "sliding"),
    ],
)
def test_what_is_not_described_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_hf_config(values)
