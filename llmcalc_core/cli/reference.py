"""The reference of the command line: ``python -m llmcalc_core.cli.reference > FILE``."""

from __future__ import annotations

import sys

from llmcalc_core.cli.commands import COMMANDS, Command
from llmcalc_core.cli.options import Option, flag_of, options_of

_HEAD = """# The command line

`llmcalc COMMAND ...`, or `python -m llmcalc_core COMMAND ...`, asks the same functions as a
notebook, with their names, defaults and errors. Names of options may be written with `_` too.
Numbers may have a size or a time behind them: `2k`, `1M`, `50ms`; lengths of simulated requests
may be a range, `200-1000`. Every command takes `--json` or `--csv`, which give every column in
SI units; text shows what a reader looks at first. `plan` shows the plans on the Pareto front
(`--rows front`), those that fit and keep the limits (`feasible`) or `all`; `simulate` gives means
and percentiles, or with `--per-request` what every request met. `models [WORDS]` and `devices` list
the catalogue, `validate FILE.csv` holds measured rows beside their predictions. `launch` takes the
options of `plan`, phase serving unless told, and writes the commands that start and measure the
plan that is best at the objective.

The exit status is 0, 1 where no plan fits and keeps the limits, and 2 for bad input.

This page is made from the functions: `python -m llmcalc_core.cli.reference`.
"""


def reference() -> str:
    """Write the page.

    Returns
    -------
    str
        Markdown: a table of options for each command.
    """
    return "\n".join([_HEAD, *map(_section, COMMANDS)])


def _section(command: Command) -> str:
    options = options_of(command.function)
    placed = " ".join(one.name.upper() for one in options if one.required)
    rows = "\n".join(map(_row, options))
    return (
        f"## llmcalc {command.name} {placed}\n\n{command.about.capitalize()}: "
        f"`llmcalc_core.{command.function.__name__}`.\n\n"
        f"| Option | Default | What it is |\n| --- | --- | --- |\n{rows}\n"
    )


def _row(option: Option) -> str:
    name = option.name if option.required else flag_of(option)
    default = "" if option.required or option.default is None else f"`{option.default}`"
    return f"| `{name}` | {default} | {option.about.replace('|', chr(92) + '|')} |"


if __name__ == "__main__":
    sys.stdout.write(reference())
