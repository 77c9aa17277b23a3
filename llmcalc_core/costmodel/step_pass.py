"""Time of a pass of like sequences: what its tokens do together is kept, as it comes up again.

Products, elementwise operations and messages depend on how many tokens a pass has, attention also
on how long the sequences are. So a question about other lengths times attention alone.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.calibration.facts import Efficiency
from llmcalc_core.costmodel.passes import PassTimes, pass_times
from llmcalc_core.costmodel.sections import sections, sections_of_lengths, sections_of_tokens
from llmcalc_core.engines import Engine
from llmcalc_core.formulas import Values
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.layers.work import Pass
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import Techniques

_MOST_KEPT = 32
"""Plans and workloads of a case whose times are kept."""

_Number = float | tuple[tuple[int, ...], bytes]
"""A number, or an array of few as its shape and its bytes, which can be the key of what is kept."""


class TokenCase(NamedTuple):
    """All that the work of a pass depends on but for the lengths of its sequences.

    Attributes
    ----------
    model, hardware, precision, efficiency
        What runs on what, in which types, and what the device reaches.
    layouts, techniques, engine
        Its plans, what is done with requests, and what serves.
    decode : bool
        Whether it decodes, else it reads prompts.
    tokens, replica_tokens, stage_tokens, sequences
        As of a :class:`Pass`; the number of sequences does not matter to prompts.
    """

    model: Model
    hardware: Hardware
    precision: Precision
    efficiency: Efficiency
    layouts: tuple[Layout, ...]
    techniques: Techniques
    engine: Engine
    decode: bool
    tokens: _Number
    replica_tokens: _Number
    stage_tokens: _Number
    sequences: _Number | None

    @classmethod
    def of(
        cls, model: Model, hardware: Hardware, efficiency: Efficiency, step: Pass
    ) -> TokenCase | None:
        """Leave the lengths out of a case; None where what is offloaded or adapted has them too."""
        grid, techniques = step.grid, step.grid.techniques
        if techniques.offloads or techniques.lora_adapters:
            return None
        return cls(
            model, hardware, step.whole, efficiency, grid.layouts, techniques, grid.engine,
            step.decode, _key(step.tokens), _key(step.replica_tokens), _key(step.stage_tokens),
            _key(step.sequences) if step.decode else None,
        )  # fmt: skip

    @property
    def is_kept(self) -> bool:
        """Whether its plans and workloads are few: what there is more of is seldom asked again."""
        tokens = self.tokens
        return isinstance(tokens, float) or prod(tokens[0]) <= _MOST_KEPT

    def step(self) -> Pass:
        """Give a pass of sequences of no length, with which no attention can be timed."""
        grid = _without_lengths(self.layouts, self.techniques, self.engine)
        tokens = _values(self.tokens)
        return Pass(
            grid=grid,
            precision=self.precision,
            whole=self.precision,
            hidden=self.model.hidden,
            decode=self.decode,
            sequences=np.nan if self.sequences is None else _values(self.sequences),
            tokens=tokens,
            replica_tokens=_values(self.replica_tokens),
            cp=1.0 if self.decode else grid.cp,
            past_tokens=np.nan,
            stage_tokens=_values(self.stage_tokens),
            states=2.0 + grid.draft_tokens if self.decode else 2.0,
            hidden_bytes=tokens * self.model.hidden * self.precision.output_bytes,
        )


def step_pass_times(
    model: Model, hardware: Hardware, efficiency: Efficiency, step: Pass, *, bounds: bool = True
) -> PassTimes:
    """Time one pass of sequences that all decode, or all read prompts.

    Parameters
    ----------
    model, hardware, efficiency
        What runs on what, and what the device reaches.
    step : Pass
        What passes.
    bounds : bool, default True
        Whether to say what bounds it.

    Returns
    -------
    PassTimes
        Those that :func:`pass_times` gives of all its sections, those of sections where there is a
        pipeline.
    """
    by_section = step.grid.is_pipelined
    case = TokenCase.of(model, hardware, efficiency, step)
    if case is None or not case.is_kept:
        return pass_times(
            model, sections(model, step), hardware, efficiency,
            by_section=by_section, bounds=bounds,
        )  # fmt: skip
    return pass_times(
        model, sections_of_lengths(model, step), hardware, efficiency,
        by_section=by_section, bounds=bounds, beside=token_pass_times(case, bounds=bounds),
    )  # fmt: skip


@lru_cache(maxsize=1024)
def token_pass_times(case: TokenCase, *, bounds: bool) -> PassTimes:
    """Time what the tokens of a pass do together; some kilobytes of each are kept.

    Parameters
    ----------
    case : TokenCase
        All that it depends on.
    bounds : bool
        Whether to say what bounds it.

    Returns
    -------
    PassTimes
        Without what depends on the lengths of sequences.
    """
    step = case.step()
    return pass_times(
        case.model, sections_of_tokens(case.model, step), case.hardware, case.efficiency,
        by_section=step.grid.is_pipelined, bounds=bounds,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _without_lengths(layouts: tuple[Layout, ...], techniques: Techniques, engine: Engine) -> Grid:
    return make_grid(
        layouts, batches=(1,), inputs=(np.nan,), outputs=(1,), techniques=techniques, engine=engine
    )


def _key(values: Values) -> _Number:
    if isinstance(values, np.ndarray):
        return values.shape, values.tobytes()
    return float(values)


def _values(key: _Number) -> Values:
    if isinstance(key, float):
        return key
    return np.frombuffer(key[1]).reshape(key[0])
