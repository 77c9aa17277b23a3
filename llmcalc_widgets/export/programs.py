"""Lines of Python as a program that can be run: calls on several lines, and their imports."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llmcalc_core import EvaluationRequest
from llmcalc_widgets.export.arguments import arguments_of

_IMPORTS = (
    "Hardware", "ModelConfig", "Precision", "compare_hardware", "explore", "find_hardware",
    "find_model", "pareto_mask", "slo_plans",
)  # fmt: skip


def program(lines: Sequence[str], *, imports: str = "") -> str:
    """Put the imports that a program needs before it; those of others as they are given.

    Examples
    --------
    >>> print(program(['find_model("llama2_7b")']))
    from llmcalc_core import find_model
    <BLANKLINE>
    find_model("llama2_7b")
    """
    body = "\n".join(lines)
    used = [name for name in _IMPORTS if re.search(rf"\b{name}\(", body)]
    return f"{imports}from llmcalc_core import {', '.join(used)}\n\n{body}"


def call(head: str, arguments: Sequence[str]) -> list[str]:
    """Write a call with an argument on each line; ``head`` is what stands before them.

    Examples
    --------
    >>> call("x = dict", ["a=1"])
    ['x = dict(', '    a=1,', ')']
    """
    return [f"{head}(", *(f"    {argument}," for argument in arguments), ")"]


def explore_call(target: str, request: EvaluationRequest) -> list[str]:
    """Write the call of ``explore`` that asks for a request; ``target`` stands before it."""
    return call(f"{target}explore", arguments_of(request))
