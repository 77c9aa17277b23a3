"""The figures of a device and of a model that can be edited, and copies with some changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from llmcalc_core import Hardware, ModelConfig

Changes = Mapping[str, Any]
"""Fields of a device or a model, by name."""

_FLOPS = "flops"
_EDITED = " (edited)"
_RECURRENT = ("linear_attention", "kimi_delta_attention")
_TERA, _GIGA = 1e12, 1e9
_MOST_LAYERS = 1000
_MOST = 10_000_000
_STEPS = (0.25, 0.5, 0.75, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 4)
"""What a slider offers, as multiples of the original."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number of a device or a model.

    Attributes
    ----------
    key : str
        Its field.
    label : str
        What it is, with the unit of the control.
    about : str
        What it means.
    scale : float
        One of the control's units in those of the field.
    types : tuple of str
        For rates: the types of data that change alike; the first that a device has is shown.
    whole : bool
        Whether it is a count.
    most : float
        More is a slip of the pen.
    free : bool
        Whether it may be 0.
    """

    key: str
    label: str
    about: str
    scale: float = 1.0
    types: tuple[str, ...] = ()
    whole: bool = False
    most: float = float("inf")
    free: bool = False

    @property
    def unit(self) -> str:
        """Of the control, as its label has it; empty for a count."""
        return self.label.partition("[")[2].removesuffix("]")

    def of(self, thing: Hardware | ModelConfig) -> float | None:
        """Give the figure of a device or model in the field's unit; None where it has none."""
        if isinstance(thing, Hardware) and self.types:
            return next((rate for kind, rate in self._rates(thing).items()), None)
        value = getattr(thing, self.key)
        return None if value is None else float(value)

    def applies(self, thing: Hardware | ModelConfig) -> bool:
        """Say whether a change of it is one of the device or model."""
        if isinstance(thing, Hardware):
            return not self.types or bool(self._rates(thing))
        return _counts(self.key, thing) and self.key not in dict(thing.per_layer)

    def put(
        self, changes: Changes, value: float | None, thing: Hardware | ModelConfig
    ) -> dict[str, Any]:
        """Set the figure among changes; None takes it back."""
        rest = {name: one for name, one in changes.items() if name != self.key}
        if isinstance(thing, Hardware) and self.types:
            kept = dict(changes.get(_FLOPS, {}))
            rates = {kind: rate for kind, rate in kept.items() if kind not in self.types}
            if value is not None:
                factor = value / (self.of(thing) or 1.0)
                rates |= {kind: rate * factor for kind, rate in self._rates(thing).items()}
            return {**rest, _FLOPS: rates} if rates else rest
        return rest if value is None else {**rest, self.key: int(value) if self.whole else value}

    def stops(self, thing: Hardware | ModelConfig) -> tuple[float, ...]:
        """Give what a slider offers, in the field's unit: what is valid, the original among it."""
        original = self.of(thing)
        if not original:
            return ()
        values = {round(original * step) if self.whole else original * step for step in _STEPS}
        values = {min(max(value, 1), self.most) if self.whole else value for value in values}
        return tuple(value for value in sorted(values) if self._valid(value, thing))

    def _rates(self, hardware: Hardware) -> dict[str, float]:
        rates = dict(hardware.flops)
        return {kind: rates[kind] for kind in self.types if kind in rates}

    def _valid(self, value: float, thing: Hardware | ModelConfig) -> bool:
        if isinstance(thing, Hardware):
            return True
        try:
            edited_model(thing, {self.key: value})
        except ValueError:
            return False
        return True


DEVICE_FIGURES = (
    Figure(key="memory_bytes", label="Memory [GB]", scale=_GIGA,
           about="Memory of a device, in GB of 10^9 bytes, as its driver reports it"),
    Figure(key="memory_bandwidth", label="Bandwidth [TB/s]", scale=_TERA,
           about="Peak rate of reading and writing a device's memory"),
    Figure(key=_FLOPS, types=("bf16", "fp16"), label="16-bit rate [TFLOP/s]", scale=_TERA,
           about="Peak rate of multiplications in BF16 and FP16, dense; they change alike"),
    Figure(key=_FLOPS, types=("fp8", "int8"), label="8-bit rate [TFLOP/s]", scale=_TERA,
           about="Peak rate of multiplications in FP8 and INT8, dense; they change alike"),
    Figure(key=_FLOPS, types=("fp4", "int4"), label="4-bit rate [TFLOP/s]", scale=_TERA,
           about="Peak rate of multiplications in FP4 and INT4, dense; they change alike"),
    Figure(key="link_bandwidth", label="Links in a node [GB/s]", scale=_GIGA,
           about="A device's links to those of its domain, such as NVLink: total of both "
           "directions, as vendors quote it"),
    Figure(key="node_link_bandwidth", label="Network of nodes [GB/s]", scale=_GIGA,
           about="Network between domains, per device and direction"),
    Figure(key="power_watts", label="Power [W]", about="Board or thermal design power"),
    Figure(key="price_per_hour", label="Price [USD/h]", about="Price of a device for an hour",
           free=True),
)  # fmt: skip
MODEL_FIGURES = (
    Figure(key="num_decoder_layers", label="Layers", whole=True, most=_MOST_LAYERS,
           about="Layers; a pattern of kinds of layers repeats"),
    Figure(key="hidden_size", label="Hidden size", whole=True, most=_MOST,
           about="Width of the stream between layers; heads keep their width"),
    Figure(key="num_attention_heads", label="Query heads", whole=True, most=_MOST,
           about="Query heads of a layer; a multiple of the KV heads"),
    Figure(key="num_key_value_heads", label="KV heads", whole=True, most=_MOST,
           about="Heads of keys and values, which the KV cache holds; they divide the query heads"),
    Figure(key="intermediate_size", label="Feed-forward width", whole=True, most=_MOST,
           about="Width of a dense feed-forward layer"),
    Figure(key="num_experts", label="Experts", whole=True, most=_MOST,
           about="Routed experts of a mixture layer"),
    Figure(key="expert_top_k", label="Active experts", whole=True, most=_MOST,
           about="Routed experts that a token uses"),
    Figure(key="moe_intermediate_size", label="Expert width", whole=True, most=_MOST,
           about="Width of one routed expert"),
    Figure(key="vocab_size", label="Vocabulary", whole=True, most=_MOST,
           about="Tokens that there are: rows of embedding and output head"),
    Figure(key="sliding_window", label="Sliding window", whole=True, most=_MOST,
           about="Tokens that a layer with a window looks back"),
)  # fmt: skip


