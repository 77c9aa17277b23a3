"""Writes the fitted constants and bands into the project's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from llmcalc_core.calibration.band_tables import Coverage, LeftOut
from llmcalc_core.calibration.constants import Constants, constant_words, specs
from llmcalc_core.fitting.runs import Runs

_ABOUT_CONSTANTS = """\
# Constants fitted to end-to-end measurements, on top of the kernel efficiencies beside this file.
#
# Written by: python -m llmcalc_core.validation.refit --write FILE...
# `value` is the constant; `prior` and `spread` what was believed before the fit (a standard
# deviation on the scale: of the logarithm, or of the log-odds of a share). Shifts of engines and
# devices are steps on the same scale around 0, with their own spread.
"""

_ABOUT_BANDS = """\
# 80 % bands: factors of an estimate between which eight in ten left-out measurements were.
#
# Written by: python -m llmcalc_core.validation.refit --write FILE... --unseen FILE...
# measured: rows left out of a fit that saw others of the model and device; calibrated: the whole
# pair of model and device left out; transferred: the whole device; assumed: nothing known of the
# device but its peaks; and, with each, sources that no fit has seen (--unseen), a model on a device
# of a source as much as any other. `coverage`: errors on those, and how many of theirs bands held
# that had not seen that source. `error`: errors of the fit on runs it had seen, rows and pairs
# left out.
# `worth`: how much larger errors on pairs left out are without a constant, and how many numbers it
# has. `runs`: model, device, type of weights and of KV cache, and engine, that were fitted to.
"""

_NEGLIGIBLE = 5e-4


def write_constants(constants: Constants) -> None:
    """Replace ``constants.toml``; what the constants are and what was believed stays."""
    numbers: dict[str, dict[str, float]] = {}
    for name, scope, number in constants.entries:
        numbers.setdefault(name, {})[scope] = number
    parts = [_ABOUT_CONSTANTS]
    for name, spec in specs().items():
        lines = [
            f"[constant.{name}]",
            f'what = "{constant_words(name)}"',
            f'scale = "{spec.scale}"',
            f"prior = {spec.prior:g}",
            f"spread = {spec.spread:g}",
            f"engine_spread = {spec.engine_spread:g}",
            f"device_spread = {spec.device_spread:g}",
            f"value = {numbers[name]['']:.5g}",
            f"low = {spec.low:g}",
            f"high = {spec.high:g}",
            f'why = "{spec.why}"',
        ]
        by_device = {device: numbers[name].get(device, 0.0) for device in spec.devices}
        by_engine = {
            scope: number
            for scope, number in numbers[name].items()
            if scope and scope not in by_device and abs(number) > _NEGLIGIBLE
        }
        for title, shifts in (("engines", by_engine), ("devices", by_device)):
            if shifts:
                lines += [f"[constant.{name}.{title}]"]
                lines += [f"{scope} = {shift:.4g}" for scope, shift in shifts.items()]
        parts.append("\n".join(lines) + "\n")
    _table("constants.toml").write_text("\n".join(parts), encoding="utf-8")


def write_bands(
    table: Mapping[tuple[str, str, bool], tuple[float, float]],
    errors: Sequence[LeftOut],
    coverage: Sequence[Coverage],
    worth: Mapping[str, tuple[int, float]],
    runs: Runs,
) -> None:
    """Replace ``bands.toml``."""
    parts = [_ABOUT_BANDS]
    for (metric, basis, mixture), (low, high) in table.items():
        parts.append(
            f'[[band]]\nmetric = "{metric}"\nbasis = "{basis}"\n'
            f"mixture = {str(mixture).lower()}\nlow = {low:.4f}\nhigh = {high:.4f}\n"
        )
    parts += [
        f'[[error]]\nkind = "{one.kind}"\npart = "{one.part}"\ncount = {one.count}\n'
        f"median = {one.median:.4f}\np90 = {one.p90:.4f}\nbias = {one.bias:.4f}\n"
        for one in errors
    ]
    parts += [
        f'[[coverage]]\nby = "{one.by}"\nvalue = "{one.value}"\ncount = {one.count}\n'
        f"median = {one.median:.4f}\np90 = {one.p90:.4f}\nbias = {one.bias:.4f}\n"
        f"inside = {one.inside:.3f}\n"
        for one in coverage
    ]
    parts += [
        f'[[worth]]\nconstant = "{name}"\nnumbers = {count}\nrise = {rise:.4f}\n'
        for name, (count, rise) in worth.items()
    ]
    known = sorted(
        {
            (*one.pair, one.precision.experts, one.precision.kv_cache, one.engine)
            for one in runs.configurations
        }
    )
    quoted = (", ".join(f'"{word}"' for word in run) for run in known)
    listed = "\n".join(f"  [{run}]," for run in quoted)
    parts.append(f"[measured]\nruns = [\n{listed}\n]\n")
    _table("bands.toml").write_text("\n".join(parts), encoding="utf-8")


def _table(name: str) -> Path:
    return Path(str(files("llmcalc_core.calibration").joinpath(name)))
