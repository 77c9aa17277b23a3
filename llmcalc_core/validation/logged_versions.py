"""Which version of an engine a start-up log is of: as it says, or as its source and model tell."""

from __future__ import annotations

import re
from collections.abc import Mapping

from llmcalc_core.engines import find_engine, versions_of
from llmcalc_core.model.config import ModelConfig

_ISSUE = re.compile(r"vllm-project/vllm#(\d+)")

_RELEASED_BEFORE = (
    (50_000, "0.25"), (48_000, "0.24"), (46_000, "0.23"), (44_500, "0.22"), (43_000, "0.21"),
    (41_000, "0.20"), (39_000, "0.19"), (37_700, "0.18"), (36_300, "0.17"), (34_500, "0.16"),
    (33_300, "0.15"), (32_700, "0.14"), (30_900, "0.13"), (29_900, "0.12"), (26_100, "0.11"),
    (24_800, "0.10.2"), (21_500, "0.10"), (20_500, "0.9.2"), (18_800, "0.9"), (17_300, "0.8.5"),
    (15_000, "0.8"), (12_400, "0.7"), (11_500, "0.6.6"), (0, "0.6"),
)  # fmt: skip
"""The release that was the newest when an issue or pull request of vLLM got its number: of those
that name one, 15676 is of 0.8.2, 17242 of 0.8.4, 17395 of 0.8.5, 27991 of 0.11.0, 38486 of 0.18.0
and 51454 of 0.25.0; between them by the dates of releases (recalled)."""

_OF_2026 = ("DeepSeek-V4", "gemma-4", "GLM-5", "Kimi-K3", "Qwen3.8")
_USUAL, _RECENT = "0.11", "0.20"
"""Versions of logs that say nothing: most are about 0.11; models of 2026 came with 0.20 and on."""


def logged_version(fields: Mapping[str, str], config: ModelConfig, engine: str) -> str | None:
    """Give the version of a log; one beyond those that are known is the nearest of them.

    Parameters
    ----------
    fields : mapping
        The row.
    config : ModelConfig
        Its model.
    engine : str
        Its engine, by name.

    Returns
    -------
    str or None
        None for the newest.

    Examples
    --------
    >>> from llmcalc_core.hub.models import find_model
    >>> model = find_model("llama3_8b")
    >>> log = {"engine_version": "", "source": "vllm-project/vllm#17122"}
    >>> logged_version(log, model, "vllm"), logged_version({**log, "source": ""}, model, "vllm")
    ('0.8', '0.11')
    """
    stated = re.match(r"\d+(?:\.\d+)+", fields["engine_version"].strip())
    if stated:
        return _known(engine, stated[0])
    if engine != "vllm":
        return None
    issue = _ISSUE.search(fields["source"])
    if issue is not None:
        return next(version for first, version in _RELEASED_BEFORE if int(issue[1]) >= first)
    return _RECENT if any(word in config.model for word in _OF_2026) else _USUAL


def _known(engine: str, stated: str) -> str | None:
    try:
        return find_engine(engine, stated).version
    except ValueError:
        known = versions_of(engine)
        return known[-1] if known and stated[0].startswith("0") else None
