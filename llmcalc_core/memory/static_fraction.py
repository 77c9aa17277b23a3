"""SGLang's share of a device for weights and pools where it is told none, by version.

``_handle_gpu_memory_settings`` of python/sglang/srt/server_args.py 0.5.5 to 0.5.18, and
``handle_gpu_memory_settings`` of arg_groups/memory_hook.py 0.5.20 to 0.5.23 (read 2026-12-01): what
activations and graphs are expected to take is left free, the rest is the share.
"""

from __future__ import annotations

import math

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.engines import Engine
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.layers.compressed import CompressedAttention
from llmcalc_core.layers.latent import LatentAttention
from llmcalc_core.memory.profiled import is_since
from llmcalc_core.model.vision import VisionTower
from llmcalc_core.workload.grid import Grid

_WIDE = 4
"""Devices of a stage (``tp_size``) from which larger batches of graphs are captured."""

_GRAPH_SIZES = (
    ((0, 5, 20), ((20, 8, 8), (35, 48, 160), (60, 32, 160), (160, 256, 512), (math.inf, 512, 512))),
    ((0,), ((20, 8, 8), (35, 24, 80), (60, 32, 160), (160, 256, 512), (math.inf, 512, 512))),
)
"""Largest batch of captured graphs (``cuda_graph_max_bs``) since a version: below so many GiB, with
fewer than four devices of a stage and with more. 0.5.18 has the second table, 0.5.20 the first."""

_CONSTANT_MIB, _LARGE_GIB, _LEAST_OF_LARGE_MIB = 512.0, 60, 10 * 1024.0
"""What is always left, and the least that devices of more than 60 GiB leave [MiB], [GiB]."""

_LEAST_CHUNK, _MIB_OF_TOKEN, _MIB_OF_SEQUENCE, _MIB_OF_DEVICE = 2048, 1.5, 2.0, 1024 / 8
"""Least tokens of a chunk that count, and what is left for each of its tokens, for each sequence of
the largest graph, and for each device of a replica [tokens], [MiB]."""

_MIB_OF_REPLICA, _MORE_OF_REPLICA, _LARGE_GRAPH = 3.0, 1.5, 300
"""For each sequence of the largest graph and attention replica, what more where that graph is
large, and the sequences from which it is [MiB], [1]."""

_DRAFTING_MIB = (((0, 5, 14), 0.0, 0.0), ((0, 5, 10), 4096.0, 6144.0), ((0,), 2048.0, 6144.0))
"""For modules that draft, and for a draft model, since a version [MiB]."""

_PREFILL_GRAPHS = (0, 5, 10)
"""The version from which steps that read prompts are captured in pieces by default."""

_MIB_OF_PREFILL_GRAPH, _MIB_OF_LATENT_GRAPHS = 8.0, 1536.0
"""For each of those graphs, and for all of them with latent attention [MiB]."""

_PREFILL_SIZES = ((32, 4, 4), (256, 48, 16), (512, 288, 32), (1024, 576, 64), (4096, 1280, 256),
                  (math.inf, 4608, 512))  # fmt: skip
"""Tokens of those graphs: up to so many, from, and in steps of
(``_generate_piecewise_cuda_graph_tokens``)."""

_IMAGES, _MORE, _FACTORS = 0.95, 0.1, (0.8, 1.05)
"""Factor for a model that reads images, what an encoder of twice the size of ViT-L/14 lowers it by,
and the least and the most that this comes to (``adjust_mem_fraction_for_vlm``)."""

_COMMON_TOWER = 24 * 1024**2
"""Layers times squared width of ViT-L/14."""


