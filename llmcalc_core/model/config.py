"""``ModelConfig``: a decoder, or an encoder of texts, by the numbers of its configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from llmcalc_core.checks import nearest
from llmcalc_core.model.config_checks import refuse_contradictions, settle
from llmcalc_core.model.layer_values import LayerValues
from llmcalc_core.model.vision import VisionTower
from llmcalc_core.model.ways_in import WaysIn
from llmcalc_core.precision import Precision
from llmcalc_core.shown import shown


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ModelConfig(LayerValues, WaysIn):
    """A decoder-only language model, or an encoder, as its configuration file describes it.

    Parameters
    ----------
    model : str
        Name, or Hugging Face id.
    vocab_size, hidden_size : int
        Rows of the embedding [tokens], width of the residual stream [elements].
    num_decoder_layers, num_attention_heads : int
        Number of layers; query heads per attention layer.
    intermediate_size : int
        Width of the dense feed-forward layer [elements]; 0 where layers have none.
    num_key_value_heads : int, optional
        Key and value heads; the query heads where not given (multi-head attention).
    head_dim : int, optional
        Width of a head [elements]; ``hidden_size / num_attention_heads`` where not given.
    attention : {'causal', 'bidirectional'}
        Whether a token attends to those before it, or to all of the text, as in an encoder (BERT,
        arXiv:1810.04805), which keeps no cache and generates nothing; a ``sliding_window`` is then
        the tokens that it sees of both sides and itself.
    num_ffi : int, default 2
        Up projections of the feed-forward layer: 2 if gated (SwiGLU), 1 if plain.
    max_model_len : int, optional
        Longest context the model was made for [tokens]. Informative.
    sliding_window, attention_chunk_size : int, optional
        Window of the ``sliding_attention`` layers [tokens]; chunk that a ``chunked_attention``
        layer does not look beyond (Llama 4) [tokens].
    layer_types : tuple of str
        Token mixer of each layer, of ``LAYER_TYPES``; a shorter pattern repeats. Empty: all full,
        or all sliding where there is a window. ``linear`` is a single projection in place of
        attention, ``lightning_attention`` that of MiniMax-01 (arXiv:2501.08313), ``none`` no token
        mixer at all.
    mlp_layer_types : tuple of str
        Channel mixer of each layer, of ``MLP_LAYER_TYPES``; a shorter pattern repeats. Empty: as
        ``first_k_dense_replace`` and ``moe_layer_freq`` say.
    per_layer : mapping of str to tuple of int
        Fields of ``PER_LAYER`` whose values differ between layers: a value for each layer, or a
        pattern that repeats. Kept as a tuple of pairs.
    tie_word_embeddings : bool, default False
        Whether the output head shares the embedding's weights.
    qkv_bias, attention_output_bias, mlp_bias, lm_head_bias : bool, default False
        Which projections have a bias.
    norm : {'rmsnorm', 'layernorm'}
        A layer norm has a bias as well as a weight.
    norms_per_layer : int, default 2
        Normalisations of width ``hidden_size`` in a layer.
    final_norm : bool, default True
        Whether a normalisation follows the last layer.
    qk_norm, qk_norm_wide : bool, default False
        Whether query and key heads are normalised (one weight of ``head_dim`` each), and whether
        over all heads at once (a weight for each of their elements).
    attention_sinks : bool, default False
        Whether each query head has a learned sink (gpt-oss, arXiv:2508.10925, section 2.1).
    keys_as_values : bool, default False
        Whether the ``full_attention`` layers take values from the key projection (Gemma 4).
    num_kv_shared_layers : int, default 0
        Last layers that read the keys and values of an earlier one (Gemma 3n).
    layer_vector_size, outer_vector_size : int, default 0
        Elements of vectors beside the norms: of a layer (learned activations, scales of a sum), and
        outside of the layers (a norm after the embedding).
    learned_positions, embedding_size : int, default 0
        Rows of a learned position table; width of the token embedding where it is not
        ``hidden_size`` (then two projections).
    per_layer_input_size, per_layer_input_vocab : int, default 0
        Width and rows of an embedding that every layer has for itself (Gemma 3n).
    altup_num_inputs, laurel_rank : int, default 0
        Streams of alternating updates (arXiv:2301.13310), with ``altup_correct_scale`` a weight of
        its own for each element; rank of a way around attention (arXiv:2411.07501; Gemma 3n).
    hyper_connections, residual_block_size : int, default 0
        Residual streams that are mixed before and after each part of a layer (mHC,
        arXiv:2512.24880); layers of a block whose results later layers attend to (attention
        residuals of Kimi K3, arXiv:2607.24653).
    hyper_connection_mixing : bool, default True
        Whether the residual streams are mixed with each other too, not only into and out of a part
        of a layer (Hy4).
    attn_output_gate, attn_gate_per_head : bool, default False
        Whether the result of attention is multiplied by a gate, projected beside the query: as wide
        as the result, or one number for each head.
    num_experts, expert_top_k : int, default 1
        Routed experts of a mixture layer, and how many of them a token uses.
    moe_intermediate_size, shared_expert_intermediate_size : int, optional
        Width of one routed expert, of one shared one; ``intermediate_size`` where not given.
    moe_latent_size : int, optional
        Width in which the routed experts work, projected from ``hidden_size`` and back; with
        ``moe_latent_norm`` a normalisation comes before the way back.
    n_shared_experts : int, default 0
        Experts every token uses.
    shared_expert_gate, router_bias, router_scale : bool, default False
        Whether the shared expert has a gate of width ``hidden_size``; the router one bias per
        expert (DeepSeek-V3's load correction), a scale per input and expert (Gemma 4).
    zero_experts : int, default 0
        Experts that a router may choose and that do nothing (LongCat); ``expert_top_k`` are the
        others that a token uses in the mean.
    first_k_dense_replace, moe_layer_freq, moe_layer_offset : int
        MoE layers start after the first k layers and then are every n-th, at an offset.
    q_lora_rank, kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim, v_head_dim : int, optional
        Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434): used where ``kv_lora_rank`` is
        given. ``v_head_dim`` is the width of a value in plain attention too.
    index_n_heads, index_head_dim, index_topk : int, optional
        Sparse attention (DeepSeek-V3.2, arXiv:2512.02556): heads of the indexer, their width, and
        the tokens that attention reads of those it scores.
    index_shared : bool, default False
        Whether a layer reads the tokens that an earlier one has chosen, without an indexer or index
        keys of its own (GLM-5.2).
    sparse_compress_ratio, heavy_compress_ratio, o_groups, o_lora_rank : int, optional
        Compressed attention (DeepSeek-V4): tokens of an entry in the two kinds of layer; groups and
        rank of the output projection. All attention is of that family where ``o_lora_rank`` is
        given.
    linear_num_key_heads, linear_num_value_heads, linear_key_head_dim, linear_value_head_dim, \
