"""BERT and what is made like it: RoBERTa, XLM-R, ELECTRA, ERNIE, BigBird, RoFormer, ModernBERT ...

They read a text at once, each token with all others, for an embedding, a score or a masked word.
What comes after the layers is what ``architectures`` names: a head that predicts words, a pooler, a
head that classifies. Defaults are those of the configuration classes in Hugging Face transformers;
counts were checked against its models (5.24.0).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from llmcalc_core.hub.dialects.decoder import (
    FULL,
    PLAIN_FEED_FORWARD,
    SLIDING,
    biased_everywhere,
    decoder_fields,
)
from llmcalc_core.hub.dialects.fields import Fields, dialect

_WORDS = re.compile(r"(ForCausalLM|LMHeadModel|WithLMHeadModel|ForMaskedLM|GenerationDecoder)$")
_OWN_BLOCKS = 5
"""Blocks that each of BigBird sees beside random ones: itself, two sides, the first, the last."""
_LABELS = 2
"""Labels of a classifier whose file names none (PretrainedConfig.num_labels)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What an encoder has before and after its layers.

    Attributes
    ----------
    first, last : bool
        Whether a norm follows the embedding, and the last layer.
    types : bool
        Whether there is an embedding of kinds of token.
    transform : bool
        Whether the head that predicts words has a projection and a norm of its own.
    pooler : bool
        Whether a model without that head has a pooler.
    """

    first: bool = True
    last: bool = False
    types: bool = True
    transform: bool = True
    pooler: bool = True


_AROUND = {
    "megatron-bert": _Around(first=False, last=True),
    "roberta-prelayernorm": _Around(last=True),
    "xlm-roberta-xl": _Around(first=False, last=True),
    "bert-generation": _Around(types=False, transform=False, pooler=False),
    "electra": _Around(pooler=False),
    "roformer": _Around(pooler=False),
}


def head_of(fields: Fields) -> str:
    """Give what comes after the layers: 'words', 'classes' or 'nothing' but a pooler, if any."""
    names = fields.value("architectures")
    first = str(names[0]) if isinstance(names, list) and names else ""
    if not first or _WORDS.search(first):
        return "words"
    if first.endswith("ForSequenceClassification"):
        return "classes"
    if not first.endswith(("Model", "Encoder")):
        fields.refuse(
            "architectures", "must end in Model, ForMaskedLM or ForSequenceClassification"
        )
    return "nothing"


def direction(fields: Fields) -> dict[str, str]:
    """Read which way attention runs: one way if the file says that it is a decoder."""
    causal = fields.flag("is_decoder", default=False)
    return {"attention": "causal" if causal else "bidirectional"}


def labels_of(fields: Fields) -> int:
    """Count the classes of a head that classifies."""
    named = fields.value("id2label")
    if isinstance(named, dict) and named:
        return len(named)
    return fields.number("num_labels", default=_LABELS)


def _after(fields: Fields, around: _Around, hidden: int, width: int) -> dict[str, Any]:
    """Count what comes after the layers; ``width`` is that of the embedding."""
    head, dense = head_of(fields), hidden * hidden + hidden
    always = dense if fields.model_type == "big_bird" and head != "nothing" else 0
    if head == "words":
        size = (hidden + 3) * width if around.transform else 0
        return {"outer_vector_size": size + always, "lm_head_bias": True}
    if head == "nothing":
        return {"outer_vector_size": dense if around.pooler else 0}
    return {"outer_vector_size": dense + (hidden + 1) * labels_of(fields) + always}


def _positions(fields: Fields, base: dict[str, Any]) -> dict[str, int]:
    """Count the learned positions; rotary ones of RoFormer are a table of a head's width."""
    fields.ignore("position_embedding_type")
    if fields.model_type == "roformer":
        fields.require("rotary_value", expected=False)
        rows = fields.number("max_position_embeddings")
        return {"outer_vector_size": rows * base["head_dim"]}
    return {"learned_positions": fields.number("max_position_embeddings")}


