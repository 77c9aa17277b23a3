"""Which layouts a model can have."""

from __future__ import annotations

from functools import lru_cache

from llmcalc_core.architecture.model import Model
from llmcalc_core.checks import whole_number
from llmcalc_core.engines import Engine, find_engine
from llmcalc_core.workload.layout import Layout, divisors


@lru_cache(maxsize=1024)
def tensor_widths(model: Model) -> tuple[int, ...]:
    """Tensor parallel widths that a model can have, ascending.

    They divide its heads. Key and value heads are divided too, or each is repeated on as many
    devices as any other (vLLM and SGLang: assertions of every model's attention).

    Examples
    --------
    >>> from llmcalc_core.model.config import ModelConfig
    >>> from llmcalc_core.architecture.model import architecture
    >>> architecture_of = lambda kv: architecture(ModelConfig(
    ...     vocab_size=10, hidden_size=80, num_decoder_layers=2, num_attention_heads=40,
    ...     num_key_value_heads=kv, intermediate_size=8))
    >>> tensor_widths(architecture_of(40)), tensor_widths(architecture_of(8))
    ((1, 2, 4, 5, 8, 10, 20, 40), (1, 2, 4, 8, 40))
    """
    return tuple(
        width
        for width in divisors(model.heads)
        if all(width % heads == 0 or heads % width == 0 for heads in model.kv_heads)
    )


def check_layout(
    model: Model,
    *,
    tp: object,
    pp: object,
    ep: object,
    attention_dp: object = None,
    cp: object = 1,
) -> Layout:
    """Return the layout if the model can be laid out so.

    Without ``attention_dp`` a stage has the wider of ``tp`` times ``cp`` and ``ep`` devices.

    Raises
    ------
    ValueError
        If a width is no whole number, ``tp`` does not divide the heads, there are more stages
        than layers, the experts can't be divided so, or prompts can't.

    Examples
    --------
    >>> from llmcalc_core.model.config import ModelConfig
    >>> from llmcalc_core.architecture.model import architecture
    >>> tiny = architecture(ModelConfig(
    ...     vocab_size=10, hidden_size=8, num_decoder_layers=2, num_attention_heads=4,
    ...     intermediate_size=8))
    >>> check_layout(tiny, tp=2, pp=2, ep=1)
    Layout(tp=2, pp=2, ep=1, attention_dp=1, cp=1)
    """
    width = whole_number("tensor_parallel", tp)
    experts = whole_number("expert_parallel", ep)
    contexts = whole_number("context_parallel", cp)
    layout = Layout(
        tp=width,
        pp=whole_number("pipeline_parallel", pp),
        ep=experts,
        attention_dp=(
            -(-experts // (width * contexts))
            if attention_dp is None
            else whole_number("attention_data_parallel", attention_dp)
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
    _check_experts(model, layout, derived=attention_dp is None)
    return layout


def can_lay_out(engine: str | Engine, layout: Layout) -> bool:
    """Whether an engine can split a model so.

    Examples
    --------
    >>> can_lay_out("llama.cpp", Layout(tp=2))
    False
    """
    return not find_engine(engine).splits_layers_only or layout.pp == layout.devices


def check_engine_layout(engine: Engine, layout: Layout) -> None:
    """Refuse a layout that an engine can't have.

    Raises
    ------
    ValueError
        With the nearest one.
    """
    if not can_lay_out(engine, layout):
        msg = (
            f"{engine.label} splits layers over devices and nothing else, so that tensor_parallel, "
            "expert_parallel, context_parallel and attention_data_parallel must be 1, got "
            f"{layout.tp}, {layout.ep}, {layout.cp} and {layout.attention_dp}; the nearest valid "
            f"layout of as many devices is pipeline_parallel {layout.devices}"
        )
        raise ValueError(msg)


def _no_tensor_width(model: Model, width: int) -> ValueError:
    closest = min(tensor_widths(model), key=lambda valid: abs(valid - width))
    fewer = " and ".join(map(str, model.kv_heads))
    shared = (
        f" and divide its {fewer} key and value heads or be a multiple of them" if fewer else ""
    )
    heads = f"{model.attention_heads} attention heads of {model.name}"
    if model.attention_heads != model.heads:
        heads += f" in {model.heads} groups"
    return ValueError(
        f"tensor_parallel must divide the {heads}{shared}, got {width}; the nearest valid value is "
        f"{closest}"
    )


def _check_experts(model: Model, layout: Layout, *, derived: bool) -> None:
    if not model.is_moe:
        for name, width in (("expert", layout.ep), ("attention_data", layout.attention_dp)):
            if width > 1:
                msg = (
                    f"{name}_parallel must be 1 for {model.name}, which has no mixture of "
                    f"experts, got {width}"
                )
                raise ValueError(msg)
        return
    block, devices = layout.tp * layout.cp, layout.stage_devices

    def is_valid(width: int) -> bool:
        return block % width == 0 or width % block == 0 if derived else devices % width == 0

    if layout.ep <= model.experts and is_valid(layout.ep):
        return
    valid = [width for width in range(1, model.experts + 1) if is_valid(width)]
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
