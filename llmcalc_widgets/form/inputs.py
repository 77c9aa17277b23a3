"""The settings as traits: what code, controls and other widgets read and set."""

from __future__ import annotations

from typing import Any

import traitlets
from traitlets import HasTraits, TraitError

from llmcalc_core import EvaluationRequest
from llmcalc_widgets.form.checked import checked
from llmcalc_widgets.form.settings import DEFAULTS, TOGETHER, check_together, to_request
from llmcalc_widgets.form.workloads import WORKLOAD_SETTINGS, with_workload, workload_of


class _CheckedAny(traitlets.Any):
    """A trait whose validator sees None as well."""

    allow_none = False


class Inputs(HasTraits):
    """The settings of a request; a wrong value raises and changes nothing.

    Attributes
    ----------
    model, hardware : str, ModelConfig or Hardware
        A catalogue name where there is one; paths and dicts become objects.
    devices : int
        Total devices; the most, where ``devices_min`` is given.
    devices_min : int or None
        The fewest: both ends, and the powers of two between them. None for ``devices`` alone.
    stage : {'prefill', 'decode', 'serving'}
        What the latency and throughput are of; serving is continuous batching.
    engine : str
        The serving engine: 'vllm', 'trtllm', 'sglang'.
    input_tokens, output_tokens : int
        Prompt and generated tokens of a request.
    batch_min, batch_max : int
        Sequences (serving: requests) in flight per replica: both ends, and the powers of two
        between them.
    precision : str or Precision
        Number formats; 'checkpoint' for those of the model's own checkpoint.
    memory_fraction : float
        Part of a device's memory that may be used.
    tpot_limit_ms, ttft_limit_ms : float or None
        Longest time per output token (in decode and serving) and to the first token [ms].
    prefix_hit_rate, speculative_tokens, acceptance_rate, draft_model, prefill_chunk_tokens, \
lora_adapters, lora_rank, weights_offload, weights_offload_gib, kv_offload, offload_to_fit
        Techniques, as :class:`llmcalc_core.Techniques` describes them; neutral at first.
    context_parallel_max : int or None
        Widest context parallel: the powers of two up to it are tried; None for what
        :func:`llmcalc_core.explore` tries by itself.
    price_per_hour, power_watts : float or None
        Price [USD/h] and design power [W] of a device; None for its own. Other devices that are
        compared keep theirs.
    workload : str or None
        Name of the lengths and limits, 'chat', 'retrieval', 'summarising', 'coding agent' or
        'batch'; None where they are no known workload's. Setting it sets them.

    Examples
    --------
    Every setting can be linked with another widget, both ways:

    >>> from ipywidgets import FloatText, link
    >>> inputs, text = Inputs(), FloatText(25.0)
    >>> linked = link((text, "value"), (inputs, "tpot_limit_ms"))
    >>> inputs.workload = "chat"
    >>> text.value
    40.0
    >>> text.close()
    """

    model = traitlets.Any(DEFAULTS["model"])
    hardware = traitlets.Any(DEFAULTS["hardware"])
    devices = traitlets.Any(DEFAULTS["devices"])
    devices_min = traitlets.Any(DEFAULTS["devices_min"])
    stage = traitlets.Any(DEFAULTS["stage"])
    engine = traitlets.Any(DEFAULTS["engine"])
    input_tokens = traitlets.Any(DEFAULTS["input_tokens"])
    output_tokens = traitlets.Any(DEFAULTS["output_tokens"])
    batch_min = traitlets.Any(DEFAULTS["batch_min"])
    batch_max = traitlets.Any(DEFAULTS["batch_max"])
    precision = traitlets.Any(DEFAULTS["precision"])
    memory_fraction = traitlets.Any(DEFAULTS["memory_fraction"])
    tpot_limit_ms = traitlets.Any(DEFAULTS["tpot_limit_ms"])
    ttft_limit_ms = traitlets.Any(DEFAULTS["ttft_limit_ms"])
    prefix_hit_rate = traitlets.Any(DEFAULTS["prefix_hit_rate"])
    prefill_chunk_tokens = traitlets.Any(DEFAULTS["prefill_chunk_tokens"])
    speculative_tokens = traitlets.Any(DEFAULTS["speculative_tokens"])
    acceptance_rate = traitlets.Any(DEFAULTS["acceptance_rate"])
    draft_model = _CheckedAny(DEFAULTS["draft_model"])
    context_parallel_max = traitlets.Any(DEFAULTS["context_parallel_max"])
    lora_adapters = traitlets.Any(DEFAULTS["lora_adapters"])
    lora_rank = traitlets.Any(DEFAULTS["lora_rank"])
    weights_offload = traitlets.Any(DEFAULTS["weights_offload"])
    weights_offload_gib = traitlets.Any(DEFAULTS["weights_offload_gib"])
    kv_offload = traitlets.Any(DEFAULTS["kv_offload"])
    offload_to_fit = traitlets.Any(DEFAULTS["offload_to_fit"])
    price_per_hour = traitlets.Any(DEFAULTS["price_per_hour"])
    power_watts = traitlets.Any(DEFAULTS["power_watts"])
    workload: Any = traitlets.Any(None)

    @traitlets.validate(*DEFAULTS)
    def _check(self, proposal: Any) -> Any:  # noqa: ANN401 - traitlets' proposal is untyped
        name = proposal["trait"].name
        try:
            value = checked(name, proposal["value"])
            if name in TOGETHER:
                check_together({**self.settings(), name: value})
        except ValueError as error:
            raise TraitError(str(error)) from None
        return value

    @traitlets.validate("workload")
    def _check_workload(self, proposal: Any) -> Any:  # noqa: ANN401 - as above
        try:
            with_workload({"workload": proposal["value"]})
        except ValueError as error:
            raise TraitError(str(error)) from None
        return proposal["value"]

    @traitlets.observe("workload")
    def _take_workload(self, change: dict[str, Any]) -> None:
        if change["new"] not in {None, workload_of(self.settings())}:
            with self.hold_trait_notifications():
                for name, value in with_workload({"workload": change["new"]}).items():
                    setattr(self, name, value)

    @traitlets.observe(*WORKLOAD_SETTINGS)
    def _name_workload(self, _: object) -> None:
        self.workload = workload_of(self.settings())

    def settings(self) -> dict[str, Any]:
        """Return the settings by name."""
        return {name: getattr(self, name) for name in DEFAULTS}

    def make_request(self) -> EvaluationRequest:
        """Return the request that the settings ask for."""
        return to_request(self.settings())
