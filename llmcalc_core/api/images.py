"""What an image costs a model that reads them."""

from __future__ import annotations

from llmcalc_core.api.make_request import ModelLike
from llmcalc_core.formulas.vision import encoder_flops
from llmcalc_core.hub.models import find_model
from llmcalc_core.model.vision import VisionTower


def image_work(model: ModelLike, width: int = 1024, height: int = 1024) -> dict[str, int | float]:
    """Count the work of a model's encoder on one image, and the tokens that it becomes.

    Its weights are in every estimate's memory; its time is not in the time to the first token: add
    the tokens to the prompt, and the work where it counts.

    Parameters
    ----------
    model : name, path, dict or ModelConfig
        A model with an encoder of images.
    width, height : int
        Size of the image [pixels], or of a tile of it where the encoder reads tiles.

    Returns
    -------
    dict
        ``patches`` that the encoder reads and ``tokens`` that the decoder gets [1], ``flops`` of
        encoder and projector [FLOP], ``parameters`` of both.

    Raises
    ------
    ValueError
        For a model that reads no images, or a size out of range.

    Examples
    --------
    >>> image_work("gemma3_4b")["tokens"], image_work("qwen3_vl_8b", 640, 480)["tokens"]
    (256, 300)
    """
    config = find_model(model)
    tower = config.vision
    if tower is None:
        msg = f"{config.model} reads no images: its configuration describes no encoder of them"
        raise ValueError(msg)
    tokens, patches = tower.tokens(width, height), tower.patches(width, height)
    return {
        "patches": patches,
        "tokens": tokens,
        "flops": _work(tower, width, height),
        "parameters": tower.parameters,
    }


def _work(tower: VisionTower, width: int, height: int) -> float:
    """Count the work of an encoder, its projector, and the encoder beside it [FLOP]."""
    patches = tower.patches(width, height)
    encoded = encoder_flops(
        patches=patches, attended=tower.attended(patches),
        layers=tower.layers, hidden=tower.hidden_size,
        attention=tower.attention_size or tower.hidden_size,
        intermediate=tower.intermediate_size, ups=tower.num_ffi,
    )  # fmt: skip
    projected = 2 * tower.projector_parameters * tower.tokens(width, height)
    return float(encoded) + projected + (_work(tower.beside, width, height) if tower.beside else 0)
