"""What holds for any model, device, precision, layout and workload.

The physical bounds are counted here a second time, from the fields of the configuration alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llmcalc_core import Hardware, ModelConfig, Precision, parse_precision
from llmcalc_core.domain.model import architecture
from llmcalc_core.domain.parallelism import Layout, divisors
from llmcalc_core.search.single import Estimate, Workload, estimate_layouts

QUICK = settings(max_examples=60, deadline=None)
ROUNDING = 1 + 1e-9


@dataclass(frozen=True, kw_only=True)
class Case:
    """One estimate to ask for."""

    config: ModelConfig
    hardware: Hardware
    precision: Precision
    layout: Layout
    workload: Workload
    stage: str

    def estimate(self) -> Estimate:
        return estimate_layouts(
            architecture(self.config), self.hardware, self.precision, (self.layout,),
            self.workload, stage=self.stage,
        )  # fmt: skip

    def latency(self) -> float:
        return self.estimate().times.latency_s.item()

    def memory(self) -> float:
        return self.estimate().memory.total.item()

    def with_work(self, **changes: Any) -> Case:
        return replace(self, workload=replace(self.workload, **changes))


@st.composite
def configs(draw: st.DrawFn) -> ModelConfig:
    heads = draw(st.sampled_from([4, 6, 8, 12, 16, 64]))
    width = draw(st.sampled_from([16, 64, 128]))
    fields: dict[str, Any] = {
        "vocab_size": draw(st.integers(50, 150_000)),
        "hidden_size": heads * width * draw(st.integers(1, 2)),
        "head_dim": width,
        "num_decoder_layers": draw(st.integers(1, 12)),
        "num_attention_heads": heads,
        "num_key_value_heads": draw(st.sampled_from(divisors(heads))),
        "intermediate_size": draw(st.integers(16, 20_000)),
        "num_ffi": draw(st.integers(1, 2)),
        "tie_word_embeddings": draw(st.booleans()),
    }
    kind = draw(st.sampled_from(["dense", "mixture", "latent", "latent mixture"]))
    if "mixture" in kind:
        fields["num_experts"] = draw(st.sampled_from([4, 8, 60, 128]))
        fields["expert_top_k"] = draw(st.integers(1, 4))
        fields["moe_intermediate_size"] = draw(st.integers(16, 4000))
        fields["n_shared_experts"] = draw(st.integers(0, 2))
    if "latent" in kind:
        fields["q_lora_rank"] = draw(st.sampled_from([None, 192]))
        fields["kv_lora_rank"] = draw(st.sampled_from([64, 512]))
        fields |= {"qk_nope_head_dim": width, "qk_rope_head_dim": 32, "v_head_dim": width}
    return ModelConfig(**fields)


@st.composite
def devices(draw: st.DrawFn) -> Hardware:
    rate = draw(st.floats(1e12, 5e15))
    flops = [("bf16", rate)]
    if draw(st.booleans()):
        flops += [("fp8", rate * draw(st.floats(1, 2))), ("int8", rate * 2)]
    return Hardware(
        name="any",
        flops=tuple(flops),
        memory_bytes=draw(st.floats(1e9, 3e11)),
        nominal_memory_gb=80,
        memory_bandwidth=draw(st.floats(1e10, 2e13)),
        link_bandwidth=draw(st.floats(1e9, 2e12)),
        devices_per_domain=draw(st.integers(1, 16)),
        node_link_bandwidth=draw(st.floats(1e9, 1e11)),
        calibration=draw(st.sampled_from(["", "A100_80GB", "H100_80GB", "B200_180GB", "L40S"])),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    config = draw(configs())
    tp = draw(st.sampled_from(divisors(config.num_attention_heads)))
    dp = draw(st.sampled_from([1, 2, 4])) if config.num_experts > 1 else 1
    shared = [width for width in divisors(config.num_experts) if tp * dp % width == 0]
    return Case(
        config=config,
        hardware=draw(devices()),
        precision=parse_precision(
            draw(st.sampled_from(["fp32", "bf16", "fp8", "int8", "w4a16", "w8a8", "fp4"]))
        ),
        layout=Layout(
            tp=tp,
            pp=draw(st.integers(1, config.num_decoder_layers)),
            ep=draw(st.sampled_from(shared)),
            dp=dp,
        ),
        workload=Workload(
            batches=(draw(st.integers(1, 300)),),
            input_tokens=draw(st.integers(1, 20_000)),
            output_tokens=draw(st.integers(1, 3000)),
            beam_size=draw(st.sampled_from([1, 1, 4])),
        ),
        stage=draw(st.sampled_from(["prefill", "decode"])),
    )


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Parameters of one layer by hand, and what a cached token takes."""

    mixing: float  # projections of the token mixer [parameters]
    one: float  # one expert, or the feed-forward layer [parameters]
    shared: float  # shared experts [parameters]
    pair: float  # FLOPs of a query and key pair, at the least [FLOP]
    cached: float  # elements of a cached token

    @classmethod
    def of(cls, config: ModelConfig) -> Counted:
        hidden, heads = config.hidden_size, config.num_attention_heads
        width = config.moe_intermediate_size if config.num_experts > 1 else config.intermediate_size
        one = (config.num_ffi + 1) * hidden * width
        if config.kv_lora_rank is None:
            size, kv = config.head_dim, config.num_key_value_heads
            mixing, pair = 2 * hidden * (heads + kv) * size, 4 * heads * size
            cached = 2 * kv * size
        else:
            rank, rope = config.kv_lora_rank, config.qk_rope_head_dim
            nope, value = config.qk_nope_head_dim, config.v_head_dim
            query = heads * (nope + rope)
            through = config.q_lora_rank
            mixing = through * (hidden + query) if through else hidden * query
            mixing += (
                hidden * (rank + rope) + rank * heads * (nope + value) + heads * value * hidden
            )
            pair = 2 * heads * (rope + min(nope, rank) + min(value, rank))
            cached = rank + rope
        return cls(
            mixing=mixing, one=one, shared=config.n_shared_experts * one, pair=pair, cached=cached
        )


