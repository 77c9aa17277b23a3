"""Null-safe reading of a ``config.json`` that notices what it has not understood."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn, TypeVar

from llmcalc_core.checks import whole_number

# Words in the names of fields that change the layers of a model. A field with such a word that
# no dialect has read is refused, unless it is listed below or off (null, false, 0, empty).
_STRUCTURAL = re.compile(
    r"altup|attention|attn|audio|bias|block|chunk|compress|conv|dim|embed|encoder|engram|expert|"
    r"ffn|gate|group|hash|hc_|head|hybrid|hyper|index|kv|latent|laurel|layer|linear|lora|mamba|"
    r"mixer|mlp|moe|mtp|norm|parallel|pattern|rank|ratio|recurren|residual|res_|router|shared|sink|"
    r"size|sparse|ssm|state|topk|vision|vocab|window"
)
_HARMLESS = frozenset(
    {
        "_attn_implementation", "_attn_implementation_autoset", "apply_query_key_layer_scaling",
        "attention_dropout", "attention_softmax_in_fp32", "attn_implementation",
        "attn_logit_softcapping", "attn_pdrop", "chunk_size_feed_forward", "compression_config",
        "embd_pdrop", "ep_size", "fused_add_norm", "gradient_checkpointing", "input_jitter_noise",
        "layer_norm_eps", "layer_norm_epsilon", "layerdrop", "layernorm_epsilon", "mamba_dt_init",
        "max_window_layers", "mixer_rms_eps", "norm_eps", "norm_topk_prob",
        "original_max_position_embeddings", "output_attentions", "output_hidden_states",
        "output_router_logits", "pad_vocab_size_multiple", "query_pre_attn_scalar",
        "reorder_and_upcast_attn", "rescale_prenorm_residual", "rms_norm_eps", "rotary_dim",
        "router_aux_loss_coef", "router_jitter_noise", "router_z_loss_coef",
        "scale_attn_by_inverse_layer_idx", "scale_attn_weights", "use_mamba_kernels",
        "attention_multiplier", "embedding_multiplier", "norm_epsilon", "residual_multiplier",
        "moe_routed_scaling_factor", "moe_router_scaling_factor", "n_group", "num_beam_groups",
        "router_scaling_factor", "num_expert_group", "resid_pdrop", "residual_dropout",
        "residual_in_fp32", "topk_group", "topk_method", "use_grouped_topk",
    }
)  # fmt: skip
_SHOWN = 60


class Fields:
    """The fields of a ``config.json``, or of a section of it.

    Parameters
    ----------
    values : mapping
        The parsed content; null is the same as absent.
    where : str
        What it is, for messages.
    """

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self.where = where
        self._values = values
        self._read = {"tie_word_embeddings", "max_position_embeddings"}
        self._sections: list[Fields] = []

    def value(self, *names: str) -> object:
        """Give the first of several spellings that is there, or None."""
        self._read.update(names)
        return next((self._values[name] for name in names if self._has(name)), None)

    def given(self, *names: str) -> str:
        """Give the first of several spellings that is there, or the first of all if none is."""
        return next((name for name in names if self._has(name)), names[0])

    def absent(self, name: str) -> bool:
        """Tell whether a field is not there at all, not even as null."""
        return name not in self._values

    def number(self, *names: str, default: int | None = None, least: int = 0) -> int:
        """Give a whole number from ``least`` on; it must be there unless there is a default."""
        found = self.optional(*names, least=least)
        if found is not None:
            return found
        if default is None:
            msg = f"{self.where} needs the field {' or '.join(names)}"
            raise ValueError(msg)
        return default

    def optional(self, *names: str, least: int = 0) -> int | None:
        """Give a whole number from ``least`` on, or None."""
        value = self.value(*names)
        if value is None:
            return None
        return whole_number(f"{self.where}: {self.given(*names)}", value, least=least)

    def alike(self, name: str, *, default: int | None = None) -> int:
        """Give a whole number, or the one that a list has for every layer."""
        value = self.value(name)
        if not isinstance(value, list):
            return self.number(name, default=default)
        if len(set(value)) != 1 or not isinstance(value[0], int):
            self.refuse(name, "can only be described where it is the same in every layer")
        return whole_number(f"{self.where}: {name}", value[0], least=0)

    def flag(self, name: str, *, default: bool) -> bool:
        """Give true or false."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(name, "must be true or false")
        return value

    def entries(self, name: str) -> tuple[Any, ...]:
        """Give the words or numbers of a list; none where it is not there."""
        value = self.value(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str | int) for one in value):
            self.refuse(name, "must be a list of words or whole numbers")
        return tuple(value)

    def names(self) -> tuple[str, ...]:
        """Give the names of all fields."""
        return tuple(self._values)

    def section(self, name: str) -> Fields:
        """Give the fields of a nested object."""
        value = self.value(name)
        if not isinstance(value, Mapping):
            self.refuse(name, "must be an object")
        section = Fields(value, f"{self.where}, {name}")
        self._sections.append(section)
        return section

    def sections(self, name: str) -> tuple[Fields, ...]:
        """Give the fields of each object of a list."""
        entries = self.value(name) or []
        if not isinstance(entries, list) or not all(isinstance(one, Mapping) for one in entries):
            self.refuse(name, "must be a list of objects")
        sections = tuple(
            Fields(entry, f"{self.where}, {name} {index}") for index, entry in enumerate(entries)
        )
        self._sections += sections
        return sections

    def require(self, name: str, expected: object) -> None:
        """Refuse any other value of a field than the one that can be described."""
        value = self.value(name)
        if value is not None and value != expected:
            self.refuse(name, f"can only be described as {expected!r}")

    def refuse_others(self, names: Collection[str]) -> None:
        """Refuse any field but these."""
        for name in self._values:
            if name not in names:
                self.refuse(name, "may change the architecture and is not understood")

    def ignore(self, *names: str) -> None:
        """Take fields as understood that say nothing more about the architecture."""
        self._read.update(names)

    def ignore_rest(self) -> None:
        """Take every field of this section as understood."""
        self._read.update(self._values)

    def refuse_unread(self) -> None:
        """Refuse what looks like a part of the architecture and was not read.

        Raises
        ------
        ValueError
            With the field and its value.
        """
        for name in self._values:
            understood = name in self._read or name in _HARMLESS or not self._values[name]
            if not understood and _STRUCTURAL.search(name):
                self.refuse(name, "may change the architecture and is not understood")
        for section in self._sections:
            section.refuse_unread()

    def refuse(self, name: str, rule: str) -> NoReturn:
        """Refuse the value of a field.

        Raises
        ------
        ValueError
            Always: with the field, the rule and the value.
        """
        value = repr(self._values.get(name))
        shown = value if len(value) <= _SHOWN else value[:_SHOWN] + " ..."
        got = f"got {shown}" if name in self._values else "and is not there"
        msg = f"{self.where}: the field {name} {rule}, {got}"
        raise ValueError(msg)

    def _has(self, name: str) -> bool:
        return self._values.get(name) is not None


Dialect = Callable[[Fields], dict[str, Any]]
"""Reads one ``model_type``: its fields in, fields of ``ModelConfig`` out."""

DIALECTS: dict[str, Dialect] = {}
"""The dialects of the modules imported so far, by ``model_type``; see :func:`dialect`."""

_Reader = TypeVar("_Reader", bound=Dialect)


def dialect(*model_types: str) -> Callable[[_Reader], _Reader]:
    """Make a function the reader of one ``model_type`` or several.

    Raises
    ------
    ValueError
        If one of them has a reader already.

    Examples
    --------
    >>> dialect("llama")(lambda fields: {})
    Traceback (most recent call last):
    ...
    ValueError: a model_type must have one dialect, got 'llama' again
    """

    def register(reader: _Reader) -> _Reader:
        for model_type in model_types:
            if model_type in DIALECTS:
                msg = f"a model_type must have one dialect, got {model_type!r} again"
                raise ValueError(msg)
            DIALECTS[model_type] = reader
        return reader

    return register
