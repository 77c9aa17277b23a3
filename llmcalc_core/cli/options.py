"""Options of a command from the function that it calls: its names, defaults and docstring."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from llmcalc_core.api.explore import explore
from llmcalc_core.api.simulate import simulate
from llmcalc_core.api.slo import slo_replicas
from llmcalc_core.cli.values import length, number, truth_or_none
from llmcalc_core.workload.techniques import NO_TECHNIQUES, Techniques

_LEFT_OUT = ("progress", "to", "keep", "client")
"""Arguments that only a program can give."""

_BY_PLACE = ("hardware",)
"""Arguments that stand without their name even where they need not be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An argument of a function, as the command line takes it.

    Attributes
    ----------
    name : str
        What the function calls it.
    annotation : str
        Its type, as it is written there.
    default : object
        What it is where it is not given; ``required`` has none.
    required : bool
        Whether it must be given.
    about : str
        What the docstring says of it.
    """

    name: str
    annotation: str
    default: Any
    required: bool
    about: str


def options_of(function: Callable[..., Any]) -> list[Option]:
    """Give the arguments of a function, those behind its ``**`` included.

    Parameters
    ----------
    function : callable
        With a numpy docstring.

    Returns
    -------
    list of Option
        In the order of its signature.

    Examples
    --------
    >>> first, *_ = options_of(explore)
    >>> first.name, first.required, first.about
    ('model', True, 'What to deploy.')
    """
    plain = inspect.unwrap(function)
    docs = [about_arguments(one) for one in (plain, slo_replicas, explore, simulate, Techniques)]
    found = []
    for one in inspect.signature(plain).parameters.values():
        if one.name in _LEFT_OUT:
            continue
        if one.kind is one.VAR_KEYWORD:
            found += list(_further(plain, one.annotation, docs))
            continue
        required = one.default is one.empty
        found.append(
            Option(
                name=one.name,
                annotation=str(one.annotation),
                default=None if required else one.default,
                required=required,
                about=_about(one.name, docs),
            )
        )
    return found


def _further(
    function: Callable[..., Any], annotation: str, docs: list[dict[str, str]]
) -> Iterator[Option]:
    """Give the arguments behind the ``**`` of a function, which a ``TypedDict`` names."""
    (name,) = re.findall(r"\w+", annotation.removeprefix("Unpack"))
    for key, kind in function.__globals__[name].__annotations__.items():
        yield Option(
            name=key,
            annotation=getattr(kind, "__forward_arg__", str(kind)),
            default=getattr(NO_TECHNIQUES, key, None),
            required=False,
            about=_about(key, docs),
        )


def _about(name: str, docs: list[dict[str, str]]) -> str:
    told = (one.get(name, "") for one in docs)
    return next((about for about in told if about and not about.startswith("As of")), "")


def about_arguments(documented: Any) -> dict[str, str]:  # noqa: ANN401 - a function or a class
    """Read what a numpy docstring says of each argument, as one line without markup.

    Examples
    --------
    >>> about_arguments(explore)["memory_fraction"][:44]
    "Part of a device's memory that may be used, "
    """
    text = inspect.getdoc(documented) or ""
    section = text.partition("Parameters\n----------\n")[2]
    section = re.split(r"\n\n\w[\w ]*\n-{3,}\n", section)[0]
    entries = re.findall(r"^(\S[^\n]*?) : [^\n]*\n((?:(?: {4}[^\n]*)?\n?)*)", section, re.MULTILINE)
    return {
        name.strip().lstrip("*"): _plain(about)
        for names, about in entries
        for name in names.split(",")
    }


def _plain(about: str) -> str:
    told = re.sub(r":\w+:`~?(?:[\w.]*\.)?([\w ]+)`", r"\1", " ".join(about.split()))
    return told.replace("``", "")


def add_option(parser: argparse._ActionsContainer, option: Option) -> None:
    """Add an option to a parser: what must be given by its place, the rest by its name."""
    how: dict[str, Any] = {"help": _help(option)}
    kind = option.annotation
    if kind == "bool":
        how |= {"action": argparse.BooleanOptionalAction}
    else:
        how |= _how_to_read(kind)
        if "Sequence" in kind and option.name != "model":
            how["nargs"] = "+"
    if option.required:
        parser.add_argument(option.name, **how)
    elif option.name in _BY_PLACE:
        parser.add_argument(option.name, default=option.default, **how | {"nargs": "?"})
    else:
        named = {"dest": option.name, "default": option.default}
        parser.add_argument(flag_of(option), **how | named)


def flag_of(option: Option) -> str:
    """Give what an argument is called on the command line.

    Examples
    --------
    >>> flag_of(options_of(explore)[2])
    '--devices'
    """
    return f"--{option.name.replace('_', '-')}"


def _how_to_read(kind: str) -> dict[str, Any]:
    if "bool" in kind:
        return {"type": truth_or_none, "metavar": "yes|no"}
    if "LengthsLike" in kind:
        return {"type": length, "metavar": "N|N-M"}
    if "int" in kind or "float" in kind:
        return {"type": number, "metavar": "N"}
    return {"metavar": "NAME"}


def _help(option: Option) -> str:
    told = option.about.replace("%", "%%")
    if option.required or option.default is None or option.annotation == "bool":
        return told
    return f"{told} [{option.default}]".strip()