def _extra(fields: Fields, hidden: int, width: int) -> int:
    """Count embeddings that few of them have: tasks of ERNIE, sounds and shapes of RoCBert."""
    if fields.model_type == "ernie" and fields.flag("use_task_id", default=False):
        return fields.number("task_type_vocab_size", default=3) * hidden
    if fields.model_type != "roc_bert":
        return 0
    joined, tables = width, 0
    for kind in ("pronunciation", "shape"):
        if fields.flag(f"enable_{kind}", default=True):
            own = fields.number(f"{kind}_embed_dim")
            tables += fields.number(f"{kind}_vocab_size") * own
            joined += own
    fields.require("concat_input", expected=True)
    return tables + (joined + 1) * hidden


TEXT_ENCODERS = (
    "bert", "roberta", "xlm-roberta", "camembert", "data2vec-text", "ernie", "electra", "big_bird",
    "megatron-bert", "roberta-prelayernorm", "xlm-roberta-xl", "bert-generation", "roformer",
    "roc_bert", "xmod", "xlm", "rembert", "modernbert", "modernbert-decoder",
)  # fmt: skip
"""Model types whose ``architectures`` need not generate text."""


_FROM_PADDING = frozenset(
    {"roberta", "xlm-roberta", "camembert", "data2vec-text", "roberta-prelayernorm",
     "xlm-roberta-xl", "xmod"}
)  # fmt: skip
"""Types whose first position is the one after padding (``create_position_ids_from_input_ids``)."""


def _reach(fields: Fields, base: dict[str, Any]) -> dict[str, Any]:
    """Read how many tokens a text may have, and which of them a token of BigBird sees.

    BigBird's blocks see those of either side and themselves, the first, the last and some at random
    (arXiv:2007.14062, section 2), which is as many as in a window of their number.
    """
    if fields.model_type in _FROM_PADDING:
        first = fields.number("pad_token_id", default=1) + 1
        return {"max_model_len": fields.number("max_position_embeddings") - first}
    if fields.model_type != "big_bird" or fields.text("attention_type") == "original_full":
        return {}
    blocks = _OWN_BLOCKS + fields.number("num_random_blocks")
    window = blocks * fields.number("block_size") + 1
    if window >= (base["max_model_len"] or 0):
        return {}
    return {"sliding_window": window, "layer_types": (SLIDING,)}


@dialect(*TEXT_ENCODERS[:-4])
def _bert(fields: Fields) -> dict[str, Any]:
    """Read an encoder of BERT's shape."""
    fields.require("add_cross_attention", expected=False)
    fields.ignore("attention_type", "block_size", "num_random_blocks", "summary_use_proj")
    fields.ignore("use_bias", "classifier_dropout", "pooler_type", "num_labels")
    fields.ignore("pooler_fc_size", "pooler_num_fc_layers", "pooler_num_attention_heads")
    fields.ignore("pooler_size_per_head")
    around = _AROUND.get(fields.model_type or "", _Around())
    base = decoder_fields(fields)
    hidden = base["hidden_size"]
    width = fields.number("embedding_size", default=hidden)
    kinds = fields.number("type_vocab_size", default=2) if around.types else 0
    outer = (kinds + 2 * around.first) * width + _extra(fields, hidden, width)
    described = {
        **base,
        **PLAIN_FEED_FORWARD,
        **biased_everywhere(biased=True),
        **_positions(fields, base),
        **direction(fields),
        **_reach(fields, base),
        "num_key_value_heads": None,
        "final_norm": around.last,
        "tie_word_embeddings": True,
    }
    if width != hidden:
        outer += (width + 1) * hidden + described.pop("learned_positions") * width
        outer -= 2 * width * hidden
        described["embedding_size"] = width
    after = _after(fields, around, hidden, width)
    outer += described.get("outer_vector_size", 0) + after.pop("outer_vector_size")
    return {**described, **after, **_adapters(fields, hidden), "outer_vector_size": outer}


