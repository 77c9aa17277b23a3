"""Quantised checkpoints: which part is stored in what, and how many bytes that makes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmcalc_core import ModelConfig, Precision, find_model
from llmcalc_core.architecture.model import architecture
from llmcalc_core.hub.reader import read_hf_config
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.workload.grid import make_grid

LATENT = {"kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
          "q_lora_rank": 1536, "num_attention_heads": 128}  # fmt: skip
DEEPSEEK_V3 = {
    "model_type": "deepseek_v3", "vocab_size": 129280, "hidden_size": 7168,
    "num_hidden_layers": 61, "intermediate_size": 18432, "n_routed_experts": 256,
    "num_experts_per_tok": 8, "n_shared_experts": 1, "moe_intermediate_size": 2048,
    "first_k_dense_replace": 3, "topk_method": "noaux_tc", **LATENT,
}  # fmt: skip
KIMI_K2 = {
    **DEEPSEEK_V3, "model_type": "kimi_k2", "vocab_size": 163840, "n_routed_experts": 384,
    "first_k_dense_replace": 1, "num_attention_heads": 64,
}  # fmt: skip
GPT_OSS = {
    "model_type": "gpt_oss", "vocab_size": 201088, "hidden_size": 2880, "num_hidden_layers": 36,
    "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64,
    "intermediate_size": 2880, "attention_bias": True, "num_local_experts": 128,
    "num_experts_per_tok": 4, "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 18,
}  # fmt: skip
QWEN3_235B = {
    "model_type": "qwen3_moe", "vocab_size": 151936, "hidden_size": 4096,
    "num_hidden_layers": 94, "num_attention_heads": 64, "num_key_value_heads": 4,
    "head_dim": 128, "intermediate_size": 12288, "num_experts": 128, "num_experts_per_tok": 8,
    "moe_intermediate_size": 1536,
}  # fmt: skip
QWEN3_32B = {
    "model_type": "qwen3", "vocab_size": 151936, "hidden_size": 5120, "num_hidden_layers": 64,
    "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128,
    "intermediate_size": 25600,
}  # fmt: skip

BLOCKS = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}
GROUP = {"num_bits": 4, "type": "float", "group_size": 16}
KV_FP8 = {"num_bits": 8, "type": "float"}


def group(weights: dict[str, Any], entering: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    groups = {"group_0": {"targets": ["Linear"], "weights": weights, "input_activations": entering}}
    return {"quant_method": "compressed-tensors", "config_groups": groups, **more}


def nvfp4(*ignored: str) -> dict[str, Any]:
    return {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": list(ignored),
            "kv_cache_scheme": KV_FP8}  # fmt: skip


ATTENTION = [
    f"model.layers.{layer}.self_attn.{name}"
    for layer in range(61)
    for name in ("kv_a_proj_with_mqa", "kv_b_proj", "q_a_proj", "q_b_proj")
]
INT4_EXPERTS = group(
    {"num_bits": 4, "type": "int", "group_size": 32, "symmetric": True}, None,
    ignore=["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*",
            r"re:.*mlp\.(gate|up|gate_up|down)_proj.*"],
)  # fmt: skip

# (model, quantisation, bytes of the files, less what is not the decoder's, source); each
# quantisation is what the checkpoint's own file says, shortened
PUBLISHED = [
    (KIMI_K2, BLOCKS, 1_029_190_981_272, 0,
     "moonshotai/Kimi-K2-Instruct, weight files at fd1984e2"),
    (KIMI_K2, INT4_EXPERTS, 595e9, 0.9e9,  # with an image encoder of 0.45 billion
     "moonshotai/Kimi-K2.5, 595 GB of files (recalled)"),
    (GPT_OSS, {"quant_method": "mxfp4", "modules_to_not_convert": [
        "model.layers.*.self_attn", "model.layers.*.mlp.router", "lm_head"]},
     65_248_815_744, 0, "openai/gpt-oss-120b, tensor bytes of model.safetensors.index.json"),
    # a layer of multi-token prediction comes with it: 11.51 billion and two matrices of
    # 129,280 x 7,168 in 16 bits
    (DEEPSEEK_V3, BLOCKS, 688_586_727_753, 11.5e9 + 2 * 2 * 129280 * 7168,
     "deepseek-ai/DeepSeek-V3, weight files at afb92e1f"),
    # the same, all of it in 16 bits
    (DEEPSEEK_V3, nvfp4("lm_head", *ATTENTION), 413e9, 2 * 11.5e9 + 2 * 2 * 129280 * 7168,
     "nvidia/DeepSeek-R1-0528-NVFP4-v2, download of 413 GB"),
]  # fmt: skip


def read(model: dict[str, Any], quantisation: dict[str, Any]) -> ModelConfig:
    return read_hf_config({**model, "quantization_config": quantisation})


def weight_bytes(config: ModelConfig, **layout: int) -> float:
    model = architecture(config)
    plan = check_layout(model, **{"tp": 1, "pp": 1, "ep": 1, **layout})
    grid = make_grid((plan,), batches=(1,), inputs=(1,), outputs=(1,), engine="lmdeploy")
    return float(device_memory(model, config.precision or Precision(), grid).weights.item())


@pytest.mark.parametrize(
    ("model", "quantisation", "published", "other"),
    [case[:4] for case in PUBLISHED],
    ids=[case[4] for case in PUBLISHED],
)
def test_weights_take_the_bytes_of_the_files(model, quantisation, published, other) -> None:
    config = read(model, quantisation)
    assert weight_bytes(config) == pytest.approx(published - other, rel=0.01)


def test_deepseek_v4_takes_the_bytes_of_its_files() -> None:
    """148.66 GiB, as vLLM prints (its issue 40821); of 43 layers and one that predicts ahead."""
    files = 148.66 * 2**30
    held = weight_bytes(find_model("deepseek_v4_flash"))
    assert held == pytest.approx(files * 43 / 44, rel=0.01)


# (quantisation of a mixture with latent attention, label)
STORED = {
    "fp8 in blocks": (BLOCKS, "w fp8_block, a fp8, kv bf16"),
    "fp8, attention left out": (
        {**BLOCKS, "modules_to_not_convert": ["lm_head", "self_attn"]},
        "w fp8_block, a fp8, kv bf16, attention bf16",
    ),
    "nvfp4": (nvfp4("lm_head"), "fp4"),
    "nvfp4, attention left out by wildcard": (
        nvfp4(*(f"model.layers.{layer}.self_attn*" for layer in range(61))),
        "fp4, attention bf16",
    ),
    "nvfp4, all of attention but its output left out": (
        nvfp4(*ATTENTION),
        "fp4, attention bf16, attention output fp4",
    ),
    "nvfp4, experts alone": (
        nvfp4(*(f"model.layers.{layer}.{part}*" for layer in range(61) for part in
                ("self_attn", "mlp.shared_experts")), *(f"model.layers.{at}.*" for at in range(3))),
        "w bf16, a bf16, kv fp8, experts w fp4, a fp4",
    ),
    "mxfp4": ({"quant_method": "modelopt", "quant_algo": "W4A8_MXFP4_FP8"},
              "w fp4, a fp8, kv bf16, 4.25 bits"),
    "int4 in groups of 32, experts alone": (INT4_EXPERTS, "bf16, experts w int4, a bf16, 4.5 bits"),
    "awq": ({"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}, "int4"),
    "gptq in groups of 64": (
        {"quant_method": "gptq", "bits": 4, "group_size": 64}, "int4, 4.3125 bits"
    ),
    "gptq, attention left out": (
        {"quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": {"-:.*attn.*": {}}},
        "int4, attention bf16",
    ),
    "gptq in 8 bits": ({"quant_method": "gptq", "bits": 8, "group_size": -1}, "w8a16"),
    "w8a8 by compressed-tensors": (
        group({"num_bits": 8, "type": "int"}, {"num_bits": 8, "type": "int"}, ignore=["lm_head"]),
        "w8a8",
    ),
    "nvfp4 by compressed-tensors": (
        group(GROUP, GROUP, kv_cache_scheme=KV_FP8, ignore=["lm_head"]), "fp4"
    ),
    "a head in 4 bits": (group(GROUP, GROUP, kv_cache_scheme=KV_FP8), "fp4, head 4.5 bits"),
    "a head in 4 bits by gptq": (
        {"quant_method": "gptq", "bits": 4, "group_size": 128, "lm_head": True},
        "int4, head 4.16 bits",
    ),
    "nvfp4 experts in an fp8 checkpoint": (
        {**BLOCKS, "quantized_layers": {f"model.layers.{layer}.mlp.experts": {
            "quant_algo": "NVFP4"} for layer in range(61)}, "ignore": ["*.self_attn.*"]},
        "w fp8_block, a fp8, kv bf16, experts w fp4, a fp4",
    ),
    "fp8 in blocks by compressed-tensors": (
        group({"num_bits": 8, "type": "float", "strategy": "block", "block_structure": [128, 128]},
              {"num_bits": 8, "type": "float"}, ignore=["lm_head"]),
        "w fp8_block, a fp8, kv bf16",
    ),
    "fp8 in one piece": ({"quant_method": "fp8"}, "w fp8, a fp8, kv bf16"),
    "bitsandbytes": ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "int4, 4.5 bits"),
}  # fmt: skip


@pytest.mark.parametrize("name", STORED)
def test_parts_have_the_types_that_the_file_says(name: str) -> None:
    quantisation, label = STORED[name]
    assert read(DEEPSEEK_V3, quantisation).precision.label == label


def test_nvfp4_of_qwen3_235b_is_of_attention_too() -> None:
    gates = [f"model.layers.{layer}.mlp.gate" for layer in range(94)]
    config = read(QWEN3_235B, nvfp4("lm_head", *gates))
    assert config.precision == Precision(weights="fp4", activations="fp4", kv_cache="fp8")


def test_a_word_inside_a_name_leaves_nothing_out() -> None:
    # "gate" is the router of MiniMax-M2.5, not the gate_proj of its experts
    router = {**BLOCKS, "modules_to_not_convert": ["gate", "lm_head"]}
    assert read(QWEN3_235B, router).precision.experts == "fp8"


def test_a_few_layers_left_out_do_not_decide() -> None:
    ends = [f"model.layers.{layer}.mlp*" for layer in (0, 63)]
    assert read(QWEN3_32B, nvfp4(*ends)).precision.weights == "fp4"


def test_the_file_beside_is_read(tmp_path: Path) -> None:
    quantisation = {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "exclude_modules": []}
    for start in ("", "nvidia--Model_"):
        (tmp_path / f"{start}config.json").write_text(json.dumps(QWEN3_32B))
        beside = tmp_path / f"{start}hf_quant_config.json"
        beside.write_text(json.dumps({"quantization": quantisation}))
        found = read_hf_config(tmp_path / f"{start}config.json")
        assert found.precision.label == "fp8"
        assert found.model == ("nvidia/Model" if start else tmp_path.name)
        assert read_hf_config(beside) == found
    assert read_hf_config(tmp_path).precision.label == "fp8"


def test_without_quantisation_there_is_no_precision() -> None:
    assert read_hf_config(QWEN3_32B).precision is None
    assert read_hf_config({**QWEN3_32B, "quantization_config": None}).precision is None


def test_the_text_part_may_say_it() -> None:
    text = {**KIMI_K2, "quantization_config": INT4_EXPERTS}
    config = read_hf_config({"model_type": "kimi_k25", "text_config": text})
    assert config.precision.experts == "int4"


@pytest.mark.parametrize(
    ("quantisation", "message"),
    [
        ({"quant_method": "hqq"}, "quant_method must be one that can be described .*got 'hqq'"),
        ({"quant_method": "gptq", "bits": 3}, "bits can only be described as 4 or 8, got 3"),
        ({"quant_method": "awq", "bits": 8}, "bits can only be described as 4, got 8"),
        ({"quant_algo": "FP3"}, "quant_algo must be one of FP8.*got 'FP3'"),
        (
            group({"num_bits": 6, "type": "float"}, None),
            "weights: the field num_bits must be one of 4, 8, 16 where type is float, got 6",
        ),
        (group({"num_bits": 8, "type": "posit"}, None), "type must be float or int, got 'posit'"),
        (group(KV_FP8, {"num_bits": 6, "type": "float"}), "input_activations: .*num_bits .*got 6"),
        (
            group(KV_FP8, None, kv_cache_scheme={"num_bits": 6, "type": "int"}),
            "kv_cache_scheme: the field num_bits must be one of 4, 8 where type is int, got 6",
        ),
        (
            {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8_K_NVFP4_V"},
            "kv_cache_quant_algo can only be described as FP8, INT8, .*got 'FP8_K_NVFP4_V'",
        ),
        ({"quant_algo": "FP8", "kv_cache_scheme": "FP6"}, "kv_cache_scheme can only .*got 'FP6'"),
        ({"quant_method": "awq", "w_bit": 3}, "the field w_bit can only be described as 4, got 3"),
        ({"quant_algo": "MIXED_PRECISION"}, "quantized_layers must be an object, and is not there"),
        ({"bits": 4}, "quant_method must be one that can be described .*, and is not there"),
    ],
)
def test_what_cannot_be_described_is_refused(quantisation, message) -> None:
    with pytest.raises(ValueError, match=message):
        read(DEEPSEEK_V3, quantisation)


# (what a file says of the KV cache, its type): by modelopt's algorithms, or as a scheme
CACHES: list[tuple[dict[str, Any], str]] = [
    ({"kv_cache_quant_algo": "INT8"}, "int8"),
    ({"kv_cache_quant_algo": "FP8"}, "fp8"),
    ({"kv_cache_quant_algo": "NVFP4"}, "fp4"),
    ({"kv_cache_quant_algo": "NVFP4_AFFINE"}, "fp4"),
    ({"kv_cache_quant_algo": None}, "bf16"),
    ({"kv_cache_scheme": "FP8"}, "fp8"),
    ({"kv_cache_scheme": {"num_bits": 8, "type": "int"}}, "int8"),
    ({"kv_cache_scheme": {"num_bits": 16, "type": "float"}}, "bf16"),
]


@pytest.mark.parametrize(("said", "kind"), CACHES)
def test_a_cache_is_in_the_type_that_the_file_says(said: dict[str, Any], kind: str) -> None:
    beside = {"quant_method": "modelopt", "quant_algo": "W4A16_AWQ", **said}
    assert read(QWEN3_32B, beside).precision.kv_cache == kind
    assert read(QWEN3_32B, {"quant_method": "fp8", **said}).precision.kv_cache == kind


def test_an_int8_cache_beside_the_config_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(QWEN3_32B))
    quantisation = {"quant_algo": "W8A8_SQ_PER_CHANNEL", "kv_cache_quant_algo": "INT8"}
    (tmp_path / "hf_quant_config.json").write_text(json.dumps({"quantization": quantisation}))
    assert read_hf_config(tmp_path).precision.label == "int8"


def test_each_part_counts_its_own_bytes() -> None:
    """Of one layer by hand: attention 187.1 million, of them 117.4 of the output projection."""
    config = replace(read_hf_config(DEEPSEEK_V3), precision=Precision(weights="fp8"))
    output = 61 * 128 * 128 * 7168
    attention = (
        61 * (7168 * (1536 + 576) + 1536 + 512 + 1536 * 128 * 192 + 128 * 512 * 256) + output
    )
    shared = 58 * 3 * 7168 * 2048
    base = weight_bytes(config)
    for part, parameters in (
        ({"attention": "bf16"}, attention),
        ({"attention": "bf16", "attention_output": "fp8"}, attention - output),
        ({"shared": "bf16"}, shared),
        ({"recurrent": "bf16"}, 0),
    ):
        wider = replace(config, precision=Precision(weights="fp8", **part))
        assert weight_bytes(wider) - base == pytest.approx(parameters, rel=1e-6)
    halved = replace(config, precision=Precision(weights="fp8", attention_output="bf16"))
    sharded = weight_bytes(halved, tp=8) - weight_bytes(config, tp=8)
    assert sharded == pytest.approx(output / 8, rel=1e-6)


def test_a_quantisation_file_alone_points_to_the_model() -> None:
    alone = {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4"}}
    with pytest.raises(ValueError, match=r"has a field model_type.*give the config\.json beside"):
        read_hf_config(alone)


MLX = {"group_size": 64, "bits": 4}
MLX_MODEL: dict[str, Any] = {
    "model_type": "llama", "vocab_size": 32000, "hidden_size": 4096, "num_hidden_layers": 2,
    "num_attention_heads": 32, "intermediate_size": 11008,
}  # fmt: skip


@pytest.mark.parametrize(
    ("stated", "weights", "head"),
    [
        (MLX, 4.5, 4.5),  # a scale and a bias of 16 bits for 64 weights
        ({"group_size": 32, "bits": 8}, 9.0, 9.0),
        (MLX | {"bits": 6}, 6.5, 6.5),
        (MLX | {"lm_head": False}, 4.5, 16.0),
        ({"group_size": 32, "bits": 4, "mode": "mxfp4"}, 4.25, 4.25),
    ],
)
def test_mlx_quantises_embedding_and_head_too(
    stated: dict[str, Any], weights: float, head: float
) -> None:
    precision = read_hf_config({**MLX_MODEL, "quantization": stated}).precision
    assert precision is not None
    assert precision.bits("weights") == weights
    assert precision.head_bytes == head / 8
    assert precision.embedding_bytes == weights / 8
