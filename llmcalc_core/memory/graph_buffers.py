"""Buffers that llama.cpp reserves on a device for the largest graph of a step.

``graph_reserve`` of src/llama-context.cpp allocates for a step of ``n_ubatch`` tokens, all of which
give logits, with attention in one kernel (``--flash-attn auto``; read 2026-11-30): start-up logs
print ``compute buffer size``.
"""

from __future__ import annotations

from llmcalc_core.architecture.model import Model
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.single_numbers import smaller
from llmcalc_core.workload.grid import Grid

_FLOAT, _HALF = 4.0, 2.0
"""Bytes of what is computed, and of the mask of attention [bytes]."""


def graph_buffer_bytes(model: Model, grid: Grid) -> Values:
    """Count the buffers of a graph: its widest operation, the stream beside it, and the mask.

    Parameters
    ----------
    model : Model
        What is run.
    grid : Grid
        Its engine and lengths.

    Returns
    -------
    float or array
        Of each device [bytes]. Of Llama 3 8B at 8,192 tokens 266.5 MiB, where a log has 258.5.
    """
    context = grid.inputs + grid.outputs
    tokens = smaller(float(grid.engine.graph_tokens), context)
    widest = max(float(model.vocabulary), model.activation_width)
    alive: Values = tokens * ((widest + model.hidden) * _FLOAT + context * _HALF)
    return alive
