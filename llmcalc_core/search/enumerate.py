"""Legal layouts of a model on a number of devices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from llmcalc_core.domain.model import Model
from llmcalc_core.domain.parallelism import Layout, divisors, slots

MOST_SLOTS = 1.25
"""Most slots for each expert that are tried, assumed; DeepSeek-V3 has 1.125 (arXiv:2412.19437,
section 3.4: 32 redundant experts beside 256)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A layout and how many replicas of it run side by side."""

    layout: Layout
    replicas: int

    @property
    def devices(self) -> int:
        """Devices of all replicas."""
        return self.layout.devices * self.replicas


@lru_cache(maxsize=1024)
def layouts(model: Model, devices: int) -> tuple[Layout, ...]:
    """Every tensor and pipeline split whose product is the device count.

    Parameters
    ----------
    model : Model
        Its heads are what ``tp`` must divide; it has at least ``pp`` layers.
    devices : int
        Devices of one replica.

    Returns
    -------
    tuple of Layout
        Sorted by tensor parallel width; empty only beyond heads times layers.

    Examples
    --------
    >>> from llmcalc_core.domain.config import ModelConfig
    >>> from llmcalc_core.domain.model import architecture
    >>> llama = architecture(ModelConfig(
    ...     vocab_size=32000, hidden_size=4096, num_decoder_layers=32, num_attention_heads=32,
    ...     intermediate_size=11008))
    >>> [(layout.tp, layout.pp) for layout in layouts(llama, 6)]
    [(1, 6), (2, 3)]
    """
    return tuple(
        Layout(tp=width, pp=devices // width)
        for width in divisors(devices)
        if model.heads % width == 0 and devices // width <= model.layer_count
    )


@lru_cache(maxsize=1024)
def plans(model: Model, devices: int) -> tuple[Plan, ...]:
    """Every layout and number of replicas that uses the devices up, with expert parallelism.

    Parameters
    ----------
    model : Model
        What is laid out.
    devices : int
        Devices of all replicas together.

    Returns
    -------
    tuple of Plan
        Sorted by layout; every device count has at least the plan of single-device replicas.
    """
    found = {
        Plan(layout=layout, replicas=replicas)
        for replicas in divisors(devices)
        for layout in _with_experts(model, devices // replicas)
    }
    return tuple(sorted(found, key=lambda plan: (plan.layout, plan.replicas)))


def _with_experts(model: Model, devices: int) -> tuple[Layout, ...]:
    """Layouts of one replica of a mixture: attention replicas and experts inside a stage."""
    if not model.has_mixture:
        return layouts(model, devices)
    found: set[Layout] = set()
    for group in divisors(devices):
        stages = devices // group
        if stages > model.layer_count:
            continue
        for tp in divisors(group):
            if model.heads % tp:
                continue
            dp = group // tp
            found.update(
                Layout(tp=tp, pp=stages, ep=ep, dp=dp) for ep in _expert_widths(model, tp, dp)
            )
    return tuple(sorted(found))


def _expert_widths(model: Model, tp: int, dp: int) -> tuple[int, ...]:
    """Expert parallel widths to try: all that divide the experts, or with replicas the widest.

    With attention replicas engines divide the experts over all devices of a stage (vLLM's and
    SGLang's documentation of expert parallelism), as far as there are experts: the last few slots
    are filled with copies, devices beyond them share columns.
    """
    experts = model.experts
    if dp == 1:
        return tuple(width for width in divisors(tp) if experts % width == 0)
    widths = (width for width in divisors(tp * dp) if width <= experts)
    return (max(width for width in widths if slots(experts, width) <= MOST_SLOTS * experts),)
