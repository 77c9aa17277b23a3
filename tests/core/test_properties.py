"""What holds for any model, device, precision, layout and workload."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from llmcalc_core import Hardware, ModelConfig, Precision, parse_precision
from llmcalc_core.planning.static_estimate import Workload
from llmcalc_core.workload.layout import Layout, divisors
from tests.core.physical_bound import BITS, Counted, bound_s
from tests.core.random_cases import QUICK, ROUNDING, Case, cases


def test_the_bound_by_hand() -> None:
    # Llama 2 7B in bf16, one sequence, at 1e15 FLOP/s and 1e12 bytes/s: 6,607,077,376
    # parameters in matrices are 13.2 GB; 1,000.5 cached tokens of 524,288 bytes 0.52 GB.
    llama = ModelConfig(
        vocab_size=32_000, hidden_size=4096, num_decoder_layers=32, num_attention_heads=32,
        intermediate_size=11_008,
    )  # fmt: skip
    device = Hardware(
        name="toy", flops=(("bf16", 1e15),), memory_bytes=8e10, nominal_memory_gb=80,
        memory_bandwidth=1e12, link_bandwidth=6e11,
    )  # fmt: skip
    case = Case(
        config=llama, hardware=device, precision=Precision(), layout=Layout(), phase="decode",
        workload=Workload(batches=(1,), input_tokens=999, output_tokens=2),
    )  # fmt: skip
    expected = (2 * 6_607_077_376 + 1000.5 * 524_288) / 1e12
    assert abs(bound_s(case) / expected - 1) < 1e-12
    assert expected < case.latency() < 3 * expected


@settings(max_examples=300, deadline=None)
@given(cases())
def test_never_faster_than_physics(case: Case) -> None:
    found = case.estimate().times
    assert found.latency_s.item() * ROUNDING >= bound_s(case)
    if case.phase == "decode":
        assert found.period_s.item() * ROUNDING >= bound_s(case)


@QUICK
@given(cases(), st.floats(1, 20))
def test_a_better_device_is_never_slower(case: Case, factor: float) -> None:
    now = case.latency()
    device = case.hardware
    better = [
        {"memory_bandwidth": device.memory_bandwidth * factor},
        {"link_bandwidth": device.link_bandwidth * factor},
        {"node_link_bandwidth": device.node_link_bandwidth * factor},
        {"flops": tuple((kind, rate * factor) for kind, rate in device.flops)},
    ]
    for change in better:
        assert replace(case, hardware=replace(device, **change)).latency() <= now * ROUNDING


@QUICK
@given(cases(), st.integers(1, 300))
def test_a_bigger_batch_is_never_faster(case: Case, more: int) -> None:
    case = replace(case, layout=replace(case.layout, pp=1))
    bigger = case.with_work(batches=(case.workload.batches[0] + more,))
    assert bigger.latency() * ROUNDING >= case.latency()
    assert bigger.memory() * ROUNDING >= case.memory()


@QUICK
@given(cases(), st.integers(1, 30), st.integers(1, 30))
def test_bigger_micro_batches_are_never_faster(case: Case, few: int, more: int) -> None:
    stages = case.layout.pp
    smaller = case.with_work(batches=(few * stages,))
    bigger = case.with_work(batches=((few + more) * stages,))
    assert bigger.latency() * ROUNDING >= smaller.latency()
    assert bigger.memory() * ROUNDING >= smaller.memory()


@QUICK
@given(cases(), st.integers(1, 50_000), st.integers(1, 3000))
def test_a_longer_context_is_never_faster(case: Case, prompt: int, generated: int) -> None:
    longer = case.with_work(input_tokens=case.workload.input_tokens + prompt)
    longest = longer.with_work(output_tokens=case.workload.output_tokens + generated)
    for shorter, other in ((case, longer), (longer, longest)):
        assert other.latency() * ROUNDING >= shorter.latency()
        assert other.memory() * ROUNDING >= shorter.memory()


@QUICK
@given(cases(), st.integers(2, 8))
def test_more_beams_are_never_faster(case: Case, beams: int) -> None:
    one, several = case.with_work(beam_size=1), case.with_work(beam_size=beams)
    assert several.latency() * ROUNDING >= one.latency()
    assert several.memory() * ROUNDING >= one.memory()
    batched = one.with_work(batches=(case.workload.batches[0] * beams,))
    if case.phase == "decode" and case.layout.devices == 1:
        assert several.latency() <= batched.latency() * ROUNDING  # the prompt is shared


@QUICK
@given(cases())
def test_more_devices_never_need_more_memory_each(case: Case) -> None:
    case = replace(case, layout=replace(case.layout, ep=1, attention_dp=1))
    heads, layers = case.config.num_attention_heads, case.config.num_decoder_layers
    layout, now = case.layout, case.memory()
    now += 0.41 * 2**30 * (case.layout.devices == 1)  # the first buffers of NCCL
    for wider in (width for width in divisors(heads) if width % layout.tp == 0):
        other = replace(case, layout=replace(layout, tp=wider))
        assert other.memory() <= now * ROUNDING
    for deeper in range(layout.pp, layers + 1):
        other = replace(case, layout=replace(layout, pp=deeper))
        assert other.memory() <= now * ROUNDING


@QUICK
@given(cases())
def test_narrower_weights_never_need_more(case: Case) -> None:
    kinds = ("fp32", "bf16", "fp8", "fp4", "int4")
    held = [
        replace(case, precision=Precision(weights=kind)).estimate().memory.weights.item()
        for kind in kinds
    ]
    assert held == sorted(held, reverse=True)
    totals = [replace(case, precision=parse_precision(bits)).memory() for bits in ("bf16", "fp8")]
    assert totals[1] <= totals[0]


@QUICK
@given(cases())
def test_devices_together_hold_all_weights(case: Case) -> None:
    parts, config = Counted.of(case.config), case.config
    layer = parts.mixing + parts.shared + config.num_experts * parts.one
    whole = config.num_decoder_layers * layer * BITS[case.precision.weights] / 8
    whole += 2 * config.hidden_size * config.vocab_size
    held = case.estimate().memory.weights.item()
    assert held * case.layout.devices * ROUNDING >= whole
