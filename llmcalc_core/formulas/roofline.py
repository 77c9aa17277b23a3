"""How long one operation takes, given its work and what the device reaches of its peaks."""

from __future__ import annotations

from math import ceil

import numpy as np

from llmcalc_core.formulas import Values

_RAMP_BYTES = 16e6
"""Size of a transfer that loses half of what a large one does [bytes]."""

_TILE = 128
"""Rows, and columns, of the tile of a product that a multiprocessor computes [elements]: what most
kernels of NVIDIA's libraries take; fits with 64 or 256 of them are no better in most types."""


def matrix_flops(*, m: Values, n: Values, k: Values) -> Values:
    """Floating point operations of an (m, k) by (k, n) multiplication.

    Parameters
    ----------
    m, n, k : float or array
        Rows, columns and inner size [elements].

    Returns
    -------
    float or array
        Operations [FLOP], a multiplication and an addition for each product.

    References
    ----------
    Golub and Van Loan, Matrix Computations, 4th ed. (2013), table 1.1.2.

    Examples
    --------
    >>> matrix_flops(m=2, n=3, k=4)
    48
    """
    return 2 * m * n * k


def matrix_bytes(
    *,
    m: Values,
    n: Values,
    k: Values,
    weight_bytes: Values,
    input_bytes: Values,
    output_bytes: Values,
) -> Values:
    """Bytes that a multiplication moves when every element moves once.

    Parameters
    ----------
    m, n, k : float or array
        Rows, columns and inner size [elements].
    weight_bytes, input_bytes, output_bytes : float or array
        Size of one weight, input and output element [bytes].

    Returns
    -------
    float or array
        Traffic to and from device memory [bytes].

    References
    ----------
    Williams, Waterman and Patterson, Roofline, CACM 52 (2009), section 3 (compulsory traffic).

    Examples
    --------
    >>> matrix_bytes(m=1, n=4096, k=4096, weight_bytes=2, input_bytes=2, output_bytes=2)
    33570816
    """
    return n * k * weight_bytes + m * (k * input_bytes + n * output_bytes)


def compute_seconds(
    *, flops: Values, peak: Values, efficiency: Values, size: Values = np.inf, half: Values = 0.0
) -> Values:
    """Time the arithmetic alone takes, with an efficiency that rises with the operation's size.

    Parameters
    ----------
    flops : float or array
        Operations [FLOP].
    peak : float or array
        Dense peak rate of the device for the type [FLOP/s].
    efficiency : float or array
        Fraction of the peak that a large operation reaches [1], at most 1.
    size, half : float or array
        Size of the operation [elements] and the size at which half of ``efficiency`` is
        reached [elements]: the fraction is ``efficiency * size / (size + half)``.

    Returns
    -------
    float or array
        Time [s], never less than ``flops / peak``.

    References
    ----------
    Hockney and Jesshope, Parallel Computers (1981), section 1.3.2: the half-performance length.

    Examples
    --------
    >>> compute_seconds(flops=1e12, peak=1e15, efficiency=0.5, size=1000, half=1000)
    0.004
    >>> compute_seconds(flops=1e12, peak=1e15, efficiency=0.5, size=1)
    0.002
    """
    return flops * ((1 + half / size) / (peak * efficiency))


