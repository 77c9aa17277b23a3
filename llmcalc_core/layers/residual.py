"""What carries the residual stream through a layer, beside its mixers and norms."""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.formulas import Values
from llmcalc_core.layers.norms import norm_and_sum
from llmcalc_core.layers.part import Residual, Work
from llmcalc_core.layers.work import Pass, matrix, traffic
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid

_HALVES = 2
"""Parts of a layer that read the residual stream and add to it: token and channel mixer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperConnections(Residual):
    """Several residual streams, mixed before and after both parts of a layer (arXiv:2512.24880).

    Without ``mixing`` they stay apart, and are joined into a part and fed by its result alone.
    """

    streams: int
    mixing: bool
    parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig) -> HyperConnections | None:
        """Describe the streams of every layer, if there are several."""
        streams = config.hyper_connections
        if not streams:
            return None
        mixing = config.hyper_connection_mixing
        mixes = streams * (2 + streams * mixing)
        each = mixes * (streams * config.hidden_size + 1) + 2 + mixing
        return cls(streams=streams, mixing=mixing, parameters=_HALVES * each)

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "hyper-connections"

    @property
    def rows(self) -> float:
        """Every stream."""
        return float(self.streams)

    @property
    def mixes(self) -> int:
        """Numbers that mix the streams of a token: into a part, out of it, and each other."""
        return self.streams * (2 + self.streams * self.mixing)

    def work(self, step: Pass) -> Work:
        """Give the work of mHC (arXiv:2512.24880, 4.3): streams are read before a part and after.

        Before, they are projected to the numbers that mix them and joined to one row; after, they
        are mixed with each other and with the result, and written. Every device has all streams.
        """
        wide, rows = self.streams * step.hidden, _HALVES * step.tokens
        moved = rows * ((3 * wide + 2 * step.hidden) * step.precision.output_bytes)
        mixing = matrix(
            step, "stream mixing projection", m=rows, n=self.mixes, k=wide, quantised=False
        )
        return (mixing, traffic("stream mixing", moved, launches=2.0 * _HALVES)), ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockResiduals(Residual):
    """Attention over the results of earlier blocks of layers (Kimi K3, arXiv:2607.24653, 2.2).

    ``blocks`` is how many a part of a layer reads, on average over the model, and ``most`` how many
    the last one does.
    """

    blocks: float
    most: int
    parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig) -> BlockResiduals | None:
        """Describe the blocks, if there are any."""
        layers, size = config.num_decoder_layers, config.residual_block_size
        if not size:
            return None
        before = [-(-index // size) + 1 for index in range(layers)]
        parameters = 4 * config.hidden_size
        return cls(blocks=sum(before) / layers, most=before[-1], parameters=parameters)

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "attention residuals"

    @property
    def rows(self) -> float:
        """The blocks that later layers attend to."""
        return self.blocks

    @property
    def most_rows(self) -> float:
        """Those before the last layer."""
        return float(self.most)

    def work(self, step: Pass) -> Work:
        """Give the work (arXiv:2607.24653, 2.2): every block's row is read, one is written.

        One kernel scores, sums and normalises the rows, as SGLang's does.
        """
        row = (self.blocks + 1) * step.hidden * step.precision.output_bytes
        moved = _HALVES * step.tokens * row
        return (traffic("attention to earlier blocks", moved, launches=float(_HALVES)),), ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerInputs(Residual):
    """An embedding of the token for each layer, gated and added to its result (Gemma 3n)."""

    width: int
    parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig) -> LayerInputs | None:
        """Describe the embedding of every layer, if it has one."""
        width = config.per_layer_input_size
        if not width:
            return None
        return cls(width=width, parameters=(2 * width + 1) * config.hidden_size)

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "layer inputs"

    def work(self, step: Pass) -> Work:
        """Give the work: a gate from the stream, and the way back to it."""
        gated = step.tokens * 3 * self.width * step.precision.output_bytes
        operations = (
            matrix(step, "gate projection", m=step.tokens, n=self.width, k=step.hidden),
            traffic("gate", gated),
            matrix(step, "projection back", m=step.tokens, n=step.hidden, k=self.width),
            norm_and_sum(step),
        )
        return operations, ()

    def weight_bytes(self, precision: Precision, grid: Grid) -> Values:  # noqa: ARG002 - repeated
        """Count the weights: every device has all of them [bytes]."""
        return self.parameters * precision.weight_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternatingUpdates(Residual):
    """Streams of which a layer updates one and predicts the others (AltUp, arXiv:2301.13310)."""

    streams: int
    parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig) -> AlternatingUpdates | None:
        """Describe the streams of every layer, if there are any."""
        streams = config.altup_num_inputs
        if not streams:
            return None
        rows = streams + 1 + config.altup_correct_scale  # a router, its norm, a scale
        parameters = rows * config.hidden_size + streams**2 + streams**3
        return cls(streams=streams, parameters=parameters)

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "alternating updates"

    @property
    def rows(self) -> float:
        """Every stream."""
        return float(self.streams)

    def work(self, step: Pass) -> Work:
        """Give the work (arXiv:2301.13310): all streams are predicted before, corrected after.

        A router of the normalised first stream gives the numbers that mix them, each time.
        """
        rows = _HALVES * step.tokens
        moved = rows * (2 * self.streams + 2) * (step.hidden * step.precision.output_bytes)
        router = matrix(
            step, "stream router", m=rows, n=self.streams, k=step.hidden, quantised=False
        )
        mixing = traffic("stream prediction and correction", moved, launches=2.0 * _HALVES)
        return (router, mixing), ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LowRankResidual(Residual):
    """A way around attention through a low rank, normalised and added (arXiv:2411.07501)."""

    rank: int
    parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig) -> LowRankResidual | None:
        """Describe the way around the attention of every layer, if there is one."""
        rank = config.laurel_rank
        if not rank:
            return None
        return cls(rank=rank, parameters=(2 * rank + 1) * config.hidden_size)

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "low-rank residual"

    def work(self, step: Pass) -> Work:
        """Give the work of LAuReL (arXiv:2411.07501): to a low rank and back, a norm, a sum."""
        operations = (
            matrix(step, "low-rank projection", m=step.tokens, n=self.rank, k=step.hidden),
            matrix(step, "projection back", m=step.tokens, n=step.hidden, k=self.rank),
            norm_and_sum(step),
        )
        return operations, ()

    def weight_bytes(self, precision: Precision, grid: Grid) -> Values:  # noqa: ARG002 - repeated
        """Count the weights: every device has all of them [bytes]."""
        return self.parameters * precision.weight_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerVectors(Residual):
    """Vectors of a layer beside its norms, applied in the kernels of what they belong to."""

    parameters: int

    @classmethod
    def from_config(cls, config: ModelConfig) -> LayerVectors | None:
        """Describe them; None where a layer has none."""
        return cls(parameters=config.layer_vector_size) if config.layer_vector_size else None

    @property
    def label(self) -> str:
        """What a breakdown calls it."""
        return "vectors"

    def work(self, step: Pass) -> Work:  # noqa: ARG002 - in the kernels of others
        """Give no work of its own."""
        return (), ()
