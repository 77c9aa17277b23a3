"""Recurrent token mixers, whose state does not grow with the context."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSpace:
    """A selective state space mixer (Mamba, arXiv:2312.00752)."""

    inner: int
    state: int
    convolution: int
    dt_rank: int
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSpaceDual:
    """A Mamba-2 mixer (arXiv:2405.21060): heads with a state each, B and C shared by groups.

    ``group_parameters`` are those of B and C, which are replicated where there are fewer groups
    than devices.
    """

    heads: int
    head_dim: int
    groups: int
    state: int
    convolution: int
    parameters: int
    group_parameters: int

    @property
    def inner(self) -> int:
        """Channels of all heads [elements]."""
        return self.heads * self.head_dim


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedDeltaNet:
    """Linear attention by the gated delta rule (arXiv:2412.06464), or Kimi's (arXiv:2510.26692).

    Each value head has a state of ``key_dim`` x ``value_dim``; several share a key head. The state
    decays by head, or by channel of the key where ``decay_rank`` is given: then the decay is
    projected through that rank, and so is the output gate unless ``gate_rank`` is None.
    ``replicated_parameters`` are those of the projections to these ranks.
    """

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    convolution: int
    decay_rank: int | None
    gate_rank: int | None
    parameters: int
    replicated_parameters: int

    @property
    def keys(self) -> int:
        """Width of the queries, and of the keys [elements]."""
        return self.key_heads * self.key_dim

    @property
    def values(self) -> int:
        """Width of the values, and of their gate [elements]."""
        return self.value_heads * self.value_dim

    @property
    def convolved(self) -> int:
        """Channels of the short convolution: queries, keys and values [elements]."""
        return 2 * self.keys + self.values


Recurrent = StateSpace | StateSpaceDual | GatedDeltaNet
"""Token mixers that keep a state."""
