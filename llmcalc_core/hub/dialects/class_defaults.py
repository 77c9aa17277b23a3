"""What an absent field of a ``config.json`` means: the default of the model type's class."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

NONE: Mapping[str, Any] = MappingProxyType({})
"""The defaults of a model type that has no public class."""

CORE = frozenset(
    {
        "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
        "intermediate_size", "n_layer", "n_head", "n_embd", "n_layers", "n_heads", "d_model",
    }
)  # fmt: skip
"""Fields that the file of a whole model has to state: without them it is no description at all."""


@cache
def _table() -> dict[str, Any]:
    text = (files("llmcalc_core.hub") / "class_defaults.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def class_defaults(model_type: object) -> Mapping[str, Any]:
    """Give the defaults of the configuration class of a model type; empty where there is none.

    They are those that ``__init__`` states, before anything is derived from them: a width of heads
    that is null there follows from others. The file names its source.

    Examples
    --------
    >>> class_defaults("deepseek_v3")["q_lora_rank"], dict(class_defaults("no_such_type"))
    (1536, {})
    """
    known = _table()["fields"].get(model_type) if isinstance(model_type, str) else None
    return NONE if known is None else known


def section_type(model_type: object, section: str) -> str | None:
    """Give the model type of a section that does not say its own, such as ``text_config``.

    Examples
    --------
    >>> section_type("gemma3", "text_config")
    'gemma3_text'
    """
    known = _table()["sections"].get(model_type) if isinstance(model_type, str) else None
    return None if known is None else known.get(section)
