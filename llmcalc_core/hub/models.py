"""Models by name, alias, Hugging Face id, configuration file or dict, and from the Hub itself."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from llmcalc_core.checks import nearest
from llmcalc_core.hub.catalogue import (
    ModelEntry,
    entry_of,
    folded,
    model_tables,
    names_by_spelling,
    precision_in,
    spellings_of,
    unquantised,
    untuned,
)
from llmcalc_core.hub.reader import read_hf_config
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.shown import shown
from llmcalc_core.texts import text

_ADDRESS = re.compile(
    r"^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/([^/?#]+/[^/?#]+).*$", re.IGNORECASE
)
"""Of a model's page."""

_PATIENCE_S = 4.0
"""How long the Hub may take to say that it has a file [s]."""


def find_model(
    model: str | os.PathLike[str] | Mapping[str, Any] | ModelConfig,
) -> ModelConfig:
    """Find the architecture of a model.

    Parameters
    ----------
    model : str, path, mapping or ModelConfig
        A name of the catalogue, an alias or a Hugging Face id or address, in any case, with or
        without the organisation and endings such as ``-Instruct`` or ``-FP8`` (then with that
        precision); a folder with a ``config.json`` or such a file; its parsed content; a GGUF file;
        or a ``ModelConfig``. Names come before paths: a folder that is called like a model is meant
        by ``./name``.

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
    >>> find_model("https://huggingface.co/Qwen/Qwen3-8B/tree/main").model
    'Qwen/Qwen3-8B'
    """
    if isinstance(model, str):
        model = _ADDRESS.sub(r"\1", model.strip())
        config = _config_of(model)
        if config is not None:
            return config
        if not _is_path(model):
            raise ValueError(_unknown(model))
    elif isinstance(model, ModelConfig):
        return model
    if isinstance(model, str | os.PathLike) and _is_gguf(model):
        from llmcalc_core.hub.checkpoints import read_checkpoint  # noqa: PLC0415

        return read_checkpoint(model)
    from llmcalc_core.hub.reader import read_hf_config  # noqa: PLC0415 - where a file is read

    return read_hf_config(model)


def _is_gguf(path: str | os.PathLike[str]) -> bool:
    return str(path).casefold().endswith(".gguf")


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
    >>> list_models("qwen3-235b a22b"), list_models("mixtrl_8x7b")[0]
    (('qwen3_235b_a22b',), 'mixtral_8x7b')
    """
    words = [folded(word) for word in text("query", query).split()]
    ranks: tuple[list[str], list[str]] = ([], [])
    for name, table in model_tables().items():
        spellings = [folded(spelling) for spelling in spellings_of(name, table)]
        found = [all(word in spelling for word in words) for spelling in spellings]
        if any(found):
            ranks[not any(found[:2])].append(name)
    return (*ranks[0], *ranks[1]) or _nearest_names(query)


def _nearest_names(query: str) -> tuple[str, ...]:
    """Give the names whose spellings are most like a query; none where none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - where nothing has the query's words

    index = names_by_spelling()
    near = get_close_matches(folded(query), list(index), n=6, cutoff=0.75)
    return tuple(dict.fromkeys(index[spelling] for spelling in near))


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
    return entry_of(known)


@lru_cache(maxsize=4096)
def _name_of(spelling: str) -> str | None:
    text, index = folded(spelling), names_by_spelling()
    plain = unquantised(text)
    return index.get(text) or index.get(plain) or index.get(untuned(plain))


@lru_cache(maxsize=4096)
def _config_of(spelling: str) -> ModelConfig | None:
    """Give the model of a spelling, in the precision that the spelling says, if it is known."""
    name = _name_of(spelling)
    if name is None:
        return None
    entry, text = entry_of(name), folded(spelling)
    for checkpoint, precision in entry.checkpoints:
        if text in (folded(checkpoint), folded(checkpoint).rpartition("/")[2]):
            return replace(entry.config, precision=precision)
    config = entry.config
    own = precision_in(text, model=config.model, mixture=config.num_experts > 1)
    return replace(entry.config, precision=own) if own else entry.config


