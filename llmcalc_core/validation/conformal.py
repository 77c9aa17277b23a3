"""80 % bands by what estimates missed of whole groups and sources that no fit had seen."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.band_tables import BASES, METRICS, Coverage
from llmcalc_core.calibration.constants import Constants
from llmcalc_core.fitting.runs import Runs
from llmcalc_core.formulas import Floats
from llmcalc_core.validation.cases import Case
from llmcalc_core.validation.cells import CannotPredictError
from llmcalc_core.validation.predict import predict
from llmcalc_core.validation.report import relative_error

_OUTSIDE = 0.1
"""Part of what is measured that is below a band, and as much above it [1]."""

_ENOUGH_GROUPS = 10
"""Groups of unseen sources from which on they alone say what strangers miss [1]."""

_ROUNDING = 1e-9

Key = tuple[str, str, bool]
"""Metric, basis, and whether the model is a mixture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """What an estimate of a source missed that no fit had seen.

    Attributes
    ----------
    metric, basis : str
        As in :data:`METRICS` and :data:`BASES`.
    mixture : bool
        Whether the model has mixtures of experts.
    source, engine : str
        Who measured it, with what.
    group : hashable
        What has its errors in common: source, model and device.
    miss : float
        Logarithm of the estimated time over the measured one.
    """

    metric: str
    basis: str
    mixture: bool
    source: str
    engine: str
    group: Hashable
    miss: float


def misses_of(cases: Iterable[Case], constants: Constants | None = None) -> list[Miss]:
    """Estimate what no fit has seen, and say how far each time was off.

    Parameters
    ----------
    cases : iterable of Case
        Measured by others than those whose runs are fitted; open loops are left out, and what
        can't be predicted.
    constants : Constants, optional
        In place of the fitted ones.

    Returns
    -------
    list of Miss
        One for each time or throughput of a batch.
    """
    found: list[Miss] = []
    for case in cases:
        if case.kind == "open_loop":
            continue
        try:
            predicted = predict(case, constants)
        except CannotPredictError:
            continue
        for name, figure, measured in zip(
            case.metrics, predicted.figures, case.measured, strict=True
        ):
            metric = _metric(case.kind, name)
            if metric and measured > 0:
                found.append(
                    Miss(
                        metric=metric,
                        basis=predicted.basis,
                        mixture=case.mixture,
                        source=case.source,
                        engine=case.engine,
                        group=(case.source, case.model.model, case.hardware.name),
                        miss=math.log1p(relative_error(name, figure, measured)),
                    )
                )
    return found


def bands(
    runs: Runs, misses: Mapping[str, Floats], unseen: Sequence[Miss] = ()
) -> dict[Key, tuple[float, float]]:
    """Give the 80 % band of each metric, basis and kind of model, as factors of an estimate.

    Every group of runs that have their errors in common counts once, however many they are: those
    of a model, a device and an engine in the fit, of a source, a model and a device outside of it.
    Sources that no fit has seen count as much as all that the fit had, and alone where the device
    is a stranger to it. What is measured is of a group that was seen; a band of others has the
    quantiles of one group more (conformal prediction; Vovk, Gammerman, Shafer: Algorithmic Learning
    in a Random World, 2005). A worse basis never has a narrower band, nor has the time of an engine
    that is full, of which few sources tell, than its steps have.

    Parameters
    ----------
    runs : Runs
        What the fit had.
    misses : dict of str to array
        What fits missed that had not seen 'rows', 'pairs' or 'devices', and 'assumed'.
    unseen : sequence of Miss, optional
        Of sources that no fit has seen.

    Returns
    -------
    dict of (str, str, bool) to (float, float)
        Factors by metric, basis and whether the model is a mixture.
    """
    of_basis = dict(zip(BASES, ("rows", "pairs", "devices", "assumed"), strict=True))
    groups = [(*one.configuration.pair, one.configuration.engine) for one in runs.runs]
    table: dict[Key, tuple[float, float]] = {}
    for metric in METRICS:
        for mixture in (False, True):
            own = np.flatnonzero(_like(runs, metric, mixture=mixture))
            lowest, highest = 1.0, 1.0
            for basis, name in of_basis.items():
                seen = _weighed([(groups[run], misses[name][run]) for run in own])
                others = _weighed(
                    [
                        (one.group, one.miss)
                        for one in unseen
                        if _is_like(one, metric, mixture=mixture) and one.basis == basis
                    ]
                )
                known = _joined(seen, others, stranger=basis == "assumed")
                low, high = _between(*known, new=basis != "measured")
                if metric == "full_load":
                    steps = table["tpot", basis, mixture]
                    low, high = min(low, steps[0]), max(high, steps[1])
                lowest, highest = min(lowest, low), max(highest, high)
                table[metric, basis, mixture] = (lowest, highest)
    return table


