"""``read_hf_config``: from a Hugging Face ``config.json`` to a ``ModelConfig``."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmcalc_core.checks import nearest, one_of
from llmcalc_core.hub.dialects import dialects
from llmcalc_core.hub.dialects.fields import Fields
from llmcalc_core.hub.dialects.not_described import NOT_DESCRIBED
from llmcalc_core.hub.dialects.text_encoders import TEXT_ENCODERS
from llmcalc_core.hub.quantisation.checkpoint import checkpoint_precision
from llmcalc_core.hub.quantisation.methods import NARROW_EXPERTS, read_quantisation
from llmcalc_core.hub.quantisation.scheme import Quantisation
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import Precision
from llmcalc_core.shown import shortened

_GENERATES_TEXT = re.compile(r"(ForCausalLM|LMHeadModel|ForConditionalGeneration|ChatGLMModel)$")
_QUANTISATION_FILE = "hf_quant_config.json"
_UNKNOWN = ("refuse", "warn")


def read_hf_config(
    source: str | os.PathLike[str] | Mapping[str, Any], *, unknown: str = "refuse"
) -> ModelConfig:
    """Read the architecture of a model from its ``config.json``.

    Rotary positions, dropout and token ids do not change the shapes and are not read; of a model
    with images, the text part and the encoder of images are; layers of multi-token prediction are
    counted apart. A field that is absent is what the configuration class of the model type in
    Hugging Face transformers has by default (``class_defaults.json``). The quantisation, here or in
    a ``hf_quant_config.json`` beside the file, becomes the model's ``precision``.

    Parameters
    ----------
    source : str, path or mapping
        The file, the folder it is in, or its parsed content; a ``hf_quant_config.json`` stands for
        the ``config.json`` beside it.
    unknown : {'refuse', 'warn'}
        What to do about a field that may change the architecture and is not understood: refuse the
        file, or warn and read it as if the field were not there.

    Returns
    -------
    ModelConfig
        The architecture.

    Raises
    ------
    ValueError
        For a file that is missing or no JSON object, an unknown ``model_type``, a field that is
        missing, or one that changes the architecture and cannot be described: never a guess.

    Examples
    --------
    >>> read_hf_config({
    ...     "model_type": "llama", "vocab_size": 32000, "hidden_size": 4096,
    ...     "num_hidden_layers": 32, "num_attention_heads": 32, "intermediate_size": 11008,
    ... }).num_key_value_heads
    32
    """
    one_of("unknown", unknown, _UNKNOWN)
    try:
        return _read(source, warn=unknown.casefold() == "warn")
    except ValueError as error:
        raise ValueError(shortened(str(error))) from None


def _read(source: str | os.PathLike[str] | Mapping[str, Any], *, warn: bool) -> ModelConfig:
    name, values, beside = _content(source)
    model_type = _model_type(values, name)
    where = f"{shortened(name, 120)} (model_type {model_type!r})"
    fields = Fields(values, where, model_type=model_type)
    _refuse_other_tasks(values, fields)
    described = dialects()[model_type](fields)
    _settle_unknown(fields, warn=warn)
    known = {key: value for key, value in described.items() if value is not None}
    try:
        config = ModelConfig.from_fields({"model": name, **known})
        precision = _stored(values, beside, config, name)
    except ValueError as error:
        msg = f"{where}: {error}"
        raise ValueError(msg) from None
    return replace(config, precision=precision) if precision else config


def _settle_unknown(fields: Fields, *, warn: bool) -> None:
    """Refuse the first field that is not understood, or warn of all of them."""
    for section, name in fields.not_understood():
        if not warn:
            section.refuse(name, "may change the architecture and is not understood")
        msg = f"{section.where}: the field {name} is not understood and was left out"
        warnings.warn(shortened(f"{msg}, {section.shown(name)}"), UserWarning, stacklevel=4)


def _stored(
    values: Mapping[str, Any], beside: Mapping[str, Any], config: ModelConfig, name: str
) -> Precision | None:
    """Give the types that a checkpoint is stored in; None where its files state none."""
    quantisation = _quantisation(values, beside, name)
    if quantisation is None:
        return None
    return checkpoint_precision(quantisation, config, str(values["model_type"]))


def _quantisation(
    values: Mapping[str, Any], beside: Mapping[str, Any], name: str
) -> Quantisation | None:
    stated = _stated_quantisation(values, beside)
    if not stated:
        return None
    quantisation = read_quantisation(stated, f"{shortened(name, 120)}: quantisation")
    if values.get("expert_dtype") == "fp4" and not quantisation.schemes:
        return replace(quantisation, schemes=(NARROW_EXPERTS,))
    return quantisation


def stated_quantisation(
    source: str | os.PathLike[str] | Mapping[str, Any],
) -> Quantisation | None:
    """Read how the modules of a checkpoint are quantised; None where its files do not say.

    Parameters
    ----------
    source : str, path or mapping
        As in :func:`read_hf_config`.

    Raises
    ------
    ValueError
        For a file that is missing or no JSON object, or a method that cannot be described.
    """
    name, values, beside = _content(source)
    return _quantisation(values, beside, name)


def _content(
    source: str | os.PathLike[str] | Mapping[str, Any],
) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """Give the name of a model, its fields, and those of the quantisation file beside them."""
    if isinstance(source, Mapping):
        name = source.get("_name_or_path") or source.get("model_type") or "config.json"
        return str(name), source, {}
    path = _path(source)
    if path.is_dir():
        path /= "config.json"
    whole = path.with_name(path.name.replace(_QUANTISATION_FILE, "config.json"))
    if whole.is_file():
        path = whole
    values = _json_object(path)
    stem = path.stem.removesuffix("_config").replace("--", "/")
    named = path.absolute().parent.name if path.name == "config.json" else stem
    beside = path.with_name(path.name.replace("config.json", _QUANTISATION_FILE))
    own = _json_object(beside) if beside != path and beside.is_file() else {}
    return named or "config.json", values, own


def _json_object(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except OSError as error:
        msg = f"cannot read {str(path)!r}: {error.strerror or error}"
        raise ValueError(msg) from None
    except (ValueError, RecursionError) as error:
        msg = f"{str(path)!r} must be a JSON file, got: {error}"
        raise ValueError(msg) from None
    if isinstance(values, dict):
        return values
    msg = f"{str(path)!r} must hold a JSON object, got {type(values).__name__}"
    raise ValueError(msg)


def _stated_quantisation(values: Mapping[str, Any], beside: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the quantisation that a model's files state, wherever they do; empty if nowhere."""
    text = values.get("text_config")
    for where in (values, text if isinstance(text, Mapping) else {}):
        for name in ("quantization_config", "compression_config", "quantization"):
            if isinstance(where.get(name), Mapping):
                return dict(where[name])
    stated = beside.get("quantization")
    return dict(stated) if isinstance(stated, Mapping) else {}


