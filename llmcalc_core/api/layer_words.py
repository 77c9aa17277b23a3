"""Layers in words."""

from __future__ import annotations

from llmcalc_core.layers.attention_shapes import Attention, CompressedAttention, LatentAttention
from llmcalc_core.layers.recurrent_shapes import GatedDeltaNet, StateSpace, StateSpaceDual
from llmcalc_core.layers.shapes import ChannelMixer, FeedForward, Layer, MoE, TokenMixer


def layer_words(layer: Layer) -> str:
    """Say what a layer is made of.

    Examples
    --------
    >>> from llmcalc_core import find_model
    >>> from llmcalc_core.architecture.model import architecture
    >>> layer_words(architecture(find_model("mixtral_8x7b")).layers[0])
    'attention of 32 heads (8 KV, 128 wide); 2 of 8 experts of 14,336'
    """
    mixers = (_token_words(layer.mixer), _channel_words(layer.channel))
    return "; ".join(words for words in mixers if words) or "norms alone"


def _token_words(mixer: TokenMixer | None) -> str:
    if mixer is None:
        return ""
    if isinstance(mixer, Attention):
        words = f"attention of {mixer.heads} heads ({mixer.kv_heads} KV, {mixer.head_dim} wide)"
        reach = (f", window of {mixer.window:,}" if mixer.window else "") + (
            f", chunks of {mixer.chunk:,}" if mixer.chunk else ""
        )
        return words + reach + (", cache of an earlier layer" if mixer.shares_cache else "")
    if isinstance(mixer, LatentAttention):
        words = f"latent attention of {mixer.heads} heads (rank {mixer.kv_rank})"
        return words + (f", {mixer.indexer.top_k:,} tokens chosen" if mixer.indexer else "")
    if isinstance(mixer, CompressedAttention):
        words = f"compressed attention of {mixer.heads} heads, window of {mixer.window:,}"
        return words + (f", {mixer.ratio} tokens to an entry before" if mixer.ratio else "")
    return _recurrent_words(mixer)


def _recurrent_words(mixer: TokenMixer) -> str:
    if isinstance(mixer, GatedDeltaNet):
        return f"gated delta rule of {mixer.value_heads} heads ({mixer.value_dim} wide)"
    if isinstance(mixer, StateSpaceDual):
        return f"Mamba-2 of {mixer.heads} heads ({mixer.head_dim} wide, state {mixer.state})"
    if isinstance(mixer, StateSpace):
        return f"Mamba, {mixer.inner:,} wide (state {mixer.state})"
    return "a projection"


def _channel_words(channel: ChannelMixer | None) -> str:
    if channel is None:
        return ""
    if isinstance(channel, FeedForward):
        return f"feed-forward of {channel.width:,}"
    if isinstance(channel, MoE):
        words = f"{channel.top_k} of {channel.experts} experts of {channel.width:,}"
        return words + (f", shared {channel.shared_width:,}" if channel.shared_width else "")
    return "a projection"
