"""The grid: every axis an array of its own, with a shape that broadcasts against the others.

Axis 0 holds the layouts of one replica (tensor, pipeline, expert, attention data and context
parallelism: the legal ones are few and no product set), axis 1 the batch per replica, axis 2 the
input and axis 3 the output length; an axis of one value is a number. Replicas are no axis: they
multiply a layout's throughput and devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any, cast

import numpy as np

from llmcalc_core.engines import DEFAULT_ENGINE, Engine, find_engine
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.formulas.pipeline import micro_batch
from llmcalc_core.formulas.single_numbers import ceiling
from llmcalc_core.formulas.speculation import tokens_per_step
from llmcalc_core.records import changed, record
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import NO_TECHNIQUES, Techniques


@record(slots=False)
class Grid:
    """Axes of an estimate, as arrays that broadcast to (layouts, batches, inputs, outputs).

    Attributes
    ----------
    layouts : tuple of Layout
        The layouts of axis 0.
    shape : tuple of int
        Number of layouts, batches, inputs and outputs.
    tp, pp, ep : array of shape (L, 1, 1, 1)
        Tensor, pipeline and expert parallel widths; one that all layouts have is a number.
    stage_devices : array of shape (L, 1, 1, 1)
        Devices of one pipeline stage.
    attention_dp : array of shape (L, 1, 1, 1)
        Attention replicas inside a stage (attention data parallelism).
    cp : float or array of shape (L, 1, 1, 1)
        Groups of devices that a prompt is divided over (context parallelism).
    batch : array of shape (1, B, 1, 1)
        Sequences in flight per replica.
    micro_batch : array of shape (L, B, 1, 1)
        Sequences in the largest micro batch.
    micro_batches : array of shape (L, B, 1, 1)
        Micro batches in flight.
    inputs, outputs : arrays of shape (1, 1, I, 1) and (1, 1, 1, O)
        Prompt length and tokens to generate [tokens].
    cached_tokens, prefill_tokens : float or array of shape (1, 1, I, 1)
        Tokens of the prompt that the KV cache holds, and the others [tokens].
    techniques : Techniques
        What the deployment does with the requests.
    token_budget : float
        Most tokens that the engine computes in a step of continuous batching [tokens].
    prefill_chunks : float or array of shape (L, B, I, 1)
        Parts in which it reads a prompt [1].
    graph_sizes : tuple of int
        Batches that decode steps are padded to, those of captured kernels; none: as they are.
    engine : Engine
        What serves: its blocks, and what it keeps in them.
    draft_tokens, acceptance_length : float
        Tokens of a sequence that a decode step verifies beside its own, and those that it gives
        [tokens]: 0 and 1 without speculation.
    beams : float
        Sequences decoded per request.
    weights_offload, kv_offload : float or array of shape (L, B, I, O)
        Shares of the layers' weights and of the cache that are in the host's memory [1].
    """

    layouts: tuple[Layout, ...]
    shape: tuple[int, int, int, int]
    tp: Floats
    pp: Floats
    ep: Floats
    stage_devices: Floats
    attention_dp: Floats
    cp: Values
    batch: Floats
    micro_batch: Floats
    micro_batches: Floats
    inputs: Floats
    outputs: Floats
    cached_tokens: Values
    prefill_tokens: Values
    techniques: Techniques
    token_budget: float
    prefill_chunks: Values
    graph_sizes: tuple[int, ...]
    engine: Engine
    draft_tokens: float
    acceptance_length: float
    beams: float
    weights_offload: Values
    kv_offload: Values

    @property
    def divides_prompts(self) -> bool:
        """Whether any of the layouts divides prompts over devices."""
        return not _all_have_one(self.cp)

    @property
    def is_pipelined(self) -> bool:
        """Whether any of the layouts has several pipeline stages."""
        return not _all_have_one(self.pp)

    def of_layouts(self, some: slice | tuple[int, ...]) -> Grid:
        """Give the same with some of its layouts; widths that are the same in all are numbers."""
        if isinstance(some, slice):
            some = tuple(range(len(self.layouts))[some])
        layouts = tuple(self.layouts[at] for at in some)
        shape = (len(layouts), *self.shape[1:])
        tp, pp, ep, attention_dp, cp, group = _widths(layouts)
        rest = self._some(0, list(some)) | {
            "layouts": layouts,
            "shape": shape,
            "stage_devices": group,
        }
        rest |= {"tp": tp, "pp": pp, "ep": ep, "attention_dp": attention_dp, "cp": cp}
        return changed(self, **rest)

    def of_batches(self, some: slice) -> Grid:
        """Give the same with some of its batches."""
        count = len(range(self.shape[1])[some])
        shape = (self.shape[0], count, *self.shape[2:])
        return changed(self, shape=shape, **self._some(1, some))

    def of_inputs(self, some: slice) -> Grid:
        """Give the same with some of its input lengths."""
        count = len(range(self.shape[2])[some])
        shape = (*self.shape[:2], count, self.shape[3])
        return changed(self, shape=shape, **self._some(2, some))

    def _some(self, axis: int, some: slice | list[int]) -> dict[str, Any]:
        """Take a part of every array along an axis."""
        count, rest = self.shape[axis], (slice(None),) * axis
        return {
            one.name: value[*rest, some]
            for one in fields(self)
            if isinstance(value := getattr(self, one.name), np.ndarray)
            and value.ndim
            and value.shape[axis] == count
        }

    def with_batch(self, batch: Floats) -> Grid:
        """Give the same with other sequences in flight, which may differ from row to row.

        Parameters
        ----------
        batch : array that broadcasts to (layouts, B, inputs, outputs)
            Sequences in flight per replica [1].
        """
        count = batch.shape[1] if batch.ndim else 1
        micro = _micro(batch, self.pp, self.engine)
        return changed(
            self,
            shape=(self.shape[0], count, *self.shape[2:]),
            batch=batch,
            micro_batch=micro,
            micro_batches=_micro_batches(batch, self.pp, self.engine),
            prefill_chunks=_prefill_chunks(
                self.prefill_tokens, batch, self.attention_dp, self.techniques
            ),
        )


def make_grid(
    layouts: tuple[Layout, ...],
    *,
    batches: tuple[int, ...],
    inputs: tuple[float, ...],
    outputs: tuple[int, ...],
    beams: int = 1,
    techniques: Techniques = NO_TECHNIQUES,
    graph_sizes: tuple[int, ...] = (),
    engine: str | Engine = DEFAULT_ENGINE,
) -> Grid:
    """Lay out the axes.

    Parameters
    ----------
    layouts : tuple of Layout
        Legal layouts of one replica.
    batches, inputs, outputs : tuple of int
        Sequences per replica; prompt and generated tokens.
    beams : int, default 1
        Sequences decoded per request.
    techniques : Techniques
        What the deployment does with the requests.
    graph_sizes : tuple of int, optional
        Batches of an attention replica that decode steps are padded to, rising.
    engine : str or Engine
        The serving engine, as it is on the device: its token budget, the blocks of its cache and
        what it keeps in them.

    Returns
    -------
    Grid
        Arrays that broadcast to (layouts, batches, inputs, outputs).

    Examples
    --------
    >>> grid = make_grid((Layout(tp=2, pp=4),), batches=(8, 10), inputs=(100,), outputs=(10,))
    >>> grid.shape, grid.micro_batch.ravel().tolist(), grid.micro_batches.ravel().tolist()
    ((1, 2, 1, 1), [2.0, 3.0], [4.0, 4.0])
    """
    serves = find_engine(engine)
    tp, pp, ep, attention_dp, cp, group = _widths(layouts)
    batch, prompt = axis(batches, 1), axis(inputs, 2)
    cached = _cached_tokens(prompt, techniques.prefix_hit_rate)
    micro = _micro(batch, pp, serves)
    return Grid(
        layouts=layouts,
        shape=(len(layouts), len(batches), len(inputs), len(outputs)),
        tp=tp,
        pp=pp,
        ep=ep,
        stage_devices=group,
        attention_dp=attention_dp,
        cp=cp,
        batch=batch,
        micro_batch=micro,
        micro_batches=_micro_batches(batch, pp, serves),
        inputs=prompt,
        outputs=axis(outputs, 3),
        cached_tokens=cached,
        prefill_tokens=prompt - cached,
        techniques=techniques,
        token_budget=float(techniques.prefill_chunk_tokens or serves.token_budget),
        prefill_chunks=_prefill_chunks(prompt - cached, batch, attention_dp, techniques),
        graph_sizes=graph_sizes,
        engine=serves,
        draft_tokens=float(techniques.speculative_tokens),
        acceptance_length=_acceptance_length(techniques),
        beams=float(beams),
        weights_offload=techniques.weights_offload,
        kv_offload=techniques.kv_offload,
    )


@lru_cache(maxsize=256)
def _widths(layouts: tuple[Layout, ...]) -> tuple[Floats, ...]:
    """Lay out the widths of layouts, and the devices of a stage: they do not change."""
    each = zip(
        *((one.tp, one.pp, one.ep, one.attention_dp, one.cp) for one in layouts), strict=True
    )
    # What all have alike is a number, like an axis of one value.
    tp, pp, ep, attention_dp, cp = (
        axis(width if len(set(width)) > 1 else width[:1], 0) for width in each
    )
    widths = tp, pp, ep, attention_dp, cp, tp * attention_dp * cp
    for width in widths:
        if isinstance(width, np.ndarray):
            width.setflags(write=False)
    return widths


def _micro(batch: Floats, stages: Values, engine: Engine) -> Floats:
    """Give the sequences that go through a pipeline together [1]."""
    if engine.splits_layers_only:
        return batch
    return _plain(micro_batch(batch=batch, stages=stages))


def _micro_batches(batch: Floats, stages: Values, engine: Engine) -> Floats:
    """Count the micro batches in flight: one for each stage, while there are sequences [1]."""
    if engine.splits_layers_only or _all_have_one(stages):
        return _plain(batch / batch)
    return _plain(np.minimum(stages, batch))


def _prefill_chunks(
    computed: Values, batch: Floats, ranks: Floats, techniques: Techniques
) -> Values:
    """Count the parts of a prompt, in steps that other sequences use some tokens of [1]."""
    if techniques.prefill_chunk_tokens is None:
        return 1.0
    decoded = ceiling(batch / ranks) * (1 + techniques.speculative_tokens)
    room = np.maximum(techniques.prefill_chunk_tokens - decoded, 1.0)
    parts: Values = ceiling(computed / room)
    return parts


def _all_have_one(width: Values) -> bool:
    """Whether a width is 1 in all layouts: what all have alike is a number."""
    return not isinstance(width, np.ndarray) and width == 1


def _plain(values: Values) -> Floats:
    """Give a single number as Python's own, with which arithmetic is faster than with numpy's."""
    return values if isinstance(values, np.ndarray) else cast("Floats", float(values))


def _acceptance_length(techniques: Techniques) -> float:
    """Tokens of a sequence that a decode step gives [tokens]."""
    drafted = techniques.speculative_tokens
    if not drafted:
        return 1.0
    return float(tokens_per_step(drafted=drafted, acceptance=techniques.acceptance_rate))


def _cached_tokens(prompt: Floats, hit_rate: float) -> Values:
    """Tokens of a prompt found in the cache [tokens]: all but one at the most.

    The last token is computed whatever the cache holds, as its logits are needed (vLLM,
    v1/core/kv_cache_manager.py).
    """
    if not hit_rate:
        return 0.0
    found: Values = np.minimum(prompt * hit_rate, prompt - 1)
    return found


def axis(values: Sequence[float], position: int) -> Floats:
    """Put values on their axis; a single one stays a number, which is faster."""
    if len(values) == 1:
        return cast("Floats", float(values[0]))
    shape = [1, 1, 1, 1]
    shape[position] = len(values)
    return np.array(values, dtype=float).reshape(shape)
