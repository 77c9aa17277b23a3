"""Steps that follow each other while requests come at random: each reads what came in the last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llmcalc_core.formulas import Floats
from llmcalc_core.simulation.step_curves import StepCurves

_ROUNDS = 10
"""Rounds in which the share of steps that read settles."""

_BUSIEST = 0.995
"""Largest part of the time in which prompts are read that is told from all of it [1]."""

_LARGEST = 0.6
"""Mean of the largest of some normal numbers over the root of twice the logarithm of their count:
0.48 for two, 0.62 for four, 0.70 for eight [1]."""

_MOST_READING = 0.9999
_LEAST = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepChain:
    """Steps in the steady state of a replica that always has something to decode.

    Attributes
    ----------
    mean, variance : array
        Of their times [s], [s^2].
    reading : array
        Share of the steps that read prompts [1].
    base, each : array
        Time of a step that reads, and what every prompt of it adds, about as many as it reads [s].
    count : array
        Prompts, or their chunks, that such a step reads [1].
    load : array
        Part of the time that prompts add [1].
    """

    mean: Floats
    variance: Floats
    reading: Floats
    base: Floats
    each: Floats
    count: Floats
    load: Floats


def step_chain(steps: StepCurves, rate: Floats) -> StepChain:
    """Find the mean and the variance of steps of which each reads what came in the one before.

    With a step of time ``m`` come Poisson many prompts, ``k`` of mean ``rate m``; the next one
    takes ``decode`` where there are none, else ``base + each k``. Mean and variance of both sides
    are equal in the steady state; the chance of none is that of a gamma distribution of ``m``.

    Parameters
    ----------
    steps : StepCurves
        Of as many sequences as decode.
    rate : array
        Chunks of prompts that come to an attention replica [1/s].

    Returns
    -------
    StepChain
        As if a step had room for any number of prompts.

    References
    ----------
    Counting, as for queues with gated service: Takagi, Queueing Analysis, vol. 1 (1991), 2.3.
    """
    one, decode = steps.one_by_one, steps.decode
    mean, variance = decode, np.zeros_like(decode)
    some = np.ones_like(decode)
    for _ in range(_ROUNDS):
        base, each = _line(steps, some)
        each = np.where(one, np.maximum(steps.alone - decode, 0.0), each)
        base = np.where(one, decode, base)
        reading = np.where(one, rate * mean, 1 - none_comes(rate, mean, variance))
        reading = np.minimum(reading, _MOST_READING)
        jump = base - decode
        share = _share_of_fullest(steps, rate, each, decode + reading * jump, mean)
        each = each * share
        load = np.minimum(rate * each, _BUSIEST)
        mean = (decode + reading * jump) / (1 - load)
        coming = rate * mean
        spread = each**2 * coming + (1 - reading) * jump * (jump * reading + 2 * each * coming)
        variance = np.maximum(spread, 0.0) / (1 - load**2)
        count = np.maximum(coming / np.maximum(reading, _LEAST), 1.0)
        some = np.maximum(share * count, 1.0)
    return StepChain(
        mean=mean, variance=variance, reading=reading, base=base, each=each, count=count, load=load
    )


def _share_of_fullest(
    steps: StepCurves, rate: Floats, each: Floats, apart: Floats, mean: Floats
) -> Floats:
    """Part of what comes that is in the fullest of the steps on a pipeline's stages [1].

    They go through the stages one behind the other, so that the longest of them sets the pace of
    all. Of Poisson many prompts in each, ``k`` in the mean, it has about ``k + c sqrt(k)``, where
    ``c`` is the mean of the largest of as many normal numbers (Tippett, Biometrika 17 (1925), 364);
    where a step has one or none, any of them has one.

    Parameters
    ----------
    steps : StepCurves
        Their number, and whether they have one prompt or none.
    rate : array
        Chunks of prompts that come to an attention replica [1/s].
    each, apart : array
        Time that each would add to all steps, and of a step without them [s].
    mean : array
        Time of a step as far as it is known [s].

    Returns
    -------
    array
        Share; 1 where there is a single step at a time.
    """
    lanes = steps.lanes
    if not np.any(lanes > 1):
        return np.ones_like(mean)
    in_each, load = rate * mean / lanes, rate * each
    any_reads = 1 - (1 - np.minimum(in_each, 1.0)) ** lanes
    spread = _LARGEST * np.sqrt(2 * np.log(lanes) * in_each)
    many = (apart + each * spread) / (1 - np.minimum(load / lanes, _BUSIEST))
    longer = np.where(steps.one_by_one, apart + each * any_reads, many)
    # Nor does it take longer than if each prompt held back all of them.
    longer = np.minimum(longer, apart / (1 - np.minimum(load, _BUSIEST)))
    share = (longer - apart) / np.maximum(load * longer, _LEAST)
    return np.where(lanes > 1, np.clip(share, 1 / lanes, 1.0), 1.0)


def none_comes(rate: Floats, mean: Floats, variance: Floats) -> Floats:
    """Chance that nothing comes at a rate in a time of gamma distribution [1]."""
    shape = mean**2 / np.maximum(variance, _LEAST * mean**2)
    chance: Floats = np.exp(-shape * np.log1p(rate * mean / shape))
    return chance


def _line(steps: StepCurves, count: Floats) -> tuple[Floats, Floats]:
    """Give time without prompts and for each, of the line through the known ones around a count."""
    many = count > steps.count
    low, before = np.where(many, steps.count, 1.0), np.where(many, steps.some, steps.alone)
    high = np.where(many, np.maximum(steps.fit, 1.0), steps.count)
    after = np.where(many, steps.full, steps.some)
    if steps.within is not None and steps.behind is not None:
        fewer = steps.within < steps.fit
        beyond = fewer & (count > steps.within)
        inner = many & fewer & ~beyond
        high, after = np.where(inner, steps.within, high), np.where(inner, steps.behind, after)
        low, before = np.where(beyond, steps.within, low), np.where(beyond, steps.behind, before)
    each = np.maximum(after - before, 0.0) / np.maximum(high - low, _LEAST)
    return before - each * low, each
