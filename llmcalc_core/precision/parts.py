"""Parts of a model whose weights may have types of their own."""

from __future__ import annotations

# What a field is like where it is not given, in an order in which each is known when it is needed.
LIKE = {
    "experts": "weights",
    "expert_activations": "activations",
    "attention": "weights",
    "attention_output": "attention",
    "recurrent": "weights",
    "shared": "weights",
}

PARTS = ("attention", "attention_output", "recurrent", "shared")
"""Parts of a model, beside the routed experts, whose weights may have a type of their own."""

STATED = ("weights", "experts", *PARTS, "embedding", "head", "others", "mtp", "kv_cache")
"""What ``stored_bits`` may name."""
