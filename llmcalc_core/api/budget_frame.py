"""The frame of a memory budget, which a start-up log can be held beside."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pandas as pd

from llmcalc_core.checks import one_of
from llmcalc_core.shown import shown

_GIB = {"gib": 1.0, "gb": 1.0, "mib": 2.0**-10, "mb": 2.0**-10}
"""What a unit of a log is: vLLM writes GiB, and GB for the same; SGLang GB."""

_NUMBER = r"(?P<value>-?[\d,]*\.?\d+)"
_SIZE = _NUMBER + r"\s*(?P<unit>GiB|GB|MiB|MB)"
_MORE = r"(?P<more>-?[\d,]*\.?\d+)"
_GB = r"\s*(?P<unit>GB)"
_LINES = (
    ("weights", rf"[Mm]odel (?:loading took|weights (?:take|took))\s+{_SIZE}"),
    ("weights", rf"Load weight end\..*?mem usage=\s*{_SIZE}"),
    ("activation peak", rf"activation peak memory (?:takes|is)\s+{_SIZE}"),
    ("outside of the allocator", rf"non[-_]torch(?: \w+)?[ _]memory (?:takes|is)\s+{_SIZE}"),
    ("captured graphs", rf"Estimated CUDA graph memory:\s+{_SIZE}"),
    ("KV cache pool", rf"Available KV cache memory:\s+{_SIZE}"),
    ("KV cache pool", rf"reserved for KV [Cc]ache is\s+{_SIZE}"),
    ("KV cache pool", rf"K size:\s+{_NUMBER}\s*GB, V size:\s+{_MORE}{_GB}"),
    ("KV cache pool", rf"#tokens:.* KV size:\s+{_SIZE}"),
    ("KV cache pool", rf"Allocated\s+{_SIZE}\s+for max tokens in paged KV cache"),
    ("KV cache pool", rf"\w+ KV buffer size\s+=\s+{_SIZE}"),
    ("pool of states", rf"conv_state size:\s*{_NUMBER}\s*GB, ssm_state size:\s*{_MORE}{_GB}"),
    ("weights", rf"(?!CPU|\w+_Mapped)\b\w+ model buffer size\s+=\s+{_SIZE}"),
    ("activation peak", rf"(?!\w*(?:CPU|Host))\b\w+ compute buffer size\s+=\s+{_SIZE}"),
    ("visible memory", rf"total_gpu_memory \({_SIZE}\)"),
    ("blocks", rf"# (?:GPU|CUDA|cuda) blocks:\s+{_NUMBER}"),
    ("tokens", rf"KV cache size:\s+{_NUMBER}\s+tokens"),
    ("tokens", rf"max_total_num_tokens=\s*{_NUMBER}"),
    ("tokens", rf"KV Cache is allocated.*#tokens:\s*{_NUMBER}"),
    ("tokens", rf"Max KV cache tokens:?\s+{_NUMBER}"),
    ("tokens", rf"for max tokens in paged KV cache \({_NUMBER}\)"),
    ("tokens", rf"llama_kv_cache: size =.*\(\s*{_NUMBER}\s+cells"),
    ("concurrency", rf"Maximum concurrency for\s+[\d,]+\s+tokens per request:\s+{_NUMBER}x"),
    ("longest context", rf"estimated maximum model length is\s+{_NUMBER}"),
)  # fmt: skip
"""Lines of start-up logs of vLLM, SGLang, TensorRT-LLM and llama.cpp, by the part of a budget in
them; what a line says in two numbers is their sum."""

AGREES = 0.1
"""Share of the logged value that a budget may be off and still agrees."""


_LONGEST_LINE = 2000
"""Characters of a line that are searched: no engine writes so many about a part, and patterns take
time that grows with their square."""


class BudgetFrame(pd.DataFrame):
    """A memory budget as a DataFrame: a row for each part."""

    @property
    def _constructor(self) -> Callable[..., BudgetFrame]:
        """Make frames that pandas derives of the same kind."""
        return BudgetFrame

    def value_of(self, part: str) -> float:
        """Give the value of a part by its name.

        Raises
        ------
        ValueError
            For a part that there is not, with the nearest one.
        """
        known = tuple(self["part"])
        return float(self.loc[self["part"] == one_of("part", part, known), "value"].iloc[0])

    def check(self, log_text: str) -> pd.DataFrame:
        """Hold a start-up log beside the budget, line by line.

        Parameters
        ----------
        log_text : str
            The log of vLLM, SGLang, TensorRT-LLM or llama.cpp, or a part of it.

        Returns
        -------
        DataFrame
            A row for each line that is about a part: ``part``, ``logged``, ``budgeted``, ``unit``,
            ``error`` (budgeted over logged, less one), ``agrees`` (within a tenth), and ``line``.

        Raises
        ------
        ValueError
            If it is no text, or no line of the log is about the memory of an engine.
        """
        rows: list[dict[str, Any]] = []
        budgeted = zip(self["value"].astype(float), self["unit"], strict=True)
        parts = dict(zip(self["part"], budgeted, strict=True))
        for line in _lines(log_text):
            for part, pattern in _LINES:
                found = re.search(pattern, line)
                if found is not None:
                    rows.append(self._compared(part, found, line, parts))
        if not rows:
            msg = (
                "the log must have lines of vLLM, SGLang, TensorRT-LLM or llama.cpp about memory, "
                "such as "
                "'Available KV cache memory: 51.38 GiB', got none of them"
            )
            raise ValueError(msg)
        return pd.DataFrame(rows)

    @staticmethod
    def _compared(
        part: str, found: re.Match[str], line: str, parts: dict[str, tuple[float, str]]
    ) -> dict[str, Any]:
        unit = found.groupdict().get("unit")
        numbers = [found["value"], found.groupdict().get("more") or "0"]
        logged = sum(float(number.replace(",", "")) for number in numbers)
        logged *= _GIB[unit.lower()] if unit else 1.0
        budgeted, kept_in = parts[part]
        error = budgeted / logged - 1 if logged else float("nan")
        return {
            "part": part,
            "logged": logged,
            "budgeted": budgeted,
            "unit": kept_in,
            "error": error,
            "agrees": abs(error) <= AGREES,
            "line": line.strip(),
        }


def _lines(log_text: object) -> list[str]:
    """Give the lines of a log, each as long as it is searched."""
    if not isinstance(log_text, str):
        msg = f"log_text must be the text of a log, got {shown(log_text)}"
        raise ValueError(msg)  # noqa: TRY004 - all bad input is a ValueError
    return [line[:_LONGEST_LINE] for line in log_text.splitlines()]
