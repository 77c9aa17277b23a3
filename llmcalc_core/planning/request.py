"""A question to the calculator: frozen, hashable and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmcalc_core.architecture.drafting import draft_of
from llmcalc_core.architecture.model import architecture
from llmcalc_core.checks import (
    fraction,
    inner_share,
    one_of,
    positive,
    truth,
    whole_number,
    whole_numbers,
)
from llmcalc_core.defaults import (
    BATCHES,
    INPUT_TOKENS,
    MOST_CANDIDATES,
    OUTPUT_TOKENS,
)
from llmcalc_core.deprecation import accepts_old_names, warn_renamed
from llmcalc_core.engines import DEFAULT_ENGINE, Engine, check_joins_batches, told_engine
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hub.published_fp8 import served_precision
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.planning.pareto import OBJECTIVES, needed_for
from llmcalc_core.precision import Precision
from llmcalc_core.several import all_of, several
from llmcalc_core.shown import shown
from llmcalc_core.workload.techniques import NO_TECHNIQUES, Techniques

STATIC_PHASES = ("prefill", "decode")
"""Phases of a batch whose sequences start and end together."""

PHASES = (*STATIC_PHASES, "serving")
"""Those, and continuous batching, where the next request takes the place of one that ends."""

MOST_DEVICES = 4096

LONG_PROMPT = 32_768
"""Length from which a prefill is worth dividing over devices [tokens]; assumed. vLLM's and SGLang's
documentation of prefill context parallelism name no length."""


def limit_of_phase(arguments: Mapping[str, Any]) -> str:
    """Name the limit that ``latency_limit_s`` was of in the phase of some arguments."""
    return "ttft_limit_s" if arguments.get("phase") == "prefill" else "tpot_limit_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """Models, devices, workload and limits to evaluate.

    Parameters
    ----------
    models : tuple of ModelConfig
        One or several.
    hardware : tuple of Hardware
        One or several.
    devices : tuple of int
        Total device counts to plan for.
    phase : {'prefill', 'decode', 'serving'}
        What the latency, throughput and time columns describe.
    engine : str
        The serving engine, one of ``ENGINES``.
    engine_version : str, optional
        Its release; the newest known where not given.
    max_num_seqs : int, optional
        Most requests that run at once on an attention replica; the engine's default on each device
        where not given [1].
    enforce_eager : bool
        Whether nothing is captured, so that the host starts every kernel of every step.
    input_tokens, output_tokens, batches : tuple of int
        Prompt and generated tokens; sequences (serving: requests) in flight per replica.
    exact_batch : bool
        Whether, of each plan, the first of the batches that breaks a limit or does not fit gives
        way to the largest that does neither.
    precisions : tuple of Precision or None
        One or several; None is that of each model's own checkpoint.
    context_parallel : tuple of int
        Context parallel widths to try; empty for 1, and for the powers of two besides where the
        phase is prefill and a prompt has ``LONG_PROMPT`` tokens.
    techniques : tuple of Techniques
        What the deployment does with its requests, in one way or several.
    beam_size : int
        Sequences decoded per request; 1 in serving.
    memory_fraction : float
        Part of a device's memory that may be used, above 0 and at most 1; with TensorRT-LLM that
        of what weights and buffers leave free, for the cache.
    tpot_limit_s, ttft_limit_s : float, optional
        Longest time per output token and to the first token, in every phase [s].
    objective : {'throughput', 'cost', 'energy'}
        What the front trades against latency.
    request_rates : tuple of float
        Requests per second that come at random to the whole deployment, divided evenly over its
        replicas, in place of batches and in phase serving alone; empty for so many in flight [1/s].
    percentile : float, optional
        At request rates: share of the requests that are no slower than the times and keep the
        limits, between 0 and 1 [1]; the mean where not given.
    max_candidates : int
        Most candidates that are worked out at once; of more, nothing is [1].

    Raises
    ------
    ValueError
        For a value out of range.
    """

    models: tuple[ModelConfig, ...]
    hardware: tuple[Hardware, ...]
    devices: tuple[int, ...]
    phase: str = "decode"
    engine: str = DEFAULT_ENGINE
    engine_version: str | None = None
    max_num_seqs: int | None = None
    enforce_eager: bool = False
    input_tokens: tuple[int, ...] = (INPUT_TOKENS,)
    output_tokens: tuple[int, ...] = (OUTPUT_TOKENS,)
    batches: tuple[int, ...] = BATCHES
    exact_batch: bool = False
    precisions: tuple[Precision | None, ...] = (None,)
    context_parallel: tuple[int, ...] = ()
    techniques: tuple[Techniques, ...] = (NO_TECHNIQUES,)
    beam_size: int = 1
    memory_fraction: float | None = None
    tpot_limit_s: float | None = None
    ttft_limit_s: float | None = None
    objective: str = "throughput"
    request_rates: tuple[float, ...] = ()
    percentile: float | None = None
    max_candidates: int = MOST_CANDIDATES

    def __post_init__(self) -> None:
        """Check and normalise every field."""
        self._set("models", all_of("models", self.models, ModelConfig))
        self._set("hardware", all_of("hardware", self.hardware, Hardware))
        self._set("techniques", all_of("techniques", self.techniques, Techniques))
        self._set("devices", whole_numbers("devices", self.devices))
        whole_number("devices", self.devices[-1], most=MOST_DEVICES)
        for device in self.hardware:
            device.check_devices("devices", self.devices[-1])
        self._set("phase", one_of("phase", self.phase, PHASES))
        self._set("objective", one_of("objective", self.objective, OBJECTIVES))
        check_known(self.objective, self.hardware)
        self._set("engine", self.serves.name)
        if self.phase == "serving":
            check_joins_batches(self.serves)
        if self.engine_version is not None:
            self._set("engine_version", self.serves.version)
        self._set("batches", whole_numbers("batch", self.batches))
        self._set("exact_batch", self._is_exact())
        for name in ("input_tokens", "output_tokens"):
            self._set(name, whole_numbers(name, getattr(self, name)))
        if not _is_left_out(self.context_parallel):
            widths = whole_numbers("context_parallel", self.context_parallel)
            self._set("context_parallel", widths)
        self._set("beam_size", self._beams())
        self._check_techniques()
        if self.memory_fraction is not None:
            self._set("memory_fraction", fraction("memory_fraction", self.memory_fraction))
        for name in ("tpot_limit_s", "ttft_limit_s"):
            if getattr(self, name) is not None:
                self._set(name, positive(name, getattr(self, name), unit="s"))
        self._set("request_rates", self._rates())
        self._set("max_candidates", whole_number("max_candidates", self.max_candidates))
        if self.percentile is not None:
            self._set("percentile", self._level(self.percentile))

    @property
    def serves(self) -> Engine:
        """The engine in its version, as it is told to run."""
        return told_engine(
            self.engine,
            self.engine_version,
            max_num_seqs=self.max_num_seqs,
            enforce_eager=self.enforce_eager,
        )

    @property
    def stage(self) -> str:
        """The phase, by its old name."""
        warn_renamed("stage", "phase", level=3)
        return self.phase

    @property
    def latency_limit_s(self) -> float | None:
        """The limit on the time that the phase is about [s], by its old name."""
        new = limit_of_phase({"phase": self.phase})
        warn_renamed("latency_limit_s", new, level=3)
        limit: float | None = getattr(self, new)
        return limit

    def precisions_of(
        self, model: ModelConfig, hardware: Hardware | None = None
    ) -> tuple[Precision, ...]:
        """Give the precisions to evaluate a model in, on a device where one is given, each once."""
        given = (served_precision(one, model, hardware) for one in self.precisions)
        return tuple(dict.fromkeys(given))

    @property
    def contexts(self) -> tuple[int, ...]:
        """Context parallel widths to try."""
        if self.context_parallel:
            return self.context_parallel
        if self.phase != "prefill" or self.input_tokens[-1] < LONG_PROMPT:
            return (1,)
        return tuple(2**power for power in range(self.devices[-1].bit_length()))

    def is_largest_batch(self, batch: int) -> bool:
        """Say whether a batch is the largest of several, so that a better one may be beyond it.

        Never where one batch is asked for, or request rates say how many are in flight.
        """
        several = len(self.batches) > 1 and not self.request_rates
        return several and int(batch) >= self.batches[-1]

    def _rates(self) -> tuple[float, ...]:
        rates = {
            positive("request_rate", one, unit="1/s")
            for one in several("request_rates", self.request_rates)
        }
        if rates and self.phase != "serving":
            msg = (
                "request_rate must be None unless the phase is 'serving', whose requests come one "
                f"by one, got {sorted(rates)} in phase {shown(self.phase)}"
            )
            raise ValueError(msg)
        if rates and self.batches != BATCHES:
            msg = (
                "batch must be left out where request_rate is given, as the rate says how many "
                f"requests are in flight, got {list(self.batches)}"
            )
            raise ValueError(msg)
        return tuple(sorted(rates))

    def _is_exact(self) -> bool:
        exact = truth("exact_batch", self.exact_batch)
        return exact and len(self.batches) > 1 and not self.request_rates

    def _level(self, percentile: float) -> float:
        if not self.request_rates:
            msg = (
                "percentile needs request_rate, as requests of a closed loop have means alone, got "
                f"{shown(percentile)} without one"
            )
            raise ValueError(msg)
        return inner_share("percentile", percentile)

    def _beams(self) -> int:
        beams = whole_number("beam_size", self.beam_size)
        if self.phase == "serving" and beams > 1:
            msg = (
                "beam_size must be 1 in phase 'serving', whose requests in flight are one "
                f"sequence each, got {beams}; the phases {' and '.join(STATIC_PHASES)} take beams"
            )
            raise ValueError(msg)
        return beams

    def _check_techniques(self) -> None:
        for techniques in self.techniques:
            techniques.check_beams(self.beam_size)
            techniques.check_phase(self.phase)
            for config in self.models:
                architecture(config).check_phase(
                    self.phase, prefix_hit_rate=techniques.prefix_hit_rate
                )
            for config in self.models if techniques.speculative_tokens else ():
                draft_of(architecture(config), techniques)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


EvaluationRequest.__init__ = accepts_old_names(  # type: ignore[method-assign]
    stage="phase", latency_limit_s=limit_of_phase
)(EvaluationRequest.__init__)


def _is_left_out(values: object) -> bool:
    """Whether it is the empty tuple that stands for the usual values; an array is none."""
    return isinstance(values, tuple) and not values


def check_request(request: object) -> None:
    """Refuse what is no request.

    Raises
    ------
    ValueError
        With what makes one.
    """
    if not isinstance(request, EvaluationRequest):
        msg = f"request must be one from make_request, got {type(request).__name__}"
        raise ValueError(msg)  # noqa: TRY004 - all bad input is a ValueError


def check_known(objective: str, hardware: tuple[Hardware, ...]) -> None:
    """Refuse an objective of which a device's price or power is not known.

    Raises
    ------
    ValueError
        With the devices, and the argument that says it.
    """
    needed = needed_for(objective)
    unknown = [one.name for one in hardware if needed and getattr(one, needed) is None]
    if unknown:
        msg = (
            f"objective {shown(objective)} needs {needed}, which is not known of "
            f"{', '.join(unknown)}; give {needed}"
        )
        raise ValueError(msg)
