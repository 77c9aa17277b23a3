"""``python -m llmcalc_core.validation.refit FILE...``: fit the constants again, say what moved."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from llmcalc_core.calibration.band_tables import Coverage, LeftOut
from llmcalc_core.calibration.bands import last_coverage, last_errors, last_worth
from llmcalc_core.calibration.constants import Constants, fitted
from llmcalc_core.fitting.parameters import Parameter, as_constants, as_steps, fit, parameters
from llmcalc_core.fitting.runs import Runs
from llmcalc_core.formulas import Floats
from llmcalc_core.validation import left_out
from llmcalc_core.validation.conformal import bands, coverage, misses_of
from llmcalc_core.validation.measured_runs import left_alone, runs_of, weights_of
from llmcalc_core.validation.schemas import read_cases
from llmcalc_core.validation.write_tables import write_bands, write_constants

_ABLATION_ROUNDS, _WORTH_ROUNDS = 8, 3
"""Most iterations of a fit without one of the constants, and of those that leave a pair out too."""

_NAMES = {
    "ttft": "TTFT",
    "tpot": "TPOT",
    "latency": "end to end, static batch",
    "prefill": "TTFT, static batch",
    "full_load": "throughput of a full engine",
}
"""What has a band, in words."""

KINDS = (
    ("TPOT, dense, closed loop", "tpot", True, False),
    ("TPOT, mixture, closed loop", "tpot", True, True),
    ("TTFT, closed loop", "ttft", True, None),
    ("end to end, static batch", "latency", False, None),
    ("end to end, saturated", "latency", True, None),
    ("TTFT, static batch", "ttft", False, None),
)
"""Name, metric, closed loop or not, mixture or not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refit:
    """A fit and what it misses.

    Attributes
    ----------
    runs : Runs
        What was measured.
    moved : tuple of Parameter
        What the fit moved.
    steps : array
        How far.
    constants : Constants
        What it found.
    misses : dict of str to array
        Logarithm of each estimate over its measurement: of the fit itself ('fit'), of rows, pairs
        of model and device, and devices left out ('rows', 'pairs', 'devices'), and with nothing
        known of the device ('assumed').
    """

    runs: Runs
    moved: tuple[Parameter, ...]
    steps: Floats
    constants: Constants
    misses: dict[str, Floats]


def refit(runs: Runs, weights: Floats) -> Refit:
    """Fit to all runs, from the last fit's constants, then judge by fits that leave some out."""
    moved = parameters(runs)
    steps = fit(runs, weights, moved, start=as_steps(moved, fitted()))
    constants = as_constants(moved, steps)
    parts = {"rows": left_out.rows, "pairs": left_out.pairs, "devices": left_out.devices}
    misses = {"fit": runs.log_errors(constants)}
    for name, divide in parts.items():
        misses[name] = left_out.left_out_misses(runs, weights, moved, divide(runs), start=steps)
    misses["assumed"] = left_out.uncalibrated_misses(runs, constants)
    return Refit(runs=runs, moved=moved, steps=steps, constants=constants, misses=misses)


def worth(runs: Runs, weights: Floats, found: Refit) -> dict[str, tuple[int, float]]:
    """Say what each constant is worth: how much larger errors on left-out pairs are without it.

    Returns
    -------
    dict of str to (int, float)
        Numbers that the constant has, and the relative rise of the mean absolute error of the
        logarithm on pairs left out, a fifth of them at a time, when it stays at its prior.
    """
    pairs = left_out.groups_of_pairs(runs)

    def error(moved: tuple[Parameter, ...], start: Floats) -> float:
        missed = left_out.left_out_misses(
            runs, weights, moved, pairs, start=start, rounds=_WORTH_ROUNDS
        )
        return float(np.abs(missed).mean())

    usual = error(found.moved, found.steps)
    table = {}
    for name in dict.fromkeys(parameter.spec.name for parameter in found.moved):
        kept = np.array([parameter.spec.name != name for parameter in found.moved])
        moved = parameters(runs, fixed=(name,))
        start = fit(runs, weights, moved, start=found.steps[kept], rounds=_ABLATION_ROUNDS)
        table[name] = int((~kept).sum()), error(moved, start) / usual - 1
    return table


def errors(found: Refit) -> list[LeftOut]:
    """Sum up the errors of the fit, of rows left out and of pairs left out, by kind of run."""
    table = []
    for name, metric, loop, mixture in KINDS:
        own = found.runs.where(metric, loop=loop, mixture=mixture)
        if not own.any():
            continue
        for part in ("fit", "rows", "pairs"):
            error = np.expm1(found.misses[part][own])
            middle, most = np.quantile(np.abs(error), (0.5, 0.9)).tolist()
            table.append(
                LeftOut(
                    kind=name,
                    part=part,
                    count=int(own.sum()),
                    median=middle,
                    p90=most,
                    bias=float(np.median(error)),
                )
            )
    return table


