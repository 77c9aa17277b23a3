"""Random models, devices, precisions, layouts and workloads, and what they are asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from llmcalc_core import Hardware, ModelConfig, Precision, parse_precision
from llmcalc_core.architecture.model import architecture
from llmcalc_core.planning.static_estimate import Estimate, Workload, estimate_phases
from llmcalc_core.workload.layout import Layout, divisors

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
    phase: str

    def estimate(self) -> Estimate:
        (found,) = estimate_phases(
            architecture(self.config), self.hardware, self.precision, (self.layout,),
            self.workload, phases=(self.phase,),
        )  # fmt: skip
        return found

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
    attention_dp = draw(st.sampled_from([1, 2, 4])) if config.num_experts > 1 else 1
    shared = [width for width in divisors(config.num_experts) if tp * attention_dp % width == 0]
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
            attention_dp=attention_dp,
        ),
        workload=Workload(
            batches=(draw(st.integers(1, 300)),),
            input_tokens=draw(st.integers(1, 20_000)),
            output_tokens=draw(st.integers(1, 3000)),
            beam_size=draw(st.sampled_from([1, 1, 4])),
        ),
        phase=draw(st.sampled_from(["prefill", "decode"])),
    )