def tiled_compute_seconds(
    *,
    m: Values,
    n: Values,
    k: Values,
    peak: Values,
    efficiency: Values,
    at_once: Values,
    whole: Values,
) -> Values:
    """Time the arithmetic of a product of matrices takes, in rounds of tiles.

    Parameters
    ----------
    m, n, k : float or array
        Rows, columns and inner size [elements].
    peak : float or array
        Dense peak rate of the device for the type [FLOP/s].
    efficiency : float or array
        Fraction of the peak that whole rounds reach [1], at most 1.
    at_once : float or array
        Tiles of 128 by 128 that run at once [1]: the multiprocessors.
    whole : float or array
        How far a begun round takes as long as a whole one [1]: 0 where the work of the last is
        divided among all, as split-K and streams of tiles do, 1 where it is not.

    Returns
    -------
    float or array
        Time [s], never less than ``2 m n k / peak``.

    References
    ----------
    NVIDIA, Matrix Multiplication Background User's Guide, sections "Tile quantization" and "Wave
    quantization" (docs.nvidia.com/deeplearning/performance; recalled).

    Examples
    --------
    132 tiles at once: 133 tiles take two rounds, or little more than one.

    >>> work = dict(m=128.0, n=133 * 128.0, k=4096.0, peak=1e15, efficiency=1.0, at_once=132.0)
    >>> one = 2 * 128 * 132 * 128 * 4096 / 1e15
    >>> float(tiled_compute_seconds(**work, whole=1.0) / one)
    2.0
    >>> round(float(tiled_compute_seconds(**work, whole=0.0) / one), 3)
    1.008
    """
    exact = m * (n / (_TILE**2 * at_once))
    each = k * (2 * _TILE**2 * at_once / (peak * efficiency))
    if isinstance(whole, float) and not whole:
        return exact * each
    up = ceil if isinstance(m, float) and isinstance(n, float) else np.ceil  # faster without numpy
    rounds = up(up(m / _TILE) * (up(n / _TILE) / at_once))
    return (exact * (1 - whole) + rounds * whole) * each


def memory_seconds(*, moved: Values, bandwidth: Values, efficiency: Values) -> Values:
    """Time that moving the bytes alone takes.

    Parameters
    ----------
    moved : float or array
        Traffic to and from device memory [bytes].
    bandwidth : float or array
        Peak memory bandwidth [bytes/s].
    efficiency : float or array
        Fraction of the peak that a large transfer reaches [1], at most 1.

    Returns
    -------
    float or array
        Time [s], never less than ``moved / bandwidth``.

    References
    ----------
    Williams, Waterman and Patterson, Roofline, CACM 52 (2009), section 3.

    Examples
    --------
    >>> memory_seconds(moved=1.6e9, bandwidth=2e12, efficiency=0.8)
    0.001
    """
    return moved / (bandwidth * efficiency)


def ramp_seconds(*, moved: Values, ramp: Values) -> Values:
    """Time that a transfer loses while it reaches its rate and when its last blocks run out.

    Parameters
    ----------
    moved : float or array
        Traffic to and from device memory [bytes].
    ramp : float or array
        What a large transfer loses [s].

    Returns
    -------
    float or array
        Time [s], beside that of the bytes at the full rate: ``ramp * moved / (moved + 16 MB)``.

    References
    ----------
    Decode attention measured alone (aiconfigurator, commit 095f58a5) takes 7 to 20 us for a cache
    of kilobytes, up to 22 us more from some ten megabytes on, and beside that its bytes at 0.67 to
    0.98 of the bandwidth. Sizes of 2 to 16 MB fit the medians by size of 27 such kernels alike.

    Examples
    --------
    >>> ramp_seconds(moved=16e6, ramp=20e-6)
    1e-05
    """
    return ramp * moved / (moved + _RAMP_BYTES)


def overlapped_seconds(*, compute: Values, memory: Values, sharpness: Values) -> Values:
    """Time of arithmetic and memory traffic that overlap, as the p-norm of the two.

    Parameters
    ----------
    compute, memory : float or array
        Time each would take alone [s].
    sharpness : float or array
        The p of the norm [1]: infinity overlaps them fully (the larger counts), 1 not at all.

    Returns
    -------
    float or array
        Time [s], never less than the larger of the two.

    References
    ----------
    Williams, Waterman and Patterson, Roofline, CACM 52 (2009), section 3, for p = infinity; the
    p-norm of the project's fit to kernel measurements (aiconfigurator, commit 095f58a5).

    Examples
    --------
    >>> float(overlapped_seconds(compute=3.0, memory=4.0, sharpness=2.0))
    5.0
    >>> float(overlapped_seconds(compute=3.0, memory=4.0, sharpness=np.inf))
    4.0
    """
    numbers = isinstance(compute, float) and isinstance(memory, float)  # faster without numpy
    larger: Values = max(compute, memory) if numbers else np.maximum(compute, memory)
    if isinstance(sharpness, float) and sharpness == np.inf:
        return larger
    ratio: Values = (min(compute, memory) if numbers else np.minimum(compute, memory)) / larger
    return larger * (1.0 + ratio**sharpness) ** (1.0 / sharpness)