def error_lines(table: Sequence[LeftOut]) -> list[str]:
    """Write errors as a table: median / p90 of the absolute relative error, and the bias."""
    lines = [
        "| median / p90 error (bias), % | n | fit | rows left out | pairs left out |",
        "|---|---|---|---|---|",
    ]
    for kind in dict.fromkeys(entry.kind for entry in table):
        own = [entry for entry in table if entry.kind == kind]
        cells = [
            f"{100 * one.median:.1f} / {100 * one.p90:.1f} ({100 * one.bias:+.0f})" for one in own
        ]
        lines.append(f"| {kind} | {own[0].count} | {' | '.join(cells)} |")
    return lines


def coverage_lines(table: Sequence[Coverage]) -> list[str]:
    """Write as a table errors and bands on sources that neither they nor the fit had seen."""
    lines = [
        "| unseen sources | n | median / p90 error (bias), % | in the 80 % band |",
        "|---|---|---|---|",
    ]
    for one in table:
        error = f"{100 * one.median:.0f} / {100 * one.p90:.0f} ({100 * one.bias:+.0f})"
        named = _NAMES.get(one.value, f"{one.by} {one.value}")
        lines.append(f"| {named} | {one.count} | {error} | {one.inside:.0%} |")
    return lines


def worth_lines(table: Mapping[str, tuple[int, float]]) -> list[str]:
    """Write what each constant is worth as a table, the most useful first."""
    ranked = sorted(table.items(), key=lambda entry: -entry[1][1])
    return [
        "| constant | numbers | error on pairs left out without it |",
        "|---|---|---|",
        *(f"| {name} | {count} | {rise:+.1%} |" for name, (count, rise) in ranked),
    ]


def moved_lines(old: Constants, new: Constants) -> list[str]:
    """Say what moved: each number before and after."""
    before = {(name, scope): number for name, scope, number in old.entries}
    lines = []
    for name, scope, number in new.entries:
        was = before.get((name, scope), 0.0)
        if not np.isclose(was, number, rtol=1e-3, atol=1e-3 if scope else 0.0):
            lines.append(f"{name} {scope or '(all)'}: {was:.4g} -> {number:.4g}")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit to files of measurements, print errors and what moved; write the tables if asked to."""
    parser = argparse.ArgumentParser(
        prog="python -m llmcalc_core.validation.refit",
        description="Fit the constants of devices and engines to files of measurements.",
    )
    parser.add_argument(
        "files", type=Path, nargs="*",
        help="CSV files of any schema (an open loop is in no fit); without any, the errors of the "
        "last fit are printed",
    )  # fmt: skip
    parser.add_argument(
        "--unseen", type=Path, nargs="+", default=[], metavar="FILE",
        help="files that are not fitted: the bands must hold what they measured",
    )  # fmt: skip
    parser.add_argument("--write", action="store_true", help="replace the project's tables")
    parser.add_argument("--worth", action="store_true", help="leave each constant out in turn")
    asked = parser.parse_args(arguments)
    if not asked.files:
        said = (
            coverage_lines(last_coverage()),
            error_lines(last_errors()),
            worth_lines(last_worth()),
        )
        print("\n\n".join("\n".join(table) for table in said))  # noqa: T201
        return
    cases, strange = (
        [case for file in files for case in read_cases(file)]
        for files in (asked.files, asked.unseen)
    )
    measured = runs_of(cases)
    runs, weights = Runs(measured), weights_of(measured)
    found = refit(runs, weights)
    unseen = misses_of([*left_alone(cases), *strange], found.constants)
    held = coverage(runs, found.misses, unseen)
    lines = [
        f"{len(found.moved)} numbers, {len(measured)} measured times",
        *error_lines(errors(found)),
    ]
    lines += ["", *coverage_lines(held)]
    lines += ["", "What moved:", *moved_lines(fitted(), found.constants)]
    known = worth(runs, weights, found) if asked.worth else last_worth()
    lines += ["", *worth_lines(known)] if asked.worth else []
    print("\n".join(lines))  # noqa: T201
    if asked.write:
        write_constants(found.constants)
        table = bands(runs, found.misses, unseen)
        write_bands(table, errors(found), held, known, found.runs)


if __name__ == "__main__":
    main()
