"""``python -m llmcalc_core.validation.kernels FOLDER``: estimates of kernels beside timings."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from llmcalc_core.calibration.kernel_tables import ASSUMED
from llmcalc_core.calibration.kernels import facts_of, find_facts, grouped_facts
from llmcalc_core.fitting.kernel_curves import (
    FITTED,
    KernelTimings,
    as_facts,
    fit_kernels,
    left_out_estimates,
)
from llmcalc_core.formulas import Floats
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.validation.kernel_attention import (
    read_decode_attention,
    read_prefill_attention,
)
from llmcalc_core.validation.kernel_gemm import read_gemm
from llmcalc_core.validation.kernel_latent import read_latent_decode, read_latent_prefill
from llmcalc_core.validation.kernel_mixtures import read_mixtures
from llmcalc_core.validation.kernel_recurrent import read_delta_rules
from llmcalc_core.validation.kernel_reduces import Reduces, fit_reduces, read_reduces
from llmcalc_core.validation.kernel_timings import BLOCKS, MULTIPROCESSORS, Timings
from llmcalc_core.validation.write_kernels import KernelFit, ReduceFit, write_kernel_fits

_READERS = {
    "gemm": read_gemm,
    "mixture": read_mixtures,
    "attention_decode": read_decode_attention,
    "attention_prefill": read_prefill_attention,
    "latent_decode": read_latent_decode,
    "latent_prefill": read_latent_prefill,
    "recurrent_prefill": read_delta_rules,
}
"""What reads the timings of a family."""

_WORK = ("flops", "moved", "size", "columns", "inner", "launches", "beside", "seconds")
"""Columns of timings that fits need."""

_STAND_INS = {
    "latent_prefill": "attention_prefill",
    "latent_decode": "attention_decode",
    "recurrent_prefill": "attention_prefill",
}
"""What stands for a family of which nothing is known."""

_MOST_ROWS = 8000
"""Rows of one kernel that are looked at, drawn with a seed."""

_DECODE_TOKENS = 1024
"""Most tokens of what counts as a decode step [tokens]."""

_RELATIVES = {
    "A100_80GB": "H100_80GB",
    "H100_80GB": "H200_141GB",
    "H200_141GB": "H100_80GB",
    "L40S": "A100_80GB",
    "RTX_PRO_6000": "L40S",
    "B200_180GB": "H200_141GB",
    "B300_270GB": "B200_180GB",
    "GB200_186GB": "B200_180GB",
    "GB300_279GB": "B200_180GB",
}
"""Whose kernels would stand for those of a device if it had none."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print errors of what is known of kernels; fit them again if asked to."""
    parser = argparse.ArgumentParser(
        prog="python -m llmcalc_core.validation.kernels",
        description="Estimate published timings of kernels (products, a mixture's experts and "
        "attention) and print the errors, estimated over measured time less one: of the "
        "tables in llmcalc_core/calibration, and of fits that saw no row of the same shape.",
    )
    parser.add_argument("folder", type=Path, help="where aiconfigurator-core 0.12.0 is unpacked")
    parser.add_argument("--fit", action="store_true", help="fit, and judge on shapes left out")
    parser.add_argument(
        "--borrowed", action="store_true", help="also with kernels of a relative, and of no device"
    )
    parser.add_argument("--write", action="store_true", help="fit, and replace kernel_fits.toml")
    parser.add_argument(
        "--only", nargs="+", default=[], choices=(*_READERS, "all_reduce"), metavar="FAMILY",
        help=f"only of these families: {', '.join((*_READERS, 'all_reduce'))}",
    )  # fmt: skip
    asked = parser.parse_args(arguments)
    families = asked.only or (*_READERS, "all_reduce")
    try:
        read = [
            _sampled(one)
            for family, reader in _READERS.items()
            if family in families
            for one in reader(asked.folder)
        ]
        reduces = tuple(read_reduces(asked.folder)) if "all_reduce" in families else ()
    except (OSError, ValueError) as error:
        parser.error(f"{asked.folder}: {error}")
    fits = tuple(map(_fitted, read)) if asked.fit or asked.write else ()
    sums = tuple(map(_fitted_reduces, reduces)) if asked.fit or asked.write else ()
    if asked.write:
        write_kernel_fits(fits, sums, asked.only)
    for table in (_table(read, fits, borrowed=asked.borrowed), _reduce_table(reduces, sums)):
        print(table.to_string(index=False))  # noqa: T201