def checked_changes(thing: Hardware | ModelConfig, changes: object) -> dict[str, Any]:
    """Return changes of a device or model without those that change nothing.

    Raises
    ------
    ValueError
        For what is no dict, an unknown field, or a figure out of range.

    Examples
    --------
    >>> from llmcalc_core import find_model
    >>> checked_changes(find_model("llama2_7b"), {"hidden_size": 4096, "vocab_size": 64000})
    {'vocab_size': 64000}
    """
    if not isinstance(changes, Mapping):
        msg = f"changes must be a dict of figures, got {changes!r}"
        raise ValueError(msg)  # noqa: TRY004 - as every wrong value of a setting
    known = {figure.key: figure.most for figure in (*DEVICE_FIGURES, *MODEL_FIGURES)}
    for name, value in changes.items():
        if isinstance(value, (int, float)) and value > known.get(name, value):
            msg = f"{name} must be at most {known[name]:,}, got {value:,}"
            raise ValueError(msg)
    if isinstance(thing, ModelConfig):
        edited_model(thing, changes)
        return {name: one for name, one in changes.items() if one != getattr(thing, name)}
    edited_hardware(thing, changes)
    rates = {
        kind: rate
        for kind, rate in dict(changes.get(_FLOPS, {})).items()
        if rate != dict(thing.flops).get(kind)
    }
    kept = {
        name: one for name, one in changes.items() if name != _FLOPS and one != getattr(thing, name)
    }
    return {**kept, _FLOPS: rates} if rates else kept


def edited_hardware(hardware: Hardware, changes: Changes) -> Hardware:
    """Give a device with some figures changed.

    Parameters
    ----------
    hardware : Hardware
        The original.
    changes : mapping
        Fields of it, in their SI units; under ``flops`` a rate by type of data [FLOP/s], of those
        that change.

    Raises
    ------
    ValueError
        For an unknown field or a figure out of range.

    Examples
    --------
    >>> from llmcalc_core import find_hardware
    >>> edited_hardware(find_hardware("H100_80GB"), {"memory_bandwidth": 6e12}).name
    'H100_80GB (edited)'
    """
    own = dict(changes)
    if _FLOPS in own:
        if not isinstance(own[_FLOPS], Mapping):
            msg = f"flops must be a dict of rates by type of data [FLOP/s], got {own[_FLOPS]!r}"
            raise ValueError(msg)
        own[_FLOPS] = tuple((dict(hardware.flops) | dict(own[_FLOPS])).items())
    return hardware.replace(**own) if own else hardware


def edited_model(model: ModelConfig, changes: Changes) -> ModelConfig:
    """Give a model with some figures changed.

    Raises
    ------
    ValueError
        For an unknown field, one that differs between layers, or figures that contradict.

    Examples
    --------
    >>> from llmcalc_core import find_model
    >>> edited_model(find_model("llama2_70b"), {"num_decoder_layers": 40}).num_decoder_layers
    40
    """
    if not changes:
        return model
    for name in changes:
        if name in dict(model.per_layer):
            msg = f"{name} of {model.model} differs between layers and can't be one number"
            raise ValueError(msg)
    own = {field.name: getattr(model, field.name) for field in fields(model)}
    name = f"{model.model.removesuffix(_EDITED)}{_EDITED}"
    return ModelConfig.from_fields({**own, "model": name, **changes})


def _counts(key: str, model: ModelConfig) -> bool:
    """Say whether a figure is of any account in a model."""
    mixers = {model.mixers_of(index) for index in range(model.num_decoder_layers)}
    tokens, channels = {token for token, _ in mixers}, {channel for _, channel in mixers}
    attends = any(kind.endswith("_attention") and kind not in _RECURRENT for kind in tokens)
    rules = {
        "num_attention_heads": attends,
        "num_key_value_heads": attends and model.kv_lora_rank is None and model.o_lora_rank is None,
        "intermediate_size": "dense" in channels and model.intermediate_size > 0,
        "num_experts": "sparse" in channels,
        "expert_top_k": "sparse" in channels,
        "moe_intermediate_size": "sparse" in channels,
        "sliding_window": "sliding_attention" in tokens,
    }
    return rules.get(key, True)
