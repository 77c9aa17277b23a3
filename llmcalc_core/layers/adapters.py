"""Low-rank adapters of a layer's projections: their work in a pass, and what they hold."""

from __future__ import annotations

from collections.abc import Iterable

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.adapters import adapter_parameters, adapters_used
from llmcalc_core.layers.work import Operation, Pass

_PARTIAL_BYTES = 4.0
"""Bytes of an element between the two products, kept in 32 bits (vLLM, lora_shrink)."""


def adapter_work(operations: Iterable[Operation], step: Pass) -> tuple[Operation, ...]:
    """Work of the adapters: two products beside every adapted projection (vLLM, lora_shrink_op).

    The adapters that the requests use, of all with equal chance, are read once; the second
    product is added to what the projection gave.
    """
    techniques, precision = step.grid.techniques, step.precision
    rank = float(techniques.lora_rank)
    used = adapters_used(adapters=float(techniques.lora_adapters), sequences=step.sequences)
    work = []
    for m, n, k, packed in _adapted(operations):
        own = adapter_parameters(rank=rank, n=n, k=k, packed=packed)
        between = 2 * packed * rank * _PARTIAL_BYTES
        moved = m * ((k + 2 * n) * precision.output_bytes + between)
        work.append(
            Operation(
                name="LoRA adapters",
                kind="gemm",
                family="gemm_wide",
                flops=2 * m * own,
                moved=used * own * precision.unquantised_bytes + moved,
                launches=2.0,
            )
        )
    return tuple(work)


def adapter_bytes(operations: Iterable[Operation], step: Pass) -> Values:
    """Bytes of all adapters of a layer on one device [bytes].

    Of a projection whose columns are shared by tensor parallel devices each has the first product
    whole and its columns of the second; of one whose rows are shared its rows of the first and the
    second whole (vLLM, without fully_sharded_loras).
    """
    techniques = step.grid.techniques
    held: Values = 0.0
    for _, n, k, packed in _adapted(operations):
        held = held + adapter_parameters(rank=techniques.lora_rank, n=n, k=k, packed=packed)
    return techniques.lora_adapters * held * step.precision.unquantised_bytes


def _adapted(operations: Iterable[Operation]) -> list[tuple[Values, Values, Values, int]]:
    return [operation.shape for operation in operations if operation.shape is not None]
