"""What nearly every GGUF file says of a model, in the words of a ``config.json``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from llmcalc_core.hub.gguf_file import GgufTensor, Omitted, Value

MOST_LAYERS = 512
"""Layers of the deepest model that is described."""

SLIDING, FULL = "sliding_attention", "full_attention"


@dataclass(frozen=True)
class GgufModel:
    """Metadata and tensors of a model, in all files that it is split into.

    Attributes
    ----------
    name : str
        What messages call it.
    metadata : dict
        Values by name.
    tensors : tuple of GgufTensor
        All tensors.
    """

    name: str
    metadata: dict[str, Value | Omitted]
    tensors: tuple[GgufTensor, ...]

    @cached_property
    def architecture(self) -> str:
        """Its ``general.architecture``."""
        found = self.metadata.get("general.architecture")
        return found if isinstance(found, str) else self.refuse("general.architecture", "a text")

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Sides of the tensors by name, the innermost first."""
        return {one.name: one.shape for one in self.tensors}

    @cached_property
    def block_count(self) -> int:
        """Layers with those of multi-token prediction."""
        found = self.number("block_count")
        if not found or found > MOST_LAYERS:
            self.refuse(f"{self.architecture}.block_count", f"from 1 to {MOST_LAYERS}")
        return found

    @cached_property
    def predicting(self) -> int:
        """Layers of multi-token prediction, which come last."""
        return min(self.number("nextn_predict_layers") or 0, self.block_count - 1)

    @property
    def layers(self) -> int:
        """Layers of the decoder."""
        return self.block_count - self.predicting

    def refuse(self, name: str, rule: str) -> NoReturn:
        """Refuse a value of the metadata.

        Raises
        ------
        ValueError
            Always: with the name, the rule and the value.
        """
        got = repr(self.metadata.get(name, "nothing"))[:60]
        msg = f"{self.name}: {name[:80]} must be {rule}, got {got}"
        raise ValueError(msg)

    def stated(self, key: str) -> Value | Omitted | None:
        """Give a value of this architecture's."""
        return self.metadata.get(f"{self.architecture}.{key}")

    def number(self, key: str) -> int | None:
        """Give a whole number, or the largest one where each layer has its own; None if absent."""
        found = self.stated(key)
        if isinstance(found, tuple):
            return max(self.each(key), default=0)
        if found is None or type(found) is int:
            return found
        return self.refuse(f"{self.architecture}.{key}", "a whole number")

    def needed(self, key: str) -> int:
        """Give a whole number that must be there."""
        found = self.number(key)
        name = f"{self.architecture}.{key}"
        return self.refuse(name, "a whole number") if found is None else found

    def each(self, key: str) -> tuple[int, ...]:
        """Give the whole number of each layer; none where they are not stated one by one."""
        found = self.stated(key)
        if not isinstance(found, tuple):
            return ()
        numbers = tuple(int(one) for one in found if isinstance(one, int))
        if len(numbers) != len(found) or len(numbers) < self.layers:
            self.refuse(f"{self.architecture}.{key}", f"a number for each of {self.layers} layers")
        return numbers[: self.layers]

    def side(self, name: str, index: int, layer: int | None = None) -> int | None:
        """Give a side of a tensor of a layer, or of the first layer that has it; None if none has.

        ``name`` is such as ``ffn_up.weight``; sides count from the innermost.
        """
        layers = range(self.layers) if layer is None else (layer,)
        found = (self.shapes.get(f"blk.{at}.{name}") for at in layers)
        shape = next((one for one in found if one is not None), ())
        return shape[index] if index < len(shape) else None

    def has(self, name: str) -> bool:
        """Tell whether any layer has a tensor, such as ``attn_q.bias``."""
        return self.side(name, 0) is not None

    def layers_with(self, name: str) -> tuple[bool, ...]:
        """Tell of each layer whether it has a tensor."""
        return tuple(f"blk.{layer}.{name}" in self.shapes for layer in range(self.layers))


def usual_fields(model: GgufModel) -> dict[str, Any]:
    """Give the fields that most configurations have, and those of experts where there are any.

    Returns
    -------
    dict
        As in a ``config.json``; widths that the metadata leave out are those of the tensors.
    """
    heads, context = model.number("attention.head_count"), model.number("context_length")
    embedding = model.shapes.get("token_embd.weight", (0, 0))
    return {
        "vocab_size": embedding[-1],
        "hidden_size": model.needed("embedding_length"),
        "num_hidden_layers": model.layers,
        "num_attention_heads": heads,
        "num_key_value_heads": model.number("attention.head_count_kv") or heads,
        "head_dim": head_width(model, heads),
        "intermediate_size": model.side("ffn_down.weight", 0)
        or model.number("feed_forward_length")
        or 0,
        "max_position_embeddings": context,
        "tie_word_embeddings": "output.weight" not in model.shapes,
        "attention_bias": model.has("attn_q.bias") or model.has("attn_qkv.bias"),
        "mlp_bias": model.has("ffn_down.bias"),
        "sliding_window": model.number("attention.sliding_window") or None,
        **window_kinds(model),
        **(expert_fields(model) if model.number("expert_count") else {}),
    }


def head_width(model: GgufModel, heads: int | None) -> int | None:
    """Give the width of a head, by the metadata or else by the projection of queries."""
    stated = model.number("attention.key_length")
    rows = model.side("attn_q.weight", 1)
    return stated or (rows // heads if rows and heads else None)


def window_kinds(model: GgufModel) -> dict[str, Any]:
    """Give the kind of each layer, where the file names those with a window."""
    sliding = model.each("attention.sliding_window_pattern")
    period = model.number("attention.sliding_window_pattern")
    if sliding:
        return {"layer_types": [SLIDING if one else FULL for one in sliding]}
    if not period or not model.number("attention.sliding_window"):
        return {}
    kinds = [FULL if (layer + 1) % period == 0 else SLIDING for layer in range(model.layers)]
    return {"layer_types": kinds}


def expert_fields(model: GgufModel) -> dict[str, Any]:
    """Give the fields of experts, in the spellings of all makers."""
    experts = model.needed("expert_count")
    width = model.side("ffn_down_exps.weight", 0) or model.number("expert_feed_forward_length")
    shared = model.side("ffn_down_shexp.weight", 0) or 0
    count = model.number("expert_shared_count") or int(shared > 0)
    sparse = model.layers_with("ffn_gate_inp.weight")
    dense = sparse.index(True) if True in sparse else 0
    return {
        **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), experts),
        "num_experts_per_tok": model.number("expert_used_count"),
        "moe_intermediate_size": width,
        **dict.fromkeys(("n_shared_experts", "num_shared_experts"), count),
        "shared_expert_intermediate_size": shared,
        "first_k_dense_replace": dense,
        "topk_method": "noaux_tc" if model.has("exp_probs_b.bias") else None,
    }
