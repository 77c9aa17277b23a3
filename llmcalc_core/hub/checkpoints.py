"""A checkpoint's configuration, held against the headers of its weights."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.hub.headers import TYPE_BITS, Tensor, read_headers
from llmcalc_core.hub.reader import read_hf_config, shortened
from llmcalc_core.model.config import ModelConfig

_BESIDE = re.compile(r"visual|vision|audio|image|projector|aligner|(?:^|\.)mtp")
"""Words in the names of tensors that are no part of the decoder."""

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")
_COMPUTED = re.compile(r"inv_freq$|rotary_emb|\.attn\.(?:masked_)?bias$|position_ids$")
"""Tensors that can be computed, and are no parameters."""

_WIDE_BITS = 16


def read_checkpoint(source: str | os.PathLike[str], *, unknown: str = "refuse") -> ModelConfig:
    """Read a checkpoint's ``config.json``, and hold it against the weights' own headers.

    Names, shapes and types of the tensors are read, never a weight. Where nothing is quantised the
    parameters of every layer of the decoder, of what is outside the layers and of all together
    must be those of the description. Whether the head is tied is what the weights say.

    Parameters
    ----------
    source : str or path
        A folder, its index file, or a file of safetensors; with the ``config.json`` beside.
    unknown : {'refuse', 'warn'}
        As in :func:`llmcalc_core.hub.reader.read_hf_config`: with the check of the weights, a field
        that is not understood can be left out safely.

    Returns
    -------
    ModelConfig
        The architecture.

    Raises
    ------
    ValueError
        For a file that is missing or damaged, or weights that are not those of the description,
        with the first layer that differs, its tensors and both counts.
    """
    path = Path(source)
    folder = path if path.is_dir() else path.parent
    config = read_hf_config(folder, unknown=unknown)
    tensors = [one for one in read_headers(path) if not _COMPUTED.search(one.name)]
    if any(TYPE_BITS[one.type] < _WIDE_BITS for one in tensors) or config.precision:
        return config
    try:
        return _held(config, tensors)
    except ValueError as error:
        raise ValueError(shortened(str(error))) from None


def _held(config: ModelConfig, tensors: list[Tensor]) -> ModelConfig:
    """Compare parameters layer by layer, then what is outside of them."""
    decoder = [one for one in tensors if not _BESIDE.search(one.name)]
    layers: dict[int, list[Tensor]] = defaultdict(list)
    outside: list[Tensor] = []
    for one in decoder:
        found = _LAYER.search(one.name)
        (layers[int(found[1])] if found else outside).append(one)
    model = architecture(config)
    _compare_layers(config, model, layers)
    head = any(one.name.endswith(("lm_head.weight", "output.weight")) for one in outside)
    if head == config.tie_word_embeddings:
        config = replace(config, tie_word_embeddings=not head)
        model = architecture(config)
    expected = model.parameters - sum(model.layers[kind].parameters for kind in model.sequence)
    _compare("what is outside of the layers", outside, expected)
    beside = [one for one in tensors if re.search(r"visual|vision|projector", one.name)]
    if config.vision and beside:
        _compare("the encoder of images", beside, config.vision.parameters)
    return config


def _compare_layers(config: ModelConfig, model: Model, layers: dict[int, list[Tensor]]) -> None:
    own = {index: found for index, found in layers.items() if index < model.layer_count}
    if len(own) != model.layer_count:
        msg = f"{config.model}: the weights have {len(own)} layers, config.json {model.layer_count}"
        raise ValueError(msg)
    for index, kind in enumerate(model.sequence):
        _compare(f"layer {index}", own[index], model.layers[kind].parameters)


def _compare(what: str, tensors: list[Tensor], expected: int) -> None:
    found = sum(one.elements for one in tensors)
    if found == expected:
        return
    shapes = ", ".join(
        f"{one.name.rpartition('.')[0].rpartition('.')[2] or one.name} "
        f"{' x '.join(map(str, one.shape))}"
        for one in sorted(tensors, key=lambda one: -one.elements)
    )
    msg = f"{what} has {found:,} parameters in the weights, {expected:,} by config.json: {shapes}"
    raise ValueError(msg)
