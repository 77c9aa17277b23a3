"""What a deployment does with its requests beside computing them from the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypedDict

from llmcalc_core.domain.checks import share


@dataclass(frozen=True, slots=True, kw_only=True)
class Techniques:
    """What a deployment does with its requests; with the defaults, nothing.

    Parameters
    ----------
    prefix_hit_rate : float, default 0
        Share of the input tokens that the KV cache already holds: prefill computes the rest, at
        least one token, which still attends to all (vLLM, Automatic Prefix Caching; Zheng et al.,
        SGLang's RadixAttention, arXiv:2312.07104, section 3). Cached blocks count once for each
        request in flight, as if no two requests shared theirs, which is right where hits come
        from a request's own earlier turns and too much where all share a system prompt.

    Raises
    ------
    ValueError
        For a value out of range.

    Examples
    --------
    >>> Techniques(prefix_hit_rate=0.5) == Techniques()
    False
    """

    prefix_hit_rate: float = 0.0

    def __post_init__(self) -> None:
        """Check every field."""
        object.__setattr__(self, "prefix_hit_rate", share("prefix_hit_rate", self.prefix_hit_rate))


class TechniqueArguments(TypedDict, total=False):
    """The fields of :class:`Techniques` as arguments; several values of one make an axis."""

    prefix_hit_rate: float | Sequence[float]


NO_TECHNIQUES = Techniques()
"""A deployment that computes every request from the start, token by token, in device memory."""


def in_use(techniques: tuple[Techniques, ...]) -> dict[str, tuple[Any, ...]]:
    """Give the fields that any technique uses, with the value of each.

    Examples
    --------
    >>> in_use((Techniques(), Techniques(prefix_hit_rate=0.5)))
    {'prefix_hit_rate': (0.0, 0.5)}
    """
    values = {
        field.name: tuple(getattr(one, field.name) for one in techniques)
        for field in fields(Techniques)
    }
    return {name: own for name, own in values.items() if set(own) != {getattr(NO_TECHNIQUES, name)}}
