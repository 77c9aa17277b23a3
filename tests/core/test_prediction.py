"""Multi-token prediction: counted beside the decoder, to the last digit of published files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmcalc_core import estimate_decode_performance, find_model
from llmcalc_core.catalog.hf_config import read_hf_config
from llmcalc_core.domain.layers import Mixture
from llmcalc_core.domain.model import architecture

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
    assert isinstance(model.prediction.layer.channel, Mixture)
    assert model.mtp_parameters == last.parameters + 2 * 7168**2 + 3 * 7168
    # 14B in the model card, with copies of embedding and head of 0.93B each
    assert model.mtp_parameters + 2 * 129280 * 7168 == pytest.approx(14e9, rel=0.05)
    idle = 248 * 3 * 7168 * 2048  # of 256 experts a token uses 8
    assert model.prediction.active_parameters == model.mtp_parameters - idle


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


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="mtp_layers must be a whole number of at least 0"):
        replace(find_model("deepseek_v3"), mtp_layers=-1)
