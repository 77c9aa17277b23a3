"""Reading config.json: each dialect against the catalogue, and refusal of what is not known."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmcalc_core.architecture.model import architecture
from llmcalc_core.hub.models import find_model
from llmcalc_core.hub.reader import read_hf_config
from llmcalc_core.model.config import ModelConfig
from tests.core.vision_configs import LLAMA4_VISION, MOON, QWEN_VISION, SIGLIP


def _decoder(model_type: str, shape: tuple[int, ...], **more: object) -> dict[str, Any]:
    names = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
             "num_key_value_heads", "intermediate_size", "max_position_embeddings")  # fmt: skip
    return {"model_type": model_type, **dict(zip(names, shape, strict=True)), **more}


FP8_BLOCKS = {"quant_method": "fp8", "weight_block_size": [128, 128]}
LLAMA = _decoder("llama", (128256, 4096, 32, 32, 8, 14336, 131072), attention_bias=False)
LATENT = {"kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128}
MAMBA = {"model_type": "mamba", "state_size": 16, "conv_kernel": 4, "expand": 2, "rms_norm": True,
         "use_bias": False, "use_conv_bias": True, "layer_norm_epsilon": 1e-5}  # fmt: skip

MINIMAX = _decoder("minimax_m2", (200064, 3072, 62, 48, 8, 1536, 196608), head_dim=128,
                   num_local_experts=256, num_experts_per_tok=8, use_qk_norm=True,
                   qk_norm_type="per_layer", use_routing_bias=True, shared_intermediate_size=0,
                   use_mtp=True, mtp_transformer_layers=1, num_mtp_modules=3,
                   attn_type_list=[1, 1],
                   quantization_config=FP8_BLOCKS)  # fmt: skip
INT4_EXPERTS = {
    "quant_method": "compressed-tensors", "config_groups": {"group_0": {
        "targets": ["Linear"], "input_activations": None,
        "weights": {"num_bits": 4, "type": "int", "group_size": 32, "symmetric": True},
    }},
    "ignore": ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*",
               r"re:.*mlp\.(gate|up|gate_up|down)_proj.*"],
}  # fmt: skip
KIMI = _decoder("kimi_k2", (163840, 7168, 61, 64, 64, 18432, 262144), n_routed_experts=384,
                num_experts_per_tok=8, n_shared_experts=1, moe_intermediate_size=2048,
                first_k_dense_replace=1, q_lora_rank=1536, topk_method="noaux_tc",
                moe_layer_freq=1, num_nextn_predict_layers=0, quantization_config=INT4_EXPERTS,
                **LATENT)  # fmt: skip
GPT_OSS = _decoder("gpt_oss", (201088, 2880, 36, 64, 8, 2880, 131072), head_dim=64,
                   attention_bias=True, num_local_experts=128, num_experts_per_tok=4,
                   experts_per_token=4, sliding_window=128, swiglu_limit=7.0,
                   layer_types=["sliding_attention", "full_attention"] * 18,
                   quantization_config={
                       "quant_method": "mxfp4",
                       "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"],
                   })  # fmt: skip
GLM_5 = _decoder("glm_moe_dsa", (154880, 6144, 78, 64, 64, 12288, 202752), head_dim=64,
                 n_routed_experts=256, num_experts_per_tok=8, n_shared_experts=1,
                 moe_intermediate_size=2048, first_k_dense_replace=3, topk_method="noaux_tc",
                 moe_layer_freq=1, q_lora_rank=2048, kv_lora_rank=512, qk_nope_head_dim=192,
                 qk_rope_head_dim=64, qk_head_dim=256, v_head_dim=256, index_n_heads=32,
                 index_head_dim=128, index_topk=2048, indexer_rope_interleave=True,
                 indexer_types=["full"] * 78, num_nextn_predict_layers=1,
                 mlp_layer_types=["dense"] * 3 + ["sparse"] * 75)  # fmt: skip
QWEN3_5 = {
    "model_type": "qwen3_5_moe_text", "vocab_size": 248320, "hidden_size": 4096,
    "num_hidden_layers": 60, "num_attention_heads": 32, "num_key_value_heads": 2,
    "head_dim": 256, "max_position_embeddings": 262144, "attn_output_gate": True,
    "full_attention_interval": 4, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128,
    "linear_num_key_heads": 16, "linear_num_value_heads": 64, "linear_value_head_dim": 128,
    "num_experts": 512, "num_experts_per_tok": 10, "moe_intermediate_size": 1024,
    "shared_expert_intermediate_size": 1024, "mlp_only_layers": [], "mtp_num_hidden_layers": 1,
    "mamba_ssm_dtype": "float32",
}  # fmt: skip
LLAMA4 = _decoder("llama4_text", (202048, 5120, 48, 40, 8, 8192, 1048576), head_dim=128,
                  intermediate_size_mlp=16384, num_local_experts=128, num_experts_per_tok=1,
                  interleave_moe_layer_step=2, attention_chunk_size=8192, use_qk_norm=False,
                  attn_temperature_tuning=True, no_rope_layers=[1, 1, 1, 0] * 12,
                  moe_layers=list(range(1, 48, 2)))  # fmt: skip

# The fields that say something about the architecture, in the words of the published files.
DIALECTS: list[tuple[str, dict[str, Any]]] = [
    ("llama3_8b", LLAMA),
    ("llama3_2_1b", _decoder("llama", (128256, 2048, 16, 32, 8, 8192, 131072), head_dim=64,
                             tie_word_embeddings=True)),
    ("mistral_7b", _decoder("mistral", (32000, 4096, 32, 32, 8, 14336, 32768),
                            sliding_window=4096)),
    ("mistral_7b_v0_3", _decoder("mistral", (32768, 4096, 32, 32, 8, 14336, 32768),
                                 sliding_window=None)),
    ("mixtral_8x7b", _decoder("mixtral", (32000, 4096, 32, 32, 8, 14336, 32768),
                              num_local_experts=8, num_experts_per_tok=2, sliding_window=None)),
    ("qwen2_5_7b", _decoder("qwen2", (152064, 3584, 28, 28, 4, 18944, 131072),
                            use_sliding_window=False, sliding_window=131072,
                            max_window_layers=28)),
    ("qwen1_5_moe_a2_7b", _decoder("qwen2_moe", (151936, 2048, 24, 16, 16, 5632, 8192),
                                   num_experts=60, num_experts_per_tok=4, decoder_sparse_step=1,
                                   moe_intermediate_size=1408, use_sliding_window=False,
                                   shared_expert_intermediate_size=5632)),
    ("qwen3_8b", _decoder("qwen3", (151936, 4096, 36, 32, 8, 12288, 40960), head_dim=128,
                          sliding_window=None, max_window_layers=36)),
    ("qwen3_30b_a3b", _decoder("qwen3_moe", (151936, 2048, 48, 32, 4, 6144, 40960), head_dim=128,
                               num_experts=128, num_experts_per_tok=8, mlp_only_layers=[],
                               moe_intermediate_size=768, norm_topk_prob=True)),
    ("gemma_2b", _decoder("gemma", (256000, 2048, 18, 8, 1, 16384, 8192), head_dim=256)),
    ("gemma2_9b", _decoder("gemma2", (256000, 3584, 42, 16, 8, 14336, 8192), head_dim=256,
                           sliding_window=4096, query_pre_attn_scalar=256)),
    ("gemma3_1b", _decoder("gemma3_text", (262144, 1152, 26, 4, 1, 6912, 32768), head_dim=256,
                           sliding_window=512, sliding_window_pattern=6)),
    ("gemma3_4b", {"model_type": "gemma3", "vision_config": SIGLIP,
                   "mm_tokens_per_image": 256,
                   "text_config": {"hidden_size": 2560, "intermediate_size": 10240,
                                   "num_hidden_layers": 34, "sliding_window": 1024}}),
    ("phi3mini", _decoder("phi3", (32064, 3072, 32, 32, 32, 8192, 131072),
                          sliding_window=262144)),
    ("phi3moe", _decoder("phimoe", (32064, 4096, 32, 32, 8, 6400, 131072), num_local_experts=16,
                         num_experts_per_tok=2, attention_bias=True, lm_head_bias=True,
                         sliding_window=131072)),
    ("opt_350m", {"model_type": "opt", "vocab_size": 50272, "hidden_size": 1024, "ffn_dim": 4096,
                  "num_hidden_layers": 24, "num_attention_heads": 16, "word_embed_proj_dim": 512,
                  "max_position_embeddings": 2048, "do_layer_norm_before": False,
                  "layerdrop": 0.0}),
    ("gpt2", {"model_type": "gpt2", "vocab_size": 50257, "n_embd": 768, "n_layer": 12,
              "n_head": 12, "n_positions": 1024, "n_ctx": 1024, "n_inner": None}),
    ("gpt_j_6b", {"model_type": "gptj", "vocab_size": 50400, "n_embd": 4096, "n_layer": 28,
                  "n_head": 16, "n_positions": 2048, "rotary_dim": 64,
                  "tie_word_embeddings": False}),
    ("falcon7b", {"model_type": "falcon", "vocab_size": 65024, "hidden_size": 4544,
                  "num_hidden_layers": 32, "num_attention_heads": 71, "num_kv_heads": 71,
                  "multi_query": True, "new_decoder_architecture": False, "parallel_attn": True,
                  "bias": False, "alibi": False}),
    ("falcon_40b", {"model_type": "falcon", "vocab_size": 65024, "hidden_size": 8192,
                    "num_hidden_layers": 60, "num_attention_heads": 128, "num_kv_heads": 8,
                    "new_decoder_architecture": True, "parallel_attn": True, "bias": False}),
    ("deepseek_moe_16b", _decoder("deepseek", (102400, 2048, 28, 16, 16, 10944, 4096),
                                  n_routed_experts=64, num_experts_per_tok=6, n_shared_experts=2,
                                  moe_intermediate_size=1408, first_k_dense_replace=1)),
    ("deepseek_v2_lite", _decoder("deepseek_v2", (102400, 2048, 27, 16, 16, 10944, 163840),
                                  n_routed_experts=64, num_experts_per_tok=6, n_shared_experts=2,
                                  moe_intermediate_size=1408, first_k_dense_replace=1,
                                  q_lora_rank=None, topk_method="greedy", **LATENT)),
    ("deepseek_v3", _decoder("deepseek_v3", (129280, 7168, 61, 128, 128, 18432, 163840),
                             n_routed_experts=256, num_experts_per_tok=8, n_shared_experts=1,
                             moe_intermediate_size=2048, first_k_dense_replace=3,
                             q_lora_rank=1536, topk_method="noaux_tc", moe_layer_freq=1,
                             num_nextn_predict_layers=1,
                             quantization_config=FP8_BLOCKS, **LATENT)),
    ("mamba_130m", {**MAMBA, "vocab_size": 50280, "hidden_size": 768, "num_hidden_layers": 24,
                    "time_step_rank": 48, "intermediate_size": 1536}),
    ("falcon_mamba_7b", {**MAMBA, "model_type": "falcon_mamba", "vocab_size": 65024,
                         "hidden_size": 4096, "num_hidden_layers": 64, "time_step_rank": "auto",
                         "tie_word_embeddings": False}),
    ("jamba_v0_1", _decoder("jamba", (65536, 4096, 32, 32, 8, 14336, 262144), num_experts=16,
                            num_experts_per_tok=2, attn_layer_period=8, attn_layer_offset=4,
                            expert_layer_period=2, expert_layer_offset=1, mamba_d_state=16,
                            mamba_d_conv=4, mamba_expand=2, mamba_dt_rank=256,
                            mamba_conv_bias=True, mamba_proj_bias=False)),
    ("dbrx", {"model_type": "dbrx", "vocab_size": 100352, "d_model": 6144, "n_layers": 40,
              "n_heads": 48, "max_seq_len": 32768, "attn_config": {"kv_n_heads": 8, "clip_qkv": 8},
              "ffn_config": {"ffn_hidden_size": 10752, "moe_num_experts": 16, "moe_top_k": 4}}),
    ("glm_4_9b", {"model_type": "chatglm", "padded_vocab_size": 151552, "hidden_size": 4096,
                  "num_layers": 40, "num_attention_heads": 32, "multi_query_attention": True,
                  "multi_query_group_num": 2, "kv_channels": 128, "ffn_hidden_size": 13696,
                  "seq_length": 131072, "add_qkv_bias": True, "add_bias_linear": False,
                  "rmsnorm": True, "post_layer_norm": True}),
    ("internlm2_7b", _decoder("internlm2", (92544, 4096, 32, 32, 8, 14336, 32768), bias=False)),
    ("minitron_8b", _decoder("nemotron", (256000, 4096, 32, 48, 8, 16384, 4096), head_dim=128)),
    ("minimax_m2_5", MINIMAX),
    ("kimi_k2_5", {"model_type": "kimi_k25", "vision_config": MOON,
                   "text_config": KIMI}),
    ("gpt_oss_120b", GPT_OSS),
    ("glm_5", GLM_5),
    ("qwen3_5_397b_a17b", {"model_type": "qwen3_5_moe", "vision_config": QWEN_VISION,
                           "tie_word_embeddings": False, "text_config": QWEN3_5}),
    ("llama4_maverick", {"model_type": "llama4", "vision_config": LLAMA4_VISION,
                         "text_config": LLAMA4}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values"), DIALECTS, ids=[name for name, _ in DIALECTS])
def test_dialect_says_the_same_as_the_catalogue(name: str, values: dict[str, Any]) -> None:
    expected = find_model(name)
    read = read_hf_config({**values, "_name_or_path": expected.model})
    if "vision_config" not in values:
        expected = replace(expected, vision=None)
    assert read == expected


def test_what_does_not_change_the_shapes_is_not_read() -> None:
    more = {"rope_scaling": {"factor": 8.0},
            "torch_dtype": "bfloat16", "attention_dropout": 0.1, "rms_norm_eps": 1e-5,
            "architectures": ["LlamaForCausalLM"], "indexer_layers": None}  # fmt: skip
    assert read_hf_config({**LLAMA, **more}) == read_hf_config(LLAMA)


BY_NAME = dict(DIALECTS)
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("unknown type", {**LLAMA, "model_type": "kimi_linear"}, "'kimi_linear'"),
    ("no type", {"quantization": {"quant_algo": "FP8"}}, "model_type"),
    ("indexer", {**LLAMA, "index_topk": 2048}, "index_topk .* got 2048"),
    ("hybrid", {**LLAMA, "linear_attn_config": {"kda_layers": [1, 2]}}, "linear_attn_config"),
    ("gated attention", {**LLAMA, "attn_output_gate": True}, "attn_output_gate .* got True"),
    ("layer types", {**DIALECTS[7][1], "use_sliding_window": True, "sliding_window": 128,
                     "layer_types": ["linear_attention"]}, "layer_types .*linear_attention"),
    ("latent bias", {**DIALECTS[22][1], "attention_bias": True}, "attention_bias .* got True"),
    ("dense in between", {**DIALECTS[8][1], "mlp_only_layers": [5]}, r"mlp_only_layers .*\[5\]"),
    ("mamba bias", {**DIALECTS[23][1], "use_bias": True}, "use_bias .* got True"),
    ("head norm", {**MINIMAX, "qk_norm_type": "per_head"}, "qk_norm_type .* got 'per_head'"),
    ("shared", {**MINIMAX, "shared_intermediate_size": 8}, "shared_intermediate_size .* got 8"),
    ("linear layers", {**MINIMAX, "attn_type_list": [0, 1]}, r"attn_type_list .*got \[0, 1\]"),
    ("other text", {"model_type": "kimi_k25", "text_config": LLAMA}, "model_type .* got 'llama'"),
    ("shared indexer", {**GLM_5, "indexer_types": ["full", "shared"]}, "indexer_types .*shared"),
    ("other dense layers", {**GLM_5, "mlp_layer_types": ["sparse"] * 78}, "mlp_layer_types "),
    ("short states", {**QWEN3_5, "mamba_ssm_dtype": "bfloat16"}, "mamba_ssm_dtype .*'float32'"),
    ("other mixers", {**QWEN3_5, "layer_types": ["mamba"]}, "layer_types .*mamba"),
    ("dense hybrid layers", {**QWEN3_5, "mlp_only_layers": [0]}, r"mlp_only_layers .* got \[0\]"),
    ("other experts", {**LLAMA4, "moe_layers": [0]}, r"moe_layers .* got \[0\]"),
    ("other chunks", {**LLAMA4, "layer_types": ["full_attention"]}, "layer_types .*full_attention"),
    ("no chunk", {**LLAMA4, "attention_chunk_size": None}, "needs the field attention_chunk_size"),
    ("classifier", {**LLAMA, "architectures": ["LlamaForSequenceClassification"]},
     "architectures .*SequenceClassification"),
    ("missing", {key: value for key, value in LLAMA.items() if key != "hidden_size"},
     "needs the field hidden_size"),
    ("null", {**LLAMA, "num_hidden_layers": None}, "needs the field num_hidden_layers"),
    ("no number", {**LLAMA, "vocab_size": "many"}, "vocab_size must be a whole number"),
    ("no flag", {**LLAMA, "mlp_bias": "no"}, "mlp_bias must be true or false, got 'no'"),
    ("no list", {**DIALECTS[8][1], "mlp_only_layers": 3}, "mlp_only_layers must be a list"),
    ("no text part", {"model_type": "gemma3"}, "text_config must be an object, and is not there"),
    ("no merging of patches", {**BY_NAME["kimi_k2_5"],
                               "vision_config": {**MOON, "merge_kernel_size": None}},
     "vision_config: the field merge_kernel_size can only be described as a square"),
    ("oblong patches", {**BY_NAME["kimi_k2_5"],
                        "vision_config": {**MOON, "merge_kernel_size": [2, 1]}}, r"got \[2, 1\]"),
    ("no patches", {**BY_NAME["kimi_k2_5"], "vision_config": {**MOON, "patch_size": 0}},
     "vision_config: patch_size must be a whole number of at least 1 .*got 0"),
    ("contradiction", {**LLAMA, "num_key_value_heads": 5}, "num_key_value_heads must divide"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_cannot_be_described_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_hf_config(values)


def test_windows_of_upper_layers() -> None:
    windowed = {"use_sliding_window": True, "sliding_window": 4096, "max_window_layers": 20}
    config = read_hf_config({**DIALECTS[5][1], **windowed})
    assert config.layer_types == ("full_attention",) * 20 + ("sliding_attention",) * 8
    assert config.sliding_window == 4096


def test_a_hybrid_without_a_list_of_its_layers() -> None:
    assert (
        read_hf_config(QWEN3_5).layer_types
        == ("linear_attention",) * 3
        + ("full_attention",)
        + read_hf_config(QWEN3_5).layer_types[:56]
    )


def test_chunks_of_a_file_that_leaves_them_out() -> None:
    said = ("no_rope_layers", "attention_chunk_size", "moe_layers")
    short = {key: value for key, value in LLAMA4.items() if key not in said}
    assert read_hf_config(short) == read_hf_config(LLAMA4)


def test_a_head_that_only_the_whole_says_is_tied() -> None:
    whole = {"model_type": "qwen3_5_moe", "tie_word_embeddings": True, "text_config": QWEN3_5}
    assert read_hf_config(whole).tie_word_embeddings
    assert not read_hf_config(QWEN3_5).tie_word_embeddings


@pytest.mark.parametrize("spelling", ["folder", "file", "folder text", "file text"])
def test_file_and_folder(tmp_path: Path, spelling: str) -> None:
    folder = tmp_path / "my-model"
    folder.mkdir()
    file = folder / "config.json"
    file.write_text(json.dumps(LLAMA), "utf-8")
    source: dict[str, str | Path]
    source = {"folder": folder, "file": file, "folder text": str(folder), "file text": str(file)}
    config = find_model(source[spelling])
    assert config == replace(find_model("llama3_8b"), model="my-model")
    assert architecture(config).parameters == 8_030_261_248  # of meta-llama/Llama-3.1-8B


def test_a_configuration_reads_itself(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(LLAMA), "utf-8")
    for source in (LLAMA, file, str(file), tmp_path):
        assert replace(ModelConfig.from_hf(source), model="llama") == read_hf_config(LLAMA)


def test_parsed_content() -> None:
    named = {**LLAMA, "_name_or_path": "someone/tuned"}
    assert find_model(named).model == "someone/tuned"
    assert find_model(LLAMA).model == "llama"


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "must be a JSON file"), ("[1]", "must hold a JSON object, got list")],
    ids=["no JSON", "no object"],
)
def test_file_without_a_config(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=message):
        read_hf_config(file)


def test_missing_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.json"
    with pytest.raises(ValueError, match=re.escape(str(missing))):
        find_model(str(missing))
