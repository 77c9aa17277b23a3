"""Kernels of mixtures: one curve for all devices and engines, and what is known to differ."""

from __future__ import annotations

import pytest

from llmcalc_core import Precision, find_hardware, parse_precision
from llmcalc_core.calibration.constants import fitted
from llmcalc_core.calibration.facts import Curve
from llmcalc_core.costmodel.efficiency import efficiency_for

MXFP4 = Precision(weights="fp4", activations="bf16")
FP8, INT4, NVFP4 = map(parse_precision, ("fp8", "w4a16", "nvfp4"))


def grouped(device: str, precision: Precision, engine: str) -> tuple[Curve, float]:
    """Give the curve of grouped kernels and their floor as if measured alone [us]."""
    hardware = find_hardware(device)
    efficiency = efficiency_for(hardware, precision, engine=engine)
    curve = efficiency.curves["mixture"]
    return curve, curve.floor_s * 1e6 / fitted().of(engine, device)["launch_floor"]


# Floors of the MXFP4 and int4 kernels with inputs of 16 bits in the kernel measurements named in
# efficiency.toml [us]; 36 is what is assumed of every other kernel.
FLOORS = [
    ("H200_141GB", INT4, "trtllm", 36),
    ("H200_141GB", INT4, "vllm", 67.3),
    ("H200_141GB", INT4, "sglang", 41.2),
    ("H200_141GB", MXFP4, "trtllm", 108.4),
    ("H200_141GB", MXFP4, "vllm", 65.6),
    ("H100_80GB", MXFP4, "trtllm", 109.9),
    ("H100_80GB", MXFP4, "lmdeploy", 36),
    ("H100_80GB", FP8, "vllm", 36),
    ("B200_180GB", NVFP4, "vllm", 36),
]


@pytest.mark.parametrize("case", FLOORS, ids=lambda row: f"{row[0]} {row[1].weights} {row[2]}")
def test_unpacking_weights_has_floors_of_its_own(case: tuple[str, Precision, str, float]) -> None:
    device, precision, engine, expected = case
    _, floor = grouped(device, precision, engine)
    assert floor == pytest.approx(expected, rel=1e-9)


def test_all_else_is_as_assumed() -> None:
    unpacked, _ = grouped("H100_80GB", INT4, "vllm")
    wide, _ = grouped("H100_80GB", Precision(), "vllm")
    assert (unpacked.compute, unpacked.memory) == (wide.compute, wide.memory)
