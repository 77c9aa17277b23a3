"""What a layer is made of: token mixer, channel mixer, norms, and what comes beside them."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.layers.attention_shapes import Attention, CompressedAttention, LatentAttention
from llmcalc_core.layers.recurrent_shapes import Recurrent


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """A single matrix of the hidden size in place of a mixer; every device has all of it."""

    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedForward:
    """A gated (two up projections) or plain feed-forward layer."""

    width: int
    up_projections: int
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MoE:
    """A mixture of routed experts, of which a token uses ``top_k``, beside shared ones.

    ``latent`` is the width in which routed experts work where it is not the hidden size: every
    device holds ``latent_parameters`` of the projections there and back, and where ``latent_norm``
    is set, results are normalised before the way back.
    """

    experts: int
    top_k: int
    width: int
    up_projections: int
    shared_width: int
    latent: int | None
    latent_norm: bool
    expert_parameters: int
    shared_parameters: int
    latent_parameters: int
    router_parameters: int

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
    def idle_parameters(self) -> int:
        """Parameters of the routed experts that a token does not use."""
        return (self.experts - self.top_k) * self.expert_parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Norms:
    """Normalisations of the hidden size, with the sums into the residual stream."""

    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperConnections:
    """Several residual streams, mixed before and after both parts of a layer (arXiv:2512.24880)."""

    streams: int
    parameters: int

    @property
    def mixes(self) -> int:
        """Numbers that mix the streams of a token: into a part, out of it, and each other."""
        return self.streams * (2 + self.streams)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockResiduals:
    """Attention over the results of earlier blocks of layers (Kimi K3, arXiv:2607.24653, 2.2).

    ``blocks`` is how many a part of a layer reads, on average over the model, and ``most`` how many
    the last one does.
    """

    blocks: float
    most: int
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerInputs:
    """An embedding of the token for each layer, gated and added to its result (Gemma 3n)."""

    width: int
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternatingUpdates:
    """Streams of which a layer updates one and predicts the others (AltUp, arXiv:2301.13310)."""

    streams: int
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LowRankResidual:
    """A way around attention through a low rank, normalised and added (arXiv:2411.07501)."""

    rank: int
    parameters: int


TokenMixer = Attention | LatentAttention | CompressedAttention | Recurrent | Projection
ChannelMixer = FeedForward | MoE | Projection
Residual = HyperConnections | BlockResiduals | LayerInputs | AlternatingUpdates | LowRankResidual
Part = TokenMixer | ChannelMixer | Norms | Residual


def precision_part(mixer: TokenMixer) -> str:
    """Name the part of a precision that a token mixer's projections have the types of."""
    recurrent = isinstance(mixer, Recurrent)
    return "recurrent" if recurrent else "attention"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One kind of layer: a token and a channel mixer (or none), norms, and what is beside them."""

    mixer: TokenMixer | None
    channel: ChannelMixer | None
    norm: Norms
    norms: int
    beside: tuple[Residual | Projection, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """All that the layer is made of, each norm by itself."""
        mixers = tuple(part for part in (self.mixer, self.channel) if part is not None)
        return (*mixers, *self.beside, *(self.norm,) * self.norms)

    @property
    def parameters(self) -> int:
        """Parameters of the whole layer."""
        return sum(part.parameters for part in self.parts)

    @property
    def active_parameters(self) -> int:
        """Parameters that one token uses."""
        idle = self.channel.idle_parameters if isinstance(self.channel, MoE) else 0
        return self.parameters - idle
