"""Data types and precisions: names, bytes, rates, like kernels, and what a new type needs."""

from __future__ import annotations

from dataclasses import replace

import pytest

import llmcalc_core as llm
from llmcalc_core import PRECISIONS, Hardware, Precision, find_hardware, parse_precision
from llmcalc_core.dtypes import DATA_TYPES, data_type

# (spellings, (weights, activations, KV cache))
SPELLINGS = [
    (("fp32", "FP32", "float32", "f32", "Single"), ("fp32", "fp32", "fp32")),
    (("tf32", "TF32", "tfloat32"), ("tf32", "tf32", "tf32")),
    (("bf16", "BF16", "bfloat16", " BFloat16 "), ("bf16", "bf16", "bf16")),
    (("fp16", "FP16", "float16", "f16", "half"), ("fp16", "fp16", "fp16")),
    (("fp8", "FP8", "float8", "f8", "fp8_e4m3", "FP8-E4M3", "e4m3", "fp8_block"),
     ("fp8", "fp8", "fp8")),
    (("int8", "INT8", "i8"), ("int8", "int8", "int8")),
    # FP4 checkpoints keep an FP8 cache
    (("fp4", "FP4", "float4", "f4", "nvfp4", "MXFP4", "e2m1"), ("fp4", "fp4", "fp8")),
    (("int4", "INT4", "i4"), ("int4", "bf16", "bf16")),  # unpacked to 16 bits to be multiplied
    (("w4a16", "W4A16", "awq", "GPTQ", "int4_wo"), ("int4", "bf16", "bf16")),
    (("w8a16", "W8A16", "int8_wo"), ("int8", "bf16", "bf16")),
    (("w8a8", "W8A8"), ("int8", "int8", "bf16")),
    # compressed-tensors: presets W4A8 and W4AFP8; NVIDIA Model Optimizer: W4A8_AWQ, in FP8
    (("w4a8", "W4A8", "w4a8-int8"), ("int4", "int8", "bf16")),
    (("w4afp8", "W4AFP8", "W4A8_FP8", "W4A8_AWQ"), ("int4", "fp8", "bf16")),
    (("w4a4", "W4A4"), ("fp4", "fp4", "bf16")),
    (("w16a16",), ("bf16", "bf16", "bf16")),
]  # fmt: skip
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


LLAMA = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "vocab_size": 128256, "hidden_act": "silu",
}  # fmt: skip
INT4 = {"num_bits": 4, "type": "int", "group_size": 128, "symmetric": True}


def compressed(weights: dict[str, object], entering: dict[str, object]) -> dict[str, object]:
    """Write a group of compressed-tensors."""
    own = {"targets": ["Linear"], "weights": weights, "input_activations": entering}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": own},
            "ignore": ["lm_head"]}  # fmt: skip


# A 16-bit scale for 128 values: 4.125 bits.
FOUR_BY_EIGHT = {
    "W4A8_AWQ": ({"quant_method": "modelopt", "quant_algo": "W4A8_AWQ"}, "w4afp8, 4.125 bits"),
    "W4AFP8": (compressed(INT4, {"num_bits": 8, "type": "float"}), "w4afp8, 4.125 bits"),
    "W4A8": (compressed(INT4, {"num_bits": 8, "type": "int"}), "w4a8, 4.125 bits"),
}


@pytest.mark.parametrize("scheme", FOUR_BY_EIGHT)
def test_a_checkpoint_in_four_bits_by_eight_has_the_name_of_its_activations(scheme: str) -> None:
    quantisation, label = FOUR_BY_EIGHT[scheme]
    config = llm.ModelConfig.from_hf(LLAMA | {"quantization_config": quantisation})
    assert config.precision.label == label


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


# (type, scales stated beside it [bits], bytes): only what is quantised has scales
SCALED = [("fp4", 0.25, 0.53125), ("int4", 0.5, 0.5625), ("fp8", 0.25, 1.03125),
          ("int8", 0.0, 1.0), ("bf16", 0.25, 2.0), ("fp32", 0.25, 4.0)]  # fmt: skip


