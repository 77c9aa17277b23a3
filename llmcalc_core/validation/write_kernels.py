"""Writes what was fitted to published timings of kernels into the project's table."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.engines import DEFAULT_ENGINE
from llmcalc_core.formulas import Floats
from llmcalc_core.validation.kernel_timings import SOURCE, Timings

_ABOUT = f"""\
# What kernels of experts and of attention reach, by device, engine and type, fitted to timings.
#
# Written by: python -m llmcalc_core.validation.kernels FOLDER --write
# Timings: {SOURCE} (NVIDIA, Apache-2.0), systems/data/*/moe and attention.
# mixture: batches of 1 to 16,384 tokens, experts divided over 1 to 16 devices.
# attention_decode: `type` is the cache's; heads of 128, 2 to 12 to one of keys, at most 512
# sequences of 64 to 40,000 keys.
# `floor_us`, `ramp_us`: time of an empty run, and what one of some ten megabytes adds; `memory`,
# `compute`: fractions of the peaks; `half`, `half_columns`: rows of an expert, and width of one on
# a device, at half of `compute`; `sharpness`: p of the norm.
# `error`, `error_p90`: median and p90 of the absolute relative error in batches of 1 to 1,024
# tokens, of shapes (`shapes` in all: hidden size, width, experts and top k; heads of keys and
# heads to one) left out of the fit; with one shape, of the fit itself.
"""

_DECODE_TOKENS = 1024


class KernelFit(NamedTuple):
    """A fit, and what it misses.

    Attributes
    ----------
    timings : Timings
        What was measured.
    reached : dict of str to float
        What was found, as :class:`GroupedFacts` names it.
    misses : array
        Of every row, estimated over measured time less one, by a fit without its mixture [1].
    """

    timings: Timings
    reached: dict[str, float]
    misses: Floats


def write_kernel_fits(fits: Sequence[KernelFit]) -> None:
    """Replace ``kernel_fits.toml``."""
    ordered = sorted(
        fits, key=lambda one: (one.timings.device, one.timings.family, one.timings.engine)
    )
    text = "\n".join([_ABOUT, *map(_entry, ordered)])
    Path(str(files("llmcalc_core.calibration").joinpath("kernel_fits.toml"))).write_text(
        text, encoding="utf-8"
    )


def _entry(fit: KernelFit) -> str:
    """Write one table; the default engine's kernels stand for every engine."""
    own = fit.timings
    decode = (own.rows["tokens"] <= _DECODE_TOKENS).to_numpy()
    error, p90 = np.quantile(np.abs(fit.misses[decode]), (0.5, 0.9))
    grouped = own.family == "mixture"
    unpacked = grouped and DATA_TYPES[own.stored].is_packed and own.stored != own.computed
    kind = own.computed if grouped else own.stored
    lines = [f"[[{own.device}.{own.family}]]", f'type = "{kind}"']
    lines += [f'stored = "{own.stored}"'] if unpacked else []
    lines += [f'engine = "{own.engine}"'] if own.engine != DEFAULT_ENGINE else []
    lines += [f"{name} = {value:.4g}" for name, value in fit.reached.items()]
    lines += [f"error = {error:.3f}", f"error_p90 = {p90:.3f}"]
    lines += [f"shapes = {own.rows['shape'].nunique()}"]
    lines += [f'source = "{own.engine} {own.version}, {own.table_type}: {own.kernels}"']
    return "\n".join(lines) + "\n"
