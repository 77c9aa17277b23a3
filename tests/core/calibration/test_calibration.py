"""Calibration's tables check themselves; what is looked up in them, by literal values."""

from __future__ import annotations

import math
from copy import deepcopy

import pytest

import llmcalc_core as llm
from llmcalc_core.calibration.bands import as_band_tables, band
from llmcalc_core.calibration.constants import Constants, as_constant_tables, fitted
from llmcalc_core.calibration.kernel_facts import DeviceFacts, KernelFacts, as_kernel_tables
from llmcalc_core.calibration.kernels import facts_of, find_facts, grouped_facts, reduce_facts
from llmcalc_core.calibration.tables import read_toml
from llmcalc_core.costmodel.efficiency import efficiency_for
from tests.core.neutral import NEUTRAL

A100 = llm.find_hardware("A100_80GB")
LOADERS = {
    "efficiency.toml": as_kernel_tables,
    "constants.toml": as_constant_tables,
    "bands.toml": as_band_tables,
}
GONE = object()

# (file, path to a key, what is put there, message)
FAULTS = [
    ("efficiency.toml", ("H100_80GB", "gemm", 0, "compute"), 1.2,
     r"efficiency.toml, \[\[H100_80GB.gemm\]\] 1: compute must be a number above 0 and at most 1"),
    ("efficiency.toml", ("H100_80GB", "gemm", 1, "type"), "fp9",
     r"\[\[H100_80GB.gemm\]\] 2: type must be one of .*got 'fp9'; did you mean 'fp8'"),
    ("efficiency.toml", ("H100_80GB", "gemm", 2, "engine"), "trtlm",
     r"\[\[H100_80GB.gemm\]\] 3: engine must be one of .*did you mean 'trtllm'"),
    ("efficiency.toml", ("A100_80GB", "gemm", 0, "floor"), 3,
     r"\[\[A100_80GB.gemm\]\] 1: the key 'floor' must be one of .*did you mean 'floor_us'"),
    ("efficiency.toml", ("A100_80GB", "gemm", 0, "floor_us"), GONE,
     r"\[\[A100_80GB.gemm\]\] 1: the key 'floor_us' is missing"),
    ("efficiency.toml", ("A100_80GB", "gemm", 0, "floor_us"), "12",
     r"\[\[A100_80GB.gemm\]\] 1: floor_us must be a finite number from 0, got '12'"),
    ("efficiency.toml", ("A100_80GB", "gemm", 0, "sharpness"), 0.5,
     r"sharpness must be a number of at least 1, got 0.5"),
    ("efficiency.toml", ("A100_80GB", "gemm", 0, "source"), " ", "source must be a text"),
    ("efficiency.toml", ("A100_80GB", "gemm"), 3, r"\[A100_80GB\]: gemm must be tables such as"),
    ("efficiency.toml", ("A100_80GB", "gemms"), [],
     r"\[A100_80GB\]: the key 'gemms' must be one of .*did you mean 'gemm'"),
    ("efficiency.toml", ("A100_80GB", "basis"), "measured", r"\[A100_80GB\]: basis must be one of"),
    ("efficiency.toml", ("A100_80GB", "all_reduce", 0, "devices"), 1,
     r"\[\[A100_80GB.all_reduce\]\] 1: devices must be a whole number of at least 2"),
    ("efficiency.toml", ("A100_80GB", "all_reduce", 0, "serves"), ["vlm"], "serves must be one of"),
    ("efficiency.toml", ("MI300X", "gemm", 0, "engine"), "vllm", GONE),
    ("efficiency.toml", ("A100_80GB", "attention_decode", 0, "engine"), "vllm",
     r"\[A100_80GB\]: attention_decode must have an entry without an engine"),
    ("efficiency.toml", ("L4", "like"), "L40", r"\[L4\]: like must be one of .*got 'L40'"),
    ("efficiency.toml", ("RTX_5090", "products"), {"bf16": 0.9}, "products must be a table with a"),
    ("efficiency.toml", ("RTX_5090", "products", "fp4"), 1.5, "products, fp4 must be"),
    ("efficiency.toml", ("RTX_5090", "products", "fp9"), 0.5, "products must be one of"),
    ("efficiency.toml", ("assumed",), GONE, r"the table \[assumed\] is missing"),
    ("efficiency.toml", ("assumed", "mixture"), GONE, r"\[\[assumed.mixture\]\] is missing"),
    ("efficiency.toml", ("engine",), GONE, r"the table \[engine\] is missing"),
    ("efficiency.toml", ("engine", "narrow_gemm_time"), GONE,
     r"\[engine\]: the key 'narrow_gemm_time' is missing"),
    ("efficiency.toml", ("engine", "narrow_gemm_time"), 0, "narrow_gemm_time must be a finite"),
    ("efficiency.toml", ("engine", "host_fraction"), 2, r"\[engine\]: host_fraction must be"),
    ("efficiency.toml", ("L40",), 3, r"efficiency.toml, \[L40\] must be a table, got 3"),
    ("constants.toml", ("constant", "launch_floor", "scale"), "lin",
     r"constants.toml, \[constant.launch_floor\]: scale must be one of log, logit, got 'lin'"),
    ("constants.toml", ("constant", "launch_floor", "value"), -1, "value must be a finite number"),
    ("constants.toml", ("constant", "launch_floor", "engines", "vlm"), 0.1,
     "engines must be one of .*did you mean 'vllm'"),
    ("constants.toml", ("constant", "decode_time", "devices", "A100"), 0.1,
     "devices must be one of .*got 'A100'"),
    ("constants.toml", ("constant", "decode_time", "devices", "A100_80GB"), "much",
     "devices, A100_80GB must be a finite number"),
    ("constants.toml", ("constant", "launch_floor"), GONE,
     r"the table \[constant.launch_floor\] is missing"),
    ("constants.toml", ("constant", "launch_flor"), {}, "must be one of .*did you mean 'launch_f"),
    ("constants.toml", ("constant", "launch_floor", "spread"), -1, "spread must be a finite"),
    ("constants.toml", ("constant", "launch_floor", "prio"), 1,
     r"\[constant.launch_floor\]: the key 'prio' must be one of"),
    ("bands.toml", ("band", 0, "low"), 1.1, r"bands.toml, \[\[band\]\] 1: low and high must be"),
    ("bands.toml", ("band", 0, "metric"), "tfft", r"metric must be one of .*did you mean 'ttft'"),
    ("bands.toml", ("band", 0, "mixture"), 0, r"\[\[band\]\] 1: mixture must be True or False"),
    ("bands.toml", ("band", 0, "basis"), "assumed", r"the band of \('ttft', 'assumed', False\) m"),
    ("bands.toml", ("band", 0), GONE, r"the band of \('ttft', 'measured', False\) is missing"),
    ("bands.toml", ("error", 0, "part"), "some", r"\[\[error\]\] 1: part must be one of fit"),
    ("bands.toml", ("worth", 0, "numbers"), 0.5, r"\[\[worth\]\] 1: numbers must be a whole"),
    ("bands.toml", ("measured", "runs", 2), ["model", "device", "fp8"],
     r"bands.toml, \[measured\], runs, 3: the key 'kv_cache' is missing"),
    ("bands.toml", ("measured", "runs", 2, 3), "fp9", r"runs, 3: kv_cache must be one of"),
    ("bands.toml", ("bands",), [], "a table of bands.toml must be one of .*got 'bands'"),
]  # fmt: skip


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: f"{case[0]} {case[1]}")
def test_a_fault_names_file_table_and_key(case) -> None:
    file, path, value, message = case
    tables = deepcopy(read_toml(file))
    LOADERS[file](tables)
    *parents, key = path
    place = tables
    for parent in parents:
        place = place[parent]
    if value is GONE:
        del place[key]
    else:
        place[key] = value
    if message is GONE:  # no fault: other entries stand for every engine
        LOADERS[file](tables)
        return
    with pytest.raises(ValueError, match=message):
        LOADERS[file](tables)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("tbot", "measured", False), "metric must be one of .*got 'tbot'; did you mean 'tpot'"),
        (("tpot", "guessed", False), "basis must be one of .*got 'guessed'"),
    ],
)
def test_a_band_that_there_is_not_is_refused(asked, message) -> None:
    metric, basis, mixture = asked
    with pytest.raises(ValueError, match=message):
        band(metric, basis, mixture=mixture)


