"""The physical bounds, counted a second time, from the fields of the configuration alone."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core import ModelConfig
from tests.core.random_cases import Case


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
    if case.phase == "decode":
        tokens = sequences = batch * work.beam_size
        own = (work.output_tokens + 1) / 2
        pairs, cache = tokens * (prompt + own), batch * (prompt + work.beam_size * own)
    else:
        tokens, sequences = batch * prompt, batch
        pairs, cache = batch * prompt**2 / 2, batch * prompt
    used = config.expert_top_k
    experts = config.num_experts
    touched = experts * used * tokens / (experts + used * (tokens - 1))
    active = layers * (parts.mixing + used * parts.one + parts.shared)
    flops = 2 * tokens * active + 2 * sequences * head + layers * pairs * parts.pair
    weight = BITS[case.precision.weights] / 8
    read = layers * (parts.mixing + touched * parts.one + parts.shared) * weight + 2 * head
    read += layers * cache * parts.cached * BITS[case.precision.kv_cache] / 8
    peak = max(rate for _, rate in case.hardware.flops)
    count = case.layout.devices
    return max(flops / peak, read / case.hardware.memory_bandwidth) / count
