"""Calibration with the user's own measurements: a device fitted to them, and how well it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from os import PathLike
from typing import TYPE_CHECKING, Any

from llmcalc_core.api.make_request import HardwareLike
from llmcalc_core.api.measurements import FIGURES, MeasuredRow, read_measurements
from llmcalc_core.engines import DEFAULT_ENGINE, told_engine
from llmcalc_core.fitting.fit_hardware import fit_hardware, left_out_seconds
from llmcalc_core.fitting.runs import Runs
from llmcalc_core.formulas import Floats
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hardware.find import find_hardware

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 3
"""Fewest figures to calibrate with."""

_STAGES = ("before", "after", "left_out")
_ERRORS = [f"{stage}_error" for stage in _STAGES]


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """A device fitted to measurements, and how far estimates are from them.

    Attributes
    ----------
    hardware : Hardware
        The device with its adjustments: every function takes it as ``system_name`` or
        ``hardware``.
    report : DataFrame
        One row per figure, by the row it came from: ``model``, ``metric`` ('ttft', 'tpot' or
        'latency'), ``measured_ms``, ``before_ms``, ``after_ms`` (estimates without and with the
        calibration), ``before_error``, ``after_error``, and ``left_out_error`` of a calibration
        without that row (estimate over measurement, less one).
    """

    hardware: Hardware
    report: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """Sum the report up by metric.

        Returns
        -------
        DataFrame
            By metric: ``n`` figures; ``before_median``, ``before_largest``, ``after_median``,
            ``after_largest``, ``left_out_median``, ``left_out_largest`` of the errors without
            their sign. Expect of other rows what ``left_out`` says, not ``after``.
        """
        errors = self.report.set_index("metric")[_ERRORS].abs()
        grouped = errors.rename(columns=dict(zip(_ERRORS, _STAGES, strict=True))).groupby(level=0)
        summed = grouped.agg(["median", "max"]).rename(columns={"max": "largest"})
        summed.columns = summed.columns.map("_".join)
        summed.insert(0, "n", grouped.size())
        return summed

    def __repr__(self) -> str:
        """Say what was fitted and how well."""
        summary = self.summary()
        lines = [
            f"{metric}: median error {row.before_median:.0%} before, {row.after_median:.0%} after, "
            f"{row.left_out_median:.0%} left out (n={row.n})"
            for metric, row in zip(summary.index, summary.itertuples(index=False), strict=True)
        ]
        return "\n".join([f"Calibration of {self.hardware.name}", *lines])

    def _repr_html_(self) -> str:
        summary = self.summary()
        errors = dict.fromkeys(_ERRORS, "{:+.0%}".format)
        shares = dict.fromkeys(summary.columns.drop("n"), "{:.0%}".format)
        times = {f"{stage}_ms": "{:.4g}".format for stage in ("measured", "before", "after")}
        return (
            f"<p>Calibration of {escape(self.hardware.name)}</p>"
            + summary.to_html(formatters=shares)
            + self.report.to_html(formatters=errors | times, max_rows=20)
        )


def calibrate(
    measurements: pd.DataFrame | Sequence[Mapping[str, Any]] | str | PathLike[str],
    hardware: HardwareLike,
    *,
    engine: str = DEFAULT_ENGINE,
    engine_version: str | None = None,
) -> Calibration:
    """Fit a device to your own measurements; five rows are enough to help.

    Nothing leaves the machine. At most five constants move: the time of decode kernels and of
    prefill kernels, a step's overhead, the fixed time to the first token, and the host's time to
    start a kernel. Few rows move them little, and what rows tell nothing of stays. Estimates stay
    at or above the physical bound whatever was measured.

    Parameters
    ----------
    measurements : DataFrame, list of dicts or path
        Rows, or a CSV file of them, with the columns ``model``, ``tensor_parallel``,
        ``concurrency``, ``input_tokens``, ``output_tokens``, and ``ttft_ms``, ``tpot_ms`` or both
        (means; one may be blank). Optional: ``precision`` (that of the model's checkpoint where
        blank), ``expert_parallel``, ``attention_data_parallel``, ``engine``, ``engine_version``,
        ``pipeline_parallel`` (has to be 1), ``fixed_lengths`` (true where a benchmark's lengths are
        not drawn), and ``kind``: 'closed_loop' (as one request ends, the next arrives) or 'static'
        (a batch that starts together), which may have ``e2e_ms``.
    hardware : name, dict or Hardware
        What they were measured on. One that was calibrated before is fitted anew, from where it
        is: give all rows together.
    engine : str, default 'vllm'
        The serving engine of rows that name none.
    engine_version : str, optional
        Its release; the newest known where not given.

    Returns
    -------
    Calibration
        The ``hardware`` to use everywhere, the ``report`` of errors, and their ``summary()``.

    Raises
    ------
    ValueError
        For an unknown or missing column, a cell that is not valid (with its row), or fewer than
        three figures.

    Examples
    --------
    >>> from llmcalc_core import estimate_serving_performance
    >>> shape = {"model": "llama3_8b", "tensor_parallel": 1, "input_tokens": 1000,
    ...          "output_tokens": 200}
    >>> def measured(concurrency):
    ...     usual = estimate_serving_performance("llama3_8b", concurrency, 1000, 200, "H100_80GB")
    ...     return {**shape, "concurrency": concurrency, "tpot_ms": 1.2 * usual["tpot_ms"]}
    >>> found = calibrate([measured(concurrency) for concurrency in (1, 8, 64)], "H100_80GB")
    >>> summary = found.summary()
    >>> bool(summary.after_median["tpot"] < summary.before_median["tpot"] / 2)
    True
    """
    device = find_hardware(hardware)
    rows = read_measurements(measurements, device, engine=told_engine(engine, engine_version))
    measured = [run for row in rows for run in row.runs]
    if len(measured) < FEWEST:
        msg = (
            f"measurements need at least {FEWEST} figures ({', '.join(FIGURES)}) to calibrate "
            f"with, got {len(measured)}"
        )
        raise ValueError(msg)
    runs = Runs(measured)
    fitted = fit_hardware(runs, device)
    position = [index for index, row in enumerate(rows) for _ in row.runs]
    estimates = {
        "before": runs.seconds(hardware=device),
        "after": runs.seconds(hardware=fitted),
        "left_out": left_out_seconds(runs, device, position),
    }
    return Calibration(fitted, _report(rows, runs, estimates))


def _report(rows: Sequence[MeasuredRow], runs: Runs, estimates: dict[str, Floats]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    columns: dict[str, Any] = {
        "model": [run.configuration.model.name for run in runs.runs],
        "metric": [run.metric for run in runs.runs],
        "measured_ms": runs.measured * 1e3,
        "before_ms": estimates["before"] * 1e3,
        "after_ms": estimates["after"] * 1e3,
    }
    columns |= {
        f"{stage}_error": seconds / runs.measured - 1 for stage, seconds in estimates.items()
    }
    labels = [row.label for row in rows for _ in row.runs]
    return pd.DataFrame(columns, index=pd.Index(labels, name="row", tupleize_cols=False))
