"""Work of the channel mixers: feed-forward layers and mixtures of experts."""

from __future__ import annotations

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.collectives import Collective
from llmcalc_core.formulas.moe import (
    busiest_load,
    experts_touched,
    most_touched,
    rows_per_expert,
)
from llmcalc_core.formulas.roofline import matrix_flops
from llmcalc_core.layers.shapes import FeedForward, MoE
from llmcalc_core.layers.work import (
    Message,
    Operation,
    Pass,
    for_part,
    matrix,
    traffic,
)

Work = tuple[tuple[Operation, ...], tuple[Message, ...]]


def channel_work(mixer: FeedForward | MoE, step: Pass) -> Work:
    """Operations and messages of one channel mixer on one device."""
    if isinstance(mixer, FeedForward):
        operations = _feed_forward(step, width=mixer.width, ups=mixer.up_projections)
        return operations, (_summed(step),)
    return _mixture(mixer, step)


def _summed(step: Pass) -> Message:
    return Message(
        name="all-reduce",
        collective=Collective.ALL_REDUCE,
        size=step.hidden_bytes,
        participants=step.grid.tp,
    )


def _feed_forward(step: Pass, *, width: int, ups: int, of: str = "") -> tuple[Operation, ...]:
    columns = np.ceil(width / step.grid.tp)
    activation = step.tokens * (ups + 1) * columns * step.precision.output_bytes
    return (
        matrix(
            step,
            f"{of}{'gate and ' if ups > 1 else ''}up projection",
            m=step.tokens,
            n=ups * columns,
            k=step.hidden,
            packed=ups,
        ),
        matrix(step, f"{of}down projection", m=step.tokens, n=step.hidden, k=columns),
        traffic(f"{of}activation", activation),
    )


def _mixture(mixer: MoE, step: Pass) -> Work:
    """Work of routed experts over the stage's devices, shared ones over the tensor parallel."""
    router = matrix(step, "router", m=step.tokens, n=mixer.experts, k=step.hidden, quantised=False)
    operations: tuple[Operation, ...] = (router, *_routed(mixer, step), *_latent(mixer, step))
    if mixer.shared_width:
        own = for_part(step, "shared")
        shared = _feed_forward(
            own, width=mixer.shared_width, ups=mixer.up_projections, of="shared experts' "
        )
        operations = (*operations, *shared)
    return operations, _exchanged(mixer, step)


def _latent(mixer: MoE, step: Pass) -> tuple[Operation, ...]:
    """Project to the width in which the experts work and back, on every device (SGLang)."""
    if mixer.latent is None:
        return ()
    there = matrix(step, "latent down projection", m=step.tokens, n=mixer.latent, k=step.hidden)
    back = matrix(step, "latent up projection", m=step.tokens, n=step.hidden, k=mixer.latent)
    if not mixer.latent_norm:
        return there, back
    normed = traffic("latent norm", step.tokens * 2 * mixer.latent * step.precision.output_bytes)
    return there, normed, back


def _routed(mixer: MoE, step: Pass) -> tuple[Operation, ...]:
    """Routed experts: of the device with most experts touched, and of that with most tokens."""
    grid, precision, inside = step.grid, step.precision, mixer.latent or step.hidden
    columns = np.ceil(mixer.width / (grid.group / grid.ep))
    touched = experts_touched(experts=mixer.experts, top_k=mixer.top_k, tokens=step.stage_tokens)
    held, groups = np.ceil(mixer.experts / grid.ep), np.asarray(grid.ep, float)
    busiest = mixer.top_k / grid.ep * busiest_load(experts=held, groups=groups)
    rows = _routed_tokens(step) * np.minimum(busiest, np.minimum(held, mixer.top_k))
    matrices = mixer.up_projections + 1
    read = most_touched(experts=held, touched=touched * held / mixer.experts, groups=groups)
    weights = read * matrices * columns * inside * precision.expert_weight_bytes
    entering = rows * (inside + columns) * precision.expert_activation_bytes
    leaving = rows * (mixer.up_projections * columns + inside) * precision.output_bytes
    grouped = Operation(
        name="routed experts",
        kind="gemm",
        family="mixture",
        flops=matrix_flops(m=rows, n=matrices * columns, k=inside),
        moved=weights + entering + leaving,
        size=rows_per_expert(tokens=_routed_tokens(step), top_k=mixer.top_k, touched=touched),
        weights=weights,
    )
    activation: Values = rows * (mixer.up_projections + 1) * columns * precision.output_bytes
    return grouped, traffic("routed experts' activation", activation)


def _routed_tokens(step: Pass) -> Values:
    """Tokens of a stage that go to experts: groups that repeat a decode step send theirs too."""
    return step.stage_tokens * (step.grid.cp / step.parts)


def _exchanged(mixer: MoE, step: Pass) -> tuple[Message, ...]:
    """Messages after a mixture.

    Where every rank of the stage holds every token (one attention replica, prompts not divided),
    the ranks sum their parts. Otherwise tokens go to their experts' devices and back: two
    all-to-alls, in which a token goes to every device that holds a slice of an expert it is routed
    to; with one group of experts that is every device, an all-gather and a reduce-scatter. In
    prefill a token crosses to another node once and is passed on there, in decode it goes to each
    device directly (DeepSeek-V3, arXiv:2412.19437, sections 3.2.2, 3.4.1 and 3.4.2). All are of the
    width in which the experts work; its norm, if it has one, needs the sum of all parts.
    """
    grid, inside = step.grid, mixer.latent or step.hidden
    spread = grid.attention_dp * grid.cp > 1
    slices = grid.group / grid.ep
    copies = np.minimum(mixer.top_k, grid.ep) * slices
    tokens = _routed_tokens(step) / grid.group
    size = tokens * copies * inside
    participants = np.where(spread, grid.group, 1.0)
    relayed = np.where(grid.ep > 1, 1.0 if step.decode else copies, np.inf)
    dispatch = Message(
        name="dispatch of tokens to experts",
        collective=Collective.ALL_TO_ALL,
        size=size * step.precision.expert_activation_bytes,
        participants=participants,
        copies=relayed,
    )
    combine = Message(
        name="combination of experts' results",
        collective=Collective.ALL_TO_ALL,
        size=size * step.precision.output_bytes,
        participants=participants,
        copies=relayed,
    )
    summed = Message(
        name="all-reduce",
        collective=Collective.ALL_REDUCE,
        size=step.hidden_bytes,
        participants=np.where(spread, 1.0, grid.tp),
    )
    if not mixer.latent_norm:
        return dispatch, combine, summed
    latent = Message(
        name="all-reduce of the latent space",
        collective=Collective.ALL_REDUCE,
        size=step.tokens * inside * step.precision.output_bytes,
        participants=summed.participants,
    )
    return dispatch, combine, latent, summed
