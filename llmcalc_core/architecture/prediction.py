"""Multi-token prediction: layers after the last that propose tokens ahead."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.layers.shapes import Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrediction:
    """A module of multi-token prediction (DeepSeek-V3, arXiv:2412.19437, section 2.2).

    It joins the normalised state of a token with the normalised embedding of the next (a matrix of
    twice the hidden size by the hidden size), runs one layer, and ends as the decoder does;
    embedding and head are the decoder's own.

    Attributes
    ----------
    count : int
        How many such modules a model has, one for each token further ahead.
    layer : Layer
        The layer of one.
    joining_parameters, norm_parameters, final_parameters : int
        Of one: the matrix, the two norms before it, and what comes after the layer.
    """

    count: int
    layer: Layer
    joining_parameters: int
    norm_parameters: int
    final_parameters: int

    @property
    def parameters(self) -> int:
        """Parameters of all modules."""
        return self.count * (self.layer.parameters + self._around)

    @property
    def active_parameters(self) -> int:
        """Parameters that one token uses in all modules."""
        return self.count * (self.layer.active_parameters + self._around)

    @property
    def _around(self) -> int:
        return self.joining_parameters + self.norm_parameters + self.final_parameters
