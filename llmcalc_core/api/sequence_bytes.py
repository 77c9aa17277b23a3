"""Bytes of a sequence by kind of layer: for each token, of full windows, of states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from llmcalc_core.architecture.model import Model, architecture
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.engines import DEFAULT_ENGINE, find_engine
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import PLAIN, Precision
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout

_BLOCK = find_engine(DEFAULT_ENGINE).kv_block_tokens
_FAR = 2**24  # a context beyond every window, a multiple of every block and entry [tokens]


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceBytes:
    """Bytes of one sequence in all layers of a kind, on one device.

    Attributes
    ----------
    layers : str
        Their number and kind.
    token : float
        For each token of the context, beyond every window [bytes].
    windows : float
        Of windows and chunks that are full [bytes].
    state : float
        Whatever the length of the sequence [bytes].
    """

    layers: str
    token: float
    windows: float
    state: float


def sequence_bytes_by_layers(model: Model, precision: Precision) -> Iterator[SequenceBytes]:
    """Count the bytes of a sequence in each kind of layer; none for a kind without a cache."""
    contexts = (_BLOCK, 2 * _BLOCK, _FAR, _FAR + 2048)
    inputs = tuple(context - 1 for context in contexts)
    grid = make_grid((Layout(),), batches=(1,), inputs=inputs, outputs=(1,))
    counts = np.ravel(section_counts(model)).tolist()
    for part, count, name in zip(model.parts, counts, model.part_names, strict=False):
        cache = count * part.cache_bytes(precision, grid) + 0.0 * grid.inputs
        one, two, far, further = np.ravel(cache).tolist()
        if not further:
            continue
        token, state = (further - far) / (contexts[3] - contexts[2]), 2 * one - two
        windows = far - token * _FAR - state
        yield SequenceBytes(layers=f"{count:g} x {name}", token=token, windows=windows, state=state)


def bytes_per_token(config: ModelConfig) -> int:
    """Count the bytes of cache for each token of the context in the checkpoint's types [bytes].

    Examples
    --------
    >>> bytes_per_token(ModelConfig(
    ...     vocab_size=10, hidden_size=8, num_decoder_layers=3, num_attention_heads=2,
    ...     intermediate_size=16))
    96
    """
    kinds = sequence_bytes_by_layers(architecture(config), config.precision or PLAIN)
    return round(sum(kind.token for kind in kinds))


def weight_bytes(model: Model, precision: Precision) -> float:
    """Count the bytes of all weights on one device [bytes]."""
    grid = make_grid((Layout(),), batches=(1,), inputs=(1,), outputs=(1,))
    return float(device_memory(model, precision, grid).weights.item())