def static_fraction(model: Model, hardware: Hardware, grid: Grid) -> Values:
    """Give the share of a device that weights and pools may fill where none is asked for.

    Parameters
    ----------
    model : Model
        What is served; an encoder of images lowers the share.
    hardware : Hardware
        The device, of whose memory as its driver reports it this is a share.
    grid : Grid
        Engine, with the tokens of a step, layouts and techniques.

    Returns
    -------
    float or array of shape (layouts, 1, 1, 1)
        Rounded to three digits before images are allowed for, as SGLang does [1].

    Examples
    --------
    >>> from llmcalc_core.architecture.model import architecture
    >>> from llmcalc_core.engines import find_engine
    >>> from llmcalc_core.hardware.find import find_hardware
    >>> from llmcalc_core.hub.models import find_model
    >>> from llmcalc_core.workload.grid import make_grid
    >>> from llmcalc_core.workload.layout import Layout
    >>> device = find_hardware("H100_80GB")
    >>> def of(model, version, **widths):
    ...     grid = make_grid((Layout(**widths),), batches=(1,), inputs=(9,), outputs=(9,),
    ...                      engine=device.engine(find_engine("sglang", version)))
    ...     return round(float(static_fraction(architecture(find_model(model)), device, grid)), 3)
    >>> of("llama3_8b", "0.5.9"), of("llama3_8b", "0.5.10"), of("llama3_70b", "0.5.10", tp=8)
    (0.835, 0.83, 0.812)
    >>> of("google/gemma-3-27b-pt", "0.5.10")
    0.76
    """
    memory = hardware.memory_bytes / 2**20
    reserved = _expected_mib(model, memory / 1024, grid)
    if memory > _LARGE_GIB * 1024:
        reserved = np.maximum(reserved, _LEAST_OF_LARGE_MIB)
    share: Floats = np.round((memory - reserved) / memory, 3)
    found = share if model.vision is None else share * _beside_images(model.vision)
    return found if found.ndim else float(found)


def _expected_mib(model: Model, memory_gib: float, grid: Grid) -> Floats:
    """Count what activations and graphs of each layout are expected to take [MiB]."""
    engine, stage = grid.engine, grid.stage_devices
    largest = _largest_graph(engine, memory_gib, stage)
    chunk = max(engine.token_budget, _LEAST_CHUNK)
    per_replica = _MIB_OF_REPLICA + _MORE_OF_REPLICA * (largest > _LARGE_GRAPH)
    expected: Floats = (
        _CONSTANT_MIB
        + chunk * _MIB_OF_TOKEN
        + largest * _MIB_OF_SEQUENCE
        + stage * grid.pp * _MIB_OF_DEVICE
        + (grid.attention_dp > 1) * largest * grid.attention_dp * per_replica
        + _prefill_graphs_mib(model, grid)
    )
    techniques = grid.techniques
    if techniques.speculative_tokens:
        _, module, own = next(one for one in _DRAFTING_MIB if is_since(engine, one[0]))
        expected = expected + (module if techniques.draft_model is None else own)
    return np.asarray(expected)


def _largest_graph(engine: Engine, memory_gib: float, stage_devices: Values) -> Floats:
    """Give the sequences of the largest decode step that is captured [1]."""
    sizes = next(table for since, table in _GRAPH_SIZES if is_since(engine, since))
    narrow, wide = next(pair for most, *pair in sizes if memory_gib < most)
    largest = np.where(np.asarray(stage_devices) < _WIDE, narrow, wide)
    if is_since(engine, _GRAPH_SIZES[0][0]):
        largest = np.minimum(largest, engine.max_num_seqs)
    return np.asarray(largest, float)


def _prefill_graphs_mib(model: Model, grid: Grid) -> Values:
    """Count what graphs of steps that read prompts take, where they are captured [MiB].

    They are not with drafting, images, adapters, pipelines, attention replicas or offloading
    (``_handle_piecewise_cuda_graph`` of 0.5.10).
    """
    engine, techniques = grid.engine, grid.techniques
    never = techniques.speculative_tokens or techniques.lora_adapters or techniques.offloads
    if not is_since(engine, _PREFILL_GRAPHS) or never or model.vision or not engine.captured_tokens:
        return 0.0
    latent = any(isinstance(one, _LATENT) for one in model.token_mixers)
    graphs = _prefill_graphs(engine.token_budget) * _MIB_OF_PREFILL_GRAPH
    whole: Values = _MIB_OF_LATENT_GRAPHS if latent else graphs
    captured: Values = whole * ((grid.pp == 1) & (grid.attention_dp == 1) & (grid.cp == 1))
    return captured


_LATENT = (LatentAttention, CompressedAttention)


def _prefill_graphs(tokens: int) -> int:
    """Count the graphs of steps of up to so many tokens.

    Examples
    --------
    >>> [_prefill_graphs(tokens) for tokens in (2048, 4096, 8192)]
    [42, 50, 58]
    """
    return sum(
        len(range(first, int(min(most, tokens)) + 1, step)) for most, first, step in _PREFILL_SIZES
    )


def _beside_images(tower: VisionTower) -> float:
    """Give what an encoder of images leaves of the share [1]."""
    size = tower.layers * tower.hidden_size**2 / _COMMON_TOWER
    least, most = _FACTORS
    return _IMAGES * max(least, min(most, 1 - _MORE * (size - 1)))
