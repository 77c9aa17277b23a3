"""Dialects of the reader, beside the public code and the catalogue.

Counts of parameters are those of the classes of Hugging Face transformers 5.23.0 with four layers,
a vocabulary of 1,000 and otherwise their defaults, made without memory (the meta device) on
2026-11-23; the corrections of a router's load (one number for each expert) are buffers there and
come on top.
"""

from __future__ import annotations

from typing import Any

import pytest

from llmcalc_core.architecture.model import architecture
from llmcalc_core.hub.models import find_model
from llmcalc_core.hub.reader import read_hf_config

SMALL = {"num_hidden_layers": 4, "vocab_size": 1000}

# (model type, parameters by transformers, corrections of routers, other fields)
FAMILIES: list[tuple[str, int, int, dict[str, Any]]] = [
    ("glm4", 824_072_192, 0, {"hidden_size": 4096, "intermediate_size": 13696,
     "num_attention_heads": 32, "num_key_value_heads": 2}),
    ("glm4_moe", 1_046_213_632, 24, {"hidden_size": 4096, "intermediate_size": 10944,
     "num_attention_heads": 96, "num_key_value_heads": 8, "attention_bias": True,
     "moe_intermediate_size": 1408, "num_experts_per_tok": 8, "n_shared_experts": 1,
     "n_routed_experts": 8, "first_k_dense_replace": 1, "use_qk_norm": True, "head_dim": 128}),
    ("glm4_moe_lite", 408_919_040, 24, {"hidden_size": 2048, "intermediate_size": 10240,
     "moe_intermediate_size": 1536, "num_attention_heads": 20, "n_shared_experts": 1,
     "n_routed_experts": 8, "kv_lora_rank": 512, "q_lora_rank": 768, "qk_rope_head_dim": 64,
     "v_head_dim": 256, "qk_nope_head_dim": 192, "num_experts_per_tok": 4, "mlp_layer_types":
     ["dense", "sparse", "sparse", "sparse"]}),
    ("granite", 817_729_536, 0, {"hidden_size": 4096, "intermediate_size": 11008,
     "num_attention_heads": 32}),
    ("granitemoe", 4_605_317_120, 0, {"hidden_size": 4096, "intermediate_size": 11008,
     "num_attention_heads": 32, "num_key_value_heads": 32, "num_local_experts": 8,
     "num_experts_per_tok": 2}),
    ("granitemoehybrid", 4_764_332_672, 0, {"hidden_size": 4096, "intermediate_size": 11008,
     "num_attention_heads": 32, "num_key_value_heads": 32, "num_local_experts": 8,
     "num_experts_per_tok": 2, "shared_intermediate_size": 1024, "layer_types": ["linear_attention",
     "full_attention", "linear_attention", "linear_attention"], "mamba_n_heads": 128,
     "mamba_n_groups": 1, "mamba_d_state": 256}),
    ("bamba", 1_064_825_472, 0, {"hidden_size": 4096, "intermediate_size": 14336,
     "num_attention_heads": 32, "num_key_value_heads": 8, "attn_layer_indices": [1],
     "mamba_n_heads": 128, "mamba_n_groups": 1, "mamba_d_state": 256}),
    ("mamba2", 446_756_352, 0, {"num_heads": 128, "head_dim": 64, "hidden_size": 4096, "state_size":
     128, "n_groups": 8}),
    ("olmo2", 817_762_304, 0, {"hidden_size": 4096, "intermediate_size": 11008,
     "num_attention_heads": 32}),
    ("olmo3", 817_762_304, 0, {"hidden_size": 4096, "intermediate_size": 11008,
     "num_attention_heads": 32, "sliding_window": 4096}),
    ("olmoe", 3_292_989_440, 0, {"hidden_size": 2048, "intermediate_size": 2048,
     "num_attention_heads": 16, "num_experts_per_tok": 8, "num_experts": 64}),
    ("cohere", 3_296_567_296, 0, {"hidden_size": 8192, "intermediate_size": 22528,
     "num_attention_heads": 64}),
    ("cohere2", 3_296_567_296, 0, {"hidden_size": 8192, "intermediate_size": 22528,
     "num_attention_heads": 64, "sliding_window": 4096}),
    ("exaone4", 1_081_971_712, 0, {"hidden_size": 4096, "intermediate_size": 16384,
     "num_attention_heads": 32, "num_key_value_heads": 32, "sliding_window": 128}),
    ("seed_oss", 1_736_331_264, 0, {"hidden_size": 4096, "intermediate_size": 27648,
     "num_attention_heads": 80, "num_key_value_heads": 8, "head_dim": 128}),
    ("smollm3", 314_542_080, 0, {"hidden_size": 2048, "intermediate_size": 11008,
     "num_attention_heads": 16, "num_key_value_heads": 4}),
    ("ernie4_5", 57_656_320, 0, {"hidden_size": 1024, "intermediate_size": 3072,
     "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 128}),
    ("hunyuan_v1_dense", 817_730_560, 0, {"hidden_size": 4096, "intermediate_size": 11008,
     "num_attention_heads": 32, "num_key_value_heads": 32}),
    ("dots1", 1_025_930_880, 24, {"hidden_size": 4608, "intermediate_size": 10944,
     "moe_intermediate_size": 1408, "num_attention_heads": 32, "num_key_value_heads": 32,
     "n_shared_experts": 1, "n_routed_experts": 8, "num_experts_per_tok": 2,
     "first_k_dense_replace": 1}),
    ("starcoder2", 386_994_176, 0, {"hidden_size": 3072, "intermediate_size": 12288,
     "num_attention_heads": 24, "num_key_value_heads": 2}),
    ("qwen3_next", 245_853_248, 0, {"hidden_size": 2048, "intermediate_size": 5632,
     "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 256, "linear_key_head_dim":
     128, "linear_value_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 32,
     "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512, "num_experts_per_tok": 2,
     "num_experts": 8}),
    ("qwen3_moe", 230_673_408, 0, {"hidden_size": 2048, "intermediate_size": 6144,
     "num_attention_heads": 32, "num_key_value_heads": 4, "moe_intermediate_size": 768,
     "num_experts_per_tok": 8, "num_local_experts": 8, "head_dim": 128}),
    ("gemma4_text", 596_373_504, 0, {"hidden_size": 2304, "intermediate_size": 9216,
     "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "sliding_window": 512,
     "layer_types": ["sliding_attention", "sliding_attention", "sliding_attention",
     "full_attention"], "attention_k_eq_v": True, "per_layer_config": {"3": {"head_dim": 512,
     "num_key_value_heads": 2}}}),
    ("deepseek_v4", 26_345_850_461, 256, {"hidden_size": 4096, "moe_intermediate_size": 2048,
     "num_attention_heads": 64, "head_dim": 512, "q_lora_rank": 1024, "num_experts_per_tok": 6,
     "n_routed_experts": 256, "n_shared_experts": 1, "layer_types": ["heavily_compressed_attention",
     "heavily_compressed_attention", "heavily_compressed_attention", "compressed_sparse_attention"],
     "hc_mult": 4, "mlp_layer_types": ["hash_moe", "hash_moe", "hash_moe", "moe"], "sliding_window":
     128, "o_groups": 8, "o_lora_rank": 1024, "index_n_heads": 64, "index_head_dim": 128,
     "index_topk": 512, "qk_rope_head_dim": 64}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model_type", "parameters", "corrections", "values"),
    FAMILIES,
    ids=[row[0] for row in FAMILIES],
)
def test_parameters_are_those_of_the_public_code(
    model_type: str, parameters: int, corrections: int, values: dict[str, Any]
) -> None:
    config = read_hf_config({"model_type": model_type, **SMALL, **values})
    assert architecture(config).parameters == parameters + corrections


BY_TYPE = {row[0]: {"model_type": row[0], **SMALL, **row[3]} for row in FAMILIES}


def test_kinds_of_layers() -> None:
    bamba, granite = (read_hf_config(BY_TYPE[name]) for name in ("bamba", "granitemoehybrid"))
    assert bamba.layer_types == ("mamba2", "full_attention", "mamba2", "mamba2")
    assert granite.layer_types == ("mamba2", "full_attention", "mamba2", "mamba2")
    assert read_hf_config(BY_TYPE["qwen3_next"]).layer_types == (
        *["linear_attention"] * 3, "full_attention",
    )  # fmt: skip
    windows = {"sliding_window": 128, "max_position_embeddings": 4096}
    olmo = read_hf_config({**BY_TYPE["olmo3"], **windows})
    assert olmo.layer_types == (*["sliding_attention"] * 3, "full_attention")
    exaone = {**BY_TYPE["exaone4"], **windows, "sliding_window_pattern": "LG"}
    assert read_hf_config(exaone).layer_types == ("sliding_attention", "full_attention") * 2


def test_only_some_layers_of_glm_5_2_have_an_indexer() -> None:
    # zai-org/GLM-5.3, config.json: 3 layers, then one in four of 78; an indexer is 2,048 x 32 x 128
    # + 6,144 x (128 + 32) + 2 x 128 parameters, and only they cache index keys (128 + 4 bytes)
    kinds = ["full" if layer < 3 or layer % 4 == 2 else "shared" for layer in range(78)]
    values = {"model_type": "glm_moe_dsa", "vocab_size": 154880, "hidden_size": 6144,
              "num_hidden_layers": 78, "num_attention_heads": 64, "intermediate_size": 12288,
              "num_nextn_predict_layers": 1, "topk_method": "noaux_tc"}  # fmt: skip
    every, some = (read_hf_config(values | more) for more in ({}, {"indexer_types": kinds}))
    by_number = {"index_topk_freq": 4, "index_skip_topk_offset": 3}
    by_letter = {"index_topk_pattern": "".join(kind[0].upper() for kind in kinds)}
    assert read_hf_config(values | by_number) == read_hf_config(values | by_letter) == some
    assert every.parameters - some.parameters == 57 * 9_371_904
    assert some.parameters == 743_377_000_704 + 75 * 256  # transformers 5.24.0, and corrections
    assert every.bytes_per_token - some.bytes_per_token == 57 * (128 + 4)


def test_heads_of_every_layer() -> None:
    # DeciLM: 1,024 wide, heads of 128; of four layers two have four KV heads, two have one.
    values = {"model_type": "deci", **SMALL, "hidden_size": 1024, "num_attention_heads": 8,
              "intermediate_size": 64, "num_key_value_heads_per_layer": [4, 1, 1, 4]}  # fmt: skip
    model = architecture(read_hf_config(values))
    attention = [2 * 1024 * 1024 + 2 * heads * 128 * 1024 for heads in (4, 1, 1, 4)]
    assert [model.layers[kind].parameters for kind in model.sequence] == [
        one + 3 * 1024 * 64 + 2048 for one in attention
    ]


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "granitemoehybrid",
        {"layer_types": ["mamba"] * 3},
        "layer_types must be one of .*every layer",
    ),
    ("granitemoehybrid", {"mamba_proj_bias": True}, "mamba_proj_bias .* got True"),
    ("bamba", {"attn_layer_indices": [4]}, r"attn_layer_indices .* got \[4\]"),
    ("mamba2", {"rms_norm": False}, "rms_norm .* got False"),
    ("starcoder2", {"mlp_type": "gated"}, "mlp_type .* got 'gated'"),
    ("deepseek_v4", {"compress_rates": {"compressed_sparse_attention": 8}}, "compress_rates "),
    ("deepseek_v4", {"mlp_layer_types": ["dense"] * 4}, "mlp_layer_types must be hash_moe or moe"),
    ("gemma4_text", {"per_layer_config": {"0": {"head_dim": 64}}}, "per_layer_config must give"),
    (
        "glm4_moe_lite",
        {"mlp_layer_types": ["sparse", "dense", "dense", "dense"]},
        "dense layers fir",
    ),
    (
        "granitemoehybrid",
        {"layer_types": None, "layers_block_type": ["mamba", "mambo"] * 2},
        r"layers_block_type must be one of .*got \['mamba', 'mambo'",
    ),
    ("granitemoehybrid", {"layer_types": None}, "layer_types must be one of .*, got None"),
    ("granitemoehybrid", {"mamba_n_heads": 0}, "mamba_n_heads must be .*at least 1 .*got 0"),
    ("olmo3", {"layer_types": [["full_attention"]]}, "layer_types must be a list of words or who"),
    ("gemma4_text", {"layer_types": None}, "layer_types must name every layer"),
    ("olmo2", {"expert_group_count": 4}, "expert_group_count may change the architecture"),
]


@pytest.mark.parametrize(("model_type", "values", "message"), REFUSED)
def test_what_cannot_be_described_is_refused(
    model_type: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read_hf_config({**BY_TYPE[model_type], **values})


def _decoder(model_type: str, shape: tuple[int, ...], **more: object) -> dict[str, Any]:
    names = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
             "num_key_value_heads", "intermediate_size", "max_position_embeddings")  # fmt: skip
    return {"model_type": model_type, **dict(zip(names, shape, strict=True)), **more}


# The fields that say something about the architecture, in the words of the published files.
AS_PUBLISHED: list[tuple[str, dict[str, Any]]] = [
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


@pytest.mark.parametrize(("name", "values"), AS_PUBLISHED, ids=[name for name, _ in AS_PUBLISHED])
def test_dialect_says_the_same_as_the_catalogue(name: str, values: dict[str, Any]) -> None:
    expected = find_model(name)
    assert read_hf_config({**values, "_name_or_path": expected.model}) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (_decoder("starcoder2", (1000, 64, 2, 4, 4, 128, 512), mlp_type="gated"), "mlp_type"),
        (_decoder("olmoe", (1000, 64, 2, 4, 4, 128, 512), num_experts=None), "num_experts"),
        (_decoder("smollm3", (1000, 64, 2, 4, 4, 128, 512), use_sliding_window=True), "sliding"),
    ],
)
def test_what_a_published_file_cannot_say_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_hf_config(values)
