"""What a layer is made of: token mixers, channel mixers and their exact parameter counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Multi-head, grouped-query or multi-query attention: full, in a sliding window or in chunks.

    A token looks back on ``window`` tokens, or to the start of its own chunk of ``chunk`` tokens.
    ``gated`` says whether the result is multiplied by a gate as wide as the queries.
    ``kv_parameters`` are those of the key and value projections, which are replicated where
    there are fewer heads of them than devices, ``output_parameters`` those of the last projection.
    """

    heads: int
    kv_heads: int
    head_dim: int
    window: int | None
    chunk: int | None
    gated: bool
    parameters: int
    kv_parameters: int
    output_parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexer:
    """Scores every token before a query, so that attention reads the ``top_k`` best alone.

    DeepSeek sparse attention (DeepSeek-V3.2, arXiv:2512.02556, section 2.1). Every device of a
    tensor parallel group has all of it.
    """

    heads: int
    head_dim: int
    top_k: int
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, section 2.1).

    ``replicated_parameters`` are those of the down projections and of the indexer, if there is
    one, which every device holds; ``output_parameters`` those of the last projection.
    """

    heads: int
    q_rank: int | None
    kv_rank: int
    nope_dim: int
    rope_dim: int
    v_dim: int
    indexer: Indexer | None
    parameters: int
    replicated_parameters: int
    output_parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSpace:
    """A selective state space mixer (Mamba, arXiv:2312.00752): its state does not grow."""

    inner: int
    state: int
    convolution: int
    dt_rank: int
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedDeltaNet:
    """Linear attention by the gated delta rule (arXiv:2412.06464): its state does not grow.

    Each value head has a state of ``key_dim`` x ``value_dim``; several share a key head.
    """

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    convolution: int
    parameters: int

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


TokenMixer = Attention | LatentAttention | StateSpace | GatedDeltaNet
ChannelMixer = FeedForward | Mixture


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One kind of layer: a token mixer, a channel mixer (or none), and its normalisations."""

    mixer: TokenMixer
    channel: ChannelMixer | None
    norms: int
    norm_parameters: int

    @property
    def mixer_part(self) -> str:
        """The part of a precision that the token mixer's projections have the types of."""
        return "recurrent" if isinstance(self.mixer, (StateSpace, GatedDeltaNet)) else "attention"

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
