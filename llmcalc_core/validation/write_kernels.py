"""Writes what was fitted to published timings of kernels into the project's table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.engines import DEFAULT_ENGINE
from llmcalc_core.formulas import Floats
from llmcalc_core.validation.kernel_reduces import NCCL, Reduces, known_by_hand, served
from llmcalc_core.validation.kernel_timings import BLOCKS, MULTIPROCESSORS, SOURCE, Timings

_ABOUT = f"""\
# What kernels of products, experts and attention reach, by device, engine and type: fits to times.
#
# Written by: python -m llmcalc_core.validation.kernels FOLDER --write
# Timings: {SOURCE} (NVIDIA, Apache-2.0), systems/data/*/: gemm, moe, attention, mla,
# linear_attention, comm.
# gemm: products of 1 to 16,384 rows, sides of 256 and more; `blocks`: of FP8 with a scale for each
# block. FP8 of vLLM and TensorRT-LLM without what sought the scale of inputs, measured with it.
# mixture: batches of 1 to 16,384 tokens, experts divided over 1 to 16 devices.
# attention_prefill: `type` is the cache's, `computed` what it multiplies in if not 16 bits; heads
# of 64 and 128, prompts of 64 tokens and more, full or in a window.
# attention_decode: `type` is the cache's; heads of 128, 2 to 12 to one of keys, at most 512
# sequences of 64 to 40,000 keys.
# recurrent_prefill: gated delta nets; `floor_us` is of each of six kernels.
# latent_prefill, latent_decode: as these, of DeepSeek-V3's latent attention with 1 to 128 heads.
# all_reduce: of devices that efficiency.toml has none of, as there; messages of 2 kB to 256 MB in
# graphs; `error` is of sizes left out.
# `floor_us`, `ramp_us`: time of an empty run, and what one of some ten megabytes adds; `memory`,
# `compute`: fractions of the peaks; `half`, `half_columns`: rows of an expert, and width of one on
# a device, at half of `compute`, or keys of the last query, and width of a head; `sharpness`: p of
# the norm; `depth_us`: of 1,024 of a product's inner size, or keys of the last query; `entering`,
# `leaving`: 16 bits moved beside a product, for each element of its input and its result; `tiles`,
# `whole_waves`: tiles at once, and how far a begun round takes as long as a whole one.
# `error`, `error_p90`: median and p90 of the absolute relative error (of products and experts in
# batches of 1 to 1,024 tokens), of shapes (`shapes` in all: columns and inner size; hidden size,
# width, experts and top k; heads of keys and heads to one, size and window) left out of the fit;
# with one shape, of the fit itself.
"""

_DECODE_TOKENS = 1024

_WORST = 0.35
"""Median error on shapes left out of fits that are not written: latent attention in decode steps of
TensorRT-LLM where it has no kernels for it (A100, L40S, RTX PRO 6000) misses by 55 to 60 %."""


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


class ReduceFit(NamedTuple):
    """A fit of an all-reduce, and what it misses.

    Attributes
    ----------
    measured : Reduces
        What was measured.
    reached : dict of str to float
        What was found, as :class:`AllReduceFacts` names it.
    misses : array
        Of every size, by a fit without it [1].
    """

    measured: Reduces
    reached: dict[str, float]
    misses: Floats


def write_kernel_fits(
    fits: Sequence[KernelFit], reduces: Sequence[ReduceFit], families: Collection[str] = ()
) -> None:
    """Replace ``kernel_fits.toml``, or of it what is of some families."""
    ordered = sorted(
        filter(_says_something, fits),
        key=lambda one: (one.timings.device, one.timings.family, one.timings.engine),
    )
    stand_ins = _stand_ins(ordered)
    lacking = [one for one in reduces if not known_by_hand(one.measured.device)]
    found = [*(_entry(one, stand_ins) for one in ordered), *map(_reduce_entry, lacking)]
    path = Path(str(files("llmcalc_core.calibration").joinpath("kernel_fits.toml")))
    if families:
        found += [one for one in _entries(path) if _family(one) not in families]
    entries = sorted(found, key=_order)
    path.write_text("\n".join([_ABOUT, *entries]), encoding="utf-8")


def _entries(path: Path) -> list[str]:
    """Read the tables of the file as they stand there."""
    _, *entries = path.read_text(encoding="utf-8").split("\n[[")
    return [f"[[{one.rstrip()}\n" for one in entries]


def _family(entry: str) -> str:
    return entry[: entry.index("]]")].rpartition(".")[2]


def _order(entry: str) -> tuple[bool, str]:
    """Order tables: all-reduces last, the others by device and family, as engines stand there."""
    return _family(entry) == "all_reduce", entry[: entry.index("]]")]


def _reduce_entry(fit: ReduceFit) -> str:
    """Write the table of an all-reduce."""
    own, serves = fit.measured, served(fit.measured)
    error, p90 = np.quantile(np.abs(fit.misses), (0.5, 0.9))
    lines = [f"[[{own.device}.all_reduce]]", f"devices = {own.devices}"]
    lines += [] if own.engine == DEFAULT_ENGINE else [f'engine = "{own.engine}"']
    lines += [f"serves = {list(serves)}".replace("'", '"')] if serves else []
    lines += [f"{name} = {value:.4g}" for name, value in fit.reached.items()]
    lines += [f"error = {error:.3f}", f"error_p90 = {p90:.3f}"]
    ran = "nccl" if own.engine == NCCL else own.engine
    return "\n".join([*lines, f'source = "{ran} {own.version}"']) + "\n"


def _judged(fit: KernelFit) -> Floats:
    """Give the misses that an entry states: of prompts all, else of decode steps."""
    own = fit.timings
    most = np.inf if own.family.endswith("_prefill") else _DECODE_TOKENS
    return np.abs(fit.misses[(own.rows["tokens"] <= most).to_numpy()])


def _says_something(fit: KernelFit) -> bool:
    return float(np.median(_judged(fit))) <= _WORST


_Kind = tuple[str, str, bool, str]


def _kind(timings: Timings) -> _Kind:
    """Give the device, family, scaling and type that kernels are looked up by."""
    attends = timings.family.startswith(("attention", "latent"))
    blocks = timings.family == "gemm" and timings.table_type == BLOCKS
    own = timings.stored if attends else timings.computed
    return timings.device, timings.family, blocks, own


def _stand_ins(fits: Sequence[KernelFit]) -> dict[_Kind, str]:
    """Say whose kernels stand for every engine: the default one's, else the first's."""
    found: dict[_Kind, str] = {}
    for one in fits:
        kind, engine = _kind(one.timings), one.timings.engine
        found[kind] = engine if engine == DEFAULT_ENGINE else found.get(kind, engine)
    return found


def _entry(fit: KernelFit, stand_ins: Mapping[_Kind, str]) -> str:
    """Write one table."""
    own = fit.timings
    error, p90 = np.quantile(_judged(fit), (0.5, 0.9))
    grouped = own.family == "mixture"
    unpacked = grouped and DATA_TYPES[own.stored].is_packed and own.stored != own.computed
    kind = _kind(own)
    shared = own.engine == stand_ins[kind] and (not grouped or own.engine == DEFAULT_ENGINE)
    lines = [f"[[{own.device}.{own.family}]]", f'type = "{kind[-1]}"']
    lines += [f'stored = "{own.stored}"'] if unpacked else []
    attends = own.family.startswith(("attention", "latent"))
    narrow = attends and not DATA_TYPES[own.computed].has_16_bits
    lines += [f'computed = "{own.computed}"'] if narrow else []
    lines += [] if shared else [f'engine = "{own.engine}"']
    lines += ["blocks = true"] if kind[2] else []
    lines += [f"{name} = {value:.4g}" for name, value in fit.reached.items()]
    lines += [f"tiles = {MULTIPROCESSORS[own.device]}"] if own.family == "gemm" else []
    lines += [f"error = {error:.3f}", f"error_p90 = {p90:.3f}"]
    lines += [f"shapes = {own.rows['shape'].nunique()}"]
    lines += [f'source = "{own.engine} {own.version}, {own.table_type}: {own.kernels}"']
    return "\n".join(lines) + "\n"