def _is_path(text: str) -> bool:
    if text.casefold().endswith((".json", ".gguf")):
        return True
    try:
        return bool(text) and Path(text).is_dir()
    except OSError:
        return False


def _unknown(name: str) -> str:
    without_owner = _name_of(name.rpartition("/")[2])
    if without_owner:
        close = f"; did you mean {model_tables()[without_owner]['model']!r}?"
    else:
        spellings = (spellings_of(known, table) for known, table in model_tables().items())
        close = nearest(name, [text for one in spellings for text in one])
    return (
        f"unknown model {shown(name)}{close}; list_models() gives all names, and a config.json or "
        "a ModelConfig describes any other model"
    )


def model_from_hub(
    model: str, *, revision: str | None = None, weights: bool | str = False
) -> ModelConfig:
    """Fetch a model's ``config.json`` from the Hugging Face Hub and read it.

    The only function that touches the network, also as ``ModelConfig.from_hub``: through
    ``huggingface_hub`` (``pip install 'llmcalc-planner[hub]'``), whose cache, settings and token it
    uses. Weights are not fetched, of their files at most the headers.

    Parameters
    ----------
    model : str
        Hugging Face id, such as 'Qwen/Qwen3-8B'.
    revision : str, optional
        Branch, tag or commit; the main branch where not given.
    weights : bool or str, default False
        Whether to hold the file against the headers of the weights, as
        ``ModelConfig.from_checkpoint`` does with a folder: a request for the first bytes of each
        file of safetensors. The name of a GGUF file there reads its header alone.

    Returns
    -------
    ModelConfig
        The architecture under that id, with the precision of the checkpoint.

    Raises
    ------
    ImportError
        If ``huggingface_hub`` is not installed.
    ValueError
        If the Hub does not give the file, or it cannot be described faithfully.
    """
    try:
        import huggingface_hub  # noqa: PLC0415 - optional, and slow to import
        import huggingface_hub.errors  # noqa: PLC0415 - the same
    except ImportError:
        msg = "model_from_hub needs huggingface_hub: pip install 'llmcalc-planner[hub]'"
        raise ImportError(msg) from None
    if weights:
        from llmcalc_core.hub.remote import Repository, checkpoint_on_hub  # noqa: PLC0415

        place = Repository(
            endpoint=str(huggingface_hub.constants.ENDPOINT),
            model=model,
            revision=revision or "main",
            token=huggingface_hub.get_token(),
        )
        return checkpoint_on_hub(place, weights if isinstance(weights, str) else "")
    path = _fetched(huggingface_hub, model, "config.json", revision)
    if path is None:
        msg = f"{model!r} has no config.json on the Hugging Face Hub"
        raise ValueError(msg)
    _fetched(huggingface_hub, model, "hf_quant_config.json", revision)  # read beside the other
    return replace(read_hf_config(path), model=model)


def _fetched(library: ModuleType, model: str, name: str, revision: str | None) -> str | None:
    """Fetch a file and give its path; None if the repository has none of that name.

    Where the Hub does not answer at once, what was fetched before is taken: to download is to try
    again for half a minute (``http_backoff`` of huggingface_hub 2.4).
    """
    errors = library.errors
    # The second is the base of all that its client of HTTP raises, which is no OSError in httpx.
    unanswered = (OSError, *errors.HfHubHTTPError.__bases__, ValueError)
    reason: Exception | None = None
    try:
        address = library.hf_hub_url(model, name, revision=revision)
        library.get_hf_file_metadata(address, timeout=_PATIENCE_S)
    except errors.EntryNotFoundError:
        return None
    except unanswered as error:
        reason = error
    try:
        path: str = library.hf_hub_download(
            model, name, revision=revision, local_files_only=reason is not None
        )
    except errors.EntryNotFoundError as error:
        if not isinstance(error, errors.LocalEntryNotFoundError):
            return None
        reason = reason or error
    except unanswered as error:
        reason = reason or error
    else:
        return path
    msg = f"cannot fetch the {name} of {model!r} from the Hugging Face Hub: {reason}"
    raise ValueError(msg) from None
