"""What drafts the tokens that speculative decoding verifies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from llmcalc_core.architecture.model import Model, TokenPrediction, architecture
from llmcalc_core.layers.projection import Projection
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid, axis
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import NO_TECHNIQUES, Techniques

_WIDE_BITS = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draft:
    """What drafts a token in one pass.

    Attributes
    ----------
    model : Model
        A small model, or a module of the large one's multi-token prediction.
    copies : int
        How many of its kind are held, each with a cache of its own.
    is_module : bool
        Whether it is a module of the large model, whose embedding and head it uses.
    """

    model: Model
    copies: int = 1
    is_module: bool = False


def draft_of(model: Model, techniques: Techniques) -> Draft:
    """Give what drafts for a model: the one that is named, else its own prediction modules.

    Raises
    ------
    ValueError
        If none is named, and the model has none of its own.

    Examples
    --------
    >>> from llmcalc_core.model.config import ModelConfig
    >>> tiny = architecture(ModelConfig(
    ...     vocab_size=10, hidden_size=8, num_decoder_layers=2, num_attention_heads=4,
    ...     intermediate_size=8, mtp_layers=1))
    >>> draft_of(tiny, Techniques(speculative_tokens=1, acceptance_rate=0.8)).model.layer_count
    1
    """
    if techniques.draft_model is not None:
        found = architecture(techniques.draft_model)
        found.check_phase("decode")
        return Draft(model=found)
    if model.prediction is not None:
        return _module(model, model.prediction)
    msg = (
        f"draft_model must name what drafts {techniques.speculative_tokens} speculative_tokens "
        f"for {model.name}, which has no multi-token prediction, such as a small model of its "
        "family, got None"
    )
    raise ValueError(msg)


def draft_precision(draft: Draft, precision: Precision) -> Precision:
    """Give the types that a draft is held in: of a checkpoint's own modules maybe 16 bits.

    Examples
    --------
    >>> from llmcalc_core.model.config import ModelConfig
    >>> tiny = architecture(ModelConfig(
    ...     vocab_size=10, hidden_size=8, num_decoder_layers=2, num_attention_heads=4,
    ...     intermediate_size=8, mtp_layers=1))
    >>> own = draft_of(tiny, Techniques(speculative_tokens=1, acceptance_rate=0.8))
    >>> draft_precision(own, Precision(weights="fp4", stored_bits={"mtp": 16})).weights
    'bf16'
    """
    wide = draft.is_module and dict(precision.stored_bits).get("mtp", 0.0) >= _WIDE_BITS
    return Precision(kv_cache=precision.kv_cache) if wide else precision


@lru_cache(maxsize=256)
def _module(model: Model, prediction: TokenPrediction) -> Draft:
    """Describe one module: two norms more than its layer, and the matrix that joins two rows.

    That matrix, of twice the hidden size by the hidden size, is two of the hidden size by itself.
    """
    layer = prediction.layer
    joins = (Projection(parameters=prediction.joining_parameters // 2),) * 2
    module = replace(
        model, name=f"{model.name} (prediction)",
        layers=(replace(layer, norms=layer.norms + 2, extras=(*layer.extras, *joins)),),
        sequence=(0,), embedding_parameters=0, head_parameters=0,
        final_norm_parameters=prediction.final_parameters, layer_input_width=0,
        further_streams=0, tied=True, prediction=None, vision=None,
    )  # fmt: skip
    return Draft(model=module, copies=prediction.count, is_module=True)


def draft_width(draft: Model, tp: int) -> int:
    """Give the tensor parallel width of a drafting model: the large one's, if it divides heads."""
    return tp if draft.heads % tp == 0 else 1


def draft_grid(draft: Model, grid: Grid) -> Grid:
    """Lay a drafting model out beside a large one, as :class:`Techniques` says.

    Parameters
    ----------
    draft : Model
        What drafts, a token at a time.
    grid : Grid
        Of the large model.

    Returns
    -------
    Grid
        The same workloads, on one stage, whose devices share or repeat the draft.
    """
    divides = [draft_width(draft, one.tp) == one.tp for one in grid.layouts]
    spread = [
        fits and draft.experts >= one.ep for fits, one in zip(divides, grid.layouts, strict=True)
    ]
    layouts = tuple(
        Layout(
            tp=one.tp if fits else 1,
            ep=one.ep if wide else 1,
            attention_dp=one.attention_dp,
            cp=one.cp,
        )
        for one, fits, wide in zip(grid.layouts, divides, spread, strict=True)
    )
    tp = axis([one.tp for one in layouts], 0)
    ep = axis([one.ep for one in layouts], 0)
    one, shared = np.ones_like(tp), grid.stage_devices / grid.tp
    return replace(
        grid, layouts=layouts, tp=tp, pp=one, ep=ep, stage_devices=tp * shared,
        micro_batches=one, techniques=NO_TECHNIQUES, draft_tokens=0.0, acceptance_length=1.0,
    )  # fmt: skip