def _sampled(timings: Timings) -> Timings:
    rows = timings.rows
    if len(rows) > _MOST_ROWS:
        rows = rows.sample(_MOST_ROWS, random_state=0)
    return timings._replace(rows=rows)


def _as_arrays(timings: Timings) -> KernelTimings:
    hardware, rows = find_hardware(timings.device), timings.rows
    return KernelTimings(
        peak=hardware.rate(timings.computed)[1],
        bandwidth=hardware.memory_bandwidth,
        tiles=MULTIPROCESSORS[timings.device] if timings.family == "gemm" else 0,
        **{
            name: rows[name].to_numpy(float)
            for name in (
                "flops",
                "moved",
                "size",
                "columns",
                "inner",
                "launches",
                "beside",
                "seconds",
            )
        },
    )


def _fitted(timings: Timings) -> KernelFit:
    """Fit to all rows, and say what fits to other mixtures miss."""
    rows, names = _as_arrays(timings), FITTED[timings.family]
    reached = fit_kernels(rows, names)
    estimates = left_out_estimates(rows, names, timings.rows["shape"].to_numpy(np.int64))
    if np.isnan(estimates).all():
        estimates = rows.estimates(as_facts(reached))
    return KernelFit(timings=timings, reached=reached, misses=estimates / rows.seconds - 1)


def _misses(timings: Timings, device: str) -> Floats:
    """Errors of what is known of a device's kernels."""
    facts, rows = facts_of(device), _as_arrays(timings)
    if timings.family == "mixture":
        known = grouped_facts(facts, timings.computed, timings.stored, timings.engine)
    else:
        kind = timings.computed if timings.family == "gemm" else timings.stored
        family = timings.family if getattr(facts, timings.family) else _STAND_INS[timings.family]
        blocks = timings.family == "gemm" and timings.table_type == BLOCKS
        known, _ = find_facts(facts, family, kind, timings.engine, blocks=blocks)
        if timings.family != "gemm" and known.computed != timings.computed:
            wide = find_hardware(timings.device).rate(known.computed or "bf16")[1]
            rows = replace(rows, peak=wide)
    return rows.estimates(known) / rows.seconds - 1


def _table(read: Sequence[Timings], fits: Sequence[KernelFit], *, borrowed: bool) -> pd.DataFrame:
    """Median, p90 and bias [%] in decode steps, and of more tokens."""
    lines = []
    kinds = ["known", *(["relative's", "of no device"] if borrowed else [])]
    kinds += ["left out"] if fits else []
    for place, one in enumerate(read):
        decode = (one.rows["tokens"] <= _DECODE_TOKENS).to_numpy()
        whose = (one.device, *((_RELATIVES[one.device], ASSUMED) if borrowed else ()))
        errors = [_misses(one, each) for each in whose]
        errors += [fits[place].misses] if fits else []
        words = [_words(each[part]) for each in errors for part in (decode, ~decode)]
        lines.append(
            [one.family, one.device, one.engine, one.version, one.table_type,
             one.rows["shape"].nunique(), len(one.rows), *words]
        )  # fmt: skip
    words = [f"{kind}, {part}" for kind in kinds for part in ("decode", "prompts")]
    names = ["family", "device", "engine", "version", "type", "shapes", "rows", *words]
    return pd.DataFrame(lines, columns=names)


def _fitted_reduces(measured: Reduces) -> ReduceFit:
    return ReduceFit(measured, *fit_reduces(measured))


def _reduce_table(reduces: Sequence[Reduces], fits: Sequence[ReduceFit]) -> pd.DataFrame:
    """Median, p90 and bias [%] of all-reduces."""
    lines = [
        [one.device, one.engine, one.version, one.devices, _words(one.known())] for one in reduces
    ]
    table = pd.DataFrame(lines, columns=["device", "engine", "version", "devices", "known"])
    if fits:
        table["left out"] = [_words(one.misses) for one in fits]
    return table


def _words(errors: Floats) -> str:
    if not len(errors):
        return "-"
    median, p90 = np.quantile(np.abs(errors), (0.5, 0.9))
    return f"{median:.1%} / {p90:.1%} ({np.median(errors):+.1%})"


if __name__ == "__main__":
    main()
