"""Times of many runs under given constants: what a fit compares with the measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.calibration.constants import Constants
from llmcalc_core.calibration.facts import Behaviour, Efficiency
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.host import (
    decode_host_seconds,
    host_delay_seconds,
    prefill_host_seconds,
)
from llmcalc_core.fitting.flat_passes import FlatPasses, flatten
from llmcalc_core.fitting.run import METRICS, Run
from llmcalc_core.formulas import Floats, Values
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.simulation.closed_loop import closed_loop
from llmcalc_core.simulation.prefills import arriving_prompts, packed_prompts
from llmcalc_core.simulation.serving import mixed_prefill_seconds
from llmcalc_core.workload.arrivals import Arrivals


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
        grids = [one.grid() for one in known]
        self._arriving = np.array([float(arriving_prompts(grid)) for grid in grids])
        self._packed = np.array([float(packed_prompts(grid)) for grid in grids])
        self._decode = flatten(known, groups)
        self._prefills = [
            flatten(known, groups, prompts_read=counts.tolist())
            for counts in (np.ones(len(known)), self._arriving, self._packed)
        ]
        self._loop = self._numbers("loop")
        self._outputs = self._numbers("output_tokens")
        self._arrivals = Arrivals(
            fixed_lengths=np.array([one.arrivals.fixed_lengths for one in known]),
            held_steps=np.array([one.arrivals.held_steps for one in known]),
        )
        self._attention_dp = np.array([one.layout.attention_dp for one in known], dtype=float)
        share = self._numbers("batch") / self._attention_dp
        self._requests, self._sequences = np.maximum(share, 1.0), np.ceil(share)

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
            efficiency_for(
                hardware or own, precision, mixture=mixture, engine=engine, constants=constants
            )
            for own, precision, mixture, engine in self._kinds
        ]
        devices = [hardware or kind[0] for kind in self._kinds]
        behaviour = self._behaviour(found)
        host = decode_host_seconds(
            step=self._by_group([one.decode_step_s for one in found]),
            sequence=self._by_group([one.sequence_step_s for one in found]),
            sequences=self._sequences,
        )
        device = self._decode.device_seconds(found, devices)
        overlaps = behaviour.overlaps
        decode = device + host_delay_seconds(device, host, overlaps=overlaps, decode=True)
        launch = self._by_group([one.host_launch_s for one in found])
        own, arriving, packed = (
            self._prefill_seconds(flat, found, devices, launch) for flat in self._prefills
        )
        added = mixed_prefill_seconds(decode_step=decode, device=arriving[0], host=arriving[1])
        times = closed_loop(
            decode=decode,
            prefill=own[2],
            arriving_prefill=added / self._arriving,
            packed_prefill=packed[2] / self._packed,
            packed_prompts=self._packed,
            requests=self._requests,
            attention_dp=self._attention_dp,
            output_tokens=self._outputs,
            arrivals=self._arrivals,
            behaviour=behaviour,
        )
        loop = self._loop > 0
        ttft, tpot = np.where(loop, times.ttft, own[2]), np.where(loop, times.tpot, decode)
        by_metric = np.stack([ttft, tpot, ttft + (self._outputs - 1) * tpot])
        chosen: Floats = by_metric[self._metric, self._owner]
        return chosen

    @staticmethod
    def _prefill_seconds(
        flat: FlatPasses,
        efficiencies: list[Efficiency],
        devices: list[Hardware],
        launch: Floats,
    ) -> tuple[Floats, Values, Values]:
        """Time of prefills on the devices, of the host for them, and of both together [s]."""
        device = flat.device_seconds(efficiencies, devices)
        host = prefill_host_seconds(launch=launch, kernels=flat.kernels())
        return device, host, device + host_delay_seconds(device, host, overlaps=0.0, decode=False)

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
