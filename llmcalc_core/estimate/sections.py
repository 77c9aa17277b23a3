"""Work of each section of a model: one layer of each kind, what comes before and after."""

from __future__ import annotations

import numpy as np

from llmcalc_core.domain.layers import Layer
from llmcalc_core.domain.model import Model
from llmcalc_core.estimate.adapters import adapter_work
from llmcalc_core.estimate.channel_mixers import channel_work
from llmcalc_core.estimate.token_mixers import token_work
from llmcalc_core.estimate.work import Message, Pass, Section, for_part, matrix, traffic


def sections(model: Model, step: Pass) -> tuple[Section, ...]:
    """Work of one layer of each kind, then of the first and of the last part."""
    layers = tuple(layer_section(layer, step) for layer in model.layers)
    return (*layers, first_section(model, step), last_section(model, step))


def layer_section(layer: Layer, step: Pass) -> Section:
    """Work of one layer: token mixer, channel mixer, normalisations and residual sums."""
    mixed, mixed_messages = token_work(layer.mixer, for_part(step, layer.mixer_part))
    channels, channel_messages = channel_work(layer.channel, step)
    width = 4 * step.hidden * step.precision.output_bytes
    if step.grid.techniques.lora_adapters:
        channels = (*channels, *adapter_work((*mixed, *channels), step))
    norms = traffic(step.tokens * layer.norms * width, launches=float(layer.norms))
    return Section(
        operations=(*mixed, *channels, norms),
        messages=(*mixed_messages, *channel_messages),
    )


def first_section(model: Model, step: Pass) -> Section:
    """Work before the first layer: rows gathered from the embedding."""
    row = model.hidden * (step.precision.unquantised_bytes + step.precision.output_bytes)
    return Section(operations=(traffic(step.tokens * row),), messages=())


def last_section(model: Model, step: Pass) -> Section:
    """Work after the last layer: the final norm and the logits, in prefill of last positions."""
    rows = np.ceil(model.vocabulary / step.grid.tp)
    sampled = step.tokens if step.decode else step.sequences
    head = matrix(step, m=sampled, n=rows, k=model.hidden, quantised=False)
    norm = traffic(step.tokens * 2 * model.hidden * step.precision.output_bytes)
    gathered = Message(
        passes=1,
        size=sampled * model.vocabulary * step.precision.output_bytes,
        participants=step.grid.tp,
    )
    return Section(operations=(head, norm), messages=(gathered,))
