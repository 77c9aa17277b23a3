"""Model types that see images and are refused by name, and which part of each is not described.

They are types of the image-text mapping of Hugging Face transformers 5.24.0; what is said of each
is what its modeling file builds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_ENCODER_DECODER = (
    "its words are read by an encoder of their own, to which its decoder attends; that is not "
    "described"
)
_CROSSING = "the layers that attend to the patches of an image alone are not described"

IMAGES_NOT_DESCRIBED: Mapping[str, str] = MappingProxyType(
    {
        "apertus1p5": "its convolutions that make codes of images and of sounds are not described",
        "blip": _CROSSING,
        "diffusion_gemma": "it denoises blocks of tokens, which is not described",
        "emu3": "its convolutions over space and time that make codes of images are not described",
        "evolla": "its encoder of proteins, and the layers that attend to it, are not described",
        "fast_vlm": "its encoder of images, a FastViT of convolutions, is not described",
        "florence2": f"{_ENCODER_DECODER}, nor is its DaViT",
        "glm5_next": "its linear attention with bounded gates, and its indexer of pooled keys, are "
        "not described",
        "idefics": f"its Perceiver, and {_CROSSING}",
        **dict.fromkeys(
            ("inkling2", "inkling2_loop", "inkling_mm_model"),
            "its convolutions of residuals, keys and values are not described",
        ),
        "lfm3_vl": "its encoder of images, with convolutions between attention, is not described",
        "mistral_large4": "its latent attention has two shapes, which are not described in one "
        "model",
        "mllama": _CROSSING,
        "muse_spark": "its gated residuals and its encoder of sounds are not described",
        "perception_lm": "its encoder of images is named, not described, in its configuration (of "
        "timm); give its text_config",
        "pi0": "its second decoder, of a robot's actions, is not described",
        **dict.fromkeys(
            ("pix2struct", "pp_formulanet", "vision-encoder-decoder"),
            "its decoder attends to the states of an encoder of images, which is not described",
        ),
        "t5gemma2": _ENCODER_DECODER,
        "udop": _ENCODER_DECODER,
    }
)
"""Why each is refused, as the end of a sentence that starts with its name."""