# (engine, device, constant, value for all, shifts of engine and device), from constants.toml
SHIFTED = [
    ("trtllm", "B200_180GB", "host_launch_s", 2.3088e-05, (0.01954, -0.6208)),
    ("vllm", "B200_180GB", "host_launch_s", 2.3088e-05, (-0.7549, -0.6208)),
    ("vllm", "H100_80GB", "host_launch_s", 2.3088e-05, (-0.7549,)),
    ("lmdeploy", "A100_80GB", "launch_floor", 0.79039, (-0.7218,)),
    ("vllm", "MI300X", "decode_time", 1.0, (0.1939,)),
    ("sglang", "H200_141GB", "first_token_steps", 4.3647, ()),
]


@pytest.mark.parametrize("case", SHIFTED, ids=lambda case: f"{case[0]} {case[1]} {case[2]}")
def test_shifts_of_engine_and_device_add_up(case) -> None:
    engine, device, name, value, shifts = case
    assert fitted().of(engine, device)[name] == pytest.approx(value * math.exp(sum(shifts)))


def test_shifts_of_others_do_not_count() -> None:
    floor = Constants(
        (
            ("launch_floor", "", 2.0),
            ("launch_floor", "vllm", 0.5),
            ("launch_floor", "L40S", 0.25),
            ("launch_floor", "A100_80GB", 9.0),
        )
    )
    assert floor.of("vllm", "L40S") == {"launch_floor": pytest.approx(2 * math.exp(0.75))}
    assert floor.of("sglang", "H100_80GB") == {"launch_floor": 2.0}


