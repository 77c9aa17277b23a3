"""What drafts the tokens that speculative decoding verifies."""

from __future__ import annotations

from llmcalc_core.domain.model import Model, architecture
from llmcalc_core.domain.techniques import Techniques


def draft_of(model: Model, techniques: Techniques) -> Model:
    """Give the model that drafts for another.

    Raises
    ------
    ValueError
        If none is given.
    """
    if techniques.draft_model is not None:
        return architecture(techniques.draft_model)
    msg = (
        f"draft_model must name what drafts {techniques.speculative_tokens} speculative_tokens "
        f"for {model.name}, such as a small model of its family, got None"
    )
    raise ValueError(msg)