@dialect("rembert")
def _rembert(fields: Fields) -> dict[str, Any]:
    """Read RemBERT, whose embedding is narrower than its layers and whose head is wider."""
    fields.require("add_cross_attention", expected=False)
    base = decoder_fields(fields)
    hidden, vocabulary = base["hidden_size"], base["vocab_size"]
    width, wide = fields.number("input_embedding_size"), fields.number("output_embedding_size")
    positions = fields.number("max_position_embeddings") + fields.number("type_vocab_size")
    outer = (positions + 2) * width + hidden - width * hidden
    head, dense = head_of(fields), hidden * hidden + hidden
    if head == "words":
        outer += (hidden + 3) * wide + vocabulary * (wide - width)
    else:
        outer += dense + (head == "classes") * (hidden + 1) * labels_of(fields)
    return {
        **base,
        **PLAIN_FEED_FORWARD,
        **biased_everywhere(biased=True),
        **direction(fields),
        "embedding_size": width,
        "final_norm": False,
        "tie_word_embeddings": head != "words",
        "lm_head_bias": head == "words",
        "outer_vector_size": outer,
    }


@dialect("xlm")
def _xlm(fields: Fields) -> dict[str, Any]:
    """Read XLM, an encoder unless it says that it is causal, with embeddings of languages."""
    fields.require("asm", expected=False)
    fields.ignore("is_encoder", "use_lang_emb", "n_words", "summary_use_proj", "bos_index")
    if head_of(fields) == "classes":
        fields.refuse("architectures", "can only be described with a head of words, or with none")
    hidden, languages = fields.number("emb_dim"), fields.number("n_langs", default=1)
    positions = fields.number("max_position_embeddings")
    spoken = languages if languages > 1 and fields.flag("use_lang_emb", default=True) else 0
    causal = fields.flag("causal", default=False)
    return {
        "vocab_size": fields.number("vocab_size", "n_words"),
        "hidden_size": hidden,
        "num_decoder_layers": fields.number("n_layers"),
        "num_attention_heads": fields.number("n_heads"),
        "intermediate_size": 4 * hidden,
        "max_model_len": positions,
        "attention": "causal" if causal else "bidirectional",
        **PLAIN_FEED_FORWARD,
        **biased_everywhere(biased=True),
        "learned_positions": positions,
        "final_norm": False,
        "tie_word_embeddings": True,
        "lm_head_bias": head_of(fields) == "words",
        "outer_vector_size": (2 + spoken) * hidden,
    }


def _adapters(fields: Fields, hidden: int) -> dict[str, int]:
    """Count X-MOD's adapters: two projections of a layer for each language."""
    if fields.model_type != "xmod":
        return {}
    fields.require("adapter_layer_norm", expected=False)
    fields.require("pre_norm", expected=False)
    fields.ignore("adapter_reuse_layer_norm", "ln_before_adapter")
    inner = hidden // fields.number("adapter_reduction_factor", default=2, least=1)
    spoken = max(len(fields.words("languages")), 1)
    return {"layer_vector_size": spoken * (2 * hidden * inner + inner + hidden)}


@dialect(*TEXT_ENCODERS[-2:])
def _modernbert(fields: Fields) -> dict[str, Any]:
    """Read ModernBERT: gated, without biases, windows in two of three layers.

    The norm after the embedding stands in for the first layer's, which has none before attention.
    """
    for name in ("attention_bias", "mlp_bias", "norm_bias", "classifier_bias"):
        fields.require(name, expected=False)
    fields.ignore("classifier_pooling", "classifier_activation", "sparse_prediction")
    fields.ignore("local_attention", "sliding_window", "sparse_pred_ignore_index")
    base = decoder_fields(fields)
    hidden, layers = base["hidden_size"], base["num_decoder_layers"]
    period = fields.number("global_attn_every_n_layers", default=3, least=1)
    regular = tuple(SLIDING if layer % period else FULL for layer in range(layers))
    head, dense = head_of(fields), hidden * hidden + hidden
    both = fields.model_type == "modernbert"
    side = max(fields.number("local_attention", default=128) // 2, 1)
    after: dict[str, Any] = {
        "words": {"lm_head_bias": fields.flag("decoder_bias", default=True)},
        "classes": {"outer_vector_size": (hidden + both) * labels_of(fields)},
        "nothing": {},
    }[head]
    outer = int(after.pop("outer_vector_size", 0)) + (dense if head != "nothing" else 0)
    return {
        **base,
        **after,
        "tie_word_embeddings": True,
        "layer_types": fields.words("layer_types") or regular,
        **(
            {"attention": "bidirectional", "sliding_window": 2 * side + 1}
            if both
            else {"sliding_window": side}
        ),
        "outer_vector_size": outer,
    }
