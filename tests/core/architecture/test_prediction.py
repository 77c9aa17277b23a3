"""Multi-token prediction: counted beside the decoder, to the last digit of published files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmcalc_core import ModelConfig, estimate_decode_performance, find_model
from llmcalc_core.architecture.model import architecture
from llmcalc_core.hub.reader import read_hf_config
from llmcalc_core.layers.moe import MoE

# (model, parameters with the module, parameters without, copies of embedding and head that the
# file holds as well [elements], source): totals of safetensors files, checked 2026-11-23
PUBLISHED = [
    ("glm_5", 753_864_139_008, 743_911_218_432, 0, "zai-org/GLM-5, less the layers as described"),
    ("glm_4_5", 358_337_791_296, 352_797_829_024, 2 * 151552 * 5120, "zai-org/GLM-4.5"),
    ("glm_4_5", 356_785_898_816, 352_797_829_024, 0, "zai-org/GLM-4.6, without the copies"),
    ("glm_4_5_air", 110_468_824_832, 106_852_251_264, 2 * 151552 * 4096,
     "zai-org/GLM-4.5-Air and PrimeIntellect/INTELLECT-3"),
    ("qwen3_next_80b_a3b", 81_324_862_720, 79_674_391_296, 0,
     "Qwen/Qwen3-Next-80B-A3B-Instruct and Qwen/Qwen3-Coder-Next"),
    ("qwen3_5_27b", 27_781_427_952, 26_895_998_464 + 460_730_096, 0,
     "Qwen/Qwen3.8-27B, less decoder and encoder of images as described"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "whole", "without", "copies"),
    [case[:4] for case in PUBLISHED],
    ids=[case[4] for case in PUBLISHED],
)
def test_parameters_of_the_module(name, whole, without, copies) -> None:
    assert architecture(find_model(name)).mtp_parameters == whole - without - copies


def test_deepseek_v3_by_hand() -> None:
    """A layer like the last, a matrix of 14,336 x 7168 and three norms (arXiv:2412.19437, 2.2)."""
    model = architecture(find_model("deepseek_v3"))
    last = model.layers[model.sequence[-1]]
    assert model.prediction.layer == last
    assert isinstance(model.prediction.layer.channel, MoE)
    assert model.mtp_parameters == last.parameters + 2 * 7168**2 + 3 * 7168
    # 14B in the model card, with copies of embedding and head of 0.93B each
    assert model.mtp_parameters + 2 * 129280 * 7168 == pytest.approx(14e9, rel=0.05)
    idle = 248 * 3 * 7168 * 2048  # of 256 experts a token uses 8
    assert model.prediction.active_parameters == model.mtp_parameters - idle


# (model, modules, parameters of one, source of its shape)
BY_HAND = [
    # queries, keys and values of 64 x 192, 8 x 192 and 8 x 128; results of 64 x 128; a sink for
    # each head; a dense layer of 16,384; a matrix that joins two rows; five norms
    ("mimo_v2_flash", 3,
     14848 * 4096 + 8192 * 4096 + 64 + 3 * 4096 * 16384 + 8192 * 4096 + 5 * 4096,
     "SGLang, mimo_v2_flash_nextn.py, read 2026-11-23; 3 modules: arXiv:2601.02780"),
    # 32 heads and 2 of keys and values of 128; 512 experts of 2 x 1024 x 2688 in a latent space, a
    # shared one of 2 x 4096 x 5376, a router with a bias; a joining matrix and five norms
    ("nemotron_3_super_120b_a12b", 1,
     4096 * 128 * (2 * 32 + 2 * 2) + 512 * 2 * 1024 * 2688 + 2 * 4096 * 5376 + 2 * 4096 * 1024
     + 512 * 4097 + 8192 * 4096 + 5 * 4096,
     "SGLang, nemotron_h_mtp.py, read 2026-11-23"),
    # attention in a window: queries by a rank of 1024 to 64 heads of 512, one key, sinks, results
    # by 8 groups to a rank of 1024; two mixes of 24 rows over 4 streams; 256 experts and a shared
    # one of 3 x 4096 x 2048, a router with a bias; two joining matrices; five norms; a mix of its
    # own at the end
    ("deepseek_v4_flash", 1,
     1024 * 4097 + 1024 * 64 * 512 + 512 * 4097 + 64 + 1024 * 64 * 512 + 8 * 1024 * 4096
     + 2 * (24 * (4 * 4096 + 1) + 3) + 257 * 3 * 4096 * 2048 + 256 * 4097
     + 2 * 4096**2 + 5 * 4096 + 4 * 4 * 4096 + 4 + 1,
     "SGLang, deepseek_v4_nextn.py, read 2026-11-23"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "count", "one"), [case[:3] for case in BY_HAND], ids=[case[3] for case in BY_HAND]
)
def test_modules_whose_layer_is_not_like_the_last(name, count, one) -> None:
    model = architecture(find_model(name))
    assert model.prediction.count == count
    assert model.mtp_parameters == count * one


def test_a_module_has_a_layer_of_its_own() -> None:
    tiny = ModelConfig(
        vocab_size=10, hidden_size=8, num_decoder_layers=1, num_attention_heads=4,
        intermediate_size=16, sliding_window=4, layer_types=("full_attention",), mtp_layers=1,
        mtp_layer={"layer_type": "sliding_attention", "num_key_value_heads": 1},
    )  # fmt: skip
    layer = architecture(tiny).prediction.layer
    assert (layer.mixer.window, layer.mixer.kv_heads) == (4, 1)
    assert architecture(tiny).layers[0].mixer.kv_heads == 4
    for own, message in (
        ({"layer_types": "none"}, "mtp_layer must be one of.*got 'layer_types'"),
        ({"layer_type": "window"}, "mtp_layer, layer_type must be"),
        ({"num_key_value_heads": 3}, "num_key_value_heads must divide .*got 3"),
        ({"mlp_layer_type": "sparse"}, "need num_experts"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(tiny, mtp_layer=own)


def test_the_decoder_is_counted_without_it() -> None:
    with_module = find_model("deepseek_v3")
    without = replace(with_module, mtp_layers=0)
    assert architecture(with_module).parameters == architecture(without).parameters
    assert architecture(without).prediction is None
    assert architecture(without).mtp_parameters == 0
    asked = {"batch_size": 8, "system_name": "H200_141GB", "tensor_parallel": 8}
    assert estimate_decode_performance(with_module, **asked) == estimate_decode_performance(
        without, **asked
    )


def test_two_modules_are_twice_one() -> None:
    one = architecture(find_model("deepseek_v3")).mtp_parameters
    assert architecture(replace(find_model("deepseek_v3"), mtp_layers=2)).mtp_parameters == 2 * one


def test_a_file_says_how_many() -> None:
    values = {
        "model_type": "deepseek_v3", "vocab_size": 1000, "hidden_size": 64,
        "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 128,
        "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
        "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 8,
    }  # fmt: skip
    for stated in ({}, {"num_nextn_predict_layers": 0}):
        assert read_hf_config({**values, **stated}).mtp_layers == 0
    assert read_hf_config({**values, "num_nextn_predict_layers": 2}).mtp_layers == 2


def test_a_file_says_what_the_layer_is() -> None:
    values = {
        "model_type": "nemotron_h", "vocab_size": 1000, "hidden_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "intermediate_size": 128, "hybrid_override_pattern": "M-", "ssm_state_size": 16,
        "conv_kernel": 4, "mamba_num_heads": 4, "mamba_head_dim": 16, "n_groups": 2,
        "use_conv_bias": True, "mtp_hybrid_override_pattern": "*-",
    }  # fmt: skip
    assert read_hf_config(values).mtp_layers == 0
    found = read_hf_config({**values, "num_nextn_predict_layers": 2})
    named = {"mtp_layers_block_type": ["attention", "mlp"], "mtp_hybrid_override_pattern": None}
    assert found == read_hf_config({**values, "num_nextn_predict_layers": 2, **named})
    attention, dense = 64 * 16 * (4 + 2 + 2 + 4), 2 * 64 * 128
    assert architecture(found).mtp_parameters == 2 * (attention + dense + 2 * 64**2 + 5 * 64)
    for pattern in ("*", "-*", "**E", "M"):
        with pytest.raises(ValueError, match="mtp_hybrid_override_pattern must be a mixer of"):
            read_hf_config(
                {**values, "num_nextn_predict_layers": 1, "mtp_hybrid_override_pattern": pattern}
            )


def test_a_file_of_qwen3_next_says_nothing_of_its_module() -> None:
    values = {
        "model_type": "qwen3_next", "vocab_size": 151936, "hidden_size": 2048,
        "num_hidden_layers": 48, "num_attention_heads": 16, "num_key_value_heads": 2,
        "head_dim": 256, "linear_num_key_heads": 16, "linear_num_value_heads": 32,
        "linear_key_head_dim": 128, "linear_value_head_dim": 128, "num_experts": 512,
        "num_experts_per_tok": 10, "moe_intermediate_size": 512,
        "shared_expert_intermediate_size": 512, "intermediate_size": 5120,
    }  # fmt: skip
    found = architecture(read_hf_config(values)).mtp_parameters
    assert found == architecture(find_model("qwen3_next_80b_a3b")).mtp_parameters > 0
    assert read_hf_config({**values, "mtp_num_hidden_layers": 0}).mtp_layers == 0


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="mtp_layers must be a whole number of at least 0"):
        replace(find_model("deepseek_v3"), mtp_layers=-1)
