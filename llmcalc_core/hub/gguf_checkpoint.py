"""``read_gguf``: a model from the headers of its GGUF files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.gguf import GGML_TYPES
from llmcalc_core.hub.dialects import dialects
from llmcalc_core.hub.dialects.fields import Fields
from llmcalc_core.hub.gguf_architectures import config_values
from llmcalc_core.hub.gguf_fields import GgufModel
from llmcalc_core.hub.gguf_file import GgufHeader, GgufTensor, read_gguf_header
from llmcalc_core.hub.stored import (
    Stored,
    bits_by_part,
    dense_part,
    hold,
    main_part,
    mixer_part,
    own_types,
    stated_bits,
    types_by_part,
)
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import Precision
from llmcalc_core.shown import shortened

ENDING = ".gguf"
_SPLIT = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
_MOST_FILES = 1000
_COMPUTED = re.compile(r"^rope_f|attn_rot_embd|rope_factors|layer_output_scale")
"""Tensors that can be computed, and are no parameters."""

_LAYER = re.compile(r"^blk\.(\d+)\.(.+)$")
_PARTS = (
    ("shared", re.compile(r"_shexp\b")),
    ("others", re.compile(r"^(?:attn|ffn|post|pre|layer)\w*_norm(?:_\d)?\.|^exp_probs|^ffn_gate_inp"
                          r"|_exps\.scale$|^xielu")),
    ("experts", re.compile(r"_exps\.|^ffn_(?:up|gate|down)\.\d")),
    ("mixer", re.compile(r"^(?:attn|ssm|shortconv|indexer)")),
)  # fmt: skip
"""Which part a tensor of a layer is, the first that fits; any other is of a feed-forward."""

_OF_HEADS = re.compile(r"^attn_(?:q|k|q_a|kv_a|kv|v|sub)_norm|^attn_norm_(?:q|k)")
"""Norms that are a part of attention."""

_ENCODERS = ("v.", "a.", "mm.")
"""Beginnings of the names of tensors of images and sounds, which some files have beside."""

_SCALED = ("NVFP4", "TQ1_0", "TQ2_0", "Q1_0")
"""Types with a scale of a whole tensor, which is a tensor of its own."""

_OUTSIDE = {"token_embd": "embedding", "per_layer_token_embd": "embedding",
            "per_layer_model_proj": "embedding", "per_layer_proj_norm": "embedding",
            "position_embd": "embedding", "altup_proj": "embedding",
            "output": "head"}  # fmt: skip


def read_gguf(source: Path) -> ModelConfig:
    """Read a model from the headers of its GGUF file, or of the files that it is split into.

    Parameters
    ----------
    source : path
        One of the files, or the folder of one model's.

    Returns
    -------
    ModelConfig
        The architecture, with the types and bits of the file as its precision.

    Raises
    ------
    ValueError
        For a file that is missing or damaged, an architecture that is not known, or tensors that
        are not those of the metadata, with the first layer that differs.
    """
    files = gguf_files(source)
    try:
        return described([(path.name, read_gguf_header(path)) for path in files])
    except ValueError as error:
        raise ValueError(shortened(str(error))) from None


def described(headers: list[tuple[str, GgufHeader]]) -> ModelConfig:
    """Describe a model by the headers of all its files, by their names."""
    name = _SPLIT.sub("", headers[0][0]).removesuffix(ENDING)[-120:]
    model = GgufModel(
        name, headers[0][1].metadata, tuple(one for _, own in headers for one in own.tensors)
    )
    _refuse_parts(model, len(headers))
    values = config_values(model)
    fields = Fields(values, model.name, model_type=values["model_type"])
    found = dialects()[values["model_type"]](fields)
    known = {key: value for key, value in found.items() if value is not None}
    try:
        config = ModelConfig.from_fields({"model": name, **known})
    except ValueError as error:
        msg = f"{model.name}: {error}"
        raise ValueError(msg) from None
    own = (*model.tensors, *_in_metadata(model))
    tensors = tuple(stored_tensors(own, architecture(config)))
    config = hold(config, tensors, "its metadata")
    return replace(config, precision=_precision(config, tensors))


def gguf_files(source: Path) -> list[Path]:
    """Give the files of a model, in their order.

    Raises
    ------
    ValueError
        Where one is missing, or a folder has several models.
    """
    if source.is_dir():
        found = [one for one in sorted(source.iterdir()) if is_gguf(one) and not _is_beside(one)]
        models = {_SPLIT.sub("", one.name): one for one in reversed(found)}
        if len(models) != 1:
            shown = ", ".join(sorted(one.name for one in models.values())[:6]) or "none"
            msg = f"{str(source)!r} must hold the GGUF files of one model, got {shown}"
            raise ValueError(shortened(msg))
        return gguf_files(next(iter(models.values())))
    split = _SPLIT.search(source.name)
    if not split:
        return [source]
    stem, count = source.name[: split.start()], int(split[2])
    if not 0 < count <= _MOST_FILES:
        msg = f"{source.name!r} must be one of 1 to {_MOST_FILES} files, by its name of {count}"
        raise ValueError(shortened(msg))
    ending = source.name[split.end() - len(ENDING) :]
    names = [f"{stem}-{number:05d}-of-{split[2]}{ending}" for number in range(1, count + 1)]
    return [source.with_name(name) for name in names]


def is_gguf(path: Path) -> bool:
    """Tell whether a file is called like one of GGUF."""
    return path.name.casefold().endswith(ENDING)


def _is_beside(path: Path) -> bool:
    return path.name.casefold().startswith(("mmproj", "imatrix", "mtp-"))


def _refuse_parts(model: GgufModel, files: int) -> None:
    """Refuse what is no whole model: an adapter, statistics, or one file of several."""
    kind = model.metadata.get("general.type")
    if kind not in (None, "model"):
        model.refuse("general.type", "model")
    count = model.metadata.get("split.count")
    if isinstance(count, int) and count > 1 and count != files:
        msg = f"{model.name} is split into {count} files, got {files}"
        raise ValueError(msg)
    tensors = model.metadata.get("split.tensors.count")
    if isinstance(tensors, int) and tensors != len(model.tensors):
        msg = f"{model.name} must have {tensors} tensors, its files have {len(model.tensors)}"
        raise ValueError(msg)
    if "token_embd.weight" not in model.shapes:
        msg = f"{model.name} must have a tensor token_embd.weight"
        raise ValueError(msg)


def _in_metadata(model: GgufModel) -> Iterable[GgufTensor]:
    """Give the parameters that stand in the metadata: two of each activation of Apertus."""
    for name in ("alpha_n", "alpha_p"):
        found = model.metadata.get(f"xielu.{name}")
        for layer in range(len(found) if isinstance(found, tuple) else 0):
            yield GgufTensor(f"blk.{layer}.xielu.{name}", (1,), GGML_TYPES[0])


def stored_tensors(tensors: Sequence[GgufTensor], model: Model) -> Iterable[Stored]:
    """Say of each tensor which part of a model it is; what can be computed is left out."""
    kinds = {one.name: one.type.name for one in tensors}
    for one in tensors:
        if _COMPUTED.search(one.name):
            continue
        found = _LAYER.match(one.name)
        layer = int(found[1]) if found else None
        if layer is not None and layer >= model.layer_count:
            part = "mtp"
        elif found and layer is not None:
            part = _part_of(found[2], model, layer)
        elif one.name.startswith(_ENCODERS):
            part = "beside"
        else:
            part = _OUTSIDE.get(one.name.partition(".")[0], "final")
        extra = _is_extra(one.name, kinds)
        yield Stored(
            name=one.name,
            shape=tuple(reversed(one.shape)),
            layer=layer,
            part=part,
            parameters=0 if extra else one.elements,
            bytes=one.bytes,
            type="" if extra else one.type.stored,
        )


def _is_extra(name: str, kinds: Mapping[str, str]) -> bool:
    """Tell whether a tensor is a scale, or holds once more what others do.

    Files of ik_llama.cpp have the joint projection of latent attention beside its two halves.
    """
    module, _, last = name.rpartition(".")
    if last in ("scale", "input_scale"):
        return kinds.get(f"{module}.weight") in _SCALED
    return name.endswith("attn_kv_b.weight") and name.replace("kv_b", "k_b") in kinds


def _part_of(inner: str, model: Model, layer: int) -> str:
    if _OF_HEADS.match(inner):
        return mixer_part(model, layer, output=False)
    part = next((name for name, words in _PARTS if words.search(inner)), "dense")
    if part == "dense":
        return dense_part(model, layer)
    if part == "mixer":
        output = inner.startswith("attn_output") and inner.endswith("weight")
        return mixer_part(model, layer, output=output, recurrent=inner.startswith("ssm"))
    return part


def _precision(config: ModelConfig, tensors: tuple[Stored, ...]) -> Precision:
    """Give the types of the tensors, their bits, and what llama.cpp computes them in."""
    types, means = types_by_part(tensors), bits_by_part(tensors)
    main = main_part(types)
    if main is None:
        msg = f"{config.model} must have layers with weights"
        raise ValueError(msg)
    narrow = DATA_TYPES[types[main]].is_quantised
    plain = Precision(
        weights=types[main],
        activations="int8" if narrow else types[main],
        kv_cache="fp16",
        experts=types.get("experts", types[main]),
        **own_types(types),
    )
    return replace(
        plain, stored_bits=stated_bits(plain, means, main, tied=config.tie_word_embeddings)
    )
