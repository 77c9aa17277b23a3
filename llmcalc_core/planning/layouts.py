"""Legal layouts of a model on a number of devices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from llmcalc_core.architecture.model import Model
from llmcalc_core.planning.legality import tensor_widths
from llmcalc_core.workload.layout import Layout, divisors, slots

MOST_SLOTS = 1.25
"""Most slots for each expert that are tried, assumed; DeepSeek-V3 has 1.125 (arXiv:2412.19437,
section 3.4: 32 redundant experts beside 256)."""

MOST_SHARING = 8
"""Most devices that share an expert's columns beside attention replicas: a node's, assumed."""

LEAST_COLUMNS = 128
"""Fewest columns of an expert on a device that are tried beside attention replicas: a block of FP8
weights, which SGLang does not divide (server_args.py, weight_block_size; read 2026-11-23)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A layout and how many replicas of it run side by side."""

    layout: Layout
    replicas: int

    @property
    def devices(self) -> int:
        """Devices of all replicas."""
        return self.layout.devices * self.replicas


@lru_cache(maxsize=1024)
def layouts(model: Model, devices: int) -> tuple[Layout, ...]:
    """Every tensor and pipeline split whose product is the device count.

    Parameters
    ----------
    model : Model
        Its heads are what ``tp`` must divide; it has at least ``pp`` layers.
    devices : int
        Devices of one replica.

    Returns
    -------
    tuple of Layout
        Sorted by tensor parallel width; empty only beyond heads times layers.

    Examples
    --------
    >>> from llmcalc_core.model.config import ModelConfig
    >>> from llmcalc_core.architecture.model import architecture
    >>> llama = architecture(ModelConfig(
    ...     vocab_size=32000, hidden_size=4096, num_decoder_layers=32, num_attention_heads=32,
    ...     intermediate_size=11008))
    >>> [(layout.tp, layout.pp) for layout in layouts(llama, 6)]
    [(1, 6), (2, 3)]
    """
    return tuple(
        Layout(tp=width, pp=devices // width)
        for width in tensor_widths(model)
        if devices % width == 0 and devices // width <= model.layer_count
    )


@lru_cache(maxsize=1024)
def plans(model: Model, devices: int, contexts: tuple[int, ...] = (1,)) -> tuple[Plan, ...]:
    """Every layout and number of replicas that uses the devices up, with expert parallelism.

    Parameters
    ----------
    model : Model
        What is laid out.
    devices : int
        Devices of all replicas together.
    contexts : tuple of int
        Context parallel widths to try.

    Returns
    -------
    tuple of Plan
        Sorted by layout, those of :func:`narrower_layouts` last; every device count has at least
        the plan of single-device replicas where ``contexts`` has 1 in it.
    """
    found: list[Plan] = []
    for layouts_of in (stage_layouts, narrower_layouts):
        alike = {
            Plan(layout=layout, replicas=replicas)
            for replicas in divisors(devices)
            for width in contexts
            if devices // replicas % width == 0 and (width == 1 or model.divides_prompts)
            for layout in layouts_of(model, devices // replicas // width, width)
        }
        found += sorted(alike, key=lambda plan: (plan.layout, plan.replicas))
    return tuple(found)


def no_plan(model: Model, devices: tuple[int, ...], contexts: tuple[int, ...]) -> ValueError:
    """Make the error for context parallel widths that no plan can have.

    Parameters
    ----------
    model : Model
        What is laid out.
    devices, contexts : tuple of int
        Device counts and context parallel widths asked for.

    Returns
    -------
    ValueError
        To be raised.
    """
    if not model.divides_prompts:
        return ValueError(
            f"context_parallel must be 1 for {model.name}, whose recurrent or compressed layers "
            f"read prompts in order, got {list(contexts)}"
        )
    valid = {width for count in devices for width in divisors(count)}
    closest = min(valid, key=lambda width: abs(width - contexts[0]))
    return ValueError(
        f"context_parallel must divide devices ({list(devices)}), got {list(contexts)}; the "
        f"nearest valid value is {closest}"
    )


def stage_layouts(model: Model, devices: int, contexts: int = 1) -> tuple[Layout, ...]:
    """Layouts of one replica, whose prompts are divided over so many groups of devices."""
    if model.is_moe and contexts == 1:
        return tuple(
            Layout(tp=tp, pp=stages, ep=ep, attention_dp=attention_dp)
            for tp, stages, attention_dp in _with_replicas(model, devices)
            for ep in _expert_widths(model, tp, attention_dp)
        )
    return tuple(
        Layout(tp=one.tp, pp=one.pp, ep=ep, cp=contexts)
        for one in layouts(model, devices)
        for ep in (_expert_widths(model, one.tp, contexts) if model.is_moe else (1,))
    )


def narrower_layouts(model: Model, devices: int, contexts: int = 1) -> tuple[Layout, ...]:
    """Layouts whose attention replicas share experts over fewer groups than they could.

    One: the columns of all experts over all devices, as vLLM does where expert parallelism is not
    asked for (docs, data parallel deployment: a tensor parallel group of DP x TP); or as many as
    replicas: whole experts across them, columns over the devices of each (SGLang's hybrid of expert
    and tensor parallelism, ep_size below tp_size; TensorRT-LLM, moe_tp_size x moe_ep_size; all read
    2026-11-23). Not where too many devices share an expert, or one has too few of its columns.
    """
    if not model.is_moe or contexts > 1:
        return ()
    experts = model.experts
    columns = min(mixture.width for mixture in model.mixtures)
    return tuple(
        Layout(tp=tp, pp=stages, ep=ep, attention_dp=attention_dp)
        for tp, stages, attention_dp in _with_replicas(model, devices)
        for ep in sorted({1, attention_dp} - {*_expert_widths(model, tp, attention_dp)})
        if ep <= experts
        and slots(experts, ep) <= MOST_SLOTS * experts
        and tp * attention_dp <= min(MOST_SHARING, columns // LEAST_COLUMNS) * ep
        and attention_dp > 1
    )


def _with_replicas(model: Model, devices: int) -> list[tuple[int, int, int]]:
    """Tensor and pipeline parallel widths and attention replicas of one replica of a mixture."""
    return [
        (tp, devices // group, group // tp)
        for group in divisors(devices)
        if devices // group <= model.layer_count
        for tp in tensor_widths(model)
        if group % tp == 0
    ]


def _expert_widths(model: Model, tp: int, groups: int) -> tuple[int, ...]:
    """Expert parallel widths to try: all that divide the experts, or over groups the widest.

    Where attention replicas or parts of a prompt have tokens of their own, engines divide the
    experts over all devices of a stage (vLLM's and SGLang's documentation of expert parallelism),
    as far as there are experts: the last few slots are filled with copies, devices beyond them
    share columns.
    """
    experts = model.experts
    if groups == 1:
        return tuple(width for width in divisors(tp) if experts % width == 0)
    widths = (width for width in divisors(tp * groups) if width <= experts)
    return (max(width for width in widths if slots(experts, width) <= MOST_SLOTS * experts),)