BITS = {"fp32": 32, "bf16": 16, "fp8": 8, "int8": 8, "int4": 4, "fp4": 4}


def bound_s(case: Case) -> float:
    """Shortest time in which all devices at their peaks can do the work [s]."""
    config, work, parts = case.config, case.workload, Counted.of(case.config)
    layers, head = config.num_decoder_layers, config.hidden_size * config.vocab_size
    batch, prompt = work.batches[0], work.input_tokens
    if case.stage == "decode":
        tokens = sequences = batch * work.beam_size
        own = (work.output_tokens + 1) / 2
        pairs, cache = tokens * (prompt + own), batch * (prompt + work.beam_size * own)
    else:
        tokens, sequences = batch * prompt, batch
        pairs, cache = batch * prompt**2 / 2, batch * prompt
    used = config.expert_top_k
    touched = config.num_experts * (1 - (1 - used / config.num_experts) ** tokens)
    active = layers * (parts.mixing + used * parts.one + parts.shared)
    flops = 2 * tokens * active + 2 * sequences * head + layers * pairs * parts.pair
    weight = BITS[case.precision.weights] / 8
    read = layers * (parts.mixing + touched * parts.one + parts.shared) * weight + 2 * head
    read += layers * cache * parts.cached * BITS[case.precision.kv_cache] / 8
    peak = max(rate for _, rate in case.hardware.flops)
    count = case.layout.devices
    return max(flops / peak, read / case.hardware.memory_bandwidth) / count


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
        config=llama, hardware=device, precision=Precision(), layout=Layout(), stage="decode",
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
    if case.stage == "decode":
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
    if case.stage == "decode" and case.layout.devices == 1:
        assert several.latency() <= batched.latency() * ROUNDING  # the prompt is shared


@QUICK
@given(cases())
def test_more_devices_never_need_more_memory_each(case: Case) -> None:
    case = replace(case, layout=replace(case.layout, ep=1, dp=1))
    heads, layers = case.config.num_attention_heads, case.config.num_decoder_layers
    layout, now = case.layout, case.memory()
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