@pytest.mark.parametrize(("kind", "scales", "size"), SCALED, ids=[kind for kind, *_ in SCALED])
def test_bytes_of_a_weight_with_scales_of_its_own(kind: str, scales: float, size: float) -> None:
    assert Precision(weights=kind, scale_bits=scales).weight_bytes == size


def test_stated_scales_are_of_the_narrowest_type_alone() -> None:
    mixed = Precision(weights="fp8", activations="fp8", experts="fp4", scale_bits=0.25)
    assert (mixed.weight_bytes, mixed.expert_weight_bytes) == (1.0, 0.53125)
    others = dict.fromkeys(("experts", "attention", "recurrent", "shared"), "fp8")
    own = Precision(weights="fp4", activations="fp4", scale_bits=0.25, **others)
    assert (own.weight_bytes, own.part("attention").weight_bytes) == (0.53125, 1.0)


def test_a_part_in_the_type_of_the_experts_computes_as_they_do() -> None:
    own = Precision(experts="fp4", expert_activations="fp8", shared="fp4", attention="int4")
    computed = {name: own.part(name).activations for name in ("shared", "attention", "recurrent")}
    assert computed == {"shared": "fp8", "attention": "bf16", "recurrent": "bf16"}


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
    ("H100_80GB", "int8", "int8", 1979),
    ("MI300X", "fp4", "fp8", 2615),
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


# What a device has rates of, the types that each runs in: the first of its own list.
FALLBACKS = {
    "fp32": ["fp32"],
    "tf32": ["tf32", "fp32"],
    "bf16": ["bf16", "fp16", "fp32"],
    "fp16": ["fp16", "bf16", "fp32"],
    "fp8": ["fp8", "bf16", "fp16", "fp32"],
    "int8": ["int8", "bf16", "fp16", "fp32"],
    "fp4": ["fp4", "fp8", "bf16", "fp16", "fp32"],
    "int4": ["int4", "int8", "bf16", "fp16", "fp32"],
}


@pytest.mark.parametrize("kind", FALLBACKS)
def test_a_type_that_a_device_lacks_runs_in_the_next(kind: str) -> None:
    order = FALLBACKS[kind]
    rates = {one: float(10**at) for at, one in enumerate(DATA_TYPES, start=10)}
    toy = Hardware(
        name="toy", flops=rates, memory_bytes=1e10, nominal_memory_gb=10, memory_bandwidth=1e11,
        link_bandwidth=1e10,
    )  # fmt: skip
    for at, expected in enumerate(order):
        left = {one: rate for one, rate in rates.items() if one not in order[:at]}
        assert replace(toy, flops=left | {"fp32": 1e10}).rate(kind) == (expected, rates[expected])


def test_a_type_is_no_scheme() -> None:
    with pytest.raises(ValueError, match=r"weights must be one of .*got 'awq'"):
        data_type("weights", "AWQ")


@pytest.mark.parametrize("kind", DATA_TYPES)
def test_records_name_known_types_and_no_other(kind: str) -> None:
    one = DATA_TYPES[kind]
    named = {*one.fallback, *one.like, one.computes_in, one.kv_cache, one.kernels, one.curve}
    assert named <= set(DATA_TYPES)
    others = [other for other in DATA_TYPES.values() if other is not one]
    assert not {one.name, *one.spellings} & {w for o in others for w in (o.name, *o.spellings)}
    assert all(word == word.casefold().replace("-", "_") for word in one.spellings)


@pytest.mark.parametrize("engine", llm.ENGINES)
@pytest.mark.parametrize("kind", DATA_TYPES)
def test_a_type_needs_its_record_alone(kind: str, engine: str) -> None:
    """Every type stores, computes, caches and is a part, on devices with and without it."""
    every = [
        Precision(weights=kind, activations=kind, kv_cache=kind),
        Precision(kv_cache=kind, experts=kind, expert_activations=kind, attention=kind),
    ]
    without = "M2_Ultra" if engine == "llama.cpp" else "TPUv4"  # it does not run on a TPU
    frame = llm.explore(
        "mixtral_8x7b", ["B200_180GB", "A100_80GB", "MI300X", without], 1, batch=4,
        precision=every, engine=engine,
    )  # fmt: skip
    assert frame["tpot_s"].gt(0).all()
    assert set(frame["precision"]) == {one.label for one in every}
