"""Fields of ``ModelConfig`` that some families of token mixers have, beside plain attention."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MixerFields:
    """Shapes of latent, sparse and compressed attention, and of recurrent layers.

    Parameters
    ----------
    q_lora_rank, kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim, v_head_dim : int, optional
        Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434): used where ``kv_lora_rank`` is
        given. ``v_head_dim`` is the width of a value in plain attention too.
    index_n_heads, index_head_dim, index_topk : int, optional
        Sparse attention (DeepSeek-V3.2, arXiv:2512.02556): heads of the indexer, their width, and
        the tokens that attention reads of those it scores.
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
    mamba_d_state, mamba_d_conv, mamba_expand, mamba_dt_rank : int, optional
        Selective state space layers (Mamba, arXiv:2312.00752).
    mamba_num_heads, mamba_head_dim, mamba_n_groups : int, optional
        Heads, their width, and groups of the ``mamba2`` layers (arXiv:2405.21060).
    mamba_norm : bool, default False
        Whether dt, B and C are normalised inside the layer (Jamba).
    """

    q_lora_rank: int | None = None
    kv_lora_rank: int | None = None
    qk_nope_head_dim: int | None = None
    qk_rope_head_dim: int | None = None
    v_head_dim: int | None = None
    index_n_heads: int | None = None
    index_head_dim: int | None = None
    index_topk: int | None = None
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
    mamba_d_state: int | None = None
    mamba_d_conv: int = 4
    mamba_expand: int = 2
    mamba_dt_rank: int | None = None
    mamba_num_heads: int | None = None
    mamba_head_dim: int | None = None
    mamba_n_groups: int | None = None
    mamba_norm: bool = False
