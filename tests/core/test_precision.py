"""Number formats: spellings, bytes, and the rate of a device without native support."""

from __future__ import annotations

import pytest

from llmcalc_core import PRECISIONS, Hardware, Precision, find_hardware, parse_precision
from llmcalc_core.dtypes import DATA_TYPES

# (spellings, (weights, activations, KV cache))
SPELLINGS = [
    (("fp32", "FP32", "float32", "Single"), ("fp32", "fp32", "fp32")),
    (("tf32", "TF32", "tfloat32"), ("tf32", "tf32", "tf32")),
    (("bf16", "BF16", "bfloat16", " BFloat16 "), ("bf16", "bf16", "bf16")),
    (("fp16", "FP16", "float16", "half"), ("fp16", "fp16", "fp16")),
    (("fp8", "FP8", "float8", "fp8_e4m3", "FP8-E4M3", "e4m3"), ("fp8", "fp8", "fp8")),
    (("int8", "INT8", "i8"), ("int8", "int8", "int8")),
    (("fp4", "FP4", "nvfp4", "MXFP4"), ("fp4", "fp4", "fp8")),  # FP4 checkpoints keep an FP8 cache
    (("int4", "INT4", "i4"), ("int4", "bf16", "bf16")),  # unpacked to 16 bits to be multiplied
    (("w4a16", "W4A16", "awq", "GPTQ", "int4_wo"), ("int4", "bf16", "bf16")),
    (("w8a16", "W8A16", "int8_wo"), ("int8", "bf16", "bf16")),
    (("w8a8", "W8A8"), ("int8", "int8", "bf16")),
    (("w16a16",), ("bf16", "bf16", "bf16")),
]
CASES = [(text, types) for texts, types in SPELLINGS for text in texts]


@pytest.mark.parametrize(("text", "types"), CASES, ids=[text.strip() for text, _ in CASES])
def test_spellings(text: str, types: tuple[str, str, str]) -> None:
    found = parse_precision(text)
    assert (found.weights, found.activations, found.kv_cache) == types


def test_a_precision_is_taken_as_it_is() -> None:
    own = Precision(weights="NVFP4", activations="FP8", kv_cache="bfloat16")
    assert parse_precision(own) is own
    assert (own.weights, own.activations, own.kv_cache) == ("fp4", "fp8", "bf16")
    assert own.label == "w fp4, a fp8, kv bf16"


@pytest.mark.parametrize("name", PRECISIONS)
def test_the_label_reads_back(name: str) -> None:
    precision = parse_precision(name)
    assert parse_precision(precision.label) == precision


# (type, bytes of a weight, source)
BYTES = [
    ("fp32", 4.0),
    ("tf32", 4.0),  # TF32 is a way to multiply: values stay 32 bits wide
    ("bf16", 2.0),
    ("fp16", 2.0),
    ("fp8", 1.0),
    ("int8", 1.0),
    ("fp4", 0.5625),  # (16 x 4 + 8)/16 bits: NVFP4, one FP8 scale for 16 values
    ("int4", 0.51953125),  # (128 x 4 + 16 + 4)/128 bits: AWQ and GPTQ in groups of 128
]


@pytest.mark.parametrize(("kind", "size"), BYTES, ids=[kind for kind, _ in BYTES])
def test_bytes_of_a_weight(kind: str, size: float) -> None:
    assert Precision(weights=kind).weight_bytes == size


def test_every_type_has_a_size() -> None:
    assert {kind for kind, _ in BYTES} == set(DATA_TYPES)


# (precision, residual stream, unquantised weights): 16 bits at least
WIDE = [("bf16", 2, 2), ("fp8", 2, 2), ("w4a16", 2, 2), ("fp32", 4, 4)]


@pytest.mark.parametrize(("bits", "stream", "wide"), WIDE, ids=[bits for bits, _, _ in WIDE])
def test_what_is_never_narrow(bits: str, stream: int, wide: int) -> None:
    precision = parse_precision(bits)
    assert (precision.output_bytes, precision.unquantised_bytes) == (stream, wide)


UNKNOWN = [
    ("fp6", "bits must be one of fp32.*got 'fp6'.*did you mean"),
    ("bf17", "did you mean 'bf16'"),
    ("w4a17", "did you mean 'w4a16'"),
    ("", "got ''"),
    (16, "got 16"),
    (None, "got None"),
    (float("nan"), "got nan"),
]


@pytest.mark.parametrize(("value", "message"), UNKNOWN, ids=[repr(value) for value, _ in UNKNOWN])
def test_unknown_names(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_precision(value)


@pytest.mark.parametrize("field", ["weights", "activations", "kv_cache"])
def test_unknown_types_name_the_field(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} must be one of .*got 'fp9'; did you mean"):
        Precision(**{field: "fp9"})


# (device, type asked for, type it runs in, TFLOP/s); datasheets named in hardware.toml
RATES = [
    ("A100_80GB", "bf16", "bf16", 312),
    ("A100_80GB", "fp8", "bf16", 312),  # no FP8 before Ada and Hopper
    ("A100_80GB", "fp4", "bf16", 312),
    ("A100_80GB", "int8", "int8", 624),
    ("A100_80GB", "tf32", "tf32", 156),
    ("A100_80GB", "fp32", "fp32", 19.5),
    ("H100_80GB", "fp8", "fp8", 1979),
    ("H100_80GB", "fp4", "fp8", 1979),  # FP4 values are unpacked to FP8
    ("H100_80GB", "int4", "int8", 1979),
    ("B200_180GB", "fp4", "fp4", 9000),
    ("TPUv4", "fp16", "bf16", 275),
    ("TPUv4", "fp32", "bf16", 275),  # the only rate there is
]


@pytest.mark.parametrize(
    ("device", "asked", "runs_in", "tflops"), RATES, ids=[f"{row[0]}-{row[1]}" for row in RATES]
)
def test_rate_without_native_support(device: str, asked: str, runs_in: str, tflops: float) -> None:
    kind, rate = find_hardware(device).rate(asked)
    assert kind == runs_in
    assert rate == pytest.approx(tflops * 1e12, rel=1e-3)


def test_a_device_of_one_type_has_a_rate_for_all() -> None:
    device = Hardware(
        name="old", flops=(("fp32", 1e13),), memory_bytes=1e10, nominal_memory_gb=10,
        memory_bandwidth=1e11, link_bandwidth=1e10,
    )  # fmt: skip
    assert {device.rate(kind) for kind in DATA_TYPES} == {("fp32", 1e13)}
