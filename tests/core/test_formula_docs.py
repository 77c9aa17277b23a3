"""Every public formula states its units and source and shows a value; its arguments are named."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator

import pytest

from llmcalc_core import formulas

Formula = Callable[..., object]


def public_formulas() -> Iterator[Formula]:
    for module_info in pkgutil.iter_modules(formulas.__path__, f"{formulas.__name__}."):
        if module_info.name.endswith(".single_numbers"):
            continue  # arithmetic, as numpy's own
        module = importlib.import_module(module_info.name)
        for name, member in vars(module).items():
            own = inspect.isfunction(member) and member.__module__ == module.__name__
            if own and not name.startswith("_"):
                yield member


FORMULAS = list(public_formulas())


def sections_of(docstring: str) -> dict[str, str]:
    """Split a numpy docstring at its underlined headings."""
    parts = re.split(r"^(\w+)\n-{3,}\n", inspect.cleandoc(docstring), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def described(section: str) -> dict[str, str]:
    """Map each line at the margin ('a, b : float') to the indented text below it."""
    found: dict[str, str] = {}
    head = ""
    for line in section.splitlines():
        if line and not line.startswith(" "):
            head = line
            found[head] = ""
        else:
            found[head] = f"{found[head]} {line}" if head else line
    return found


def faults(formula: Formula) -> list[str]:
    """Name everything that is missing."""
    arguments = inspect.signature(formula).parameters.values()
    found = [f"{one.name} is positional" for one in arguments if one.kind is not one.KEYWORD_ONLY]
    sections = sections_of(formula.__doc__ or "")
    groups = described(sections.get("Parameters", ""))
    named = {name for head in groups for name in re.split(r",\s*", head.split(" :")[0])}
    found += [f"{one.name} is not described" for one in arguments if one.name not in named]
    groups |= {"the result": sections.get("Returns", "")}
    found += [
        f"{head} has no unit" for head, text in groups.items() if not re.search(r"\[[^\]]+\]", text)
    ]
    if not sections.get("References", "").strip():
        found.append("no source")
    if not doctest.DocTestParser().get_examples(sections.get("Examples", "")):
        found.append("no example")
    return found


def test_all_rooms_are_read() -> None:
    modules = {formula.__module__.rpartition(".")[2] for formula in FORMULAS}
    assert {"attention", "collectives", "kv_cache", "moe", "pipeline", "roofline"} <= modules
    assert len(FORMULAS) >= 15


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.__name__)
def test_a_formula_is_documented(formula: Formula) -> None:
    assert faults(formula) == []


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.__name__)
def test_the_example_holds(formula: Formula) -> None:
    tests = doctest.DocTestFinder(recurse=False).find(formula)
    runner = doctest.DocTestRunner(verbose=False)
    results = [runner.run(test) for test in tests]
    assert sum(result.attempted for result in results) > 0
    assert sum(result.failed for result in results) == 0


def good(*, work: float) -> float:
    """Give the time.

    Parameters
    ----------
    work : float
        Operations [FLOP].

    Returns
    -------
    float
        Time [s].

    References
    ----------
    A document, equation 1.

    Examples
    --------
    >>> good(work=1.0)
    1.0
    """
    return work


def bare(work: float) -> float:
    return work


def changed(old: str, new: str) -> Formula:
    """Make the good formula with one part of its docstring replaced."""

    def formula(*, work: float) -> float:
        return work

    assert old in (good.__doc__ or "")
    formula.__doc__ = (good.__doc__ or "").replace(old, new)
    return formula


BAD = [
    (bare, ["work is positional", "work is not described", "the result has no unit", "no source",
            "no example"]),
    (changed("[FLOP]", ""), ["work : float has no unit"]),
    (changed("[s]", ""), ["the result has no unit"]),
    (changed("work : float", "load : float"), ["work is not described"]),
    (changed("A document, equation 1.", ""), ["no source"]),
    (changed(">>> good", "good"), ["no example"]),
]  # fmt: skip
BAD_IDS = ["bare", "argument unit", "result unit", "argument name", "source", "example"]


@pytest.mark.parametrize(("formula", "expected"), BAD, ids=BAD_IDS)
def test_a_bad_formula_is_found_out(formula: Formula, expected: list[str]) -> None:
    assert faults(good) == []
    assert faults(formula) == expected
