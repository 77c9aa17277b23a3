"""What a layer is made of: token mixers, channel mixers and their exact parameter counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Multi-head, grouped-query or multi-query attention, full or over a sliding window.

    ``kv_parameters`` are those of the key and value projections, which are replicated where
    there are fewer heads of them than devices.
    """

    heads: int
    kv_heads: int
    head_dim: int
    window: int | None
    parameters: int
    kv_parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, section 2.1).

    ``replicated_parameters`` are those of the down projections, which every device holds.
    """

    heads: int
    q_rank: int | None
    kv_rank: int
    nope_dim: int
    rope_dim: int
    v_dim: int
    parameters: int
    replicated_parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSpace:
    """A selective state space mixer (Mamba, arXiv:2312.00752): its state does not grow."""

    inner: int
    state: int
    convolution: int
    dt_rank: int
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedForward:
    """A gated (two up projections) or plain feed-forward layer."""

    width: int
    up_projections: int
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """A mixture of routed experts, of which a token uses ``top_k``, beside shared ones."""

    experts: int
    top_k: int
    width: int
    up_projections: int
    shared_width: int
    expert_parameters: int
    shared_parameters: int
    router_parameters: int

    @property
    def parameters(self) -> int:
        """Parameters of all experts, the shared ones and the router."""
        return (
            self.experts * self.expert_parameters + self.shared_parameters + self.router_parameters
        )


TokenMixer = Attention | LatentAttention | StateSpace
ChannelMixer = FeedForward | Mixture


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One kind of layer: a token mixer, a channel mixer (or none), and its normalisations."""

    mixer: TokenMixer
    channel: ChannelMixer | None
    norms: int
    norm_parameters: int

    @property
    def parameters(self) -> int:
        """Parameters of the whole layer."""
        channel = self.channel.parameters if self.channel else 0
        return self.mixer.parameters + channel + self.norm_parameters

    @property
    def active_parameters(self) -> int:
        """Parameters that one token uses."""
        if not isinstance(self.channel, Mixture):
            return self.parameters
        idle = (self.channel.experts - self.channel.top_k) * self.channel.expert_parameters
        return self.parameters - idle