# Of B200's products in efficiency.toml: in engines the narrow ones take 0.8 of the time alone.
@pytest.mark.parametrize(
    ("bits", "longer"), [("bf16", 1.0), ("fp16", 1.0), ("fp8", 0.8), ("nvfp4", 0.8)]
)
def test_narrow_products_take_less_in_an_engine(bits: str, longer: float) -> None:
    device, precision = llm.find_hardware("B200_180GB"), llm.parse_precision(bits)
    alone, _ = find_facts(facts_of("B200_180GB"), "gemm", precision.activations, "trtllm")
    found = efficiency_for(device, precision, engine="trtllm", constants=NEUTRAL)
    expected = near_the_peak(alone.compute / longer)
    for curves in (found.decode, found.prefill):
        assert curves["gemm"].compute == pytest.approx(expected, rel=1e-12)


def test_integer_products_take_as_long_in_an_engine_as_alone() -> None:
    found = efficiency_for(A100, llm.parse_precision("int8"), constants=NEUTRAL).decode["gemm"]
    assert found.compute == pytest.approx(near_the_peak(0.8985))
    assert found.memory == pytest.approx(near_the_peak(0.9625))


def near_the_peak(share: float) -> float:
    """Keep a share below 0.97 of the peak, by the norm of power 16."""
    return share / (1 + (share / 0.97) ** 16) ** (1 / 16)


def test_each_constant_scales_what_it_says() -> None:
    constants = NEUTRAL.replace({
        ("decode_time", ""): 1.25, ("prefill_time", ""): 1.5, ("launch_floor", ""): 0.5,
        ("host_launch_s", ""): 1e-5, ("mixture_launch", ""): 3.0, ("first_token_s", ""): 0.02,
        ("first_token_steps", ""): 4.0, ("collective_latency", ""): 0.6,
        ("step_overhead_s", ""): 2e-3, ("sequence_overhead_s", ""): 3e-5,
    })  # fmt: skip
    dense, mixture = (
        efficiency_for(A100, llm.Precision(), mixture=mixture, constants=constants)
        for mixture in (False, True)
    )
    alone, _ = find_facts(facts_of("A100_80GB"), "attention_decode", "bf16")
    assert (alone.memory, alone.floor_us, alone.ramp_us) == (0.8067, 18.8, 21.68)
    for curves, longer in ((dense.decode, 1.25), (dense.prefill, 1.5)):
        own = curves["attention_decode"]
        assert own.memory == pytest.approx(near_the_peak(0.8067 / longer), rel=1e-12)
        assert (own.floor_s, own.ramp_s) == pytest.approx((9.4e-6, 10.84e-6))
        product = near_the_peak(0.8641 / longer)
        assert curves["gemm"].compute == pytest.approx(product, rel=1e-12)
    assert (dense.host_launch_s, mixture.host_launch_s) == pytest.approx((1e-5, 3e-5))
    assert (dense.decode_step_s, dense.sequence_step_s) == (2e-3, 3e-5)
    assert (dense.behaviour.first_token_s, dense.behaviour.first_token_steps) == (0.02, 4.0)
    assert (dense.draft_step_s, dense.draft_pass_s) == pytest.approx((550e-6, 190e-6))
    assert dense.links.latencies_s == pytest.approx([3e-6, 0.6 * 5.52e-6, 0.6 * 6.24e-6])
    assert dense.links.ramps_s == pytest.approx([0, 15e-6, 26.7e-6])
    assert dense.links.fractions.tolist() == [0.6, 0.626, 0.674]


@pytest.mark.parametrize(
    ("engine", "prefill_first", "overlaps"),
    [("vllm", 0, 0), ("sglang", 1, 0), ("trtllm", 0, 1), ("lmdeploy", 0, 0)],
)
def test_an_engine_serves_as_its_record_says(engine, prefill_first, overlaps) -> None:
    found = efficiency_for(A100, llm.Precision(), engine=engine).behaviour
    assert (found.prefill_first, found.overlaps) == (prefill_first, overlaps)


