"""The published models that come with the package, by their names and those of checkpoints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from llmcalc_core.checks import nearest
from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.gguf import GGUF_TYPES
from llmcalc_core.hub.published_fp8 import is_published_in_blocks
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import (
    Precision,
    gguf_precision,
    parse_precision,
    stored_precision,
)

# Endings of checkpoints that share the architecture of the model they are named after.
_TUNED = re.compile(r"-(?:hf|instruct|it|chat|base|pt)(?=-|$)")
_QUANTISED = re.compile(
    r"[-:](?P<type>(?:ud-)?i?q\d+-(?:[kx]{1,2}s?(?:-(?:xxs|xs|s|m|l|xl|nl))?|[01])|fp8|fp4|nvfp4|mxfp4|"
    r"mxfp8|int8|int4|awq|gptq|quantized|w\d+a(?:fp)?\d+|dynamic|static|pertensor|block|gguf|"
    r"(?:unsloth-)?bnb-[48]bit|[48]bit|mlx|kv|f16|bf16|original)(?=-|:|$)"
)
_SILENT = (
    "kv",
    "quantized",
    "dynamic",
    "static",
    "pertensor",
    "block",
    "mlx",
    "original",
    "f16",
    "bf16",
)
"""Endings that name no type of their own, or the usual one."""

_SAME = {"int8": "w8a16", "8bit": "w8a16", "4bit": "w4a16", "mxfp8": "fp8",
         "bnb-4bit": "w4a16", "unsloth-bnb-4bit": "w4a16", "bnb-8bit": "w8a16",
         "unsloth-bnb-8bit": "w8a16"}  # fmt: skip
"""Schemes of endings that are called otherwise."""

_GGUF = "q4-k-m"
"""What ``-GGUF`` alone stands for: the type that llama.cpp takes of a repository (its ``-hf``)."""

# Organisations whose quantised checkpoints keep the name of the model, but not its owner's.
_QUANTISERS = ("amd", "neuralmagic", "nvidia", "redhatai", "unsloth", "hugging-quants", "thebloke",
               "lmstudio-community", "mlx-community", "bartowski", "ggml-org", "casperhansen",
               "modelcloud", "intel", "cyankiwi", "solidrust")  # fmt: skip

_MXFP4_SCALES = 8 / 32


def folded(spelling: str) -> str:
    """Write a name as they are compared: in lower case, with dashes alone between words.

    Examples
    --------
    >>> folded(" Qwen2.5_7B ")
    'qwen2-5-7b'
    """
    return re.sub(r"[\s_.]+", "-", spelling.strip().casefold())


def untuned(name: str) -> str:
    """Leave endings such as ``-instruct`` out of a folded name.

    Examples
    --------
    >>> untuned("llama-3-1-8b-instruct")
    'llama-3-1-8b'
    """
    return _TUNED.sub("", name)


def unquantised(name: str) -> str:
    """Leave endings such as ``-fp8`` out of a folded name, and the owner who only quantised it.

    Examples
    --------
    >>> unquantised("nvidia/deepseek-v3-1-nvfp4"), unquantised("qwen/qwen3-8b")
    ('deepseek-v3-1', 'qwen/qwen3-8b')
    """
    plain = _QUANTISED.sub("", name)
    owner, _, short = plain.rpartition("/")
    if owner not in _QUANTISERS or (plain == name and owner != "unsloth"):
        return plain
    return short.removeprefix("meta-") if short.startswith("meta-llama-") else short


def precision_in(name: str, *, model: str, mixture: bool) -> Precision | None:
    """Give the precision that the endings of a folded name say; None if they say none.

    Parameters
    ----------
    name : str
        A name that :func:`folded` has written.
    model : str
        The id of the model that it is of.
    mixture : bool
        Whether the model has routed experts, which 4-bit checkpoints then quantise alone
        (assumed: the file of the checkpoint says).

    Returns
    -------
    Precision or None
        With a KV cache in FP8 where NVIDIA quantised it, whose checkpoints hold its scales
        (``hf_quant_config.json`` of all that were read), else in 16 bits. FP8 is in blocks where
        the name says so, or where it is that of the maker, or a copy of it, and the maker's is.

    Examples
    --------
    >>> llama = "meta-llama/Llama-3.1-8B"
    >>> precision_in("redhatai/llama-3-1-8b-quantized-w4a16", model=llama, mixture=False).label
    'int4'
    """
    words = [found["type"] for found in _QUANTISED.finditer(name)]
    known = [word for word in words if word not in _SILENT]
    if not known:
        return None
    if "gguf" in known:
        return _gguf(next((word for word in known if word != "gguf"), _GGUF))
    kind = next((word for word in known if word not in ("awq", "gptq")), "w4a16")
    if _GGUF_TYPE.fullmatch(kind):
        return _gguf(kind)
    named = parse_precision(_SAME.get(kind, kind))
    kv_cache = "fp8" if name.startswith("nvidia/") or "kv" in words else "bf16"
    scales = _MXFP4_SCALES if kind == "mxfp4" else None
    if kind == "fp8" and ("block" in words or _copies_the_maker(name, words, model)):
        named = replace(named, fp8_blocks=True)
    if mixture and DATA_TYPES[named.weights].is_packed:
        return Precision(
            kv_cache=kv_cache,
            experts=named.weights,
            expert_activations=named.activations,
            scale_bits=scales,
        )
    return replace(named, kv_cache=kv_cache, scale_bits=scales)


def _copies_the_maker(name: str, words: list[str], model: str) -> bool:
    """Tell whether an FP8 checkpoint is its maker's in blocks; quantisers' are not, if not said."""
    owner = name.rpartition("/")[0]
    own_way = owner in _QUANTISERS and owner not in _COPIERS
    return is_published_in_blocks(model) and not own_way and not {*_OTHER_SCALES} & {*words}


_COPIERS = ("unsloth",)
"""Those whose ``-FP8`` without another word is the maker's file (recalled)."""

