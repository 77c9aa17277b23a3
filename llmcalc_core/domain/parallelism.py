"""How one replica of a model is laid out over devices, and which layouts are legal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from llmcalc_core.domain.attention import Attention
from llmcalc_core.domain.checks import whole_number
from llmcalc_core.domain.model import Model


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Layout:
    """Tensor, pipeline, expert, attention data and context parallelism of one replica.

    Parameters
    ----------
    tp : int
        Tensor parallel width: devices that share the heads and columns of a layer.
    pp : int, default 1
        Pipeline stages.
    ep : int, default 1
        Expert parallel width: groups of a stage's devices that the experts are divided over; the
        devices of a group share the columns of its experts (TensorRT-LLM's hybrid of expert and
        tensor parallelism). Where it does not divide the experts, the slots left over hold copies
        of busy ones (redundant experts, DeepSeek-V3, arXiv:2412.19437, section 3.4).
    dp : int, default 1
        Attention data parallelism: replicas of the attention inside a stage, each over ``tp``
        devices with sequences of its own.
    cp : int, default 1
        Context parallelism: groups of ``tp`` devices that the tokens of each prompt are divided
        over in prefill. Keys and values are gathered, so that each group keeps the whole cache
        and all repeat the same decode steps (vLLM's prefill context parallelism, docs/serving/
        context_parallel_deployment.md and pull request 46570; SGLang's, advanced_features/
        prefill_cp; both read 2026-11-23).

    Examples
    --------
    >>> Layout(tp=2, pp=2, ep=8, dp=4).devices
    16
    """

    tp: int = 1
    pp: int = 1
    ep: int = 1
    dp: int = 1
    cp: int = 1

    @property
    def stage_devices(self) -> int:
        """Devices of one pipeline stage."""
        return self.tp * self.dp * self.cp

    @property
    def devices(self) -> int:
        """Devices of one replica."""
        return self.stage_devices * self.pp


@lru_cache(maxsize=4096)
def divisors(number: int) -> tuple[int, ...]:
    """All divisors of a number, ascending.

    Examples
    --------
    >>> divisors(12)
    (1, 2, 3, 4, 6, 12)
    """
    return tuple(value for value in range(1, number + 1) if number % value == 0)


@lru_cache(maxsize=1024)
def tensor_widths(model: Model) -> tuple[int, ...]:
    """Tensor parallel widths that a model can have, ascending.

    They divide its heads. Key and value heads are divided too, or each is repeated on as many
    devices as any other (vLLM and SGLang: assertions of every model's attention).

    Examples
    --------
    >>> from llmcalc_core.domain.config import ModelConfig
    >>> from llmcalc_core.domain.model import architecture
    >>> architecture_of = lambda kv: architecture(ModelConfig(
    ...     vocab_size=10, hidden_size=80, num_decoder_layers=2, num_attention_heads=40,
    ...     num_key_value_heads=kv, intermediate_size=8))
    >>> tensor_widths(architecture_of(40)), tensor_widths(architecture_of(8))
    ((1, 2, 4, 5, 8, 10, 20, 40), (1, 2, 4, 8, 40))
    """
    shared = _key_value_heads(model)
    return tuple(
        width
        for width in divisors(model.heads)
        if all(width % heads == 0 or heads % width == 0 for heads in shared)
    )


def _key_value_heads(model: Model) -> tuple[int, ...]:
    """Give the numbers of key and value heads that layers have, where fewer than query heads."""
    mixers = (layer.mixer for layer in model.layers)
    attention = [mixer for mixer in mixers if isinstance(mixer, Attention)]
    return tuple(sorted({one.kv_heads for one in attention if one.kv_heads < one.heads}))


def slots(experts: int, width: int) -> int:
    """Places for experts that an expert parallel width has, equally many on each rank.

    Examples
    --------
    >>> slots(256, 16), slots(256, 72)
    (256, 288)
    """
    return -(-experts // width) * width


def check_layout(
    model: Model,
    *,
    tp: object,
    pp: object,
    ep: object,
    dp: object = None,
    cp: object = 1,
) -> Layout:
    """Return the layout if the model can be laid out so.

    Without ``dp`` a stage has the wider of ``tp`` times ``cp`` and ``ep`` devices.

    Raises
    ------
    ValueError
        If a width is no whole number, ``tp`` does not divide the heads, there are more stages
        than layers, the experts can't be divided so, or prompts can't.

    Examples
    --------
    >>> from llmcalc_core.domain.config import ModelConfig
    >>> from llmcalc_core.domain.model import architecture
    >>> tiny = architecture(ModelConfig(
    ...     vocab_size=10, hidden_size=8, num_decoder_layers=2, num_attention_heads=4,
    ...     intermediate_size=8))
    >>> check_layout(tiny, tp=2, pp=2, ep=1)
    Layout(tp=2, pp=2, ep=1, dp=1, cp=1)
    """
    width = whole_number("tensor_parallel", tp)
    experts = whole_number("expert_parallel", ep)
    contexts = whole_number("context_parallel", cp)
    layout = Layout(
        tp=width,
        pp=whole_number("pipeline_parallel", pp),
        ep=experts,
        dp=(
            -(-experts // (width * contexts))
            if dp is None
            else whole_number("attention_data_parallel", dp)
        ),
        cp=contexts,
    )
    if layout.tp not in tensor_widths(model):
        raise _no_tensor_width(model, layout.tp)
    if layout.pp > model.layer_count:
        msg = (
            f"pipeline_parallel must be at most the {model.layer_count} layers of {model.name}, "
            f"got {layout.pp}; the nearest valid value is {model.layer_count}"
        )
        raise ValueError(msg)
    if layout.cp > 1 and not model.divides_prompts:
        msg = (
            f"context_parallel must be 1 for {model.name}, whose recurrent or compressed layers "
            f"read prompts in order, got {layout.cp}"
        )
        raise ValueError(msg)
    _check_experts(model, layout, derived=dp is None)
    return layout


def _no_tensor_width(model: Model, width: int) -> ValueError:
    closest = min(tensor_widths(model), key=lambda valid: abs(valid - width))
    fewer = " and ".join(map(str, _key_value_heads(model)))
    shared = (
        f" and divide its {fewer} key and value heads or be a multiple of them" if fewer else ""
    )
    return ValueError(
        f"tensor_parallel must divide the {model.heads} attention heads of {model.name}{shared}, "
        f"got {width}; the nearest valid value is {closest}"
    )


def _check_experts(model: Model, layout: Layout, *, derived: bool) -> None:
    if not model.has_mixture:
        for name, width in (("expert", layout.ep), ("attention_data", layout.dp)):
            if width > 1:
                msg = (
                    f"{name}_parallel must be 1 for {model.name}, which has no mixture of "
                    f"experts, got {width}"
                )
                raise ValueError(msg)
        return
    block, devices = layout.tp * layout.cp, layout.stage_devices
    valid = [
        width
        for width in range(1, model.experts + 1)
        if (block % width == 0 or width % block == 0 if derived else devices % width == 0)
    ]
    if layout.ep in valid:
        return
    among = (
        f"divide {_named(layout.tp, layout.cp)} or be a multiple of it"
        if derived
        else f"divide the {devices} devices of a stage (tensor_parallel x attention_data_parallel"
        f"{' x context_parallel' if layout.cp > 1 else ''})"
    )
    closest = min(valid, key=lambda width: abs(width - layout.ep))
    msg = (
        f"expert_parallel must be at most the {model.experts} experts of {model.name} and {among}, "
        f"got {layout.ep}; the nearest valid value is {closest}"
    )
    raise ValueError(msg)


def _named(tp: int, cp: int) -> str:
    """Name the devices that share a sequence."""
    return (
        f"tensor_parallel ({tp})" if cp == 1 else f"tensor_parallel x context_parallel ({tp * cp})"
    )
