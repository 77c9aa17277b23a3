"""``read_hf_config``: from a Hugging Face ``config.json`` to a ``ModelConfig``."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmcalc_core.catalog.dialects import DIALECTS, Fields
from llmcalc_core.domain.config import ModelConfig

_GENERATES_TEXT = re.compile(r"(ForCausalLM|LMHeadModel|ForConditionalGeneration|ChatGLMModel)$")


def read_hf_config(source: str | os.PathLike[str] | Mapping[str, Any]) -> ModelConfig:
    """Read the architecture of a model from its ``config.json``.

    Quantisation, rotary positions, dropout and token ids do not change the shapes and are not
    read; of a model with images, the text part is. A multi-token prediction layer is left out.

    Parameters
    ----------
    source : str, path or mapping
        The file, the folder it is in, or its parsed content.

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
    name, values = _content(source)
    model_type = _model_type(values, name)
    fields = Fields(values, f"{name} (model_type {model_type!r})")
    _refuse_other_tasks(values, fields)
    described = DIALECTS[model_type](fields)
    fields.refuse_unread()
    known = {key: value for key, value in described.items() if value is not None}
    try:
        return ModelConfig.from_fields({"model": name, **known})
    except ValueError as error:
        msg = f"{fields.where}: {error}"
        raise ValueError(msg) from None


def _content(source: str | os.PathLike[str] | Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    if isinstance(source, Mapping):
        name = source.get("_name_or_path") or source.get("model_type") or "config.json"
        return str(name), source
    path = _path(source)
    if path.is_dir():
        path /= "config.json"
    try:
        values = json.loads(path.read_text("utf-8"))
    except OSError as error:
        msg = f"cannot read {str(path)!r}: {error.strerror or error}"
        raise ValueError(msg) from None
    except ValueError as error:
        msg = f"{str(path)!r} must be a JSON file, got: {error}"
        raise ValueError(msg) from None
    if isinstance(values, dict):
        named = path.absolute().parent.name if path.name == "config.json" else path.stem
        return named or "config.json", values
    msg = f"{str(path)!r} must hold a JSON object, got {type(values).__name__}"
    raise ValueError(msg)


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
    if isinstance(model_type, str) and model_type in DIALECTS:
        return model_type
    if model_type is None:
        msg = f"{name}: a model's config.json has a field model_type, this one has none"
        raise ValueError(msg)
    known = ", ".join(sorted(DIALECTS))
    msg = f"{name}: model_type must be one that can be read ({known}), got {model_type!r}"
    raise ValueError(msg)


def _refuse_other_tasks(values: Mapping[str, Any], fields: Fields) -> None:
    """Refuse a model whose output is no text: it has another head, or none."""
    names = values.get("architectures")
    first = names[0] if isinstance(names, list) and names else None
    if first is not None and not _GENERATES_TEXT.search(str(first)):
        fields.refuse("architectures", "must name a model that generates text (...ForCausalLM)")
