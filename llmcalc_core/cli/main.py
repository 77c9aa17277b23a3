"""``llmcalc COMMAND ...``: parse, ask, write."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import pandas as pd

from llmcalc_core.api.explore import explore
from llmcalc_core.api.make_request import make_request
from llmcalc_core.cli.commands import (
    COMMANDS,
    ROWS,
    Command,
    devices,
    edge_note,
    models,
    requests_of,
)
from llmcalc_core.cli.options import add_option, options_of
from llmcalc_core.cli.tables import FORMATS, as_format
from llmcalc_core.deploy.commands import launch
from llmcalc_core.planning.evaluation import evaluate
from llmcalc_core.validation.__main__ import add_arguments, validate

_LAUNCH = "the commands that start and measure the plan that is best at the objective"

_FOUND, _NOTHING_FITS, _BAD_INPUT = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer a command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of this program where not given.

    Returns
    -------
    int
        The exit status: 0, or 1 where no plan fits and keeps the limits; bad input exits with 2.
    """
    parser = make_parser()
    asked = parser.parse_args([_dashed(one) for one in arguments or sys.argv[1:]])
    try:
        return int(asked.run(asked))
    except (ValueError, TypeError) as error:
        asked.parser.exit(_BAD_INPUT, f"llmcalc: error: {error}\n")
    return _BAD_INPUT


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of all commands; their options are the arguments of the functions."""
    parser = argparse.ArgumentParser(
        prog="llmcalc",
        description="Plan LLM deployments: devices, parallelism, latency, memory and cost.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        _add(commands, command)
    start = commands.add_parser(
        "launch", help=_LAUNCH, description=f"{_LAUNCH}.", allow_abbrev=False
    )
    for option in options_of(explore):
        add_option(start, option)
    start.set_defaults(run=_launch, parser=start, phase="serving")
    listed = _listing(commands, "models", "the models of the catalogue")
    listed.add_argument("query", nargs="*", help="words to find in a name or an alias")
    listed.set_defaults(run=lambda asked: _write(models(" ".join(asked.query)), asked))
    listed = _listing(commands, "devices", "the devices of the catalogue")
    listed.set_defaults(run=lambda asked: _write(devices(), asked))
    check = commands.add_parser("validate", help="errors on a CSV file of measurements")
    add_arguments(check)
    check.set_defaults(run=validate, parser=check)
    return parser


def _listing(commands: Any, name: str, about: str) -> argparse.ArgumentParser:  # noqa: ANN401
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=about, description=about, allow_abbrev=False
    )
    _add_format(parser)
    parser.set_defaults(parser=parser)
    return parser


def _add(commands: Any, command: Command) -> None:  # noqa: ANN401 - argparse hides its type
    parser = commands.add_parser(
        command.name, help=command.about, description=f"Give {command.about}.", allow_abbrev=False
    )
    for option in options_of(command.function):
        if option.name == "requests":
            parser.add_argument(
                "--requests", type=requests_of, metavar="FILE.csv", help=option.about
            )
        else:
            add_option(parser, option)
    if command.name == "plan":
        parser.add_argument(
            "--rows", choices=ROWS, default=ROWS[0],
            help="plans on the front, those that fit and keep the limits, or all",
        )  # fmt: skip
    if command.name == "simulate":
        parser.add_argument(
            "--per-request", action="store_true", help="what every request met, not percentiles"
        )
    _add_format(parser)
    parser.set_defaults(run=lambda asked: _ask(command, asked), parser=parser)


def _add_format(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_mutually_exclusive_group()
    for form in FORMATS[1:]:
        chosen.add_argument(
            f"--{form}", dest="form", action="store_const", const=form, default=FORMATS[0],
            help=f"every column as {form.upper()}",
        )  # fmt: skip


def _ask(command: Command, asked: argparse.Namespace) -> int:
    given = {one.name: getattr(asked, one.name) for one in options_of(command.function)}
    told = {name: value for name, value in given.items() if value is not None}
    found = command.function(**told)
    every, shown = command.answer(found, asked)
    if "rejected_for" in every and not (every["rejected_for"].astype(str) == "").any():
        if asked.form == FORMATS[0]:
            sys.stderr.write("no plan fits and keeps the limits\n")
        _write(shown if asked.form == FORMATS[0] else every, asked)
        return _NOTHING_FITS
    note = command.note(found, told)
    if note:
        sys.stderr.write(f"{note}\n")
    return _write(shown if asked.form == FORMATS[0] else every, asked)


def _launch(asked: argparse.Namespace) -> int:
    given = {one.name: getattr(asked, one.name) for one in options_of(explore)}
    found = evaluate(make_request(**{name: one for name, one in given.items() if one is not None}))
    if found.recommended is None:
        sys.stderr.write("no plan fits and keeps the limits\n")
        return _NOTHING_FITS
    plan = found.frame.iloc[found.recommended]
    if found.at_edge:
        sys.stderr.write(f"{edge_note(int(plan['batch']))}\n")
    sys.stdout.write(f"{launch(found.request, plan)}\n")
    return _FOUND


def _write(frame: pd.DataFrame, asked: argparse.Namespace) -> int:
    if len(frame) or asked.form != FORMATS[0]:
        sys.stdout.write(f"{as_format(frame, asked.form)}\n")
        return _FOUND
    sys.stderr.write("nothing found\n")
    return _NOTHING_FITS


def _dashed(argument: str) -> str:
    """Take ``--tpot_limit_s`` for ``--tpot-limit-s``."""
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument.partition("=")
    return f"{name.replace('_', '-')}{equals}{value}"
