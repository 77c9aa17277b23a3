"""Models that read images, beyond their parameters: tokens and work, counted by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmcalc_core import image_work
from llmcalc_core.hub.reader import read_hf_config

CASES: dict[str, dict[str, Any]] = {
    case["config"]["model_type"]: case["config"]
    for case in json.loads(
        Path(__file__).with_name("public_counts_of_images.json").read_text("utf-8")
    )
}


def layers(count: int, patches: int, width: int, inner: int, ups: int = 1) -> int:
    """Count layers by hand: four projections, a feed-forward part, and both products."""
    matrices = 4 * width * width + (1 + ups) * width * inner
    return count * (2 * patches * matrices + 4 * patches * patches * width)


# (type, image, patches, tokens, work of the layers): patches from the pixels, tokens as each
# modeling file of transformers 5.24.0 makes them
WORK = [
    # 640 x 480 pixels in patches of 16, 2 x 2 of them merged
    ("hunyuan_vl", (640, 480), 40 * 30, 20 * 15, layers(27, 1200, 1152, 4304)),
    ("cosmos3_edge", (640, 480), 40 * 30, 20 * 15, layers(27, 1200, 1152, 4304)),
    # every image is 512 x 512, 4 x 4 patches are merged in the coarse way
    ("granite_docling", (640, 480), 32 * 32, 64, layers(12, 1024, 768, 3072)),
    # tiles of 384 x 384 with 24 x 24 patches, windows of 8 x 8 become 4 x 4 queries
    ("granite4_vision", (384, 384), 24 * 24, 144, layers(12, 576, 768, 3072)),
    # 64 queries read 16 x 16 patches
    ("kosmos-2", (640, 480), 16 * 16, 64, layers(24, 256, 1024, 4096)),
    # every image is scaled to 4,096 patches, which 2,048 queries read
    ("kosmos-2.5", (640, 480), 4096, 2048, layers(18, 4096, 1536, 3968, ups=2)),
    # every image is 384 x 384
    ("janus", (640, 480), 24 * 24, 24 * 24, layers(24, 576, 1024, 4096)),
    ("cohere_compass", (640, 480), 40 * 30, 20 * 15, layers(27, 1200, 1152, 4304)),
    ("hy_v4_vl", (640, 480), 40 * 30, 20 * 15, layers(40, 1200, 1536, 6144)),
    # 644 x 476 pixels in patches of 14
    ("ernie4_5_vl_moe", (644, 476), 46 * 34, 23 * 17, layers(32, 46 * 34, 1280, 5120)),
    ("git", (640, 480), 14 * 14, 14 * 14, layers(12, 196, 768, 3072)),
]


@pytest.mark.parametrize(
    ("kind", "image", "patches", "tokens", "work"), WORK, ids=[case[0] for case in WORK]
)
def test_an_image_is_as_many_tokens_and_as_much_work_as_counted_by_hand(
    kind: str, image: tuple[int, int], patches: int, tokens: int, work: int
) -> None:
    config = read_hf_config(CASES[kind])
    assert config.vision is not None
    found = image_work(config, *image)
    assert (found["patches"], found["tokens"]) == (patches, tokens)
    projected = 2 * config.vision.projector_parameters * tokens
    assert found["flops"] == pytest.approx(work + projected, rel=1e-12)


@pytest.mark.parametrize("rate", ["3/8", "0/8", "half", None, [1, 2]])
def test_a_rate_that_gives_no_whole_square_is_refused(rate: object) -> None:
    with pytest.raises(ValueError, match="downsample_rate can only be described"):
        read_hf_config({**CASES["granite4_vision"], "downsample_rate": rate})


# SAM reads every page as 64 x 64 patches: 4 of 12 layers in full, 8 in windows of 14 x 14
SAM = 12 * 2 * 4096 * (4 * 768**2 + 2 * 768 * 3072) + 4 * 4096 * 768 * (4 * 4096 + 8 * 196)
# (type, patches, tokens, work of the first encoder's layers)
TWO = [
    ("deepseek_vl_hybrid", 14 * 14, 14 * 14, layers(12, 196, 768, 3072)),
    ("unlimited_ocr", 16 * 16, 256, layers(24, 256, 1024, 4096)),
    # 256 queries go through the layers with the 256 patches, and are the tokens
    ("deepseek_ocr2", 512, 256, layers(24, 512, 896, 4864, ups=2)),
]


@pytest.mark.parametrize(("kind", "patches", "tokens", "work"), TWO, ids=[case[0] for case in TWO])
def test_the_work_of_two_encoders_is_that_of_both(
    kind: str, patches: int, tokens: int, work: int
) -> None:
    vision = read_hf_config(CASES[kind]).vision
    assert vision is not None
    assert vision.beside is not None
    found = image_work(read_hf_config(CASES[kind]), 1024, 1024)
    assert (found["patches"], found["tokens"]) == (patches, tokens)
    projected = 2 * (
        vision.projector_parameters * tokens + vision.beside.projector_parameters * 256
    )
    assert found["flops"] == pytest.approx(SAM + work + projected, rel=1e-12)


def test_experts_of_images_are_weights_that_words_do_not_use() -> None:
    """27 layers of 64 experts, 512 wide, with a router and its corrections (ERNIE 4.5 VL)."""
    config = read_hf_config(CASES["ernie4_5_vl_moe"])
    assert config.vision is not None
    beside = 27 * 64 * (3 * 512 * 2560 + 2560 + 1)
    assert config.vision.outside_parameters == beside + (14 * 14 * 3 + 2) * 1280
    assert (config.num_experts, config.expert_top_k, config.moe_intermediate_size) == (64, 6, 1536)


@pytest.mark.parametrize("widths", [[1536], [1536, 512, 256], "both"])
def test_experts_of_one_group_alone_are_refused(widths: object) -> None:
    case = CASES["ernie4_5_vl_moe"]
    text = {**case["text_config"], "moe_intermediate_size": widths}
    with pytest.raises(ValueError, match="moe_intermediate_size must be"):
        read_hf_config({**case, "text_config": text})
