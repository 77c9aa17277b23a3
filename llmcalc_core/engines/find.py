"""Engines by name and version."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from llmcalc_core.checks import one_of, truth, whole_number
from llmcalc_core.engines import sglang, trtllm, vllm
from llmcalc_core.engines.engine import Engine
from llmcalc_core.engines.llama_cpp import LLAMA_CPP
from llmcalc_core.engines.others import FASTERTRANSFORMER, LMDEPLOY, TRANSFORMERS
from llmcalc_core.shown import shown
from llmcalc_core.texts import text

_VERSIONS: dict[str, tuple[Engine, ...]] = {
    module.VERSIONS[0].name: tuple(replace(one, version=module.NEWEST) for one in module.VERSIONS)
    for module in (vllm, trtllm, sglang)
}
"""Engines whose versions are told apart, from the newest to the oldest."""

ENGINE_RECORDS = {name: several[0] for name, several in _VERSIONS.items()} | {
    one.name: one for one in (LLAMA_CPP, TRANSFORMERS, FASTERTRANSFORMER, LMDEPLOY)
}
"""The newest version of each engine, by name."""

ENGINES = tuple(ENGINE_RECORDS)
"""Their names."""

DEFAULT_ENGINE = "vllm"
"""What serves where nothing is said."""

_JOINING = tuple(name for name, one in ENGINE_RECORDS.items() if one.joins_batches)

_RELEASE = re.compile(r"v?(\d+(?:\.\d+)*)")


def find_engine(name: str | Engine, version: str | None = None) -> Engine:
    """Find a serving engine by name; one that is found already is given back.

    Parameters
    ----------
    name : str or Engine
        One of ``ENGINES`` in a usual spelling.
    version : str, optional
        A release such as '0.11' or 'v0.11.2', of which the numbers count; the newest known where
        none is given.

    Returns
    -------
    Engine
        As it behaves in that version.

    Raises
    ------
    ValueError
        For an engine that is not known, or a version that is no release, older than the oldest or
        newer than the newest that is known, with the nearest one.

    Examples
    --------
    >>> find_engine("TensorRT-LLM").name, find_engine("sglang").label
    ('trtllm', 'SGLang')
    >>> old, new = find_engine("vllm", "0.11.2"), find_engine("vllm")
    >>> old.version, old.overlaps_host, new.overlaps_host
    ('0.11.2', False, True)
    """
    own = name if isinstance(name, Engine) else _named(name)
    asked = _as_text(version)
    return own if asked in ("", own.version) else _of_version(own.name, asked)


def _as_text(version: object) -> str:
    if version is None or isinstance(version, str):
        return version or ""
    msg = f"engine_version must be text such as '0.11', got {shown(version)}"
    raise ValueError(msg)  # 0.10 and 0.1 are the same number


def _named(name: object) -> Engine:
    if isinstance(name, str) and (found := ENGINE_RECORDS.get(name)) is not None:
        return found
    folded = str(name).strip().casefold()
    records = ENGINE_RECORDS.values()
    spelt = (one.name for one in records if folded in (one.name, *one.spellings))
    return ENGINE_RECORDS[one_of("engine", next(spelt, name), tuple(ENGINE_RECORDS))]


def check_joins_batches(engine: Engine) -> None:
    """Refuse an engine whose batches start and end together, where requests come one by one.

    Raises
    ------
    ValueError
        With those whose requests join others.
    """
    if not engine.joins_batches:
        msg = (
            f"engine must be one whose requests join those that run ({', '.join(_JOINING)}) where "
            f"they come one by one, got {shown(engine.name)}, whose batches start together: phases "
            "prefill and decode"
        )
        raise ValueError(msg)


def versions_of(name: str | Engine) -> tuple[str, ...]:
    """Give the releases since which an engine behaves otherwise, from the newest to the oldest.

    Returns
    -------
    tuple of str
        Empty of an engine whose versions are not told apart.

    Examples
    --------
    >>> versions_of("sglang"), versions_of("lmdeploy")
    (('0.5.20', '0.5.10', '0.5'), ())
    """
    return tuple(one.since for one in _VERSIONS.get(find_engine(name).name, ()))


@lru_cache(maxsize=256)
def _of_version(name: str, version: str) -> Engine:
    several = _VERSIONS.get(name)
    label = ENGINE_RECORDS[name].label
    if several is None:
        msg = (
            f"engine_version must be left out with {label}, whose versions are not told apart, got "
            f"{shown(version)}"
        )
        raise ValueError(msg)
    asked, newest, oldest = release_of(version), several[0].version, several[-1].since
    rule = f"engine_version of {label} must be a release from {oldest} to {newest}"
    rule += f", got {shown(version)}"
    if asked is None:
        msg = f"{rule}; the newest is {newest}"
        raise ValueError(msg)
    if asked[: len(_numbers(newest))] > _numbers(newest):
        msg = f"{rule}; the nearest known is {newest}"
        raise ValueError(msg)
    found = next((one for one in several if asked >= _numbers(one.since)), None)
    if found is None:
        msg = f"{rule}; the nearest known is {oldest}"
        raise ValueError(msg)
    return replace(found, version=".".join(map(str, asked)))


def release_of(version: str) -> tuple[int, ...] | None:
    """Read the numbers of a release from what a person or a file calls it.

    Returns
    -------
    tuple of int or None
        None where it begins with no number, as a nightly build does.

    Raises
    ------
    ValueError
        If it is no text.

    Examples
    --------
    >>> release_of("v0.5.6.post2"), release_of("1.0.0rc3"), release_of("nightly-5b8c30d")
    ((0, 5, 6), (1, 0, 0), None)
    """
    return _release(text("version", version))


@lru_cache(maxsize=256)
def _release(version: str) -> tuple[int, ...] | None:
    found = _RELEASE.match(version.strip())
    return None if found is None else _numbers(found[1])


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in release.split("."))


def told_engine(
    name: str | Engine,
    version: str | None = None,
    *,
    max_num_seqs: int | None = None,
    enforce_eager: bool = False,
) -> Engine:
    """Find an engine as it is told to run.

    Parameters
    ----------
    name, version
        As of :func:`find_engine`.
    max_num_seqs : int, optional
        Most requests that run at once; its own default on a device where not given [1].
    enforce_eager : bool, default False
        Whether nothing is captured.

    Returns
    -------
    Engine
        As it is told.

    Raises
    ------
    ValueError
        As :func:`find_engine`, and for values out of range.

    Examples
    --------
    >>> told_engine("vllm", "0.11", max_num_seqs=64).max_num_seqs
    64
    """
    most = None if max_num_seqs is None else whole_number("max_num_seqs", max_num_seqs)
    eager = truth("enforce_eager", enforce_eager)
    return _told(find_engine(name, version), most, eager=eager)


@lru_cache(maxsize=256)
def _told(engine: Engine, max_num_seqs: int | None, *, eager: bool) -> Engine:
    return engine.told(max_num_seqs=max_num_seqs, enforce_eager=eager)
