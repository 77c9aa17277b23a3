"""``python -m llmcalc_core.validation FILE.csv``: predict measured rows and print the errors."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from llmcalc_core.validation.report import GROUP, as_text, write_predictions
from llmcalc_core.validation.schemas import predict_file


def main(arguments: Sequence[str] | None = None) -> None:
    """Predict the rows of a file, print a table of errors, write the predictions if asked to."""
    parser = argparse.ArgumentParser(
        prog="python -m llmcalc_core.validation",
        description="Predict the rows of a file of measurements and print the errors: estimated "
        "over measured time (or memory), less one.",
    )
    add_arguments(parser)
    parser.set_defaults(parser=parser)
    validate(parser.parse_args(arguments))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is asked of a file of measurements."""
    parser.add_argument("file", type=Path, help="a CSV file of any of the schemas")
    parser.add_argument("--output", type=Path, help="where to write the predictions, as CSV")
    parser.add_argument(
        "--by", nargs="+", choices=GROUP, default=GROUP, help="what to group errors by"
    )


def validate(asked: argparse.Namespace) -> int:
    """Predict the rows of a file and print the errors."""
    try:
        schema, outcomes = predict_file(asked.file)
    except (OSError, ValueError) as error:
        asked.parser.error(f"{asked.file}: {error}")
    if asked.output:
        with asked.output.open("w", encoding="utf-8", newline="") as file:
            write_predictions(schema, outcomes, file)
    print(as_text(outcomes, asked.by))  # noqa: T201
    return 0


if __name__ == "__main__":
    main()
