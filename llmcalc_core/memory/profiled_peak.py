"""The peak of vLLM's dummy step: its encoder of images, its layers, its sampler, its workspaces.

``profile_run`` of vllm/v1/worker/gpu_model_runner.py 0.33, read 2026-11-30: first dummy images go
through the encoder, as many as a step may have; then prompts through the layers, and logits of all
requests through the sampler. Each peak passes before the next.
"""

from __future__ import annotations

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.single_numbers import ceiling, larger, smaller
from llmcalc_core.layers.compressed import CompressedAttention
from llmcalc_core.layers.latent import LatentAttention
from llmcalc_core.memory.profiled import is_since, sampler_bytes
from llmcalc_core.model.vision import VisionTower
from llmcalc_core.workload.grid import Grid

_WIDE = 2.0
"""Bytes of an element [bytes]."""

_STREAMS = 4
"""Rows of an encoder's width that a patch has alive beside its feed-forward part: itself and what
went in and out of attention (assumed; logs of Gemma 4 have fewer, of Qwen2.5-VL on a T4 more)."""

_LARGEST_IMAGE = 16_384
"""Tokens of the largest image of encoders that have no limit of their own: Qwen's (``max_pixels``
of preprocessor_config.json of Qwen2.5-VL and Qwen3-VL, recalled)."""

_CHANNELS = 3 * 2
"""Values of a pixel, of two frames."""

_SPARSE_LENGTHS = 5
"""Contexts that the workspace of sparse latent attention holds (``get_prefill_workspace_size`` of
mla/flashmla_sparse.py 0.22)."""

_PROMPTS = 4
"""Prompts whose entries compressed attention gathers (``PREFILL_CHUNK_SIZE`` of
vllm/models/deepseek_v4/nvidia/flashmla.py 0.27; how many is recalled)."""

_LENGTHS, _PAGES, _MOST = 8, 4 * 16, 64 * 1024
"""Contexts, tokens of every request, and most tokens that a workspace of latents unpacked is for
(``determine_chunked_prefill_workspace_size`` of mla_attention.py 0.22)."""

_MOST_BEFORE, _FEWER = 128 * 1024, (0, 11)
"""Most tokens in 0.8.5, and the version that has fewer."""


_WITH_WORKSPACES = (CompressedAttention, LatentAttention)


def profiled_peak(model: Model, grid: Grid, layers: Values) -> Values:
    """Give the peak of activations that is kept free.

    Parameters
    ----------
    model : Model
        What is run.
    grid : Grid
        Its engine, chunk and lengths.
    layers : float or array
        Activations of the layers at the chunk [bytes].

    Returns
    -------
    float or array
        Of each device [bytes].
    """
    unpacked, kept = _latent_workspaces(model, grid)
    peak: Values = larger(layers + unpacked, sampler_bytes(model.vocabulary, grid))
    if model.vision is not None:
        peak = larger(peak, encoder_bytes(model.vision, grid))
    return peak + kept


def encoder_bytes(tower: VisionTower, grid: Grid) -> Values:
    """Count the activations of an encoder on as many images as fill a step, or on one.

    No more than the requests of a step have, each as many as its longest context has room for
    (``MultiModalBudget`` of vllm/v1/worker/utils.py 0.11).

    Parameters
    ----------
    tower : VisionTower
        The encoder.
    grid : Grid
        Its engine and tensor parallel widths.

    Returns
    -------
    float or array
        Of each device [bytes].
    """
    budget, limit = float(grid.token_budget), grid.engine.images_per_prompt
    if limit == 0:
        return 0.0
    whole = float(tower.most_tokens or _LARGEST_IMAGE)
    if tower.image_size is not None:
        whole = float(tower.tokens(tower.image_size, tower.image_size))
    of_prompt = larger((grid.inputs + grid.outputs) // whole, 1.0)
    if limit is not None:
        of_prompt = smaller(of_prompt, float(limit))
    images = np.clip(budget // whole, 1.0, grid.engine.max_num_seqs * of_prompt)
    patches = images * whole * tower.merge_size**2
    pixels = _CHANNELS * tower.patch_size**2
    inner = (tower.num_ffi + 1) * tower.intermediate_size
    alive: Values = patches * (pixels + _STREAMS * tower.hidden_size + inner / grid.tp) * _WIDE
    return alive


def _latent_workspaces(model: Model, grid: Grid) -> tuple[Values, Values]:
    """Count keys and values unpacked beside the layers, and the latents that are always kept."""
    unpacked: Values = 0.0
    kept: Values = 0.0
    attention = [one for one in model.token_mixers if isinstance(one, _WITH_WORKSPACES)]
    if not attention:
        return unpacked, kept
    length = grid.inputs + grid.outputs
    most = _MOST if is_since(grid.engine, _FEWER) else _MOST_BEFORE
    tokens = smaller(larger(_LENGTHS * length, _PAGES * grid.engine.max_num_seqs), most)
    for part in attention:
        if isinstance(part, CompressedAttention):
            kept = larger(kept, _gathered(part, grid, length) if part.ratio else 0.0)
            continue
        latents = (part.kv_rank + part.rope_dim) * _WIDE
        if part.indexer is not None:
            queries = grid.token_budget * ceiling(part.heads / grid.tp)
            kept = larger(kept, (_SPARSE_LENGTHS * length + queries) * latents)
        else:
            heads = ceiling(part.heads / grid.tp) * (part.nope_dim + part.v_dim) * _WIDE
            unpacked, kept = tokens * heads, tokens * latents
    return unpacked, kept


def _gathered(part: CompressedAttention, grid: Grid, length: Values) -> Values:
    """Count the entries that compressed attention gathers of several prompts at once."""
    entries = ceiling(length / part.ratio) + part.window + grid.token_budget
    gathered: Values = _PROMPTS * entries * part.head_dim * _WIDE
    return gathered
