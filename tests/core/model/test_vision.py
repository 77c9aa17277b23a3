"""Encoders of images: their parameters as published, their memory, their work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmcalc_core import (
    VisionTower,
    estimate_decode_performance,
    explore,
    find_model,
    image_work,
)
from llmcalc_core.architecture.model import architecture
from llmcalc_core.hub.reader import read_hf_config
from tests.core.vision_configs import GEMMA4_VISION, PIXTRAL, QWEN_VISION, SIGLIP

QWEN3_8B = {"model_type": "qwen3_vl_text", "vocab_size": 151936, "hidden_size": 4096,
            "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8,
            "head_dim": 128, "intermediate_size": 12288}  # fmt: skip
QWEN3_30B = {"model_type": "qwen3_vl_moe_text", "vocab_size": 151936, "hidden_size": 2048,
             "num_hidden_layers": 48, "num_attention_heads": 32, "num_key_value_heads": 4,
             "head_dim": 128, "intermediate_size": 6144, "num_experts": 128,
             "num_experts_per_tok": 8, "moe_intermediate_size": 768}  # fmt: skip
MISTRAL = {"model_type": "mistral", "vocab_size": 131072, "hidden_size": 5120,
           "num_hidden_layers": 40, "num_attention_heads": 32, "num_key_value_heads": 8,
           "head_dim": 128, "intermediate_size": 32768, "sliding_window": None}  # fmt: skip
DEEP = {**QWEN_VISION, "deepstack_visual_indexes": [8, 16, 24]}

# (file, parameters of decoder and encoder, source): totals of the safetensors files
PUBLISHED: list[tuple[dict[str, Any], int, str]] = [
    ({"model_type": "qwen3_vl", "text_config": QWEN3_8B, "vision_config": DEEP},
     8_767_123_696, "Qwen/Qwen3-VL-8B-Instruct, recalled"),
    ({"model_type": "qwen3_vl_moe", "text_config": QWEN3_30B,
      "vision_config": {**DEEP, "out_hidden_size": 2048}},
     31_070_754_032, "Qwen/Qwen3-VL-30B-A3B-Instruct, recalled"),
    ({"model_type": "mistral3", "text_config": MISTRAL, "vision_config": PIXTRAL,
      "spatial_merge_size": 2, "multimodal_projector_bias": False},
     24_011_361_280, "mistralai/Mistral-Small-3.2-24B-Instruct-2506, checked 2026-11-23"),
    ({"model_type": "gemma3", "vision_config": SIGLIP, "mm_tokens_per_image": 256,
      "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34,
                      "sliding_window": 1024}},
     4_300_079_472, "google/gemma-3-4b-it, checked 2026-11-23"),
]  # fmt: skip

# (name in the catalogue, parameters of decoder and encoder, source)
CATALOGUE = [
    ("llama4_scout", 108_641_793_536, "safetensors total, checked 2026-11-23"),
    ("gemma3_27b", 27_432_406_640, "safetensors total, checked 2026-11-23"),
    ("gemma4_26b_a4b", 25_805_933_872, "safetensors total, recalled"),
    ("qwen3_vl_2b", 2_127_532_032, "safetensors total, recalled"),
]


def total(config: Any) -> int:
    model = architecture(config)
    return model.parameters + model.vision_parameters


@pytest.mark.parametrize(
    ("values", "published"), [case[:2] for case in PUBLISHED], ids=[case[2] for case in PUBLISHED]
)
def test_a_file_with_images_is_read_with_its_encoder(values, published) -> None:
    assert total(read_hf_config(values)) == published


@pytest.mark.parametrize(
    ("name", "published"),
    [case[:2] for case in CATALOGUE],
    ids=[f"{name}: {source}" for name, _, source in CATALOGUE],
)
def test_models_with_images_have_the_published_parameters(name, published) -> None:
    assert total(find_model(name)) == published


def test_a_file_without_an_encoder_has_none() -> None:
    text = {"model_type": "qwen3_vl", "text_config": QWEN3_8B}
    assert read_hf_config(text).vision is None
    assert replace(find_model("qwen3_vl_8b"), vision=None, model="x") == replace(
        find_model("qwen3_8b"), max_model_len=262144, model="x"
    )


def test_gemma_4_pools_three_by_three_patches_into_280_tokens_at_most() -> None:
    text = {"model_type": "gemma4_text", "vocab_size": 262144, "hidden_size": 2816}
    values = {"model_type": "gemma4", "text_config": text, "vision_config": GEMMA4_VISION}
    with pytest.raises(ValueError, match="layer_types must name every layer"):
        read_hf_config(values)  # the decoder's own fields are needed all the same
    work = image_work("gemma4_26b_a4b", 480, 480)
    assert (work["patches"], work["tokens"]) == (900, 100)  # 480/16 = 30 = 3 x 10 on a side
    assert image_work("gemma4_26b_a4b", 4000, 4000)["tokens"] == 280


# model, size of the image, patches, tokens, source
SIZES = [
    (
        "gemma3_4b",
        512,
        512,
        4096,
        256,
        "896 x 896, 16 patches to a token: arXiv:2503.19786",
    ),
    ("llama4_scout", 336, 336, 576, 144, "a tile of 336 in patches of 14, 4 to a token"),
    ("qwen3_vl_8b", 1024, 1024, 4096, 1024, "patches of 16, 4 to a token"),
    ("qwen3_vl_8b", 640, 480, 1200, 300, "40 x 30 patches"),
    ("kimi_k2_5", 448, 448, 1024, 256, "patches of 14, 4 to a token"),
    ("mistral_small_3_1_24b", 1540, 1540, 3025 * 4, 3025, "110 x 110 patches of 14, 4 to a token"),
]


@pytest.mark.parametrize("case", SIZES, ids=[f"{case[0]}: {case[5]}" for case in SIZES])
def test_tokens_of_an_image(case) -> None:
    work = image_work(*case[:3])
    assert (work["patches"], work["tokens"]) == case[3:5]


def test_work_of_an_image_by_hand() -> None:
    """SigLIP: 27 layers of 1152 and 4304; a projector of 1152 x 2560 and a norm on 256 tokens."""
    weights = 27 * (4 * 1152**2 + 2 * 1152 * 4304)
    attended = 27 * 4 * 4096**2 * 1152
    projected = 2 * 256 * (1152 * 2560 + 1152)
    assert image_work("gemma3_4b")["flops"] == 2 * 4096 * weights + attended + projected


def test_heads_wider_than_the_rest_by_hand() -> None:
    """The encoder of Kimi-K3: 27 layers of 1024, heads of 1536, 4096 between (SGLang, kimi_k3.py).

    Patches of 14 without a bias, 64 x 64 positions, a norm; merged 2 x 2 and projected to 7168.
    """
    tower = find_model("kimi_k3").vision
    weights = 27 * (4 * 1024 * 1536 + 2 * 1024 * 4096)
    outside = 3 * 14**2 * 1024 + 64**2 * 1024 + (27 * 2 + 1) * 1024
    projector = 4096**2 + 4096 * 7168 + 7168
    assert tower.parameters == weights + outside + projector
    work = image_work("kimi_k3", 448, 448)
    assert (work["patches"], work["tokens"]) == (32**2, 16**2)
    attended = 27 * 4 * 1024**2 * 1536
    assert work["flops"] == 2 * 1024 * weights + attended + 2 * 256 * projector


def test_the_encoder_is_held_in_16_bits_by_the_first_stage_shared_by_its_devices() -> None:
    with_images = find_model("qwen3_vl_8b")
    without = replace(with_images, vision=None)
    held = 2 * 576_388_336
    for parallel, share in ((1, held), (4, held / 4)):
        found = [
            explore(model, "H100_80GB", parallel, batch=1, precision="fp8").query(
                f"tp == {parallel}"
            )
            for model in (with_images, without)
        ]
        more = found[0]["weights_bytes"].item() - found[1]["weights_bytes"].item()
        assert more == pytest.approx(share)
        assert found[0]["tpot_s"].item() == found[1]["tpot_s"].item()


def test_images_of_a_model_that_reads_none_are_refused() -> None:
    with pytest.raises(ValueError, match="Qwen/Qwen3-8B reads no images"):
        image_work("qwen3_8b")
    with pytest.raises(ValueError, match=r"image side must be .*got 0"):
        image_work("qwen3_vl_8b", 0, 480)


@pytest.mark.parametrize(
    ("vision", "message"),
    [
        (7, "vision must be a VisionTower, its fields or None, got 7"),
        ({"layers": 27}, "vision needs hidden_size, .* as well"),
        ({"layer": 27}, "vision must be one of .*got 'layer'; did you mean 'layers'"),
    ],
)
def test_a_wrong_encoder_is_refused(vision, message) -> None:
    with pytest.raises(ValueError, match=message):
        replace(find_model("qwen3_8b"), vision=vision)


def test_a_tower_checks_its_numbers() -> None:
    tower = find_model("qwen3_vl_8b").vision
    assert isinstance(tower, VisionTower)
    with pytest.raises(ValueError, match=r"vision, patch_size must be .*got 0"):
        replace(tower, patch_size=0)


def test_decoding_is_that_of_the_text_model() -> None:
    asked = {"batch_size": 8, "system_name": "H100_80GB"}
    images = estimate_decode_performance("qwen3_vl_8b", **asked)
    assert images["latency"] == estimate_decode_performance("qwen3_8b", **asked)["latency"]
