"""A request in, an evaluation out: the whole path of a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.catalog.hardware import find_hardware
from llmcalc_core.catalog.models import find_model
from llmcalc_core.catalog.techniques import find_techniques
from llmcalc_core.domain.arguments import takes_techniques
from llmcalc_core.domain.checkpoint import CHECKPOINT, asked_precision
from llmcalc_core.domain.checks import whole_numbers
from llmcalc_core.domain.config import ModelConfig
from llmcalc_core.domain.hardware import Hardware
from llmcalc_core.domain.model import architecture
from llmcalc_core.domain.precision import Precision
from llmcalc_core.domain.request import EvaluationRequest
from llmcalc_core.domain.techniques import TechniqueArguments
from llmcalc_core.search.frame import as_frame
from llmcalc_core.search.names import names_of
from llmcalc_core.search.objective import front_of, gain_of
from llmcalc_core.search.performance import LATENCY_COLUMNS
from llmcalc_core.search.table import candidates

if TYPE_CHECKING:
    import pandas as pd

ModelLike = str | Mapping[str, Any] | ModelConfig
HardwareLike = str | PathLike[str] | Mapping[str, Any] | Hardware
PrecisionLike = str | Precision
_DEVICES = 8  # where a call says nothing of them: one server, as most have
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """The answer to a request: every candidate, as a frame.

    Attributes
    ----------
    request : EvaluationRequest
        The question.
    frame : DataFrame
        One row per candidate; see :func:`explore` for its columns.
    """

    request: EvaluationRequest
    frame: pd.DataFrame

    @property
    def latency_column(self) -> str:
        """Column of the stage's latency: time per output token, or to the first token [s]."""
        return LATENCY_COLUMNS[self.request.stage]

    @property
    def band_columns(self) -> tuple[str, str]:
        """Columns of the ends of its 80 % band [s]."""
        name = self.latency_column.removesuffix("_s")
        return f"{name}_low_s", f"{name}_high_s"

    @cached_property
    def front(self) -> pd.DataFrame:
        """The candidates on the Pareto front, by latency."""
        latency = self.frame[self.latency_column].to_numpy()[self._front_rows]
        return self.frame.iloc[self._front_rows[np.argsort(latency, kind="stable")]]

    @cached_property
    def feasible(self) -> pd.DataFrame:
        """The candidates that are not rejected."""
        return self.frame[self.frame["rejected_for"] == ""]

    @cached_property
    def recommended(self) -> int | None:
        """Row of the front that is best at the objective; None if none fits."""
        if not len(self._front_rows):
            return None
        gain = gain_of(self.frame, self.request.objective)[self._front_rows]
        return int(self._front_rows[gain.argmax()])

    @cached_property
    def _front_rows(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.frame["on_front"].to_numpy())


@takes_techniques
def make_request(
    model: ModelLike | Sequence[ModelLike],
    hardware: HardwareLike | Sequence[HardwareLike],
    devices: int | Sequence[int] | None = None,
    *,
    stage: str = "decode",
    engine: str = "vllm",
    input_tokens: int | Sequence[int] = 2000,
    output_tokens: int | Sequence[int] = 256,
    batch: int | Sequence[int] = BATCHES,
    precision: PrecisionLike | Sequence[PrecisionLike] = CHECKPOINT,
    context_parallel: int | Sequence[int] | None = None,
    beam_size: int = 1,
    memory_fraction: float = 0.9,
    latency_limit_s: float | None = None,
    ttft_limit_s: float | None = None,
    price_per_hour: float | None = None,
    power_watts: float | None = None,
    objective: str = "throughput",
    **techniques: Unpack[TechniqueArguments],
) -> EvaluationRequest:
    """Look up names and check values; the arguments are those of :func:`explore`.

    Raises
    ------
    TypeError
        For an argument that there is not, with the nearest one.
    ValueError
        For an unknown name or a value out of range.
    """
    found = (find_hardware(one) for one in _several(hardware))
    systems = tuple(dict.fromkeys(one.priced(price_per_hour, power_watts) for one in found))
    limits = [one.device_limit for one in systems if one.device_limit is not None]
    everything = min(limits, default=_DEVICES)
    return EvaluationRequest(
        models=tuple(dict.fromkeys(find_model(one) for one in _several(model))),
        hardware=systems,
        devices=whole_numbers("devices", everything if devices is None else devices),
        stage=stage,
        engine=engine,
        input_tokens=whole_numbers("input_tokens", input_tokens),
        output_tokens=whole_numbers("output_tokens", output_tokens),
        batches=whole_numbers("batch", batch),
        precisions=tuple(dict.fromkeys(asked_precision(one) for one in _several(precision))),
        context_parallel=(
            () if context_parallel is None else whole_numbers("context_parallel", context_parallel)
        ),
        techniques=find_techniques(techniques),
        beam_size=beam_size,
        memory_fraction=memory_fraction,
        latency_limit_s=latency_limit_s,
        ttft_limit_s=ttft_limit_s,
        objective=objective,
    )