linear_conv_kernel_dim : int, optional
        Gated delta net (arXiv:2412.06464) of the ``linear_attention`` layers, or Kimi delta
        attention (arXiv:2510.26692) of the ``kimi_delta_attention`` ones.
    linear_full_rank_gate : bool, default False
        Whether the output gate of Kimi delta attention is one projection, not two of low rank.
    linear_full_rank_decay : bool, default False
        The same of its decay.
    mamba_d_state, mamba_d_conv, mamba_expand, mamba_dt_rank : int, optional
        Selective state space layers (Mamba, arXiv:2312.00752).
    mamba_num_heads, mamba_head_dim, mamba_n_groups : int, optional
        Heads, their width, and groups of the ``mamba2`` layers (arXiv:2405.21060).
    mamba_norm : bool, default False
        Whether dt, B and C are normalised inside the layer (Jamba).
    short_conv_kernel, short_conv_bias : int, bool
        Tokens that a ``short_convolution`` layer sees (LFM2), and whether it has biases.
    lru_width, lru_conv_kernel : int
        Channels of the ``rg_lru`` layers (Griffin, arXiv:2402.19427), and tokens that their short
        convolution sees; their gates are in as many blocks as there are query heads.
    mamba_gate_norm : bool, default True
        Whether the ``mamba2`` layers normalise their gated result.
    parallel_mixer : str, optional
        A token mixer, of ``LAYER_TYPES``, that every layer has beside its own (Falcon-H1).
    recurrent_state_bits : int, default 32
        Bits of an element of the states of recurrent layers in vLLM, 16 where the checkpoint does
        not ask for more (Qwen3-Next, Granite 4; those of Kimi delta attention always have 32).
    mtp_layers : int, default 0
        Modules of multi-token prediction, each with a layer like the last (DeepSeek-V3,
        arXiv:2412.19437, section 2.2). They take no part unless they draft.
    mtp_layer : mapping
        What that layer has of its own: a ``layer_type``, a ``mlp_layer_type``, fields of
        ``PER_LAYER``. Kept as a tuple of pairs.
    vision : VisionTower or mapping, optional
        The encoder of images, whose weights are held beside the decoder's.
    precision : Precision or str, optional
        Types that the checkpoint is stored and computed in; 16 bits where not given.

    Raises
    ------
    ValueError
        For a value out of range or shapes that contradict each other.

    Examples
    --------
    >>> tiny = ModelConfig(
    ...     model="tiny", vocab_size=1000, hidden_size=64, num_decoder_layers=2,
    ...     num_attention_heads=4, intermediate_size=256, per_layer={"num_key_value_heads": (4, 1)},
    ... )
    >>> tiny.head_dim, tiny.num_key_value_heads, tiny.of_layer("num_key_value_heads", 1)
    (16, 4, 1)
    """

    model: str = "custom"
    vocab_size: int
    hidden_size: int
    num_decoder_layers: int
    num_attention_heads: int
    intermediate_size: int
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    attention: str = "causal"
    num_ffi: int = 2
    max_model_len: int | None = None
    sliding_window: int | None = None
    attention_chunk_size: int | None = None
    layer_types: tuple[str, ...] = ()
    mlp_layer_types: tuple[str, ...] = ()
    per_layer: Mapping[str, tuple[int, ...]] | tuple[tuple[str, tuple[int, ...]], ...] = ()
    tie_word_embeddings: bool = False
    qkv_bias: bool = False
    attention_output_bias: bool = False
    mlp_bias: bool = False
    lm_head_bias: bool = False
    norm: str = "rmsnorm"
    norms_per_layer: int = 2
    final_norm: bool = True
    qk_norm: bool = False
    qk_norm_wide: bool = False
    attention_sinks: bool = False
    keys_as_values: bool = False
    num_kv_shared_layers: int = 0
    attn_output_gate: bool = False
    attn_gate_per_head: bool = False
    layer_vector_size: int = 0
    outer_vector_size: int = 0
    learned_positions: int = 0
    embedding_size: int = 0
    per_layer_input_size: int = 0
    per_layer_input_vocab: int = 0
    altup_num_inputs: int = 0
    altup_correct_scale: bool = False
    laurel_rank: int = 0
    hyper_connections: int = 0
    hyper_connection_mixing: bool = True
    residual_block_size: int = 0
    num_experts: int = 1
    expert_top_k: int = 1
    moe_intermediate_size: int | None = None
    moe_latent_size: int | None = None
    moe_latent_norm: bool = False
    n_shared_experts: int = 0
    shared_expert_intermediate_size: int | None = None
    shared_expert_gate: bool = False
    first_k_dense_replace: int = 0
    moe_layer_freq: int = 1
    moe_layer_offset: int = 0
    router_bias: bool = False
    router_scale: bool = False
    zero_experts: int = 0
    mtp_layers: int = 0
    mtp_layer: Mapping[str, str | int] | tuple[tuple[str, str | int], ...] = ()
    vision: VisionTower | None = None
    precision: Precision | None = None
    q_lora_rank: int | None = None
    kv_lora_rank: int | None = None
    qk_nope_head_dim: int | None = None
    qk_rope_head_dim: int | None = None
    v_head_dim: int | None = None
    index_n_heads: int | None = None
    index_head_dim: int | None = None
    index_topk: int | None = None
    index_shared: bool = False
    sparse_compress_ratio: int | None = None
    heavy_compress_ratio: int | None = None
    o_groups: int | None = None
    o_lora_rank: int | None = None
    linear_num_key_heads: int | None = None
    linear_num_value_heads: int | None = None
    linear_key_head_dim: int | None = None
    linear_value_head_dim: int | None = None
    linear_conv_kernel_dim: int = 4
    linear_full_rank_gate: bool = False
    linear_full_rank_decay: bool = False
    mamba_d_state: int | None = None
    mamba_d_conv: int = 4
    mamba_expand: int = 2
    mamba_dt_rank: int | None = None
    mamba_num_heads: int | None = None
    mamba_head_dim: int | None = None
    mamba_n_groups: int | None = None
    lru_width: int | None = None
    lru_conv_kernel: int = 4
    short_conv_kernel: int = 0
    short_conv_bias: bool = False
    mamba_norm: bool = False
    mamba_gate_norm: bool = True
    parallel_mixer: str = ""
    recurrent_state_bits: int = 32

    def __post_init__(self) -> None:
        """Check every number, fill in what follows from others, refuse contradictions."""
        for name, value in settle(self).items():
            object.__setattr__(self, name, value)
        refuse_contradictions(self)

    def __hash__(self) -> int:
        """Hash what tells models apart: what is kept of each is asked for at every estimate."""
        return hash((self.model, self.hidden_size, self.num_decoder_layers, self.intermediate_size))

    def __repr__(self) -> str:
        """Show what is not as usual, the name first."""
        values = ((field, getattr(self, field.name)) for field in fields(self))
        shown = (f"{field.name}={value!r}" for field, value in values if value != field.default)
        counted = f"{self.parameters:,} parameters, {self.active_parameters:,} of them active"
        held = f"{self.bytes_per_token:,} bytes of cache a token"
        return f"ModelConfig({', '.join(shown)})  # {counted}, {held}"

    @classmethod
    def from_fields(cls, values: Mapping[str, Any]) -> ModelConfig:
        """Make a configuration from a dict of the field names above.

        Raises
        ------
        ValueError
            If a key is unknown (with the nearest known name) or a required one is missing.
        """
        known = {field.name: field.default for field in fields(cls)}
        for name in values:
            if name not in known:
                msg = f"ModelConfig has no field {shown(name)}{nearest(name, known)}"
                raise ValueError(msg)
        missing = [name for name in known if known[name] is MISSING and name not in values]
        if missing:
            msg = f"ModelConfig needs {', '.join(missing)} as well"
            raise ValueError(msg)
        return cls(**values)
