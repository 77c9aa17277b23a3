"""What an image becomes for the decoder: tokens and patches, by hand from each model's paper."""

from __future__ import annotations

from typing import Any

import pytest

from llmcalc_core.hub.reader import read_hf_config
from llmcalc_core.model.vision import VisionTower


def tower(model_type: str, text: str, vision: str, **more: Any) -> VisionTower:
    parts = {"text_config": {"model_type": text}, "vision_config": {"model_type": vision}}
    found = read_hf_config({"model_type": model_type, **parts, **more}).vision
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("found", "tokens"),
    [
        # 32 learned queries (BLIP-2, arXiv:2301.12597, section 3.1), 64 of Idefics 2's perceiver
        (tower("blip-2", "opt", "blip_2_vision_model", qformer_config={}), 32),
        (tower("idefics2", "mistral", "idefics2_vision", perceiver_config={}), 64),
        # a page of 1024 x 1024 in patches of 16, joined 4 x 4 (GOT, arXiv:2409.01704, section 3.2)
        (tower("got_ocr2", "qwen2", "got_ocr2_vision"), 256),
    ],
    ids=["Q-Former", "perceiver", "convolutions"],
)
def test_an_image_becomes_as_many_tokens(found: VisionTower, tokens: int) -> None:
    assert found.tokens(1024, 1024) == tokens


def test_queries_are_fewer_than_the_patches_that_the_encoder_reads() -> None:
    """An image of 224 x 224 in patches of 14."""
    found = tower("blip-2", "opt", "blip_2_vision_model", qformer_config={})
    assert (found.patches(640, 480), found.tokens(640, 480)) == (16 * 16, 32)


def test_most_layers_of_sam_attend_in_windows() -> None:
    """8 of 12 layers see 14 x 14 patches of 64 x 64 (SAM, arXiv:2304.02643, appendix A)."""
    found = tower("got_ocr2", "qwen2", "got_ocr2_vision")
    patches = found.patches(1024, 1024)
    assert patches == 64 * 64
    assert found.attended(patches) == pytest.approx((4 * 4096 + 8 * 196) / 12)


def test_sound_is_weights_beside_the_encoder_of_images() -> None:
    """639,647,232 parameters of the encoder of sound (modeling_qwen2_5_omni.py, 5.24.0)."""
    types = ("qwen2_5_omni_text", "qwen2_5_omni_vision_encoder")
    both = tower("qwen2_5_omni_thinker", *types, audio_config={})
    assert both.outside_parameters - 639_647_232 == 3 * 2 * 14 * 14 * 3584


def test_fuyu_has_no_encoder() -> None:
    """A patch of 30 x 30 pixels in three colours is projected to 4,096 elements."""
    config = read_hf_config({"model_type": "fuyu", "text_config": {"model_type": "persimmon"}})
    assert config.vision is None
    assert config.outer_vector_size == (30 * 30 * 3 + 1) * 4096