def evaluate(request: EvaluationRequest) -> Evaluation:
    """Estimate every candidate of a request.

    Parameters
    ----------
    request : EvaluationRequest
        From :func:`make_request`.

    Returns
    -------
    Evaluation
        The request and the frame of candidates.
    """
    names = names_of(request)
    position = {precision: at for at, precision in enumerate(names.precision.values())}
    cases = [
        (
            (model_at, hardware_at, position[precision], technique_at),
            candidates(architecture(model), hardware, precision, techniques, request),
        )
        for model_at, model in enumerate(request.models)
        for hardware_at, hardware in enumerate(request.hardware)
        for precision in request.precisions_of(model)
        for technique_at, techniques in enumerate(request.techniques)
    ]
    frame = as_frame(
        cases,
        models=tuple(names.model),
        hardware=tuple(names.hardware),
        precisions=tuple(names.precision),
        techniques=request.techniques,
    )
    found = Evaluation(request=request, frame=frame)
    if request.objective != "throughput":
        frame["on_front"] = front_of(frame, request.objective, found.latency_column)
    return found


@takes_techniques
def explore(
    model: ModelLike | Sequence[ModelLike],
    hardware: HardwareLike | Sequence[HardwareLike],
    devices: int | Sequence[int] | None = None,
    *,
    stage: str = "decode",
    engine: str = "vllm",
    input_tokens: int | Sequence[int] = 2000,
    output_tokens: int | Sequence[int] = 256,
    batch: int | Sequence[int] = BATCHES,
    precision: PrecisionLike | Sequence[PrecisionLike] = CHECKPOINT,
    context_parallel: int | Sequence[int] | None = None,
    beam_size: int = 1,
    memory_fraction: float = 0.9,
    latency_limit_s: float | None = None,
    ttft_limit_s: float | None = None,
    price_per_hour: float | None = None,
    power_watts: float | None = None,
    objective: str = "throughput",
    **techniques: Unpack[TechniqueArguments],
) -> pd.DataFrame:
    """Estimate every way to deploy a model, as one DataFrame.

    Parameters
    ----------
    model : name, path, dict, ModelConfig, or several of them
        What to deploy.
    hardware : name, dict, path of a TOML file, Hardware, or several of them
        On what; ``Hardware.cluster`` describes nodes and the network between them.
    devices : int or several, optional
        Total devices; every plan uses one of these counts up. Where not given, 8, or all of a
        cluster (the smallest, of several).
    stage : {'decode', 'prefill', 'serving'}
        What the throughput and time columns describe: steady decoding or the prefill of a batch
        that starts and ends together, or continuous batching in a closed loop, where the next
        request takes the place of each that ends.
    engine : str, default 'vllm'
        'vllm', 'trtllm' or 'sglang', whose overheads and scheduling were measured.
    input_tokens, output_tokens, batch : int or several
        Prompt and generated tokens; sequences (serving: requests) in flight per replica.
    precision : str, Precision, or several of them
        Such as 'bf16', 'fp8', 'w4a16', or 'checkpoint' (the default): the types that each
        model's own checkpoint is stored in, bf16 where it does not say.
    context_parallel : int or several, optional
        Groups of devices that the tokens of a prompt are divided over; the groups hold the same
        weights and repeat the same decode steps (vLLM, prefill context parallelism). 1 where not
        given, and the powers of two besides in stage prefill of 32,768 tokens and more.
    beam_size : int, default 1
        Sequences decoded per request; 1 in serving.
    memory_fraction : float, default 0.9
        Part of a device's memory that may be used.
    latency_limit_s : float, optional
        Longest time per output token (decode, serving) or to the first token (prefill) [s].
    ttft_limit_s : float, optional
        Longest time to the first token, in every stage [s].
    price_per_hour, power_watts : float, optional
        Price [USD/h] and design power [W] of a device; each device's own where not given.
    objective : {'throughput', 'cost', 'energy'}
        What ``on_front`` trades against latency: tokens per second and device; or cost or energy
        per token, in which hardware competes with hardware.
    **techniques : optional, one or several of each
        ``prefix_hit_rate``, ``speculative_tokens``, ``acceptance_rate``, ``draft_model``,
        ``prefill_chunk_tokens``, ``lora_adapters``, ``lora_rank``, ``weights_offload``,
        ``kv_offload``, ``weights_offload_gib``, ``offload_to_fit``: what the deployment does with
        its requests, as :class:`Techniques` describes.

    Returns
    -------
    DataFrame
        One row per candidate. ``model``, ``hardware``, ``precision``, and a column for each of the
        :class:`Techniques` in use; ``devices`` (in total), ``tp``, ``pp``, ``ep``,
        ``attention_dp``, ``cp`` (context parallel, where widths besides 1 are tried),
        ``replicas``, ``batch`` (per replica), ``micro_batch``, ``input_tokens``,
        ``output_tokens``; ``ttft_s``, ``tpot_s``,
        ``e2e_latency_s`` [s] (serving: means of a closed loop); ``ttft_low_s``, ``ttft_high_s``,
        ``tpot_low_s``, ``tpot_high_s`` [s], their 80 % bands; ``tokens_per_s`` and
        ``tokens_per_s_per_device`` (read in prefill, else generated), ``requests_per_s``;
        ``gemm_s``, ``attention_s``, ``communication_s``, ``memory_traffic_s``, ``overhead_s``
        [s], which sum to the stage's latency: ``ttft_s`` in prefill, else ``tpot_s``;
        ``bound_by``; ``weights_bytes``, ``kv_cache_bytes``, ``activations_bytes``,
        ``reserve_bytes``, which sum to ``device_memory_bytes``, and ``memory_headroom_bytes``
        (negative: what is missing), all of the fullest device, and ``host_memory_bytes`` where
        something is offloaded, whose way over the host's link counts as communication;
        ``cost_usd_per_hour`` and ``power_w`` of all devices,
        ``cost_usd_per_million_input_tokens``, ``cost_usd_per_million_output_tokens``,
        ``energy_j_per_input_token``, ``energy_j_per_output_token`` (see
        :func:`llmcalc_core.search.cost.cost_figures`; NaN where price or power is not known, and
        in static stages for the tokens of the other);
        ``rejected_for`` ('', 'memory', 'host memory', 'latency limit' or 'TTFT limit'),
        ``on_front`` (of its model, hardware, precision, techniques and lengths: latency against
        tokens per second and device), ``basis`` ('measured', 'calibrated', 'transferred' or
        'assumed') of the times.

    Raises
    ------
    TypeError
        For an argument that there is not, with the nearest one.
    ValueError
        For an unknown name or a value out of range.

    Examples
    --------
    >>> frame = explore("llama2_7b", "A100_80GB", devices=2, batch=[1, 8])
    >>> frame[["tp", "pp", "replicas", "batch"]].to_numpy().tolist()
    [[1, 1, 2, 1], [1, 1, 2, 8], [1, 2, 1, 1], [1, 2, 1, 8], [2, 1, 1, 1], [2, 1, 1, 8]]
    """
    request = make_request(
        model,
        hardware,
        devices,
        stage=stage,
        engine=engine,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        batch=batch,
        precision=precision,
        context_parallel=context_parallel,
        beam_size=beam_size,
        memory_fraction=memory_fraction,
        latency_limit_s=latency_limit_s,
        ttft_limit_s=ttft_limit_s,
        price_per_hour=price_per_hour,
        power_watts=power_watts,
        objective=objective,
        **techniques,
    )
    return evaluate(request).frame


def _several(value: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """Give a tuple of one or several values; a mapping or a string is one."""
    if isinstance(value, (list, tuple, set, frozenset)):
        if not value:
            msg = "model, hardware and precision need at least one entry, got an empty collection"
            raise ValueError(msg)
        return tuple(value)
    return (value,)
