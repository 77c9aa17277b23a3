"""What a pass of a micro batch does: operations and messages. Knows no hardware."""

from __future__ import annotations

from dataclasses import field
from typing import NamedTuple

import numpy as np

from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.formulas import Values
from llmcalc_core.formulas.collectives import Collective
from llmcalc_core.formulas.graphs import padded_batch
from llmcalc_core.formulas.roofline import matrix_bytes, matrix_flops
from llmcalc_core.formulas.single_numbers import ceiling, larger
from llmcalc_core.precision import Precision
from llmcalc_core.records import changed, record
from llmcalc_core.workload.grid import Grid


class Operation(NamedTuple):
    """Something a device computes or moves, once per layer.

    Attributes
    ----------
    name : str
        What it is called.
    kind : {'gemm', 'attention', 'memory'}
        Where its time is reported.
    family : str
        Which efficiency facts time it.
    flops, moved : array
        Operations [FLOP] and device memory traffic [bytes], broadcastable to the grid.
    launches : float or array
        Kernels started [1].
    further : float or array
        Small kernels that an engine without a graph starts beside them, to quantise, copy and sort:
        their time is in what was measured of the operation, or next to none [1].
    size : float or array
        What its compute efficiency rises with [tokens]; infinity where it does not. Of a product
        of matrices its rows.
    columns, inner : float or array
        Columns and inner size of a product of matrices [elements]. Of grouped products the width
        of an expert on the device, with which their efficiency rises, and 0; of attention the
        width of a head, and in prefill the keys of the last query; of others infinity and 0.
    weights, cached : float or array
        What of the traffic are weights, and keys, values and states of sequences [bytes].
    choice : float or array
        Of weights that tokens choose from, all that there are [bytes]; 0 where all are read.
    shape : tuple, optional
        Of a projection that adapters change: rows, columns and inner size [elements], and how
        many projections it is that are multiplied as one [1].
    unpacks : bool
        Whether it unpacks what a cache holds of a prompt, for each prompt by itself.
    of_sequences : bool
        Whether it depends on the number of sequences or their lengths, though it is done for all
        tokens of a step together.
    """

    name: str
    kind: str
    family: str
    flops: Values
    moved: Values
    launches: Values = 1.0
    further: Values = 0.0
    size: Values = np.inf
    columns: Values = np.inf
    inner: Values = 0.0
    weights: Values = 0.0
    cached: Values = 0.0
    choice: Values = 0.0
    shape: tuple[Values, Values, Values, int] | None = None
    unpacks: bool = False
    of_sequences: bool = False

    @property
    def by_prompt(self) -> bool:
        """Whether it is done for each prompt by itself, not for all tokens of a step together."""
        return self.unpacks or self.kind == "attention"

    @property
    def depends_on_lengths(self) -> bool:
        """Whether it depends on sequences and their lengths, not on the tokens of a step alone."""
        return self.of_sequences or self.by_prompt

    @property
    def is_product(self) -> bool:
        """Whether it is a product of two matrices."""
        return self.kind == "gemm" and (not isinstance(self.inner, float) or self.inner > 0)


class Message(NamedTuple):
    """A collective: what is sent, between how many devices.

    Attributes
    ----------
    name : str
        What it is called.
    collective : Collective
        Which operation sends it.
    size : array
        What each device holds [bytes].
    participants : array
        Devices that take part.
    copies : float or array
        Devices that each part of it is for: all of them in an all-reduce or an all-gather; of an
        all-to-all, those that the same part is sent to, or 1 if each is sent its own directly.
    stride : float or array
        Devices from one participant to the next.
    """

    name: str
    collective: Collective
    size: Values
    participants: Values
    copies: Values = np.inf
    stride: Values = 1.0


class Section(NamedTuple):
    """Operations and messages of one layer of a kind, or of the model's first or last part.

    Attributes
    ----------
    streamed : float or array
        What a device reads from its host's memory, or writes there [bytes].
    """

    operations: tuple[Operation, ...]
    messages: tuple[Message, ...]
    streamed: Values = 0.0


