"""Work of each section of a model: its parts, what comes before them and after."""

from __future__ import annotations

from llmcalc_core.architecture.model import Model
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.collectives import Collective
from llmcalc_core.formulas.single_numbers import ceiling
from llmcalc_core.layers.adapters import adapter_work
from llmcalc_core.layers.part import Part
from llmcalc_core.layers.work import Message, Operation, Pass, Section, matrix, traffic

NOTHING = Section(operations=(), messages=())

LOGITS = "logits projection"
"""What the projection to the vocabulary is called."""


def sections(model: Model, step: Pass) -> tuple[Section, ...]:
    """Work of each distinct part of the layers, then of the first and of the last part."""
    parts = tuple(part_section(part, step) for part in model.parts)
    return (*parts, first_section(model, step), last_section(model, step))


def sections_of_lengths(model: Model, step: Pass) -> tuple[Section, ...]:
    """Work of each section that depends on how long sequences are, such as attention.

    Of prompts also what comes after the last layer, which is of their number.
    """
    parts = tuple([Section(operations=part.kernels(step), messages=()) for part in model.parts])
    return (*parts, NOTHING, NOTHING if step.decode else last_section(model, step))


def sections_of_tokens(model: Model, step: Pass) -> tuple[Section, ...]:
    """Work of each section that depends on the tokens of a pass alone: the rest."""
    parts = [part_section(part, step) for part in model.parts]
    alike = [
        Section(tuple([one for one in own.operations if not one.depends_on_lengths]), own.messages)
        for own in parts
    ]
    last = last_section(model, step) if step.decode else NOTHING
    return (*alike, first_section(model, step), last)


def part_section(part: Part, step: Pass) -> Section:
    """Work of one part of a layer: a mixer, a norm, or what is beside them."""
    operations, messages = part.work(step)
    if step.grid.techniques.lora_adapters and part.takes_adapters:
        operations = (*operations, *adapter_work(operations, step))
    streamed = _streamed(operations, step) if step.grid.techniques.offloads else 0.0
    return Section(operations=operations, messages=messages, streamed=streamed)


def _streamed(operations: tuple[Operation, ...], step: Pass) -> Values:
    """Bytes that a layer's operations move between a device and its host's memory [bytes]."""
    weights = sum(operation.weights for operation in operations)
    cached = sum(operation.cached for operation in operations)
    return step.grid.weights_offload * weights + step.grid.kv_offload * cached


def first_section(model: Model, step: Pass) -> Section:
    """Work before the first layer: rows gathered from the embeddings, inputs of layers projected.

    Embeddings that layers have for themselves are as wide as all of them together.
    """
    width = model.hidden + model.layer_input_width
    row = width * (step.precision.embedding_bytes + step.precision.output_bytes)
    operations: tuple[Operation, ...] = (traffic("embedding lookup", step.tokens * row),)
    if model.layer_input_width:
        width = model.layer_input_width
        projected = matrix(step, "layer input projection", m=step.tokens, n=width, k=model.hidden)
        operations = (*operations, projected)
    return Section(operations=(*operations, *_stream_projections(model, step)), messages=())


def _stream_projections(model: Model, step: Pass) -> tuple[Operation, ...]:
    """Project the first stream to the others, or each of those back (AltUp in Gemma 3n)."""
    if not model.further_streams:
        return ()
    width = model.further_streams * model.hidden
    return (
        matrix(step, "stream projections", m=step.tokens, n=width, k=model.hidden, quantised=False),
    )


def last_section(model: Model, step: Pass) -> Section:
    """Work after the last layer: the final norm and the logits, in prefill of last positions."""
    rows = ceiling(model.vocabulary / step.grid.tp)
    sampled = step.tokens if step.decode else step.sequences
    head = matrix(step, LOGITS, m=sampled, n=rows, k=model.hidden, quantised=False)
    norm = traffic("final norm", step.tokens * 2 * model.hidden * step.precision.output_bytes)
    gathered = Message(
        name="all-gather of logits",
        collective=Collective.ALL_GATHER,
        size=sampled * model.vocabulary * step.precision.output_bytes,
        participants=step.grid.tp,
    )
    streams = _stream_projections(model, step)
    return Section(operations=(head, norm, *streams), messages=(gathered,))