# (device, type, engine, type whose facts are taken, basis), by what efficiency.toml has
NEAREST = [
    ("B200_180GB", "fp16", "vllm", "bf16", "calibrated"),
    ("B200_180GB", "int8", "vllm", "fp8", "transferred"),
    ("A100_80GB", "fp8", "vllm", "int8", "transferred"),
    ("A100_80GB", "fp4", "vllm", "int8", "transferred"),
    ("A100_80GB", "int4", "vllm", "int8", "transferred"),
    ("H100_80GB", "fp4", "vllm", "fp8", "transferred"),
    ("H100_80GB", "int4", "vllm", "fp8", "transferred"),
    ("H100_80GB", "tf32", "vllm", "bf16", "transferred"),
    ("H100_80GB", "fp32", "vllm", "bf16", "transferred"),
    ("TPUv4", "int8", "vllm", "fp8", "transferred"),
]


@pytest.mark.parametrize("case", NEAREST, ids=lambda case: f"{case[0]} {case[1]}")
def test_a_type_that_was_not_measured_has_the_nearest(case) -> None:
    device, kind, engine, expected, basis = case
    entry, known = find_facts(facts_of(device), "gemm", kind, engine)
    assert (entry.type, known) == (expected, basis)


# The types whose kernels stand in for one, the nearest first.
ORDER = {
    "fp32": ["fp32", "bf16"],
    "tf32": ["tf32", "bf16"],
    "bf16": ["bf16"],
    "fp16": ["bf16"],
    "fp8": ["fp8", "int8", "bf16"],
    "int8": ["int8", "fp8", "bf16"],
    "fp4": ["fp4", "fp8", "int8", "bf16"],
    "int4": ["int4", "int8", "fp8", "bf16"],
}


@pytest.mark.parametrize("kind", ORDER)
def test_the_nearest_type_goes_first(kind: str) -> None:
    every = tuple(KernelFacts(type=one, floor_us=1, source="made up") for one in ORDER)
    for at, expected in enumerate(ORDER[kind]):
        left = tuple(one for one in every if one.type not in ORDER[kind][:at])
        toy = DeviceFacts(basis="calibrated", gemm=left)
        basis = "calibrated" if expected == ORDER[kind][0] else "transferred"
        entry, known = find_facts(toy, "gemm", kind)
        assert (entry.type, known) == (expected, basis)


def test_what_a_device_lacks_is_assumed() -> None:
    entry, basis = find_facts(facts_of("MI300X"), "attention_decode", "bf16")
    assert (entry, basis) == (facts_of("nothing known").attention_decode[0], "assumed")
    assert reduce_facts(facts_of("MI300X"), "vllm") == facts_of("nothing known").all_reduce


def test_an_engines_own_facts_go_first() -> None:
    facts = facts_of("A100_80GB")
    assert find_facts(facts, "gemm", "bf16", "trtllm")[0].compute == 0.8399
    assert find_facts(facts, "gemm", "bf16", "vllm")[0].compute == 0.8641
    latencies = {engine: reduce_facts(facts, engine)[0].latency_us
                 for engine in ("vllm", "trtllm", "sglang")}  # fmt: skip
    assert latencies == {"vllm": 5, "trtllm": 4.05, "sglang": 5.19}


def test_grouped_kernels_share_all_but_what_differs() -> None:
    facts = facts_of("A100_80GB")
    in_16_bits = grouped_facts(facts, "bf16", "bf16", "vllm")
    assert (in_16_bits.compute, in_16_bits.memory, in_16_bits.floor_us) == (0.8, 0.69, 36)
    unpacked = grouped_facts(facts, "fp16", "int4", "vllm")  # not those of 16-bit weights
    assert (unpacked.compute, unpacked.memory) == (0.8641 / 2, 0.69)
    assert grouped_facts(facts, "int8", "int8", "vllm").compute == 0.8985 / 2
    assert grouped_facts(facts, "bf16", "int8", "vllm").compute == 0.8


def test_products_have_the_curve_of_a_relative() -> None:
    relative = {entry.type: entry for entry in facts_of("L40S").gemm if not entry.engine}
    own = {entry.type: entry for entry in facts_of("RTX_PRO_6000").gemm if not entry.engine}
    assert {kind: entry.compute for kind, entry in own.items()} == {
        "bf16": 0.891, "fp8": 0.658, "fp4": 0.594,
    }  # fmt: skip
    for kind, like in (("bf16", "bf16"), ("fp8", "fp8"), ("fp4", "fp8")):
        assert own[kind].memory == relative[like].memory
        assert own[kind].floor_us == relative[like].floor_us