@record(slots=False)
class Pass:
    """One pass of a micro batch through the model: prefill of its prompts or one decode step.

    Attributes
    ----------
    decode : bool
        Whether this is a decode step (else: prefill of what the cache lacks of the prompts, or
        of a mean part of it).
    sequences : array
        Sequences on one attention replica.
    tokens : array
        New tokens on one device, those of padding included [tokens].
    replica_tokens : array
        New tokens of sequences on all devices of an attention replica [tokens].
    cp : float or array
        Groups of its devices that they are divided over: 1 in decode, which every group repeats.
    past_tokens : float or array
        Cached tokens of a sequence before its new ones, in the mean over the parts of a prompt;
        decode steps count their own [tokens].
    stage_tokens : array
        New tokens over all devices of a stage, those of padding included [tokens].
    states : float
        Recurrent states of a sequence that are read or written: one before, one after, and one
        for each drafted token, of which some are kept (vLLM, MambaSpec) [1].
    hidden_bytes : array
        Activations of the micro batch between two layers, of the tokens on one device [bytes].
    precision, whole : Precision
        Types of the part that is described; of the whole model.
    family : str
        Which efficiency facts time the part's quantised projections.
    made : dict
        Projections made so far: the same one in two kinds of layer is timed once.
    """

    grid: Grid
    precision: Precision
    whole: Precision
    hidden: int
    decode: bool
    sequences: Values
    tokens: Values
    replica_tokens: Values
    cp: Values
    past_tokens: Values
    stage_tokens: Values
    states: float
    hidden_bytes: Values
    family: str = "gemm"
    made: dict[tuple[object, ...], Operation] = field(default_factory=dict)


def make_pass(hidden: int, grid: Grid, precision: Precision, *, decode: bool) -> Pass:
    """Describe the pass: the prompt is shared by the beams, decode steps are not.

    A decode step adds a token to every sequence, beside which it verifies those drafted. Where it
    is padded to the next captured batch, all that is computed for each token is for that many;
    attention reads the caches that there are.
    """
    requests, on_all = ceiling(grid.batch / grid.attention_dp), grid.batch
    if grid.is_pipelined:  # the mean micro batch: of uneven ones, none waits for the largest
        requests = larger(requests / grid.micro_batches, 1.0)
        on_all = on_all / grid.micro_batches
    return pass_of(
        hidden, grid, precision, requests=requests, on_all_replicas=on_all, decode=decode
    )


def pass_of(
    hidden: int,
    grid: Grid,
    precision: Precision,
    *,
    requests: Values,
    on_all_replicas: Values,
    decode: bool,
) -> Pass:
    """Describe a pass of so many requests, or parts of their prompts.

    Parameters
    ----------
    hidden : int
        Width of the model.
    grid : Grid
        Plans and lengths; how many requests its batches have is of no account.
    precision : Precision
        Types of the whole model.
    requests, on_all_replicas : float or array
        Requests on the busiest attention replica, and on all of a stage [1].
    decode : bool
        Whether each decodes a token, else a part of its prompt is read.

    Returns
    -------
    Pass
        What layers need to know.
    """
    if not isinstance(requests, np.ndarray):  # Python's own numbers are faster than numpy's
        requests = float(requests)
    run, micro = requests, on_all_replicas
    if decode and grid.graph_sizes:
        run = padded_batch(sequences=requests, sizes=grid.graph_sizes)
        micro = run * grid.attention_dp
    beams = grid.beams if decode else 1.0
    length: Values = (
        1.0 + grid.draft_tokens if decode else grid.prefill_tokens / grid.prefill_chunks
    )
    cp: Values = 1.0 if decode else grid.cp
    tokens = run * beams * length
    return Pass(
        grid=grid,
        precision=precision,
        whole=precision,
        hidden=hidden,
        decode=decode,
        sequences=requests * beams,
        tokens=tokens / cp,
        replica_tokens=requests * beams * length,
        cp=cp,
        past_tokens=0.0 if decode else _past_tokens(grid),
        stage_tokens=micro * beams * length,
        states=2.0 + grid.draft_tokens if decode else 2.0,
        hidden_bytes=tokens / cp * hidden * precision.output_bytes,
    )


