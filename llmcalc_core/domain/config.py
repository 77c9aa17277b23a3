"""``ModelConfig``: a decoder described by the flat numbers of its configuration file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from llmcalc_core.domain.checkpoint import stored_precision
from llmcalc_core.domain.checks import nearest, one_of, truth, whole_number
from llmcalc_core.domain.contradictions import refuse_contradictions
from llmcalc_core.domain.precision import Precision

LAYER_TYPES = ("full_attention", "sliding_attention", "chunked_attention", "linear_attention",
               "mamba")  # fmt: skip
_POSITIVE = ("vocab_size", "hidden_size", "num_decoder_layers", "num_attention_heads")
_OPTIONAL = (
    "num_key_value_heads", "head_dim", "max_model_len", "sliding_window", "q_lora_rank",
    "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "mamba_d_state",
    "mamba_dt_rank", "attention_chunk_size", "index_n_heads", "index_head_dim", "index_topk",
    "linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim",
    "linear_value_head_dim",
)  # fmt: skip
_WIDTHS = ("moe_intermediate_size", "shared_expert_intermediate_size")
_FROM_ZERO = ("intermediate_size", "n_shared_experts", "first_k_dense_replace",
              "moe_layer_offset", "learned_positions", "embedding_size",
              "norms_per_layer")  # fmt: skip
_TRUTHS = ("tie_word_embeddings", "qkv_bias", "attention_output_bias", "mlp_bias", "lm_head_bias",
           "final_norm", "qk_norm", "qk_norm_wide", "attention_sinks", "attn_output_gate",
           "shared_expert_gate", "router_bias", "mamba_norm")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """A decoder-only language model, as its configuration file describes it.

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
    num_ffi : int, default 2
        Up projections of the feed-forward layer: 2 if gated (SwiGLU), 1 if plain.
    max_model_len : int, optional
        Longest context the model was made for [tokens]. Informative.
    sliding_window : int, optional
        Window of the ``sliding_attention`` layers [tokens].
    attention_chunk_size : int, optional
        Chunk that a ``chunked_attention`` layer does not look beyond (Llama 4) [tokens].
    layer_types : tuple of str
        Token mixer of each layer: ``full_attention``, ``sliding_attention``,
        ``chunked_attention``, ``linear_attention`` or ``mamba``; a shorter pattern repeats.
        Empty: all full, or all sliding where there is a window.
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
    qk_norm : bool, default False
        Whether query and key heads are normalised (one weight of ``head_dim`` each).
    qk_norm_wide : bool, default False
        Whether that is over all heads at once (a weight for each of their elements).
    attention_sinks : bool, default False
        Whether each query head has a learned sink (gpt-oss, arXiv:2508.10925, section 2.1).
    learned_positions : int, default 0
        Rows of a learned position table.
    embedding_size : int, default 0
        Width of the token embedding where it is not ``hidden_size`` (then two projections).
    attn_output_gate : bool, default False
        Whether the result of attention is multiplied by a gate, projected beside the query.
    num_experts, expert_top_k : int, default 1
        Routed experts of a mixture layer, and how many of them a token uses.
    moe_intermediate_size : int, optional
        Width of one routed expert; ``intermediate_size`` where not given.
    n_shared_experts : int, default 0
        Experts every token uses.
    shared_expert_intermediate_size : int, optional
        Width of one shared expert; ``moe_intermediate_size`` where not given.
    shared_expert_gate : bool, default False
        Whether the shared expert has a gate of width ``hidden_size``.
    first_k_dense_replace, moe_layer_freq, moe_layer_offset : int
        Mixture layers start after the first k layers and then are every n-th, at an offset.
    router_bias : bool, default False
        Whether the router has one bias per expert (DeepSeek-V3's load correction).
    q_lora_rank, kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim, v_head_dim : int, optional
        Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434): used where
        ``kv_lora_rank`` is given.
    index_n_heads, index_head_dim, index_topk : int, optional
        Sparse latent attention (DeepSeek-V3.2, arXiv:2512.02556): heads of the indexer, their
        width, and the tokens that attention reads of those it scores.
    linear_num_key_heads, linear_num_value_heads, linear_key_head_dim, linear_value_head_dim, \
