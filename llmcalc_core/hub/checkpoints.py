"""A checkpoint's configuration, held against the headers of its weights."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from llmcalc_core.architecture.model import architecture
from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.hub.gguf_checkpoint import is_gguf, read_gguf
from llmcalc_core.hub.headers import Tensor, read_headers
from llmcalc_core.hub.quantisation.packed import unpacked
from llmcalc_core.hub.reader import read_hf_config, stated_quantisation
from llmcalc_core.hub.stored import Stored, as_stored, compare, hold
from llmcalc_core.hub.tensor_parts import stored_tensors
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import PLAIN
from llmcalc_core.shown import shortened

_IMAGES = re.compile(r"visual|vision|projector")
_COMPUTED = re.compile(
    r"inv_freq$|rotary_emb|\.attn\.(?:masked_)?bias$|position_ids$|layer_scalar$"
)
"""Tensors that can be computed, and are no parameters."""

_SOURCE = "config.json"


def read_checkpoint(source: str | os.PathLike[str], *, unknown: str = "refuse") -> ModelConfig:
    """Read a checkpoint's description, and hold it against the weights' own headers.

    Names, shapes and types of the tensors are read, never a weight. The parameters of every layer
    of the decoder and of what is outside the layers must be those of the description, packed ones
    as they were before. Whether the head is tied, whether there are modules of multi-token
    prediction, and the types and bytes of each part are what the weights say.

    Parameters
    ----------
    source : str or path
        A folder, its index file, or a file of safetensors, with the ``config.json`` beside; or a
        GGUF file, one of those that it is split into, or their folder.
    unknown : {'refuse', 'warn'}
        As in :func:`llmcalc_core.hub.reader.read_hf_config`: with the check of the weights, a field
        that is not understood can be left out safely.

    Returns
    -------
    ModelConfig
        The architecture, with the precision of a quantised checkpoint.

    Raises
    ------
    ValueError
        For a file that is missing or damaged, or weights that are not those of the description,
        with the first layer that differs, its tensors and both counts.
    """
    path = Path(source)
    if is_gguf(path) or _holds_gguf(path):
        return read_gguf(path)
    folder = path if path.is_dir() else path.parent
    config = read_hf_config(folder, unknown=unknown)
    try:
        return held(config, folder, read_headers(path))
    except ValueError as error:
        raise ValueError(shortened(str(error))) from None


def _holds_gguf(path: Path) -> bool:
    """Tell whether a folder has files of GGUF, and none of safetensors."""
    if not path.is_dir():
        return False
    names = [one.name for one in path.iterdir()]
    return any(is_gguf(Path(name)) for name in names) and not any(
        ".safetensors" in name for name in names
    )


def held(config: ModelConfig, folder: Path, tensors: Iterable[Tensor]) -> ModelConfig:
    """Hold a description against tensors, and give it the types and bits that they have.

    Parameters
    ----------
    config : ModelConfig
        From the ``config.json``.
    folder : path
        Where that is.
    tensors : iterable of Tensor
        All of the checkpoint.

    Raises
    ------
    ValueError
        Where they differ.
    """
    weights = (one for one in tensors if not _COMPUTED.search(one.name))
    own = tuple(
        stored_tensors(unpacked(weights, stated_quantisation(folder)), architecture(config))
    )
    config = hold(config, own, _SOURCE)
    images = [one for one in own if one.part == "beside" and _IMAGES.search(one.name)]
    if config.vision and images:
        compare("the encoder of images", images, config.vision.parameters, _SOURCE)
    if not config.precision and not any(_is_quantised(one) for one in own):
        return config
    stored = as_stored(config.precision or PLAIN, own, tied=config.tie_word_embeddings)
    return replace(config, precision=stored)


def _is_quantised(tensor: Stored) -> bool:
    """Tell whether a tensor of the decoder has fewer than 16 bits."""
    return tensor.type != "" and tensor.part != "beside" and DATA_TYPES[tensor.type].is_quantised
