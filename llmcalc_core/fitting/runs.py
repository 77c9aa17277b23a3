"""Times of many runs under given constants: what a fit compares with the measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.constants import Constants
from llmcalc_core.calibration.facts import Behaviour, Efficiency
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.host import (
    decode_launch_seconds,
    host_delay_seconds,
    launch_seconds,
    prepare_seconds,
)
from llmcalc_core.fitting.flat_passes import FlatPasses, flatten
from llmcalc_core.fitting.run import METRICS, Configuration, Run
from llmcalc_core.fitting.steps import RunSteps, steps_of
from llmcalc_core.formulas import Floats
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.simulation.closed_loop import Steps, closed_loop
from llmcalc_core.simulation.load import Load
from llmcalc_core.workload.requests import Arrivals


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatSteps:
    """A step of each configuration.

    Attributes
    ----------
    passes : FlatPasses
        What they compute and send.
    sequences : array
        Sequences of an attention replica in each [1].
    launched_tokens : array or None
        Tokens of those that are not captured as a whole; None of decode steps [tokens].
    spread_tokens : array
        Their standard deviation [tokens].
    """

    passes: FlatPasses
    sequences: Floats
    launched_tokens: Floats | None
    spread_tokens: Floats


class Runs:
    """Measured runs, laid out once, to be estimated with many constants.

    Parameters
    ----------
    runs : sequence of Run
        Of one pipeline stage each.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        known = tuple(dict.fromkeys(run.configuration for run in runs))
        place = {one: index for index, one in enumerate(known)}
        self.configurations = known
        self.runs = tuple(runs)
        self.measured = np.array([run.seconds for run in runs])
        self._owner = np.array([place[run.configuration] for run in runs], dtype=np.intp)
        self._metric = np.array([METRICS.index(run.metric) for run in runs], dtype=np.intp)
        kinds = {one.kind: None for one in known}
        self._kinds = tuple(kinds)
        position = {kind: index for index, kind in enumerate(kinds)}
        self._groups = np.array([position[one.kind] for one in known], dtype=np.intp)
        groups = self._groups.tolist()
        each = [steps_of(one) for one in known]
        self._load = Load(
            **{
                field.name: np.array([float(getattr(one.load, field.name)) for one in each])
                for field in fields(Load)
            }
        )
        self._mixes = np.array([one.mixes for one in each])
        self._layers = np.array([float(one.model.layer_count) for one in known])
        self._decode = _flat(known, groups, each, "decode")
        self._reading = _flat(known, groups, each, "reading")
        self._full = _flat(known, groups, each, "full")
        self._full_prompts = np.array([one.full_prompt_tokens for one in each])
        self._loop = self._numbers("loop")
        self._inputs, self._outputs = self._numbers("input_tokens"), self._numbers("output_tokens")
        # As stream_seconds() has it, of plans of one grid each.
        self._senders = np.array(
            [one.layout.attention_dp if one.serves.streams_by_rank else 1.0 for one in known]
        )
        self._arrivals = Arrivals(
            fixed_lengths=np.array([one.arrivals.fixed_lengths for one in known]),
            held_steps=np.array([one.arrivals.held_steps for one in known]),
            streamed=np.array([one.arrivals.streamed for one in known]),
        )

    def seconds(
        self, constants: Constants | None = None, hardware: Hardware | None = None
    ) -> Floats:
        """Estimate every run.

        Parameters
        ----------
        constants : Constants, optional
            In place of the fitted ones.
        hardware : Hardware, optional
            In place of every run's own.

        Returns
        -------
        array
            Times in the order of the runs [s].
        """
        found = [
            efficiency_for(hardware or own, precision, engine=engine, constants=constants)
            for own, precision, engine in self._kinds
        ]
        devices = [hardware or kind[0] for kind in self._kinds]
        behaviour = self._behaviour(found)
        decode, _ = self._step(self._decode, found, devices)
        reading, compute_share = self._step(self._reading, found, devices)
        full, _ = self._step(self._full, found, devices)
        times = closed_loop(
            load=self._load,
            steps=Steps(
                decode=decode,
                reading=reading,
                through=reading,
                compute_share=compute_share,
                seconds_per_token=full / self._full_prompts,
            ),
            computed=self._inputs,
            output_tokens=self._outputs,
            mixes=self._mixes,
            arrivals=self._arrivals,
            first_token_s=behaviour.first_token_s,
            stream_token_s=behaviour.stream_token_s / self._senders,
        )
        loop = self._loop > 0
        ttft, tpot = np.where(loop, times.ttft, reading), np.where(loop, times.tpot, decode)
        by_metric = np.stack([ttft, tpot, ttft + (self._outputs - 1) * tpot])
        chosen: Floats = by_metric[self._metric, self._owner]
        return chosen

    def _step(
        self, steps: FlatSteps, efficiencies: list[Efficiency], devices: list[Hardware]
    ) -> tuple[Floats, Floats]:
        """Time of steps with what the host adds, and the share of it that arithmetic bounds."""
        behaviour = self._behaviour(efficiencies)
        device, by_arithmetic = steps.passes.device_seconds(efficiencies, devices)
        started = {
            "launch": self._by_group([one.host_launch_s for one in efficiencies]),
            "kernels": behaviour.calls_per_kernel * steps.passes.kernels(),
            "layers": self._layers,
        }
        if steps.launched_tokens is None:
            launch = decode_launch_seconds(
                sequences=steps.sequences,
                captured_sequences=behaviour.captured_sequences,
                pieces=behaviour.decode_pieces,
                **started,
            )
        else:
            launch = launch_seconds(
                tokens=steps.launched_tokens,
                spread=steps.spread_tokens,
                captured_tokens=behaviour.captured_tokens,
                **started,
            )
        prepare = prepare_seconds(
            step=self._by_group([one.step_s for one in efficiencies]),
            sequence=self._by_group([one.sequence_step_s for one in efficiencies]),
            sequences=steps.sequences,
        )
        delay = host_delay_seconds(
            device, prepare=prepare, launch=launch, overlaps=behaviour.overlaps
        )
        return device + delay, by_arithmetic / (device + delay)

    def log_errors(
        self, constants: Constants | None = None, hardware: Hardware | None = None
    ) -> Floats:
        """Give the logarithm of each estimate over its measurement."""
        errors: Floats = np.log(self.seconds(constants, hardware) / self.measured)
        return errors

    def where(self, metric: str, *, loop: bool, mixture: bool | None = None) -> NDArray[np.bool_]:
        """Tell which runs are of a kind."""
        kinds = [
            run.metric == metric
            and run.configuration.loop == loop
            and mixture in (None, run.configuration.model.is_moe)
            for run in self.runs
        ]
        return np.array(kinds, dtype=bool)

    def _numbers(self, name: str) -> Floats:
        return np.array([getattr(one, name) for one in self.configurations], dtype=float)

    def _by_group(self, values: list[float]) -> Floats:
        chosen: Floats = np.array(values)[self._groups]
        return chosen

    def _behaviour(self, found: list[Efficiency]) -> Behaviour:
        names = [field.name for field in fields(Behaviour)]
        return Behaviour(
            **{
                name: self._by_group([float(getattr(one.behaviour, name)) for one in found])
                for name in names
            }
        )


def _flat(
    configurations: Sequence[Configuration],
    groups: Sequence[int],
    steps: Sequence[RunSteps],
    kind: str,
) -> FlatSteps:
    """Lay out the steps of one kind: 'decode', 'reading' or 'full'."""
    found = [one.of(kind) for one in steps]
    launched = kind != "decode"
    return FlatSteps(
        passes=flatten(configurations, groups, [one.work for one in found]),
        sequences=np.array([one.sequences for one in found]),
        launched_tokens=np.array([one.tokens for one in found]) if launched else None,
        spread_tokens=np.array([one.spread_tokens for one in found]),
    )
