"""Models by name, alias, Hugging Face id, configuration file or dict."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from llmcalc_core.checks import nearest
from llmcalc_core.hub.reader import read_hf_config
from llmcalc_core.hub.spellings import folded, precision_in, unquantised, untuned
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import stored_precision

_FILES = (
    "meta", "opt", "mistral", "qwen", "qwen3", "deepseek", "openai", "google", "microsoft",
    "nvidia", "kimi", "glm", "minimax", "mimo", "falcon", "others", "early",
)  # fmt: skip
_ABOUT = ("aliases", "checkpoints", "published_parameters", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """A model of the catalogue.

    Attributes
    ----------
    name : str
        Name in the catalogue.
    config : ModelConfig
        Its architecture.
    aliases : tuple of str
        Other names, and checkpoints of the same architecture.
    published_parameters : int
        The published number of parameters.
    source : str
        Where the figures come from, and when they were read or checked.
    """

    name: str
    config: ModelConfig
    aliases: tuple[str, ...]
    published_parameters: int
    source: str


def find_model(
    model: str | os.PathLike[str] | Mapping[str, Any] | ModelConfig,
) -> ModelConfig:
    """Find the architecture of a model.

    Parameters
    ----------
    model : str, path, mapping or ModelConfig
        A name of the catalogue, an alias or a Hugging Face id, in any case, with or without the
        organisation and endings such as ``-Instruct`` or ``-FP8`` (then with that precision); a
        folder with a ``config.json`` or such a file; its parsed content; or a ``ModelConfig``.
        Names come before paths: a folder that is called like a model is meant by ``./name``.

    Returns
    -------
    ModelConfig
        The architecture.

    Raises
    ------
    ValueError
        For an unknown name (with the nearest ones), a file that cannot be described faithfully,
        or anything else.

    Examples
    --------
    >>> find_model("meta-llama/Llama-2-7b-chat-hf") is find_model("llama2_7b")
    True
    """
    if isinstance(model, str):
        config = _config_of(model)
        if config is not None:
            return config
        if _is_path(model):
            return read_hf_config(Path(model))
        raise ValueError(_unknown(model))
    return model if isinstance(model, ModelConfig) else read_hf_config(model)


def list_models(query: str = "") -> tuple[str, ...]:
    """Names of the catalogue: all, or those that a query finds.

    Parameters
    ----------
    query : str, optional
        Words to find in a name, a Hugging Face id or an alias, in any case and order.

    Returns
    -------
    tuple of str
        Those whose name or id has all the words, then those with such an alias; where there is
        none, the names nearest to the query, if any is near.

    Examples
    --------
    >>> list_models("llama-3.2")
    ('llama3_2_1b', 'llama3_2_3b')
    >>> list_models("qwen3 235b"), list_models("mixtrl_8x7b")[0]
    (('qwen3_235b_a22b',), 'mixtral_8x7b')
    """
    words = [folded(word) for word in query.split()]
    ranks: tuple[list[str], list[str]] = ([], [])
    for name in _tables():
        spellings = [folded(spelling) for spelling in _spellings_of(name)]
        found = [all(word in spelling for word in words) for spelling in spellings]
        if any(found):
            ranks[not any(found[:2])].append(name)
    return (*ranks[0], *ranks[1]) or _nearest_names(query)


def _nearest_names(query: str) -> tuple[str, ...]:
    """Give the names whose spellings are most like a query; none where none is near."""
    index = _index()
    near = get_close_matches(folded(query), list(index), n=6, cutoff=0.75)
    return tuple(dict.fromkeys(index[spelling] for spelling in near))


@cache
def model_entry(name: str) -> ModelEntry:
    """Look up a model with its aliases, published size and source.

    Raises
    ------
    ValueError
        If the name is not known, with the nearest ones.

    Examples
    --------
    >>> model_entry("llama2_7b").published_parameters
    6738415616
    """
    known = _name_of(name)
    if known is None:
        raise ValueError(_unknown(name))
    table = _tables()[known]
    fields = {key: value for key, value in table.items() if key not in _ABOUT}
    if "layer_types" in fields:
        fields["layer_types"] = tuple(fields["layer_types"])
    return ModelEntry(
        name=known,
        config=ModelConfig.from_fields(fields),
        aliases=tuple(table.get("aliases", ())),
        published_parameters=table["published_parameters"],
        source=table["source"],
    )


@cache
def _tables() -> dict[str, dict[str, Any]]:
    """Read the tables of every file, in the order in which the catalogue lists them."""
    folder = files("llmcalc_core.hub").joinpath("published")
    tables: dict[str, dict[str, Any]] = {}
    for name in _FILES:
        tables |= tomllib.loads(folder.joinpath(f"{name}.toml").read_text("utf-8"))
    return tables


def _spellings_of(name: str) -> Iterator[str]:
    table = _tables()[name]
    yield from (name, table["model"], *table.get("aliases", ()), *table.get("checkpoints", ()))


@cache
def _index() -> dict[str, str]:
    """Map every accepted spelling to its name; what is written out comes before what is derived."""
    index: dict[str, str] = {}
    given = [(folded(text), name) for name in _tables() for text in _spellings_of(name)]
    short = [(text.rpartition("/")[2], name) for text, name in given]
    plain = [(untuned(text), name) for text, name in (*given, *short)]
    for text, name in (*given, *short, *plain):
        index.setdefault(text, name)
    return index


@lru_cache(maxsize=4096)
def _name_of(spelling: str) -> str | None:
    text, index = folded(spelling), _index()
    plain = unquantised(text)
    return index.get(text) or index.get(plain) or index.get(untuned(plain))


@lru_cache(maxsize=4096)
def _config_of(spelling: str) -> ModelConfig | None:
    """Give the model of a spelling, in the precision that the spelling says, if it is known."""
    name = _name_of(spelling)
    if name is None:
        return None
    config, text = model_entry(name).config, folded(spelling)
    for checkpoint, precision in _tables()[name].get("checkpoints", {}).items():
        if text in (folded(checkpoint), folded(checkpoint).rpartition("/")[2]):
            return replace(config, precision=stored_precision(precision))
    own = precision_in(text, mixture=config.num_experts > 1)
    return replace(config, precision=own) if own else config


def _is_path(text: str) -> bool:
    if text.casefold().endswith(".json"):
        return True
    try:
        return bool(text) and Path(text).is_dir()
    except OSError:
        return False


def _unknown(name: str) -> str:
    without_owner = _name_of(name.rpartition("/")[2])
    if without_owner:
        close = f"; did you mean {_tables()[without_owner]['model']!r}?"
    else:
        close = nearest(name, [text for known in _tables() for text in _spellings_of(known)])
    return (
        f"unknown model {name!r}{close}; list_models() gives all names, and a config.json or a "
        "ModelConfig describes any other model"
    )
