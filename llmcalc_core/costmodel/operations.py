"""Time of one operation on a device. Knows no model."""

from __future__ import annotations

import math

from llmcalc_core.calibration.facts import Curve
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.roofline import (
    compute_seconds,
    memory_seconds,
    overlapped_seconds,
    ramp_seconds,
    tiled_compute_seconds,
)


def operation_seconds(
    flops: Values,
    moved: Values,
    size: Values,
    curve: Curve,
    bandwidth: Values,
    *,
    columns: Values = math.inf,
    inner: Values = 0.0,
    started: Values = 1.0,
    bounds: bool = True,
) -> tuple[Values, Values]:
    """Time an operation, its launch latency not included.

    Parameters
    ----------
    flops, moved : float or array
        Operations [FLOP] and traffic to and from device memory [bytes].
    size : float or array
        What its compute efficiency rises with [tokens].
    curve : Curve
        What operations of its family reach; of many unlike operations, arrays.
    bandwidth : float or array
        The device's peak memory bandwidth [bytes/s].
    columns, inner : float or array
        Width of an expert or a head, with which it rises too [elements], and what it sums over one
        after the other, such as the keys of a query [1].
    started : float or array
        Share of the steps in which it runs at all [1].
    bounds : bool, default True
        Whether to say what bounds it.

    Returns
    -------
    float or array
        Time [s].
    float or array
        The same where arithmetic takes longer than memory traffic, else 0; 0 if not asked for [s].

    Examples
    --------
    >>> curve = Curve(peak=1e15, compute=0.5, memory=0.8, floor_s=0.0)
    >>> operation_seconds(1e12, 1e9, 1.0, curve, 2e12)
    (0.002, 0.002)
    >>> operation_seconds(1e11, 1.6e9, 1.0, curve, 2e12)
    (0.001, 0.0)
    """
    memory = memory_seconds(moved=moved, bandwidth=bandwidth, efficiency=curve.memory)
    ramp: Values = 0.0
    if not isinstance(curve.ramp_s, float) or curve.ramp_s:
        ramp = ramp_seconds(moved=moved, ramp=curve.ramp_s)
    if isinstance(flops, float) and not flops:
        return memory + ramp, 0.0
    reached = curve.compute
    if not isinstance(curve.half_columns, float) or curve.half_columns:
        reached = reached / (1 + curve.half_columns / columns)  # small: an axis of the grid
    compute = compute_seconds(
        flops=flops, peak=curve.peak, efficiency=reached, size=size, half=curve.half
    )
    busy = overlapped_seconds(compute=compute, memory=memory, sharpness=curve.sharpness)
    if not isinstance(ramp, float) or ramp:
        busy = busy + ramp
    if not isinstance(curve.depth_s, float) or curve.depth_s:
        busy = busy + inner * curve.depth_s * started
    return busy, busy * (compute > memory) if bounds else 0.0


def product_seconds(
    moved: Values,
    sizes: tuple[Values, Values, Values],
    curve: Curve,
    bandwidth: Values,
    *,
    started: Values = 1.0,
    bounds: bool = True,
) -> tuple[Values, Values]:
    """Time a product of matrices on a curve that has tiles, its launch latency not included.

    Parameters
    ----------
    moved : float or array
        Traffic to and from device memory [bytes].
    sizes : tuple of float or array
        Its rows, columns and inner size [elements].
    curve : Curve
        What products reach; of many unlike ones, arrays.
    bandwidth : float or array
        The device's peak memory bandwidth [bytes/s].
    started : float or array
        Share of the steps in which it runs at all [1].
    bounds : bool, default True
        Whether to say what bounds it.

    Returns
    -------
    float or array
        Time [s]: arithmetic in rounds of tiles beside the traffic, what the inner size adds, and
        what is moved beside the product.
    float or array
        The same where arithmetic takes longer than memory traffic, else 0; 0 if not asked for [s].

    Examples
    --------
    >>> curve = Curve(peak=1e15, compute=0.5, memory=0.8, floor_s=0.0, depth_s=5e-10, tiles=132.0)
    >>> seconds, _ = product_seconds(1e8, (1024.0, 8192.0, 4096.0), curve, 2e12)
    >>> round(float(seconds) * 1e6, 2)  # 137.44 of arithmetic, 2.05 of the inner size
    139.49
    """
    rows, columns, inner = sizes
    memory = memory_seconds(moved=moved, bandwidth=bandwidth, efficiency=curve.memory)
    compute = tiled_compute_seconds(
        m=rows, n=columns, k=inner, peak=curve.peak, efficiency=curve.compute,
        at_once=curve.tiles, whole=curve.whole_waves,
    )  # fmt: skip
    busy = overlapped_seconds(compute=compute, memory=memory, sharpness=curve.sharpness)
    beside = inner * curve.entering_bytes + columns * curve.leaving_bytes
    busy = busy + rows * (beside / bandwidth) + inner * curve.depth_s * started
    return busy, busy * (compute > memory) if bounds else 0.0
