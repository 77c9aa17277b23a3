"""Multi-token prediction: layers after the last that propose tokens ahead."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.domain.layers import Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrediction:
    """A module of multi-token prediction (DeepSeek-V3, arXiv:2412.19437, section 2.2).

    It joins the normalised state of a token with the normalised embedding of the next (a matrix of
    twice the hidden size by the hidden size), runs one layer, and normalises; embedding and head
    are the decoder's own.

    Attributes
    ----------
    count : int
        How many such modules a model has, one for each token further ahead.
    layer : Layer
        The layer of one, like the decoder's last.
    joining_parameters, norm_parameters : int
        The matrix and the three norms of one.
    """

    count: int
    layer: Layer
    joining_parameters: int
    norm_parameters: int

    @property
    def parameters(self) -> int:
        """Parameters of all modules."""
        one = self.layer.parameters + self.joining_parameters + self.norm_parameters
        return self.count * one

    @property
    def active_parameters(self) -> int:
        """Parameters that one token uses in all modules."""
        one = self.layer.active_parameters + self.joining_parameters + self.norm_parameters
        return self.count * one