def _past_tokens(grid: Grid) -> Values:
    """Tokens before a part of a prompt: those found in the cache, and half of the other parts."""
    if isinstance(grid.prefill_chunks, float) and grid.prefill_chunks == 1:
        return grid.cached_tokens
    return grid.cached_tokens + grid.prefill_tokens * (1 - 1 / grid.prefill_chunks) / 2


def for_part(step: Pass, name: str) -> Pass:
    """Give the pass with the types of a part of the model, one of ``PARTS``."""
    precision = step.whole.part(name)
    if precision is step.precision:
        return step
    computed = precision.activations
    own = "gemm_wide" if DATA_TYPES[computed].has_16_bits else f"gemm_{computed}"
    family = "gemm" if computed == step.whole.activations else own
    return changed(step, precision=precision, family=family)


def output_pass(step: Pass) -> Pass:
    """Give the pass with the types of the projection after attention."""
    return for_part(step, "attention_output")


def matrix(
    step: Pass,
    name: str,
    *,
    m: Values,
    n: Values,
    k: Values,
    quantised: bool = True,
    packed: int = 1,
) -> Operation:
    """Make a projection, or several ``packed`` into one.

    ``quantised`` ones use the precision's types and may be adapted, others 16 bits or more. Like
    ones of the tokens of a pass are one and the same.
    """
    shape = (m, n, k, packed)
    if m is not step.tokens:
        return _product(step, name, shape, quantised=quantised)
    if not isinstance(n, np.ndarray):
        n = float(n)
        shape = (m, n, k, packed)
    columns = n.tobytes() if isinstance(n, np.ndarray) else n
    inner = k.tobytes() if isinstance(k, np.ndarray) else k
    like = (name, step.family, id(step.precision), quantised, packed, columns, inner)
    made = step.made.get(like)
    if made is None:
        made = step.made[like] = _product(step, name, shape, quantised=quantised)
    return made


def _product(
    step: Pass, name: str, shape: tuple[Values, Values, Values, int], *, quantised: bool
) -> Operation:
    (m, n, k, _), precision = shape, step.precision
    weight = precision.weight_bytes if quantised else precision.unquantised_bytes
    entering = precision.activation_bytes if quantised else precision.output_bytes
    return Operation(
        name=name,
        kind="gemm",
        family=step.family if quantised else "gemm_wide",
        flops=matrix_flops(m=m, n=n, k=k),
        moved=matrix_bytes(
            m=m, n=n, k=k,
            weight_bytes=weight, input_bytes=entering, output_bytes=precision.output_bytes,
        ),
        size=m,
        columns=n,
        inner=k,
        further=float(quantised and precision.activation_bytes < precision.output_bytes),
        weights=n * k * weight,
        shape=shape if quantised else None,
    )  # fmt: skip


def all_reduce(step: Pass, *, participants: Values | None = None) -> Message:
    """Sum the results of the tensor parallel devices, or of so many participants."""
    return Message(
        name="all-reduce",
        collective=Collective.ALL_REDUCE,
        size=step.hidden_bytes,
        participants=step.grid.tp if participants is None else participants,
    )


def traffic(name: str, moved: Values, *, launches: float = 1.0, cached: Values = 0.0) -> Operation:
    """Make an elementwise operation that only moves bytes, some of which a cache holds."""
    return Operation(
        name=name,
        kind="memory",
        family="traffic",
        flops=0.0,
        moved=moved,
        launches=launches,
        cached=cached,
    )
