"""The fewest devices that do, and the error that says how far the rest is off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llmcalc_core import Precision, find_hardware, find_model
from llmcalc_core.architecture.model import architecture
from llmcalc_core.memory.budget import MemoryBudget
from llmcalc_core.memory.device_memory import Memory, device_memory
from llmcalc_core.planning.feasibility import does_not_fit, minimum_devices
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout

MEMORY = Memory(
    weights=np.array([60e9, 50e9]), kv_cache=np.array([20e9, 20e9]), activations=np.zeros(2),
    reserve=0.0, total=np.array([80e9, 70e9]), host_weights=6e9,
)  # fmt: skip


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (
            MemoryBudget(device_bytes=65e9, host_bytes=1e12),
            r"the smallest plan needs 70.0 GB on a device, 5.0 GB more than the 65.0 GB",
        ),
        (
            MemoryBudget(device_bytes=70e9, host_bytes=4e9),  # the device is just large enough
            r"the smallest plan needs 6.0 GB in the host's memory .*, 2.0 GB more than the 4.0 GB",
        ),
    ],
)
def test_the_error_says_what_is_missing_and_where(budget: MemoryBudget, message: str) -> None:
    error = does_not_fit(
        architecture(find_model("llama3_8b")), find_hardware("H100"), devices=2, memory=MEMORY,
        budget=budget, enough=3,
    )  # fmt: skip
    with pytest.raises(type(error), match=message + ".*; 3 devices would do"):
        raise error


def test_two_attention_replicas_may_do_where_no_two_stages_would() -> None:
    # DeepSeek-V2-Lite has 27 layers: the larger of two stages holds 14 of them, each of two
    # attention replicas the caches of half of the requests in all 27.
    model, precision = architecture(find_model("deepseek_v2_lite")), Precision()
    work = {"batch": 2000, "input_tokens": 30_000, "output_tokens": 100}

    def needed(layout: Layout) -> float:
        grid = make_grid((layout,), batches=(2000,), inputs=(30_000,), outputs=(100,))
        return float(device_memory(model, precision, grid).total.item())

    replicas = needed(Layout(ep=2, attention_dp=2))
    stages = min(needed(Layout(pp=2)), needed(Layout(tp=2)))
    assert replicas < stages
    between = (replicas + stages) / 2
    device = replace(find_hardware("H100"), memory_bytes=between)
    found = minimum_devices(model, device, precision, **work, memory_fraction=1.0)
    assert found == 2