linear_conv_kernel_dim : int, optional
        Gated delta net (arXiv:2412.06464) of the ``linear_attention`` layers.
    mamba_d_state, mamba_d_conv, mamba_expand, mamba_dt_rank : int, optional
        Selective state space layers (Mamba, arXiv:2312.00752).
    mamba_norm : bool, default False
        Whether dt, B and C are normalised inside the layer (Jamba).
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
    ...     num_attention_heads=4, intermediate_size=256,
    ... )
    >>> tiny.head_dim, tiny.num_key_value_heads
    (16, 4)
    """

    model: str = "custom"
    vocab_size: int
    hidden_size: int
    num_decoder_layers: int
    num_attention_heads: int
    intermediate_size: int
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    num_ffi: int = 2
    max_model_len: int | None = None
    sliding_window: int | None = None
    attention_chunk_size: int | None = None
    layer_types: tuple[str, ...] = ()
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
    attn_output_gate: bool = False
    learned_positions: int = 0
    embedding_size: int = 0
    num_experts: int = 1
    expert_top_k: int = 1
    moe_intermediate_size: int | None = None
    n_shared_experts: int = 0
    shared_expert_intermediate_size: int | None = None
    shared_expert_gate: bool = False
    first_k_dense_replace: int = 0
    moe_layer_freq: int = 1
    moe_layer_offset: int = 0
    router_bias: bool = False
    q_lora_rank: int | None = None
    kv_lora_rank: int | None = None
    qk_nope_head_dim: int | None = None
    qk_rope_head_dim: int | None = None
    v_head_dim: int | None = None
    index_n_heads: int | None = None
    index_head_dim: int | None = None
    index_topk: int | None = None
    linear_num_key_heads: int | None = None
    linear_num_value_heads: int | None = None
    linear_key_head_dim: int | None = None
    linear_value_head_dim: int | None = None
    linear_conv_kernel_dim: int = 4
    mamba_d_state: int | None = None
    mamba_d_conv: int = 4
    mamba_expand: int = 2
    mamba_dt_rank: int | None = None
    mamba_norm: bool = False
    precision: Precision | None = None

    def __post_init__(self) -> None:
        """Check every number, fill in what follows from others, refuse contradictions."""
        name: object = self.model
        if not isinstance(name, str) or not name:
            msg = f"model must be a name, got {name!r}"
            raise ValueError(msg)
        for name in _POSITIVE:
            self._set(name, whole_number(name, getattr(self, name)))
        for name in ("num_experts", "expert_top_k", "moe_layer_freq", "mamba_d_conv",
                     "mamba_expand", "linear_conv_kernel_dim"):  # fmt: skip
            self._set(name, whole_number(name, getattr(self, name)))
        self._set("num_ffi", whole_number("num_ffi", self.num_ffi, most=2))
        for name in _FROM_ZERO:
            self._set(name, whole_number(name, getattr(self, name), least=0))
        for names, least in ((_OPTIONAL, 1), (_WIDTHS, 0)):
            for name in names:
                if getattr(self, name) is not None:
                    self._set(name, whole_number(name, getattr(self, name), least=least))
        for name in _TRUTHS:
            truth(name, getattr(self, name))
        self._set("precision", stored_precision(self.precision))
        self._set("norm", one_of("norm", self.norm, ("rmsnorm", "layernorm")))
        self._fill()
        refuse_contradictions(self)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _fill(self) -> None:
        if self.num_key_value_heads is None:
            self._set("num_key_value_heads", self.num_attention_heads)
        if self.head_dim is None:
            if self.hidden_size % self.num_attention_heads:
                msg = (
                    "hidden_size must be a multiple of num_attention_heads unless head_dim is "
                    f"given, got {self.hidden_size} and {self.num_attention_heads}"
                )
                raise ValueError(msg)
            self._set("head_dim", self.hidden_size // self.num_attention_heads)
        if self.moe_intermediate_size is None:
            self._set("moe_intermediate_size", self.intermediate_size)
        if self.shared_expert_intermediate_size is None:
            self._set("shared_expert_intermediate_size", self.moe_intermediate_size)
        kinds = self.layer_types or (
            ("sliding_attention",) if self.sliding_window else ("full_attention",)
        )
        kinds = tuple(one_of("layer_types", kind, LAYER_TYPES) for kind in kinds)
        repeats = -(-self.num_decoder_layers // len(kinds))
        self._set("layer_types", (kinds * repeats)[: self.num_decoder_layers])

    @classmethod
    def from_fields(cls, values: dict[str, Any]) -> ModelConfig:
        """Make a configuration from a dict of the field names above.

        Raises
        ------
        ValueError
            If a key is unknown (with the nearest known name) or a required one is missing.
        """
        known = {field.name for field in fields(cls)}
        for name in values:
            if name not in known:
                msg = f"ModelConfig has no field {name!r}{nearest(name, known)}"
                raise ValueError(msg)
        missing = [name for name in (*_POSITIVE, "intermediate_size") if name not in values]
        if missing:
            msg = f"ModelConfig needs {', '.join(missing)} as well"
            raise ValueError(msg)
        return cls(**values)
