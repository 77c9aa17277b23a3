"""Token mixers: what attention kinds and recurrent kinds have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from llmcalc_core.formulas import Values
from llmcalc_core.formulas.collectives import Collective
from llmcalc_core.layers.cache_page import CachePage
from llmcalc_core.layers.kv_cache import requests
from llmcalc_core.layers.part import NO_CACHE, Part, Work
from llmcalc_core.layers.work import Message, Operation, Pass, all_reduce, for_part
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid


class TokenMixer(Part):
    """A part of a layer that mixes the tokens of a sequence, and ends in a sum over devices.

    Attributes
    ----------
    precision_part : {'attention', 'recurrent'}
        The part of a ``Precision`` that its projections have the types of.
    """

    __slots__ = ()
    takes_adapters = True
    precision_part: ClassVar[str]

    @property
    @abstractmethod
    def shardable_heads(self) -> int | None:
        """Number that the tensor parallel width must divide; None where it need not."""

    @property
    def grouped_kv_heads(self) -> int | None:
        """Key and value heads where fewer than query heads, which devices divide or repeat."""
        return None

    @abstractmethod
    def operations(self, step: Pass) -> tuple[Operation, ...]:
        """Give the operations of a pass, which has the types of this part, on one device."""

    def kernels(self, step: Pass) -> tuple[Operation, ...]:
        """Give the operations of its work that depend on how long sequences are."""
        return self.operations_on_lengths(for_part(step, self.precision_part))

    def operations_on_lengths(self, step: Pass) -> tuple[Operation, ...]:
        """Give those operations of a pass that depend on how long sequences are."""
        return tuple(one for one in self.operations(step) if one.depends_on_lengths)

    @abstractmethod
    def sharded_parameters(self, tp: Values) -> Values:
        """Count the parameters on one device; what too few devices can share, all have."""

    def gathered_width(self, tp: Values) -> Values | None:  # noqa: ARG002 - reads them in order
        """Elements for each token that context parallelism gathers; None if it reads in order."""
        return None

    def work(self, step: Pass) -> Work:
        """Give the operations, and the sum over tensor parallel devices at the end."""
        own = for_part(step, self.precision_part)
        operations, sent = self.operations(own), (*self.messages_inside(own), all_reduce(own))
        if step.decode or not step.grid.divides_prompts:
            return operations, sent
        width = self.gathered_width(step.grid.tp)
        return operations, sent if width is None else (*sent, _gather(own, width))

    def messages_inside(self, step: Pass) -> tuple[Message, ...]:  # noqa: ARG002 - none of most
        """Give what tensor parallel devices send each other before the results are summed."""
        return ()

    def weight_bytes(self, precision: Precision, grid: Grid) -> Values:
        """Count the weights on one device [bytes]."""
        weight = precision.part(self.precision_part).weight_bytes
        return self.sharded_parameters(grid.tp) * weight

    @property
    def counts(self) -> dict[str, int]:
        """All its parameters, under the name of its part of a precision."""
        return {self.precision_part: self.parameters}


class AttentionMixer(TokenMixer):
    """A token mixer that looks back on a cache of keys and values.

    Attributes
    ----------
    output_parameters : int
        Those of the last projection, which may have a type of its own.
    """

    __slots__ = ()
    precision_part = "attention"
    output_parameters: int

    @abstractmethod
    def request_bytes(self, element: float, grid: Grid) -> Values:
        """Count the cache of one request, of elements of so many bytes, on one device [bytes]."""

    def cache_bytes(self, precision: Precision, grid: Grid) -> Values:
        """Count the caches of all requests: the prompt once for each, the rest for each beam."""
        each = self.request_bytes(precision.kv_bytes, grid)
        return NO_CACHE if each is NO_CACHE else requests(grid) * each

    def weight_bytes(self, precision: Precision, grid: Grid) -> Values:
        """Count the weights on one device, the last projection's in its own type [bytes]."""
        own = precision.part("attention").weight_bytes
        wider = precision.part("attention_output").weight_bytes - own
        return self.sharded_parameters(grid.tp) * own + self.output_parameters / grid.tp * wider

    @property
    def quantisable(self) -> dict[str, int]:
        """The last projection, and all before it."""
        before = self.parameters - self.output_parameters
        return {"attention": before, "attention_output": self.output_parameters}


class RecurrentMixer(TokenMixer):
    """A token mixer that keeps a state of each sequence, which does not grow with the context."""

    __slots__ = ()
    precision_part = "recurrent"

    @property
    def checkpoint_tokens(self) -> int:
        """Tokens at whose multiples vLLM keeps the state while it reads a prompt; 0: it can't."""
        return 0

    @abstractmethod
    def state_bytes(self, tp: Values, sequences: Values) -> Values:
        """Count the states of so many sequences on one device [bytes]."""

    def page_bytes(self, tp: int) -> float:
        """Count the state of one sequence as a page of a paged cache [bytes]."""
        return float(np.asarray(self.state_bytes(tp, 1.0)))

    def cache_pages(self, element: float, tp: int) -> tuple[CachePage, ...]:  # noqa: ARG002 - own types
        """Give the state of one sequence."""
        state = self.page_bytes(tp)
        return (
            CachePage(kept="state", token_bytes=state, checkpoint_tokens=self.checkpoint_tokens),
        )

    def cache_bytes(self, precision: Precision, grid: Grid) -> Values:  # noqa: ARG002 - own types
        """Count the states of all sequences on one device [bytes].

        Each drafted token adds one, which is kept in case those after it are rejected.
        """
        return self.state_bytes(grid.tp, requests(grid) * (grid.beams + grid.draft_tokens))

    @property
    def quantisable(self) -> dict[str, int]:
        """All its parameters."""
        return {"recurrent": self.parameters}


def _gather(step: Pass, width: Values) -> Message:
    """Gather the keys and values of a prompt's parts, as wide as activations, before attention.

    vLLM, docs/serving/context_parallel_deployment.md (partial query, full key and value); Yang et
    al., arXiv:2411.01783, send as much in a ring.
    """
    return Message(
        name="all-gather of keys and values",
        collective=Collective.ALL_GATHER,
        size=step.replica_tokens * width * step.precision.output_bytes,
        participants=np.asarray(step.cp),
        stride=step.grid.tp,
    )
