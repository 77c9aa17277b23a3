"""Mixture of experts (MoE): routed, shared and latent experts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.collectives import Collective
from llmcalc_core.formulas.moe import (
    busiest_load,
    experts_touched,
    most_touched,
    rows_per_expert,
)
from llmcalc_core.formulas.roofline import matrix_flops
from llmcalc_core.formulas.single_numbers import ceiling
from llmcalc_core.layers.feed_forward import feed_forward_operations, feed_forward_parameters
from llmcalc_core.layers.part import Part, Work
from llmcalc_core.layers.work import Message, Operation, Pass, all_reduce, for_part, matrix, traffic
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid

_MXFP4 = 8 / 32
"""Bits of scales beside each weight of MXFP4."""

_SORTING, _QUANTISING = 5.0, 2.0
"""Kernels beside the grouped one and the activation: choose, sort the tokens in two, the second
product, sum; and quantise the inputs of both products (``fused_experts_impl`` of
fused_moe_triton/fused_moe.py of SGLang 0.5.9, read 2026-12-01) [1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoE(Part):
    """A mixture of routed experts, of which a token uses ``top_k``, beside shared ones.

    ``inside`` is the width in which routed experts work, and ``latent`` the same where it is not
    the hidden size: every device holds ``latent_parameters`` of the projections there and back, and
    where ``latent_norm`` is set, results are normalised before the way back.
    """

    takes_adapters = True
    experts: int
    top_k: int
    width: int
    up_projections: int
    shared_width: int
    inside: int
    latent: int | None
    latent_norm: bool
    expert_parameters: int
    shared_parameters: int
    latent_parameters: int
    router_parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig, index: int) -> MoE:
        """Describe the mixture of a layer."""
        hidden, latent = config.hidden_size, config.moe_latent_size
        experts = config.of_layer("num_experts", index)
        width = config.of_layer("moe_intermediate_size", index)
        shared_width = config.of_layer("shared_expert_intermediate_size", index)
        shared_width *= config.n_shared_experts
        shared = (config.num_ffi + 1) * hidden * shared_width
        rows = experts + config.zero_experts
        router = rows * (hidden + config.of_layer("router_bias", index))
        return cls(
            experts=experts,
            top_k=config.of_layer("expert_top_k", index),
            width=width,
            up_projections=config.num_ffi,
            shared_width=shared_width,
            inside=latent or hidden,
            latent=latent,
            latent_norm=config.moe_latent_norm,
            expert_parameters=feed_forward_parameters(config, latent or hidden, width),
            shared_parameters=shared + config.shared_expert_gate * hidden,
            latent_parameters=2 * hidden * latent + config.moe_latent_norm * latent
            if latent
            else 0,
            router_parameters=router + config.router_scale * (hidden + experts),
        )

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "mixture of experts"

    @property
    def description(self) -> str:
        """Its experts, and the width of the shared ones."""
        words = f"{self.top_k} of {self.experts} experts of {self.width:,}"
        return words + (f", shared {self.shared_width:,}" if self.shared_width else "")

    @property
    def routed_parameters(self) -> int:
        """Parameters of all routed experts."""
        return self.experts * self.expert_parameters

    @property
    def parameters(self) -> int:
        """Parameters of all experts, their latent space, the shared ones and the router."""
        around = self.shared_parameters + self.latent_parameters + self.router_parameters
        return self.routed_parameters + around

    @property
    def inactive_parameters(self) -> int:
        """Parameters of the routed experts that a token does not use."""
        return (self.experts - self.top_k) * self.expert_parameters

    @property
    def counts(self) -> dict[str, int]:
        """Routed experts with their latent space, shared ones, and the router."""
        return {
            "routed": self.routed_parameters + self.latent_parameters,
            "shared": self.shared_parameters,
            "router": self.router_parameters,
        }

    @property
    def quantisable(self) -> dict[str, int]:
        """Routed and shared experts."""
        shared = {"shared": self.shared_parameters} if self.shared_width else {}
        return {"experts": self.routed_parameters, **shared}

    @property
    def activation_width(self) -> float:
        """The products of a token's experts, and what comes before or after those, if more."""
        up, back = self.up_projections * self.width, self.inside
        return self.top_k * (self.width + (max(back, up)))

    @property
    def whole_activation_width(self) -> float:
        """What comes out of a token's experts, before it is summed, where that is more.

        One buffer has it that also holds what they project up to (``intermediate_cache13`` of
        vLLM's fused_moe.py 0.11, read 2026-11-30).
        """
        up, back = self.up_projections * self.width, self.inside
        return 0.0 if up > back else self.top_k * back

    def weight_bytes(self, precision: Precision, grid: Grid) -> Values:
        """Count the weights on one device: experts in whole, and columns of them [bytes]."""
        slices = grid.stage_devices / grid.ep
        columns: Values = ceiling(self.width / slices) / self.width
        if (
            grid.engine.pads_experts
            and precision.experts == "fp4"
            and precision.scale_bits == _MXFP4
        ):
            tile = grid.engine.expert_tiles
            columns = self._padded(slices, tile) / (self.inside * self.width)
        experts = ceiling(self.experts / grid.ep)
        routed = experts * self.expert_parameters * columns * precision.expert_weight_bytes
        shared = self.shared_parameters / grid.tp * precision.part("shared").weight_bytes
        latent = self.latent_parameters * precision.weight_bytes
        return shared + latent + routed + self.router_parameters * precision.others_bytes

    def _padded(self, slices: Values, tile: int) -> Values:
        """Rows and columns of an expert's slice on one device, as the kernels of MXFP4 pad them.

        vLLM 0.33, ``mxfp4_round_up_hidden_size_and_intermediate_size`` for Marlin and the kernels
        of TensorRT-LLM: start-up logs of gpt-oss-120b have 65.97 GiB of weights; Triton's, which
        others have, pad less (64.38).
        """
        rows, columns = ceiling(self.inside / 256) * 256, ceiling(self.width / slices / tile) * tile
        padded: Values = rows * columns
        return padded

    def work(self, step: Pass) -> Work:
        """Give the work of routed experts over the stage, of shared ones over tensor parallel."""
        operations = (
            matrix(step, "router", m=step.tokens, n=self.experts, k=step.hidden, quantised=False),
            *self._routed(step),
            *self._latent(step),
            *self._shared(step),
        )
        return operations, self._messages(step)

    def _shared(self, step: Pass) -> tuple[Operation, ...]:
        """Run every token through the shared experts."""
        if not self.shared_width:
            return ()
        return feed_forward_operations(
            for_part(step, "shared"),
            width=self.shared_width,
            ups=self.up_projections,
            of="shared experts' ",
        )

    def _latent(self, step: Pass) -> tuple[Operation, ...]:
        """Project to the width in which the experts work and back, on every device (SGLang)."""
        if self.latent is None:
            return ()
        there = matrix(step, "latent down projection", m=step.tokens, n=self.latent, k=step.hidden)
        back = matrix(step, "latent up projection", m=step.tokens, n=step.hidden, k=self.latent)
        if not self.latent_norm:
            return there, back
        moved = step.tokens * 2 * self.latent * step.precision.output_bytes
        return there, traffic("latent norm", moved), back

    def _routed(self, step: Pass) -> tuple[Operation, ...]:
        """Routed experts: of the device with most experts touched, and of that with most tokens."""
        grid, precision, inside = step.grid, step.precision, self.inside
        tokens = _routed_tokens(step)
        columns = ceiling(self.width / (grid.stage_devices / grid.ep))
        touched = experts_touched(experts=self.experts, top_k=self.top_k, tokens=step.stage_tokens)
        own, groups = ceiling(self.experts / grid.ep), np.asarray(grid.ep, float)
        busiest = self.top_k / grid.ep * busiest_load(experts=own, groups=groups)
        rows = tokens * np.minimum(busiest, np.minimum(own, self.top_k))
        read = most_touched(experts=own, touched=touched * own / self.experts, groups=groups)
        matrices = self.up_projections + 1
        each = matrices * columns * inside * precision.expert_weight_bytes
        weights = read * each
        entering = rows * (inside + columns) * precision.expert_activation_bytes
        leaving = rows * (self.up_projections * columns + inside) * precision.output_bytes
        narrow = precision.expert_activation_bytes < precision.output_bytes
        grouped = Operation(
            name="routed experts",
            kind="gemm",
            family="mixture",
            flops=matrix_flops(m=rows, n=matrices * columns, k=inside),
            moved=weights + entering + leaving,
            size=rows_per_expert(tokens=tokens, top_k=self.top_k, touched=touched),
            columns=columns,
            further=0.0 if grid.engine.joins_experts else _SORTING + _QUANTISING * narrow,
            weights=weights,
            choice=own * each,
        )
        activation: Values = rows * matrices * columns * precision.output_bytes
        return grouped, traffic("routed experts' activation", activation)

    def _messages(self, step: Pass) -> tuple[Message, ...]:
        """Messages after a mixture.

        Where every rank of the stage holds every token (one attention replica, prompts not
        divided), the ranks sum their parts. Otherwise tokens go to their experts' devices and back.
        All are of the width in which the experts work; its norm, if it has one, needs the sum of
        all parts.
        """
        grid, inside = step.grid, self.inside
        spread = np.asarray(grid.attention_dp * grid.cp > 1)
        summed = all_reduce(step, participants=np.where(spread, 1.0, grid.tp))
        sent = self._exchanges(step, spread) if spread.any() else ()
        if not self.latent_norm:
            return *sent, summed
        latent = summed._replace(
            name="all-reduce of the latent space",
            size=step.tokens * inside * step.precision.output_bytes,
        )
        return *sent, latent, summed

    def _exchanges(self, step: Pass, spread: NDArray[np.bool_]) -> tuple[Message, ...]:
        """Messages to the experts and back, where ranks hold tokens of their own.

        Two all-to-alls, in which a token goes to every device that holds a slice of an expert it is
        routed to; with one group of experts that is every device, an all-gather and a
        reduce-scatter. In prefill a token crosses to another node once and is passed on there, in
        decode it goes to each device directly (DeepSeek-V3, arXiv:2412.19437, sections 3.2.2, 3.4.1
        and 3.4.2).
        """
        grid, inside, precision = step.grid, self.inside, step.precision
        copies = np.minimum(self.top_k, grid.ep) * (grid.stage_devices / grid.ep)
        elements = _routed_tokens(step) / grid.stage_devices * copies * inside
        sizes = elements * precision.expert_activation_bytes, elements * precision.output_bytes
        to_some, relayed = spread & (grid.ep > 1), 1.0 if step.decode else copies
        ways = (
            (to_some, (Collective.ALL_TO_ALL, Collective.ALL_TO_ALL), relayed),
            (spread & ~to_some, (Collective.ALL_GATHER, Collective.REDUCE_SCATTER), np.inf),
        )
        names = "dispatch of tokens to experts", "combination of experts' results"
        return tuple(
            Message(
                name=name,
                collective=collective,
                size=size,
                participants=participants,
                copies=own_copies,
            )
            for where, collectives, own_copies in ways
            if where.any()
            for participants in (np.where(where, grid.stage_devices, 1.0),)
            for name, collective, size in zip(names, collectives, sizes, strict=True)
        )


def _routed_tokens(step: Pass) -> Values:
    """Tokens of a stage that go to experts: groups that repeat a decode step send theirs too."""
    return step.stage_tokens * (step.grid.cp / step.cp)
