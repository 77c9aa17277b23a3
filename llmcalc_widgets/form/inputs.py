"""The settings as traits: what code, controls and other widgets read and set."""

from __future__ import annotations

from typing import Any

import traitlets
from traitlets import HasTraits, TraitError

from llmcalc_core import EvaluationRequest
from llmcalc_widgets.form.settings import DEFAULTS, check_together, checked, to_request


class Inputs(HasTraits):
    """The settings of a request; a wrong value raises and changes nothing.

    Attributes
    ----------
    model, hardware : str, ModelConfig or Hardware
        A catalogue name where there is one; paths and dicts become objects.
    devices : int
        Total devices.
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
    """

    model = traitlets.Any(DEFAULTS["model"])
    hardware = traitlets.Any(DEFAULTS["hardware"])
    devices = traitlets.Any(DEFAULTS["devices"])
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

    @traitlets.validate(*DEFAULTS)
    def _check(self, proposal: Any) -> Any:  # noqa: ANN401 - traitlets' proposal is untyped
        name = proposal["trait"].name
        try:
            value = checked(name, proposal["value"])
            if name in {"batch_min", "batch_max"}:
                check_together({**self.settings(), name: value})
        except ValueError as error:
            raise TraitError(str(error)) from None
        return value

    def settings(self) -> dict[str, Any]:
        """Return the settings by name."""
        return {name: getattr(self, name) for name in DEFAULTS}

    def make_request(self) -> EvaluationRequest:
        """Return the request that the settings ask for."""
        return to_request(self.settings())