def _path(source: str | os.PathLike[str]) -> Path:
    try:
        return Path(source)
    except TypeError:
        msg = (
            "a model must be a name, a Hugging Face id, a config.json or its folder, the content "
            f"of such a file or a ModelConfig, got {source!r}"
        )
        raise ValueError(msg) from None


def _model_type(values: Mapping[str, Any], name: str) -> str:
    model_type = values.get("model_type")
    if isinstance(model_type, str) and model_type in dialects():
        return model_type
    if model_type is None:
        msg = f"{name}: a model's config.json has a field model_type, this one has none"
        if "quantization" in values:
            msg += "; it is a quantisation alone: give the config.json beside it, or the folder"
        raise ValueError(msg)
    if isinstance(model_type, str) and model_type in NOT_DESCRIBED:
        msg = f"{name} (model_type {model_type!r}) cannot be read: {NOT_DESCRIBED[model_type]}"
        raise ValueError(msg)
    msg = (
        f"{name}: the field model_type must be one of the {len(dialects())} that can be read, got "
        f"{model_type!r}{nearest(str(model_type), dialects())}"
    )
    raise ValueError(msg)


def _refuse_other_tasks(values: Mapping[str, Any], fields: Fields) -> None:
    """Refuse a model whose output is no text, unless it is an encoder of texts."""
    names = values.get("architectures")
    first = names[0] if isinstance(names, list) and names else None
    if values["model_type"] in TEXT_ENCODERS:
        return
    if first is not None and not _GENERATES_TEXT.search(str(first)):
        fields.refuse("architectures", "must name a model that generates text (...ForCausalLM)")
