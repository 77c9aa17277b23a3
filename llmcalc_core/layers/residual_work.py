"""Work of norms and of what a layer has beside its mixers: residual streams, inputs of its own."""

from __future__ import annotations

from llmcalc_core.layers.shapes import (
    AlternatingUpdates,
    BlockResiduals,
    HyperConnections,
    LayerInputs,
    LowRankResidual,
    Residual,
)
from llmcalc_core.layers.work import Operation, Pass, matrix, traffic

_HALVES = 2
"""Parts of a layer that read the residual stream and add to it: token and channel mixer."""


def norm_work(step: Pass) -> Operation:
    """Work of a norm and the sum before it: both read two rows or one, and write one each."""
    return traffic(
        "norm and residual sum", step.tokens * 4 * step.hidden * step.precision.output_bytes
    )


def residual_work(part: Residual, step: Pass) -> tuple[Operation, ...]:
    """Work of one layer's residual streams, blocks or inputs."""
    if isinstance(part, HyperConnections):
        return _hyper_connections(part, step)
    if isinstance(part, BlockResiduals):
        return (_block_residuals(part, step),)
    if isinstance(part, AlternatingUpdates):
        return _alternating_updates(part, step)
    if isinstance(part, LowRankResidual):
        return _low_rank_residual(part, step)
    return _layer_inputs(part, step)


def _hyper_connections(part: HyperConnections, step: Pass) -> tuple[Operation, ...]:
    """Work of mHC (arXiv:2512.24880, 4.3): streams are read before a part, and again after it.

    Before, they are projected to the numbers that mix them and joined to one row; after, they are
    mixed with each other and with the result, and written. Every device has all streams.
    """
    wide = part.streams * step.hidden
    row = (3 * wide + 2 * step.hidden) * step.precision.output_bytes
    mixed = matrix(
        step,
        "stream mixing projection",
        m=_HALVES * step.tokens,
        n=part.mixes,
        k=wide,
        quantised=False,
    )
    return mixed, traffic("stream mixing", _HALVES * step.tokens * row, launches=2.0 * _HALVES)


def _block_residuals(part: BlockResiduals, step: Pass) -> Operation:
    """Work of attention residuals (arXiv:2607.24653, 2.2): every block's row is read, one written.

    One kernel scores, sums and normalises the rows, as SGLang's does.
    """
    row = (part.blocks + 1) * step.hidden * step.precision.output_bytes
    return traffic(
        "attention to earlier blocks", _HALVES * step.tokens * row, launches=float(_HALVES)
    )


def _layer_inputs(part: LayerInputs, step: Pass) -> tuple[Operation, ...]:
    """Work of a layer's own embedding: a gate from the stream, and the way back to it."""
    element = step.precision.output_bytes
    return (
        matrix(step, "gate projection", m=step.tokens, n=part.width, k=step.hidden),
        traffic("gate", step.tokens * 3 * part.width * element),
        matrix(step, "projection back", m=step.tokens, n=step.hidden, k=part.width),
        norm_work(step),
    )


def _alternating_updates(part: AlternatingUpdates, step: Pass) -> tuple[Operation, ...]:
    """Work of AltUp (arXiv:2301.13310): all streams are predicted before a layer, corrected after.

    A router of the normalised first stream gives the numbers that mix them, each time.
    """
    row = step.hidden * step.precision.output_bytes
    router = matrix(
        step, "stream router", m=_HALVES * step.tokens, n=part.streams, k=step.hidden,
        quantised=False,
    )  # fmt: skip
    moved = _HALVES * step.tokens * (2 * part.streams + 2) * row
    return router, traffic("stream prediction and correction", moved, launches=2.0 * _HALVES)


def _low_rank_residual(part: LowRankResidual, step: Pass) -> tuple[Operation, ...]:
    """Work of LAuReL (arXiv:2411.07501): to a low rank and back, a norm, a sum."""
    return (
        matrix(step, "low-rank projection", m=step.tokens, n=part.rank, k=step.hidden),
        matrix(step, "projection back", m=step.tokens, n=step.hidden, k=part.rank),
        norm_work(step),
    )
