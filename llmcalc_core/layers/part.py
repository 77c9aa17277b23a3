"""A part of a layer, and what every kind of part says of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from llmcalc_core.formulas import Values
from llmcalc_core.layers.cache_page import CachePage
from llmcalc_core.layers.work import Message, Operation, Pass
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid

Work = tuple[tuple[Operation, ...], tuple[Message, ...]]
"""Operations and messages of one part of one layer, on one device."""

NO_CACHE: Values = 0.0
"""The cache of a part that has none."""


class Part(ABC):
    """One part of a layer: a mixer, a norm, or what carries the residual stream.

    A kind of part is a frozen dataclass with its shape and its parameter counts, made from a
    configuration by a ``from_config`` of its own, and answers the questions below.

    Attributes
    ----------
    parameters : int
        All its parameters: a field, or a property.
    takes_adapters : bool
        Whether low-rank adapters change its projections.
    """

    __slots__ = ()
    takes_adapters: ClassVar[bool] = False

    if TYPE_CHECKING:

        @property
        def parameters(self) -> int: ...  # noqa: D102 - above

    @property
    @abstractmethod
    def label(self) -> str:
        """What a breakdown calls it."""

    @property
    def description(self) -> str:
        """What it is, in a few words with its numbers; empty where that goes without saying."""
        return ""

    @abstractmethod
    def work(self, step: Pass) -> Work:
        """Give the operations and messages of a pass on one device."""

    def kernels(self, step: Pass) -> tuple[Operation, ...]:  # noqa: ARG002 - has none
        """Give the operations of its work that depend on how long sequences are."""
        return ()

    @abstractmethod
    def weight_bytes(self, precision: Precision, grid: Grid) -> Values:
        """Count the weights on one device [bytes]."""

    def cache_bytes(self, precision: Precision, grid: Grid) -> Values:  # noqa: ARG002 - has none
        """Count the caches or states of all sequences on one device [bytes]."""
        return NO_CACHE

    def cache_pages(self, element: float, tp: int) -> tuple[CachePage, ...]:  # noqa: ARG002 - has none
        """Give the caches of one sequence as pages, of elements of so many bytes, one device's."""
        return ()

    @property
    def activation_width(self) -> float:
        """Elements for each token that its widest operation has alive, over all devices."""
        return 0.0

    @property
    def whole_activation_width(self) -> float:
        """Elements of these that every device has, however the others are divided."""
        return 0.0

    @property
    def inactive_parameters(self) -> int:
        """Parameters that one token does not use."""
        return 0

    @property
    def counts(self) -> dict[str, int]:
        """Parameters by what they do, as ``part_parameters`` names it; they sum to all."""
        return {"other": self.parameters}

    @property
    def quantisable(self) -> dict[str, int]:
        """Parameters of projections by the part of a ``Precision``, or ``dense``, that they are."""
        return {}


class Residual(Part):
    """What a layer has to carry the residual stream, beside its mixers and norms."""

    __slots__ = ()

    @property
    def rows(self) -> float:
        """Rows of the hidden size that a token carries between layers, in the mean [1]."""
        return 1.0

    @property
    def most_rows(self) -> float:
        """The same where they are the most [1]."""
        return self.rows

    def weight_bytes(self, precision: Precision, grid: Grid) -> Values:  # noqa: ARG002 - repeated
        """Count the weights: every device has all of them, in 16 bits or more [bytes]."""
        return self.parameters * precision.others_bytes
