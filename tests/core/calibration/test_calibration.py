"""Calibration's tables check themselves; what is looked up in them, by literal values."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace

import pytest

import llmcalc_core as llm
from llmcalc_core.calibration.band_tables import as_band_tables
from llmcalc_core.calibration.bands import band
from llmcalc_core.calibration.constants import (
    RENAMED,
    Constants,
    as_constant_tables,
    fitted,
    specs,
)
from llmcalc_core.calibration.kernel_facts import DeviceFacts, KernelFacts
from llmcalc_core.calibration.kernel_tables import as_kernel_tables
from llmcalc_core.calibration.kernels import facts_of, find_facts, grouped_facts, reduce_facts
from llmcalc_core.calibration.tables import read_toml
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.engines import ENGINES
from tests.core.neutral import NEUTRAL

A100, B200 = llm.find_hardware("A100_80GB"), llm.find_hardware("B200_180GB")
LOADERS = {
    "efficiency.toml": as_kernel_tables,
    "constants.toml": as_constant_tables,
    "bands.toml": as_band_tables,
}
GONE = object()

# (file, path to a key, what is put there, message)
FAULTS = [
    ("efficiency.toml", ("MI300X", "gemm", 0, "compute"), 1.2,
     r"efficiency.toml, \[\[MI300X.gemm\]\] 1: compute must be a number above 0 and at most 1"),
    ("efficiency.toml", ("MI300X", "gemm", 1, "type"), "fp9",
     r"\[\[MI300X.gemm\]\] 2: type must be one of .*got 'fp9'; did you mean 'fp8'"),
    ("efficiency.toml", ("MI300X", "gemm", 1, "engine"), "trtlm",
     r"\[\[MI300X.gemm\]\] 2: engine must be one of .*did you mean 'trtllm'"),
    ("efficiency.toml", ("MI300X", "gemm", 0, "floor"), 3,
     r"\[\[MI300X.gemm\]\] 1: the key 'floor' must be one of .*did you mean 'floor_us'"),
    ("efficiency.toml", ("MI300X", "gemm", 0, "floor_us"), GONE,
     r"\[\[MI300X.gemm\]\] 1: the key 'floor_us' is missing"),
    ("efficiency.toml", ("MI300X", "gemm", 0, "floor_us"), "12",
     r"\[\[MI300X.gemm\]\] 1: floor_us must be a finite number from 0, got '12'"),
    ("efficiency.toml", ("MI300X", "gemm", 0, "sharpness"), 0.5,
     r"sharpness must be a number of at least 1, got 0.5"),
    ("efficiency.toml", ("MI300X", "gemm", 0, "source"), " ", "source must be a text"),
    ("efficiency.toml", ("A100_80GB", "gemm"), 3, r"\[A100_80GB\]: gemm must be tables such as"),
    ("efficiency.toml", ("A100_80GB", "gemms"), [],
     r"\[A100_80GB\]: the key 'gemms' must be one of .*did you mean 'gemm'"),
    ("efficiency.toml", ("A100_80GB", "basis"), "measured", r"\[A100_80GB\]: basis must be one of"),
    ("efficiency.toml", ("A100_80GB", "all_reduce", 0, "devices"), 1,
     r"\[\[A100_80GB.all_reduce\]\] 1: devices must be a whole number of at least 2"),
    ("efficiency.toml", ("A100_80GB", "all_reduce", 0, "serves"), ["vlm"], "serves must be one of"),
    ("efficiency.toml", ("MI300X", "gemm", 0, "engine"), "vllm", GONE),
    ("efficiency.toml", ("MI300X", "gemm", 0, "tiles"), -1, "tiles must be a whole number of at"),
    ("efficiency.toml", ("MI300X", "gemm", 0, "whole_waves"), 1.5,
     "whole_waves must be a number from 0 to 1, got 1.5"),
    ("efficiency.toml", ("MI300X", "gemm", 0, "computed"), "fp9", "computed must be one of"),
    ("efficiency.toml", ("assumed", "attention_prefill", 0, "engine"), "vllm",
     r"\[assumed\]: attention_prefill must have an entry without an engine"),
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
    ("constants.toml", ("constant", "memory_time", "devices", "A100"), 0.1,
     "devices must be one of .*got 'A100'"),
    ("constants.toml", ("constant", "memory_time", "devices", "A100_80GB"), "much",
     "devices, A100_80GB must be a finite number"),
    ("constants.toml", ("constant", "launch_floor", "value"), 1.6,
     r"launch_floor\]: prior and value must be in the range from low to high, got 0.6 and 1.6 for"),
    ("constants.toml", ("constant", "host_launch_s", "value"), 157e-6,
     r"host_launch_s\]: prior and value must be in the range .* for 1e-06 to 1.5e-05"),
    ("constants.toml", ("constant", "first_token_steps", "prior"), 4.4, "prior and value must be"),
    ("constants.toml", ("constant", "memory_time", "low"), 1.2, "from low to high, .* for 1.2 to"),
    ("constants.toml", ("constant", "memory_time", "low"), -1, "must be in the range .* for -1 to"),
    ("constants.toml", ("constant", "memory_time", "high"), GONE, "the key 'high' is missing"),
    ("constants.toml", ("constant", "memory_time", "why"), GONE, "the key 'why' is missing"),
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


SHIFTED = [
    ("vllm", "L40S", 0.5 + 0.25),
    ("vllm", "A100_80GB", 0.5 - 0.5),
    ("vllm", "H100_80GB", 0.5),
    ("sglang", "L40S", 0.25),
    ("sglang", "H100_80GB", 0.0),
]


@pytest.mark.parametrize("case", SHIFTED, ids=lambda case: f"{case[0]} {case[1]}")
def test_shifts_of_engine_and_device_add_up(case: tuple[str, str, float]) -> None:
    engine, device, shift = case
    floor = Constants((
        ("launch_floor", "", 0.6), ("launch_floor", "vllm", 0.5), ("launch_floor", "L40S", 0.25),
        ("launch_floor", "A100_80GB", -0.5),
    ))  # fmt: skip
    expected = {"launch_floor": pytest.approx(0.6 * math.exp(shift), rel=1e-12)}
    assert floor.of(engine, device) == expected


def test_shifts_of_the_table_add_up() -> None:
    table = read_toml("constants.toml")["constant"]
    for name, one in table.items():
        for engine in ENGINES:
            for device in ("A100_80GB", "H100_80GB", "B200_180GB", "L40S", "MI300X", "RTX_4090"):
                shift = one.get("engines", {}).get(engine, 0) + one.get("devices", {}).get(
                    device, 0
                )
                moved = one["value"] * math.exp(shift)  # all are on the scale 'log'
                expected = min(max(moved, one["low"]), one["high"])
                assert fitted().of(engine, device)[name] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("shift", "expected"), [(9.0, 1.5e-5), (-9.0, 1e-6), (0.1, 6e-6)])
def test_no_engine_or_device_leaves_the_range_of_a_constant(shift: float, expected: float) -> None:
    # A host takes 1 to 15 us to start a kernel (constants.toml, host_launch_s).
    moved = Constants((
        ("host_launch_s", "", 6e-6 * math.exp(-0.1)), ("host_launch_s", "trtllm", shift / 2),
        ("host_launch_s", "H100_80GB", shift / 2),
    ))  # fmt: skip
    found = moved.of("trtllm", "H100_80GB")["host_launch_s"]
    assert found == pytest.approx(expected, rel=1e-12)


def test_every_constant_has_a_physical_range_and_says_why() -> None:
    for name, spec in specs().items():
        assert 0 <= spec.low < spec.high < math.inf, name
        assert spec.low <= spec.prior <= spec.high, name
        assert len(spec.why.split()) > 4, name
        assert (spec.bounded(1e9), spec.bounded(-1e9)) == (spec.high, spec.low)
    for engine in ENGINES:
        for device in llm.list_hardware():
            for name, value in fitted().of(engine, llm.find_hardware(device).calibration).items():
                assert specs()[name].low <= value <= specs()[name].high, (engine, device, name)
    # Issue 20: a host that takes 157 us to start a kernel stands in for something else.
    assert specs()["host_launch_s"].high <= 15e-6
    step = specs()["step_overhead_s"]
    assert 0.2e-3 <= step.low < step.high <= 10e-3


@pytest.mark.parametrize("old", sorted(RENAMED))
def test_adjustments_go_by_their_old_names_too(old: str) -> None:
    assert RENAMED == {"decode_time": "memory_time", "prefill_time": "compute_time"}
    by_old, by_new, usual = (
        efficiency_for(replace(A100, adjustments=steps), llm.Precision())
        for steps in (((old, 0.2),), ((RENAMED[old], 0.2),), ())
    )
    assert by_old.curves == by_new.curves != usual.curves


# Products that stand for those of a device take 0.8 of the time in engines where they are narrow.
@pytest.mark.parametrize(("bits", "longer"), [("bf16", 1.0), ("fp16", 1.0), ("fp8", 0.8)])
def test_narrow_products_that_were_not_fitted_take_less_in_an_engine(bits, longer) -> None:
    device, precision = llm.find_hardware("MI300X"), llm.parse_precision(bits)
    alone, _ = find_facts(facts_of("MI300X"), "gemm", precision.activations, "vllm")
    found = efficiency_for(device, precision, constants=NEUTRAL)
    expected = near_the_peak(alone.compute / longer)
    assert found.curves["gemm"].compute == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("device", "bits"), [(A100, "bf16"), (B200, "bf16"), (B200, "fp8"), (B200, "nvfp4")]
)
def test_fitted_products_take_as_long_in_an_engine_as_alone(device, bits) -> None:
    precision = llm.parse_precision(bits)
    alone, basis = find_facts(facts_of(device.calibration), "gemm", precision.activations, "sglang")
    found = efficiency_for(device, precision, engine="sglang", constants=NEUTRAL).curves["gemm"]
    assert basis == "calibrated"
    assert alone.tiles in {108, 148}
    assert found.compute == pytest.approx(near_the_peak(alone.compute))
    assert found.memory == pytest.approx(near_the_peak(alone.memory))
    assert found.entering_bytes == pytest.approx(2 * alone.entering)
    assert found.depth_s * 1024e6 == pytest.approx(alone.depth_us)


def near_the_peak(share: float) -> float:
    """Keep a share below 0.97 of the peak, by the norm of power 16."""
    return share / (1 + (share / 0.97) ** 16) ** (1 / 16)


def test_each_constant_scales_what_it_says() -> None:
    constants = NEUTRAL.replace({
        ("memory_time", ""): 1.25, ("compute_time", ""): 1.5, ("launch_floor", ""): 0.5,
        ("host_launch_s", ""): 1e-5, ("mixture_time", ""): 3.0, ("first_token_s", ""): 0.02,
        ("first_token_steps", ""): 1.5, ("collective_latency", ""): 0.6,
        ("step_overhead_s", ""): 2e-3, ("sequence_overhead_s", ""): 3e-5,
    })  # fmt: skip
    found = efficiency_for(A100, llm.Precision(), constants=constants)
    alone, _ = find_facts(facts_of("A100_80GB"), "attention_decode", "bf16")
    assert (alone.memory, alone.floor_us, alone.ramp_us) == (0.7764, 17.28, 9.797)
    own = found.curves["attention_decode"]
    assert own.memory == pytest.approx(near_the_peak(0.7764 / 1.25), rel=1e-12)
    assert (own.floor_s, own.ramp_s) == pytest.approx((8.64e-6, 4.8985e-6))
    product = found.curves["gemm"]
    gemm, _ = find_facts(facts_of("A100_80GB"), "gemm", "bf16", "vllm")
    assert product.compute == pytest.approx(near_the_peak(gemm.compute / 1.5), rel=1e-12)
    # What is moved beside a product is traffic; sums over the inner size are of neither.
    assert product.entering_bytes == pytest.approx(2 * gemm.entering * 1.25, rel=1e-12)
    assert product.leaving_bytes == pytest.approx(2 * gemm.leaving * 1.25, rel=1e-12)
    assert product.depth_s == pytest.approx(gemm.depth_us * 1e-6 / 1024, rel=1e-12)
    # Arithmetic of experts takes three times as long beside; what they read takes no longer.
    experts, known = (
        found.curves["mixture"],
        grouped_facts(facts_of("A100_80GB"), "bf16", "bf16", ""),
    )
    assert experts.compute == pytest.approx(near_the_peak(known.compute / (3 * 1.5)), rel=1e-12)
    assert experts.memory == pytest.approx(near_the_peak(known.memory / 1.25), rel=1e-12)
    # What fills a tile is as much: flops x (3 + half / rows), not 3 x flops x (1 + half / rows).
    assert experts.half == pytest.approx(known.half / 3, rel=1e-12)
    reading, _ = find_facts(facts_of("A100_80GB"), "attention_prefill", "bf16", "vllm")
    assert found.curves["attention_prefill"].half == reading.half > 0
    assert found.host_launch_s == 1e-5
    assert (found.step_s, found.sequence_step_s) == (2e-3, 3e-5)
    assert (found.behaviour.first_token_s, found.behaviour.first_token_steps) == (0.02, 1.5)
    assert (found.draft_step_s, found.draft_pass_s) == pytest.approx((550e-6, 190e-6))
    assert found.links.latencies_s == pytest.approx([3e-6, 0.6 * 5.52e-6, 0.6 * 6.24e-6])
    assert found.links.ramps_s == pytest.approx([0, 15e-6, 26.7e-6])
    assert found.links.fractions.tolist() == [0.6, 0.626, 0.674]


@pytest.mark.parametrize(
    ("engine", "prefill_first", "overlaps", "captured"),
    [("vllm", 0, 1, 512), ("sglang", 1, 0, 8192), ("trtllm", 0, 1, 0), ("lmdeploy", 0, 0, 0)],
)
def test_an_engine_serves_as_its_record_says(engine, prefill_first, overlaps, captured) -> None:
    found = efficiency_for(A100, llm.Precision(), engine=engine).behaviour
    assert (found.prefill_first, found.overlaps) == (prefill_first, overlaps)
    assert found.captured_tokens == captured


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
    for engine, measured in (("trtllm", "trtllm"), ("vllm", "vllm"), ("lmdeploy", "vllm")):
        own, _ = find_facts(facts, "gemm", "bf16", engine)
        assert own.source.startswith(f"{measured} "), engine
    # Where the default engine has none, another's stand for every engine.
    assert find_facts(facts, "gemm", "int8", "vllm")[0].source.startswith("trtllm 1.0.0, sq")
    latencies = {engine: reduce_facts(facts, engine)[0].latency_us
                 for engine in ("vllm", "trtllm", "sglang")}  # fmt: skip
    assert latencies == {"vllm": 5, "trtllm": 4.05, "sglang": 5.19}


def test_grouped_kernels_share_all_but_what_differs() -> None:
    facts = facts_of("A100_80GB")
    in_16_bits = grouped_facts(facts, "bf16", "bf16", "vllm")
    unpacked = grouped_facts(facts, "fp16", "int4", "vllm")  # SGLang's, not those of 16-bit weights
    assert unpacked.source.startswith("sglang 0.5.10, int4_wo")
    alike = grouped_facts(facts, "int8", "int8", "vllm")  # none measured
    assert (alike.memory, alike.floor_us) == (0.9, 11)
    dense, _ = find_facts(facts, "gemm", "int8", "vllm")
    assert alike.compute == pytest.approx(0.55 * dense.compute)
    assert grouped_facts(facts, "bf16", "int8", "vllm") == in_16_bits


def test_products_have_the_curve_of_a_relative() -> None:
    relative = {entry.type: entry for entry in facts_of("RTX_PRO_6000").gemm if not entry.engine}
    own = {entry.type: entry for entry in facts_of("RTX_5090").gemm if not entry.engine}
    assert {kind: entry.compute for kind, entry in own.items()} == {
        "bf16": 0.97, "fp8": 0.97, "fp4": 0.779,
    }  # fmt: skip
    for kind, like in (("bf16", "bf16"), ("fp8", "fp8"), ("fp4", "fp4")):
        assert own[kind].memory == relative[like].memory
        assert own[kind].floor_us == relative[like].floor_us
