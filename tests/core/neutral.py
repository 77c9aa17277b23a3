"""Constants that change nothing: what kernels measured alone and formulas give by hand."""

from __future__ import annotations

from llmcalc_core.calibration.constants import Constants, specs

STEP = 500e-6
"""Overhead of a step in these constants [s]."""

_OWN = {
    "step_overhead_s": STEP,
    "sequence_overhead_s": 0.0,
    "host_launch_s": 0.0,
    "first_token_s": 0.0,
}

NEUTRAL = Constants(
    tuple(
        (name, "", _OWN.get(name, 1.0 if spec.scale == "log" else 0.5))
        for name, spec in specs().items()
    )
)
"""Every factor is 1 and every share a half; the host starts kernels and sends first tokens as fast
as the ranges of the constants let it: 1 us each, and 0.5 ms."""