_OTHER_SCALES = ("dynamic", "static", "pertensor")
"""Words for FP8 with a scale for a column or a matrix (llm-compressor's FP8_DYNAMIC)."""

_GGUF_TYPE = re.compile(r"(?:ud-)?i?q\d+-.*")


def _gguf(name: str) -> Precision:
    """Give the types of a GGUF file by the ending of its name; the usual ones of one not known."""
    known = name.removeprefix("ud-").replace("-", "_").replace("_xl", "_m")
    return gguf_precision(known if known in GGUF_TYPES else _GGUF.replace("-", "_"))


Table = Mapping[str, Any]

_ORDER = (
    "meta", "opt", "mistral", "qwen", "qwen3", "deepseek", "openai", "google", "microsoft",
    "nvidia", "kimi", "glm", "minimax", "mimo", "falcon", "others", "newer", "early",
)  # fmt: skip
"""Files of the catalogue in the order in which it lists them; any other file comes after."""

_ABOUT = ("aliases", "checkpoints", "published_parameters", "source")
_REQUIRED = ("model", "published_parameters", "source", "vocab_size", "hidden_size",
             "num_decoder_layers", "num_attention_heads", "intermediate_size")  # fmt: skip
_KEYS = dict.fromkeys((*_ABOUT, *(field.name for field in fields(ModelConfig))))
_KNOWN_FROM = re.compile(r"(read|checked) 20\d\d-\d\d-\d\d|recalled")


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
    checkpoints : tuple of (str, Precision or None)
        Quantised checkpoints of it, with the types that their own files say.
    published_parameters : int
        The published number of parameters.
    source : str
        Where the figures come from, and when they were read or checked.
    """

    name: str
    config: ModelConfig
    aliases: tuple[str, ...]
    checkpoints: tuple[tuple[str, Precision | None], ...]
    published_parameters: int
    source: str


@cache
def model_tables() -> dict[str, Table]:
    """Give the tables of the models that come with the package, by the name of the model.

    Raises
    ------
    ValueError
        For a table that breaks a rule: with its file, its name, and every key at fault.
    """
    with as_file(files("llmcalc_core.hub") / "published") as folder:
        return read_catalogue(folder)


def read_catalogue(folder: Path) -> dict[str, Table]:
    """Read a folder of files of models.

    Parameters
    ----------
    folder : path
        A folder of TOML files.

    Returns
    -------
    dict of str to mapping
        The tables by name, each with the ``file`` that it is in.

    Raises
    ------
    ValueError
        For a file that is no TOML, a table that breaks a rule (with its file, its name, and every
        key at fault), or a spelling that two tables have.
    """
    import tomllib  # noqa: PLC0415 - imported where a file is read, not with the package

    order = {f"{name}.toml": place for place, name in enumerate(_ORDER)}
    paths = folder.glob("*.toml")
    found: dict[str, Table] = {}
    where: dict[str, str] = {}
    for path in sorted(paths, key=lambda path: (order.get(path.name, len(order)), path.name)):
        try:
            tables = tomllib.loads(path.read_text("utf-8"))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            msg = f"{path} must be a TOML file of models: {error}"
            raise ValueError(msg) from error
        for name, table in tables.items():
            place = f"{path}, [{name}]"
            faults = [*_faults(table)]
            if faults:
                raise ValueError(f"{place}: {'; '.join(faults)}")
            for spelling in spellings_of(name, table):
                taken = where.setdefault(folded(spelling), place)
                if taken != place or name in found:
                    msg = (
                        f"{place}: a name, alias or checkpoint must be used once, got {spelling!r}"
                    )
                    raise ValueError(f"{msg}, which is that of {taken} as well")
            found[name] = {**table, "file": str(path)}
    return found


def _faults(table: object) -> Iterator[str]:
    """Say what is wrong with the table of a model; its numbers are checked by ``ModelConfig``."""
    if not isinstance(table, Mapping):
        yield f"must be a table, such as [my_model], got {table!r}"
        return
    for key in table:
        if key not in _KEYS:
            close = nearest(key, _KEYS) or f" ({', '.join(_KEYS)})"
            yield f"a key must be a field of ModelConfig or of the catalogue, got {key!r}{close}"
    missing = [key for key in _REQUIRED if key not in table]
    if missing:
        yield f"a model needs the keys {', '.join(_REQUIRED)}; missing: {', '.join(missing)}"
    for key in ("model", "source"):
        if not isinstance(table.get(key, ""), str):
            yield f"{key} must be a text, got {table[key]!r}"
    aliases, checkpoints = table.get("aliases", []), table.get("checkpoints", {})
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        yield f"aliases must be a list of texts, got {aliases!r}"
    if not isinstance(checkpoints, Mapping):
        yield f"checkpoints must be a table of precisions by checkpoint, got {checkpoints!r}"
    yield from _publication_faults(table)


def _publication_faults(table: Table) -> Iterator[str]:
    count = table.get("published_parameters", 1)
    if not isinstance(count, int) or count < 1:
        yield f"published_parameters must be a whole number of at least 1, got {count!r}"
    if "source" in table and not _KNOWN_FROM.search(str(table["source"])):
        rule = "must say 'read YYYY-MM-DD', 'checked YYYY-MM-DD' or 'recalled'"
        yield f"source {rule}, got {table['source']!r}"


def spellings_of(name: str, table: Table) -> tuple[str, ...]:
    """Give the spellings of a model that its table writes out: its name and id come first."""
    return (name, table["model"], *table.get("aliases", ()), *table.get("checkpoints", ()))


@cache
def names_by_spelling() -> dict[str, str]:
    """Map every accepted spelling to its name; what is written out comes before what is derived."""
    given = [
        (folded(text), name)
        for name, table in model_tables().items()
        for text in spellings_of(name, table)
    ]
    short = [(text.rpartition("/")[2], name) for text, name in given]
    plain = [(untuned(text), name) for text, name in (*given, *short)]
    index: dict[str, str] = {}
    for text, name in (*given, *short, *plain):
        index.setdefault(text, name)
    return index


@cache
def entry_of(name: str) -> ModelEntry:
    """Make the entry of a model from its table.

    Raises
    ------
    ValueError
        For a number out of range, with its file and its table.
    """
    table = model_tables()[name]
    given = {key: value for key, value in table.items() if key not in (*_ABOUT, "file")}
    stated = table.get("checkpoints", {})
    try:
        config = ModelConfig.from_fields(given)
        checkpoints = tuple((text, stored_precision(stated[text])) for text in stated)
    except ValueError as error:
        msg = f"{table['file']}, [{name}]: {error}"
        raise ValueError(msg) from None
    return ModelEntry(
        name=name,
        config=config,
        aliases=tuple(table.get("aliases", ())),
        checkpoints=checkpoints,
        published_parameters=table["published_parameters"],
        source=table["source"],
    )
