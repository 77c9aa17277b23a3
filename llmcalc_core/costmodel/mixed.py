"""Work of a step that decodes and reads prompts: one pass over both, its weights read once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.moe import touched_by_either
from llmcalc_core.layers.work import Message, Operation, Section


def mixed_sections(
    decode: Sequence[Section],
    prompts: Sequence[Section],
    weights_away: Values = 0.0,
    *,
    decoding: Values = 1.0,
) -> tuple[Section, ...]:
    """Join the sections of a decode step with those of the prompts that are read in it.

    Matrix products, elementwise operations and messages of the same layer see the tokens of both
    and read their weights once; experts are read that either touches. Attention is another kernel
    for each.

    Parameters
    ----------
    decode, prompts : sequence of Section
        Of the same model, in the same order.
    weights_away : float or array
        Share of the weights that are in the host's memory [1].
    decoding : float or array
        Share of such steps in which anything decodes: what only decoding does runs in these [1].

    Returns
    -------
    tuple of Section
        Those of the step.
    """
    return tuple(
        _joined(one, other, weights_away, decoding)
        for one, other in zip(decode, prompts, strict=True)
    )


def _joined(decode: Section, prompts: Section, weights_away: Values, decoding: Values) -> Section:
    left = list(prompts.operations)
    operations: list[Operation] = []
    once: Values = 0.0
    for own in decode.operations:
        like = next((other for other in left if _is_shared(own, other)), None)
        if like is None:
            launches = own.launches * decoding
            further = own.further * decoding
            operations.append(
                own._replace(moved=own.moved * decoding, launches=launches, further=further)
            )
            continue
        left.remove(like)
        both = _of_both(own, like)
        once = once + (own.weights + like.weights - both.weights)
        operations.append(both)
    streamed = decode.streamed + prompts.streamed
    if _is_some(decode.streamed):
        streamed = streamed - weights_away * once
    return Section(
        operations=(*operations, *(_of_prompts(one) for one in left)),
        messages=_messages(decode.messages, prompts.messages),
        streamed=streamed,
    )


def _is_some(values: Values) -> bool:
    return isinstance(values, np.ndarray) or bool(values)


def _of_prompts(own: Operation) -> Operation:
    """Tell an operation of prompts from that of what decodes beside."""
    return own._replace(name=f"{own.name} of prompts")


def _is_shared(one: Operation, other: Operation) -> bool:
    """Whether two operations are the same kernel with other tokens."""
    if one.name != other.name or one.kind != other.kind or one.kind == "attention":
        return False
    if one.shape is None or other.shape is None:
        return one.shape is other.shape
    return all(
        mine is its or np.array_equal(mine, its)
        for mine, its in zip(one.shape[1:], other.shape[1:], strict=True)
    )


def _of_both(one: Operation, other: Operation) -> Operation:
    """Give an operation over the tokens of both."""
    weights = _read_by_either(one, other)
    repeated = one.weights + other.weights - weights
    size = one.size
    if _is_some(one.choice):
        size = (one.size * one.weights + other.size * other.weights) / weights
    elif one.is_product:
        size = one.size + other.size
    return one._replace(
        flops=one.flops + other.flops,
        moved=one.moved + other.moved - repeated,
        size=size,
        weights=weights,
        cached=one.cached + other.cached,
    )


def _read_by_either(one: Operation, other: Operation) -> Values:
    """Weights that either reads: where tokens choose, both do so without regard to each other."""
    if _is_some(one.choice):
        return touched_by_either(one=one.weights, other=other.weights, experts=one.choice)
    return np.maximum(one.weights, other.weights)


def _messages(one: tuple[Message, ...], other: tuple[Message, ...]) -> tuple[Message, ...]:
    """Give the messages of both, each sent once."""
    known = {sent.name: sent for sent in one}
    return tuple(
        more._replace(size=known[more.name].size + more.size) if more.name in known else more
        for more in other
    )
