"""Decode estimates beside the physical bound, for six cases; prints a Markdown table.

Run as ``python -m tests.validation.bounds``. The bound is counted here from parameter counts and
cache sizes alone: every weight that a step touches and the whole cache are read once, at the peak
memory bandwidth of all devices, or every multiplication is done at their peak rate, whichever
takes longer. No estimate may be below it.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core import (
    estimate_decode_performance,
    find_hardware,
    find_model,
    parse_precision,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A decode workload, with what its bound is counted from.

    Attributes
    ----------
    touched : float
        Weights that a step reads [parameters].
    active : float
        Weights that one token multiplies [parameters].
    cache_elements : int
        Cached elements per token, all layers together.
    """

    model: str
    hardware: str
    precision: str
    devices: int
    batch: int
    touched: float
    active: float
    cache_elements: int
    input_tokens: int = 2000
    output_tokens: int = 256


# Cached elements per token: layers x 2 x KV heads x head width. Mixtral: at batch 16 a step
# touches 8 (1 - (3/4)^16) = 7.92 of 8 experts of 3 x 4096 x 14336 parameters in 32 layers.
_EXPERT = 3 * 4096 * 14336 * 32
CASES = (
    Case(model="llama2_7b", hardware="A100_80GB", precision="bf16", devices=8, batch=32,
         touched=6.607e9, active=6.607e9, cache_elements=32 * 2 * 32 * 128),
    Case(model="llama2_70b", hardware="H100_80GB", precision="bf16", devices=8, batch=64,
         touched=68.71e9, active=68.71e9, cache_elements=80 * 2 * 8 * 128),
    Case(model="llama3_8b", hardware="H100_80GB", precision="bf16", devices=1, batch=1,
         touched=7.505e9, active=7.505e9, cache_elements=32 * 2 * 8 * 128),
    Case(model="llama3_70b", hardware="H200_141GB", precision="fp8", devices=4, batch=32,
         touched=69.5e9, active=69.5e9, cache_elements=80 * 2 * 8 * 128),
    Case(model="llama3_70b", hardware="B200_180GB", precision="fp4", devices=2, batch=16,
         touched=69.5e9, active=69.5e9, cache_elements=80 * 2 * 8 * 128),
    Case(model="mixtral_8x7b", hardware="A100_80GB", precision="bf16", devices=2, batch=16,
         touched=46.57e9 - 0.08 * _EXPERT, active=46.57e9 - 6 * _EXPERT,
         cache_elements=32 * 2 * 8 * 128),
)  # fmt: skip


def bound_ms(case: Case) -> float:
    """Least time that a decode step can take [ms]."""
    hardware, precision = find_hardware(case.hardware), parse_precision(case.precision)
    context = case.input_tokens + case.output_tokens / 2
    cache = case.batch * context * case.cache_elements * precision.kv_bytes
    moved = case.touched * precision.weight_bytes + cache
    peak = hardware.rate(precision.activations)[1]
    memory = moved / (case.devices * hardware.memory_bandwidth)
    compute = 2 * case.active * case.batch / (case.devices * peak)
    return max(memory, compute) * 1e3


def estimate_ms(case: Case) -> float:
    """Time per output token as estimated, with tensor parallelism over all devices [ms]."""
    found = estimate_decode_performance(
        case.model,
        case.batch,
        input_tokens=case.input_tokens,
        output_tokens=case.output_tokens,
        system_name=case.hardware,
        bits=case.precision,
        tensor_parallel=case.devices,
    )
    return float(found["latency"])


def table() -> str:
    """Markdown table of all cases."""
    lines = [
        "| model | devices | precision | batch | bound [ms] | estimate [ms] | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for case in CASES:
        bound, estimate = bound_ms(case), estimate_ms(case)
        lines.append(
            f"| {find_model(case.model).model} | {case.devices} x {case.hardware} | "
            f"{case.precision} | {case.batch} | {bound:.2f} | {estimate:.2f} | "
            f"{estimate / bound:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())  # noqa: T201 - the report is the point
