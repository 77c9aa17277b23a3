"""Usual workloads: how long their requests are, and how long their users wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

WORKLOAD_SETTINGS = ("input_tokens", "output_tokens", "tpot_limit_ms", "ttft_limit_ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Lengths and limits that belong together.

    Attributes
    ----------
    label : str
        In the list.
    input_tokens, output_tokens : int
        Of a request.
    tpot_limit_ms, ttft_limit_ms : float or None
        Longest time per output token and to the first token [ms].
    about : str
        What it is, and where its numbers are from.
    """

    label: str
    input_tokens: int
    output_tokens: int
    tpot_limit_ms: float | None
    ttft_limit_ms: float | None
    about: str

    def settings(self) -> dict[str, Any]:
        """Return the settings that it stands for."""
        return {name: getattr(self, name) for name in WORKLOAD_SETTINGS}


WORKLOADS = {
    "chat": Workload(
        label="Chat",
        input_tokens=1000,
        output_tokens=1000,
        tpot_limit_ms=40.0,
        ttft_limit_ms=450.0,
        about="People read along: 25 tokens/s per user after 0.45 s. Limits recalled from MLPerf "
        "Inference v5.0, Llama 2 70B interactive; lengths recalled from InferenceMAX.",
    ),
    "retrieval": Workload(
        label="Retrieval (RAG)",
        input_tokens=1500,
        output_tokens=100,
        tpot_limit_ms=50.0,
        ttft_limit_ms=2000.0,
        about="A question with passages found for it, and a short answer. Lengths: TrueFoundry, "
        "Benchmarking Llama-2-70B (read 2026-11-23); limits assumed.",
    ),
    "summarising": Workload(
        label="Summarising",
        input_tokens=4096,
        output_tokens=512,
        tpot_limit_ms=100.0,
        ttft_limit_ms=5000.0,
        about="A long document and its summary. Lengths: NVIDIA, Enterprise RAG Retrieval Scaling "
        "and Sizing Guide, benchmarking methodology (read 2026-11-23); limits assumed.",
    ),
    "coding agent": Workload(
        label="Coding agent",
        input_tokens=32_000,
        output_tokens=500,
        tpot_limit_ms=20.0,
        ttft_limit_ms=5000.0,
        about="Many steps, each with a long context and a short output, most of the context seen "
        "before, which a prefix hit rate counts. Lengths and limits assumed.",
    ),
    "batch": Workload(
        label="Batch, offline",
        input_tokens=2000,
        output_tokens=500,
        tpot_limit_ms=None,
        ttft_limit_ms=None,
        about="Nobody waits, so there are no limits: as many tokens per device as it gives. "
        "Lengths assumed.",
    ),
}


def check_workload(_: str, value: object) -> str:
    """Return the name of a workload.

    Raises
    ------
    ValueError
        For an unknown one, with the nearest.
    """
    find_workload(value)
    return str(value)


def find_workload(name: object) -> Workload:
    """Return a workload by its name.

    Raises
    ------
    ValueError
        For an unknown one, with the nearest.
    """
    if isinstance(name, str) and name in WORKLOADS:
        return WORKLOADS[name]
    close = get_close_matches(str(name), WORKLOADS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(WORKLOADS)}"
    msg = f"workload must be a known one or None, got {name!r}; {hint}"
    raise ValueError(msg)


def workload_of(settings: Mapping[str, Any]) -> str | None:
    """Name the workload that has the lengths and limits of settings, if one does.

    Examples
    --------
    >>> workload_of(WORKLOADS["chat"].settings())
    'chat'
    """
    own = {name: settings[name] for name in WORKLOAD_SETTINGS}
    return next((name for name, one in WORKLOADS.items() if one.settings() == own), None)


def with_workload(values: Mapping[str, Any]) -> dict[str, Any]:
    """Put the settings of a workload in its place; those given beside it win.

    Raises
    ------
    ValueError
        For an unknown workload.

    Examples
    --------
    >>> with_workload({"workload": "batch", "input_tokens": 7})["input_tokens"]
    7
    """
    given = dict(values)
    name = given.pop("workload", None)
    return given if name is None else {**find_workload(name).settings(), **given}