def coverage(runs: Runs, misses: Mapping[str, Floats], unseen: Sequence[Miss]) -> list[Coverage]:
    """Sum up errors on unseen sources, and how many figures bands hold that never saw the source.

    Returns
    -------
    list of Coverage
        By basis, by metric and by engine.
    """
    held: list[tuple[Miss, bool]] = []
    for source in dict.fromkeys(one.source for one in unseen):
        table = bands(runs, misses, [one for one in unseen if one.source != source])
        for one in unseen:
            if one.source == source:
                low, high = table[one.metric, one.basis, one.mixture]
                held.append((one, low <= math.exp(-one.miss) <= high))
    found = []
    for by in ("basis", "metric", "engine"):
        for value in dict.fromkeys(getattr(one, by) for one, _ in held):
            own = [(one.miss, inside) for one, inside in held if getattr(one, by) == value]
            found.append(_summed_up(by, value, *map(np.array, zip(*own, strict=True))))
    return found


def _summed_up(by: str, value: str, misses: Floats, inside: NDArray[np.bool_]) -> Coverage:
    error = np.expm1(misses)
    middle, most = np.quantile(np.abs(error), (0.5, 0.9)).tolist()
    return Coverage(
        by=by,
        value=value,
        count=len(error),
        median=middle,
        p90=most,
        bias=float(np.median(error)),
        inside=float(inside.mean()),
    )


def _metric(kind: str, name: str) -> str:
    """Name the band that a figure of a case has, '' for none of its own."""
    if kind == "saturated":
        return "full_load"
    if kind == "static":
        times = dict.fromkeys(("tpot_ms", "decode_ms", "e2e_ms", "tokens_per_s"), "latency")
        return {**times, "ttft_ms": "prefill"}.get(name, "")
    return {"ttft_ms": "ttft", "tpot_ms": "tpot"}.get(name, "")


def _like(runs: Runs, metric: str, *, mixture: bool) -> NDArray[np.bool_]:
    """Tell which runs a band is made of: static batches of mixtures are too few to go alone."""
    if metric == "full_load":
        return runs.where("latency", loop=True, mixture=mixture)
    static = {"latency": "latency", "prefill": "ttft"}
    if metric in static:
        return runs.where(static[metric], loop=False)
    return runs.where(metric, loop=True, mixture=mixture)


def _is_like(one: Miss, metric: str, *, mixture: bool) -> bool:
    """Tell whether a miss belongs to a band, by the rule of :func:`_like`."""
    return one.metric == metric and (metric in {"latency", "prefill"} or one.mixture == mixture)


Weighed = tuple[Floats, Floats, int]
"""Misses, a weight of each, and how many groups they are of."""


def _weighed(misses: Sequence[tuple[Hashable, float]]) -> Weighed:
    """Let each group weigh as much as any other."""
    counts: dict[Hashable, int] = {}
    for group, _ in misses:
        counts[group] = counts.get(group, 0) + 1
    weights = np.array([1 / counts[group] for group, _ in misses])
    return np.array([miss for _, miss in misses]), weights, len(counts)


def _joined(seen: Weighed, others: Weighed, *, stranger: bool) -> Weighed:
    """Put what the fit had beside unseen sources."""
    if not others[2] or not seen[2]:
        return seen if seen[2] else others
    if stranger and others[2] >= _ENOUGH_GROUPS:
        return others
    ratio = max(seen[2] / others[2], 1.0) if others[2] >= _ENOUGH_GROUPS / 2 else 1.0
    misses = np.concatenate([seen[0], others[0]])
    return misses, np.concatenate([seen[1], ratio * others[1]]), seen[2] + others[2]


def _between(misses: Floats, weights: Floats, groups: int, *, new: bool) -> tuple[float, float]:
    """Give the factors of an estimate between which all but a tenth at each end are.

    Of a new group, those of one group more.
    """
    if not groups:
        return 1.0, 1.0
    order = np.argsort(-misses)
    factors, summed = np.exp(-misses[order]), np.cumsum(weights[order])
    share = summed / summed[-1]
    level = min((1 - _OUTSIDE) * (groups + new) / groups, 1.0)
    ends = np.searchsorted(share, (1 - level, level - _ROUNDING), side="right")
    low, high = factors[np.minimum(ends, len(factors) - 1)].tolist()
    return low, high
