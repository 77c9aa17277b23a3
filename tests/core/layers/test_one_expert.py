"""A mixture of one expert, which every token uses, is a feed-forward layer beside a router."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcalc_core import ModelConfig, Precision
from llmcalc_core.architecture.model import architecture
from llmcalc_core.layers.feed_forward import FeedForward
from llmcalc_core.layers.moe import MoE
from llmcalc_core.layers.work import Pass, make_pass
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout, divisors
from tests.core.random_cases import QUICK, Case, cases

HIDDEN = 512
MODEL = architecture(
    ModelConfig(
        vocab_size=1000, hidden_size=HIDDEN, num_decoder_layers=1, num_attention_heads=8,
        intermediate_size=1024,
    )
)  # fmt: skip


def mixers(width: int, ups: int) -> tuple[MoE, FeedForward]:
    parameters = (ups + 1) * HIDDEN * width
    mixture = MoE(
        experts=1, top_k=1, width=width, up_projections=ups, shared_width=0, inside=HIDDEN,
        latent=None,
        latent_norm=False, expert_parameters=parameters, shared_parameters=0,
        latent_parameters=0, router_parameters=HIDDEN,
    )  # fmt: skip
    return mixture, FeedForward(width=width, up_projections=ups, parameters=parameters)


def sums(mixer: MoE | FeedForward, step: Pass) -> dict[str, float]:
    """Sum the work up, without the router's."""
    operations, messages = mixer.work(step)
    counted = operations[1:] if isinstance(mixer, MoE) else operations
    sent = [one.size * one.collective.passes * (one.participants > 1) for one in messages]
    return {
        "flops": float(sum(one.flops for one in counted)),
        "moved": float(sum(one.moved for one in counted)),
        "weights": float(sum(one.weights for one in counted)),
        "sent": float(sum(sent)),
    }


@QUICK
@given(
    width=st.integers(1, 3000), ups=st.integers(1, 2), tp=st.sampled_from(divisors(8)),
    batch=st.integers(1, 500), decode=st.booleans(),
)  # fmt: skip
def test_one_expert_works_as_a_dense_layer(
    *, width: int, ups: int, tp: int, batch: int, decode: bool
) -> None:
    grid = make_grid(
        (Layout(tp=tp),), batches=(batch,), inputs=(100,), outputs=(10,), engine="lmdeploy"
    )
    step = make_pass(MODEL.hidden, grid, Precision(), decode=decode)
    mixture, dense = mixers(width, ups)
    assert sums(mixture, step) == pytest.approx(sums(dense, step), rel=1e-12)
    router = mixture.work(step)[0][0]
    assert router.flops == 2 * step.tokens * HIDDEN
    held = (one.weight_bytes(Precision(), grid) for one in (mixture, dense))
    assert next(held) - 2 * HIDDEN == pytest.approx(next(held), rel=1e-12)


@QUICK
@given(cases())
def test_a_configuration_of_one_expert_is_dense(case: Case) -> None:
    dense = replace(
        case.config, num_experts=1, expert_top_k=1, moe_intermediate_size=None, n_shared_experts=0
    )
    one, other = (
        replace(case, config=config, layout=replace(case.layout, ep=1, attention_dp=1)).estimate()
        for config in (dense, replace(dense, moe_intermediate_size=dense.intermediate_size))
    )
    assert not architecture(dense).is_moe
    assert one.times.latency_s == other.times.latency_s
    assert one.memory.total == other.memory.total
