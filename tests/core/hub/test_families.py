"""More families: parameters as the public code counts them, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from llmcalc_core import ModelConfig, Precision
from llmcalc_core.architecture.model import architecture
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.costmodel.sections import sections
from llmcalc_core.hub.reader import read_hf_config
from llmcalc_core.layers.work import make_pass
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout

# Four layers and 1,000 tokens of each; other fields are the defaults of the family's configuration
# class. (model_type, parameters of the text part and of the rest as transformers 5.23.0 counts them
# on the meta device, difference, fields, fields of the encoder). Differences: biases of routers,
# which are buffers there; two numbers of Apertus' activation in each layer, which are not counted.
SMALL = {"vocab_size": 1000, "num_hidden_layers": 4}
FAMILIES: list[tuple[str, int, int, int, dict[str, Any], dict[str, Any]]] = [
    ("ernie4_5_moe", 2_496_064_192, 0, 0, {"hidden_size": 2560, "intermediate_size": 12288,
     "moe_intermediate_size": 1536, "moe_k": 6, "moe_num_experts": 64, "moe_num_shared_experts":
     2, "num_attention_heads": 20, "num_key_value_heads": 4}, {}),
    ("hy_v3", 11_404_416_000, 0, 576, {"head_dim": 128, "hidden_size": 4096,
     "intermediate_size": 13312, "moe_intermediate_size": 1536, "num_attention_heads": 64,
     "num_experts": 192, "num_experts_per_tok": 8, "num_key_value_heads": 8,
     "num_shared_experts": 1}, {}),
    ("exaone_moe", 2_932_446_208, 0, 192, {"hidden_size": 4096, "intermediate_size": 16384,
     "moe_intermediate_size": 1024, "num_attention_heads": 32, "num_experts": 64,
     "num_experts_per_tok": 8, "num_key_value_heads": 32, "num_shared_experts": 1}, {}),
    ("afmoe", 1_839_008_960, 0, 0, {"head_dim": 128, "hidden_size": 2048, "intermediate_size":
     6144, "moe_intermediate_size": 1408, "num_attention_heads": 16, "num_experts": 64,
     "num_experts_per_tok": 6, "num_key_value_heads": 16, "num_shared_experts": 2,
     "sliding_window": 1024}, {}),
    ("solar_open", 8_428_294_144, 0, 512, {"head_dim": 128, "hidden_size": 4096,
     "moe_intermediate_size": 1280, "n_routed_experts": 128, "n_shared_experts": 1,
     "num_attention_heads": 64, "num_experts_per_tok": 8, "num_key_value_heads": 8}, {}),
    ("mistral4", 13_108_093_952, 0, 0, {"hidden_size": 4096, "intermediate_size": 12288,
     "kv_lora_rank": 256, "moe_intermediate_size": 2048, "n_routed_experts": 128,
     "n_shared_experts": 1, "num_attention_heads": 32, "num_experts_per_tok": 4, "q_lora_rank":
     1024, "qk_nope_head_dim": 64, "qk_rope_head_dim": 64, "v_head_dim": 128}, {}),
    ("granitemoeshared", 4_605_317_120, 0, 0, {"hidden_size": 4096, "intermediate_size": 11008,
     "num_attention_heads": 32, "num_experts_per_tok": 2, "num_key_value_heads": 32,
     "num_local_experts": 8}, {}),
    ("laguna", 2_599_210_752, 0, 0, {"head_dim": 128, "hidden_size": 2048, "intermediate_size":
     8192, "moe_intermediate_size": 512, "num_attention_heads": 48,
     "num_attention_heads_per_layer": [48, 48, 48, 48], "num_experts": 256,
     "num_experts_per_tok": 8, "num_key_value_heads": 8, "shared_expert_intermediate_size":
     512}, {}),
    ("step3p7", 5_273_261_056, 1_981_014_784, 288, {"head_dim": 128, "hidden_size": 4096,
     "intermediate_size": 11264, "moe_intermediate_size": 1280, "n_routed_experts": 288,
     "num_attention_heads": 64, "num_experts_per_tok": 8, "num_key_value_heads": 8,
     "share_expert_dim": 1280}, {"hidden_size": 1536, "image_size": 728, "intermediate_size":
     8960, "num_hidden_layers": 47, "patch_size": 14}),
    ("apertus", 746_427_400, 0, 0, {"hidden_size": 4096, "intermediate_size": 14336,
     "num_attention_heads": 32}, {}),
    ("arcee", 487_488_000, 0, 0, {"hidden_size": 2560, "intermediate_size": 18432,
     "num_attention_heads": 32}, {}),
    ("cwm", 1_950_111_744, 0, 0, {"hidden_size": 6144, "intermediate_size": 21504,
     "num_attention_heads": 48, "num_key_value_heads": 8, "sliding_window": 8192}, {}),
    ("ministral3", 880_644_096, 0, 0, {"hidden_size": 4096, "intermediate_size": 14336,
     "num_attention_heads": 32, "num_key_value_heads": 8}, {}),
    ("internlm3", 654_151_680, 0, 0, {"hidden_size": 4096, "intermediate_size": 10240,
     "num_attention_heads": 32, "num_key_value_heads": 2}, {}),
    ("olmo", 817_692_672, 0, 0, {"hidden_size": 4096, "intermediate_size": 11008,
     "num_attention_heads": 32}, {}),
    ("stablelm", 322_360_320, 0, 0, {"hidden_size": 2560, "intermediate_size": 6912,
     "num_attention_heads": 32}, {}),
    ("youtu", 214_411_264, 0, 0, {"hidden_size": 2048, "intermediate_size": 6144,
     "kv_lora_rank": 512, "num_attention_heads": 16, "q_lora_rank": 1536, "qk_nope_head_dim":
     128, "qk_rope_head_dim": 64, "v_head_dim": 128}, {}),
    ("minicpm3", 253_262_336, 0, 0, {"hidden_size": 2560, "intermediate_size": 6400,
     "kv_lora_rank": 256, "num_attention_heads": 40, "q_lora_rank": 768, "qk_nope_head_dim": 64,
     "qk_rope_head_dim": 32, "v_head_dim": 64}, {}),
    ("granite_swa", 317_155_920, 0, 0, {"hidden_size": 2560, "intermediate_size": 8192,
     "layer_types": ["full_attention", "sliding_attention", "sliding_attention",
     "sliding_attention"], "num_attention_heads": 20, "num_key_value_heads": 4,
     "sliding_window": 128, "tie_word_embeddings": True}, {}),
    ("vaultgemma", 313_751_808, 0, 0, {"head_dim": 256, "hidden_size": 2304,
     "intermediate_size": 9216, "num_attention_heads": 8, "num_key_value_heads": 4,
     "sliding_window": 4096}, {}),
    ("gemma3n_text", 743_493_696, 0, 0, {"hidden_size": 2048, "intermediate_size": [16384] * 4,
     "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 256, "sliding_window": 512,
     "num_kv_shared_layers": 2, "hidden_size_per_layer_input": 256, "laurel_rank": 64,
     "vocab_size_per_layer_input": 262144, "altup_num_inputs": 4}, {}),
    ("helium", 326_269_440, 0, 0, {"hidden_size": 2560, "intermediate_size": 7040,
     "num_attention_heads": 20}, {}),
    ("qwen2_vl", 3_527_131_136, 675_759_104, 0, {"hidden_size": 8192, "intermediate_size":
     29568, "num_attention_heads": 64, "num_key_value_heads": 8}, {"depth": 32, "embed_dim":
     1280, "hidden_size": 3584, "mlp_ratio": 4, "patch_size": 14, "spatial_merge_size": 2}),
    ("qwen2_5_vl", 3_527_131_136, 3_083_025_152, 0, {"hidden_size": 8192, "intermediate_size":
     29568, "num_attention_heads": 64, "num_key_value_heads": 8}, {"depth": 32,
     "fullatt_block_indexes": [7, 15, 23, 31], "hidden_size": 3584, "intermediate_size": 3420,
     "out_hidden_size": 3584, "patch_size": 14, "spatial_merge_size": 2}),
    ("glm4v", 824_072_192, 892_498_432, 0, {"hidden_size": 4096, "intermediate_size": 13696,
     "num_attention_heads": 32, "num_key_value_heads": 2}, {"depth": 24, "hidden_size": 1536,
     "image_size": 336, "intermediate_size": 13696, "out_hidden_size": 4096, "patch_size": 14,
     "spatial_merge_size": 2}),
]  # fmt: skip


def _file(model_type: str, values: dict[str, Any], encoder: dict[str, Any]) -> dict[str, Any]:
    text = {**SMALL, **values}
    if not encoder:
        return {"model_type": model_type, **text}
    return {"model_type": model_type, "text_config": text, "vision_config": encoder}


BY_TYPE = {row[0]: _file(row[0], row[4], row[5]) for row in FAMILIES}


@pytest.mark.parametrize(
    ("model_type", "text", "rest", "difference"),
    [row[:4] for row in FAMILIES],
    ids=[row[0] for row in FAMILIES],
)
def test_parameters_are_those_of_the_public_code(model_type, text, rest, difference) -> None:
    model = architecture(read_hf_config(BY_TYPE[model_type]))
    assert model.parameters == text + difference
    assert model.vision_parameters == rest


def test_laguna_has_more_heads_in_its_windows() -> None:
    """Laguna S 2.1 by hand: 48 heads in full layers, 72 in windows; a gate for each head."""
    heads = [48, 72, 72, 72]
    kinds = ["full_attention", *["sliding_attention"] * 3]
    values = {**BY_TYPE["laguna"], "num_attention_heads_per_layer": heads, "layer_types": kinds,
              "gating": "per-head", "sliding_window": 512}  # fmt: skip
    model = architecture(read_hf_config(values))
    mixers = [model.layers[kind].mixer for kind in model.sequence]
    assert [mixer.heads for mixer in mixers] == heads
    assert [mixer.window for mixer in mixers] == [None, 512, 512, 512]
    assert [mixer.parameters for mixer in mixers] == [
        2048 * (2 * one * 128 + 2 * 8 * 128 + one) + 2 * 128 for one in heads
    ]


def test_step_in_the_words_of_its_own_file() -> None:
    """Groups are key and value heads; lists go on for modules of prediction."""
    own = {
        "model_type": "step3p5", **SMALL, "hidden_size": 4096, "intermediate_size": 11264,
        "num_attention_heads": 64, "num_attention_groups": 8, "head_dim": 128,
        "moe_num_experts": 288, "moe_top_k": 8, "moe_intermediate_size": 1280,
        "share_expert_dim": 1280, "use_head_wise_attn_gate": True, "use_moe_router_bias": True,
        "sliding_window": 512, "num_nextn_predict_layers": 2, "moe_layers_enum": "3",
        "layer_types": ["full_attention", *["sliding_attention"] * 3, *["sliding_attention"] * 2],
        "attention_other_setting": {
            "attention_type": "sliding_attention", "num_attention_heads": 96,
            "num_attention_groups": 8, "head_dim": 128,
        },
    }  # fmt: skip
    model = architecture(read_hf_config(own))
    assert [model.layers[kind].mixer.heads for kind in model.sequence] == [64, 96, 96, 96]
    attention = 4096 * 128 * (2 * 96 + 2 * 8) + 96 * 4096 + 2 * 128
    dense = 3 * 4096 * 11264
    assert model.mtp_parameters == 2 * (attention + dense + 2 * 4096**2 + 5 * 4096)
    assert model.experts == 288


def test_modules_of_ernie_and_k_exaone_are_dense() -> None:
    # vLLM's ernie_mtp.py: two norms, the joining matrix and a layer of Llama's, no norm after it.
    ernie = architecture(read_hf_config({**BY_TYPE["ernie4_5_moe"], "num_nextn_predict_layers": 1}))
    attention = 2560 * 128 * (2 * 20 + 2 * 4)
    assert ernie.mtp_parameters == attention + 3 * 2560 * 12288 + 2 * 2560**2 + 4 * 2560
    # Its exaone_moe_mtp.py: the same with a norm at the end, and norms of queries and keys.
    own = {**BY_TYPE["exaone_moe"], "num_nextn_predict_layers": 1}
    attention = 4096 * 128 * (2 * 32 + 2 * 32) + 2 * 128
    for given, kind in (
        ({}, "full_attention"),
        ({"mtp_layer_types": ["full_attention"]}, "full_attention"),
        (
            {"mtp_layer_types": ["sliding_attention"], "mtp_sliding_windows": [128],
             "sliding_window": 128},
            "sliding_attention",
        ),
    ):  # fmt: skip
        config = read_hf_config({**own, **given})
        found = architecture(config).mtp_parameters
        assert found == attention + 3 * 4096 * 16384 + 2 * 4096**2 + 5 * 4096
        assert config.mixers_of(config.num_decoder_layers) == (kind, "dense")


def test_windows_of_an_encoder_make_images_cheaper() -> None:
    """Qwen2.5-VL: 28 of 32 layers attend in windows of 8 x 8 patches."""
    tower = read_hf_config(BY_TYPE["qwen2_5_vl"]).vision
    assert tower.attended(4096) == (4 * 4096 + 28 * 64) / 32
    assert tower.attended(16) == 16
    assert read_hf_config(BY_TYPE["qwen2_vl"]).vision.attended(4096) == 4096


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("ernie4_5_moe", {"moe_layer_interval": 2}, "moe_layer_interval .* got 2"),
    ("ernie4_5_moe", {"moe_layer_end_index": 1}, "moe_layer_end_index .* got 1"),
    (
        "ernie4_5_moe",
        {"use_bias": True, "num_nextn_predict_layers": 1},
        "num_nextn_predict_layers .* got 1",
    ),
    ("exaone_moe", {"num_nextn_predict_layers": 2}, "num_nextn_predict_layers .* 0 or 1, got 2"),
    (
        "exaone_moe",
        {"num_nextn_predict_layers": 1, "mtp_layer_types": ["linear_attention"]},
        "mtp_layer_types must be one of .* got .'linear_attention'",
    ),
    (
        "exaone_moe",
        {
            "num_nextn_predict_layers": 1,
            "mtp_layer_types": ["sliding_attention"],
            "mtp_sliding_windows": [64],
            "sliding_window": 128,
        },
        "mtp_sliding_windows .* sliding_window, got .64",
    ),
    ("solar_open", {"num_nextn_predict_layers": 1}, "num_nextn_predict_layers may change .* got 1"),
    ("hy_v3", {"mlp_layer_types": ["sparse", "dense"] * 2}, "mlp_layer_types .* 2 dense layers"),
    ("laguna", {"gating": "per-element"}, "gating .* got 'per-element'"),
    ("laguna", {"num_attention_heads_per_layer": [48]}, "num_attention_heads_per_layer must be"),
    ("solar_open", {"use_qk_norm": True}, "use_qk_norm .* got True"),
    ("apertus", {"post_norm": True}, "post_norm .* got True"),
    ("stablelm", {"qk_layernorm": True}, "qk_layernorm .* got True"),
]


@pytest.mark.parametrize(("model_type", "values", "message"), REFUSED)
def test_what_cannot_be_described_is_refused(model_type, values, message) -> None:
    with pytest.raises(ValueError, match=message):
        read_hf_config({**BY_TYPE[model_type], **values})


def test_a_pass_of_gemma_3n_by_hand() -> None:
    """A token through every matrix of a layer, its streams there and back, and the head.

    Of a layer 64 wide, with 4 heads of 16 and 2 of keys and values: attention, a dense layer of
    128, a gate of 8 for its input and back, a rank of 4 around attention, two routers of 3 streams.
    """
    config = ModelConfig(
        vocab_size=1000, hidden_size=64, num_decoder_layers=1, num_attention_heads=4,
        num_key_value_heads=2, intermediate_size=128, per_layer_input_size=8,
        per_layer_input_vocab=1000, altup_num_inputs=3, laurel_rank=4, tie_word_embeddings=True,
    )  # fmt: skip
    model = architecture(config)
    grid = make_grid((Layout(),), batches=(1,), inputs=(10,), outputs=(1,))
    step = make_pass(model.hidden, grid, Precision(), decode=True)
    parts = zip(section_counts(model), sections(model, step), strict=True)
    work = [(count, one) for count, section in parts for one in section.operations]
    layer = 64 * 16 * (4 + 2 + 2 + 4) + 3 * 64 * 128 + 2 * 8 * 64 + 2 * 4 * 64 + 2 * 3 * 64
    outside = 8 * 64 + 2 * 2 * 64**2 + 64 * 1000  # inputs of the layer, streams, head
    gemms = sum(count * float(one.flops) for count, one in work if one.kind == "gemm")
    assert gemms == 2 * (layer + outside)
    assert model.residual_rows == 3


def test_encoders_of_gemma_3n_are_refused_by_name() -> None:
    text = BY_TYPE["gemma3n_text"]
    whole = {"model_type": "gemma3n", "text_config": text}
    assert read_hf_config(whole).altup_num_inputs == 4
    with pytest.raises(ValueError, match=r"vision_config cannot be described .*give text_config"):
        read_hf_config({**whole, "vision_config": {"hidden_size": 2048}})
    with pytest.raises(ValueError, match=r"intermediate_size can only be .*same in every layer"):
        read_hf_config({**text, "intermediate_size": [64, 128, 64, 64]})


def test_recurrent_gemma_keeps_windows_and_states() -> None:
    # google/recurrentgemma-2b: 2.68 B parameters (2,682,862,080 by transformers 5.24.0); a third of
    # its 26 layers, 8 of them, attend to a window of 2,048.
    read = read_hf_config(
        {
            "model_type": "recurrent_gemma", "vocab_size": 256000, "hidden_size": 2560,
            "intermediate_size": 15360, "num_hidden_layers": 26, "num_attention_heads": 10,
            "num_key_value_heads": 1, "lru_width": 2560, "attention_window_size": 2048,
        }
    )  # fmt: skip
    assert read.parameters == 2_682_862_080
    assert read.layer_types.count("sliding_attention") == 8
    assert read.layer_types.count("rg_lru") == 18
    assert read.bytes_per_token == 0
