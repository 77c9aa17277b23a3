"""The share of a device that SGLang takes where it is told none, by version, device and plan."""

from __future__ import annotations

import numpy as np
import pytest

from llmcalc_core import find_hardware, find_model, parse_precision
from llmcalc_core.architecture.model import architecture
from llmcalc_core.engines import find_engine
from llmcalc_core.memory.budget import held_before, memory_budget
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.memory.static_fraction import static_fraction
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import NO_TECHNIQUES, Techniques

Case = tuple[str, str, str, dict[str, int], dict[str, int], float]

_SHARES: tuple[Case, ...] = (
    # name, version, device, widths, told, MiB that are left free, by hand
    ("llama3_8b", "0.5.9", "H100_80GB", {}, {}, 512 + 1.5 * 8192 + 2 * 256 + 128),
    ("llama3_70b", "0.5.9", "H100_80GB", {"tp": 8}, {}, 512 + 1.5 * 8192 + 2 * 512 + 8 * 128),
    ("llama3_8b", "0.5.9", "H200_141GB", {}, {}, 512 + 1.5 * 8192 + 2 * 256 + 128),
    # graphs of prompts: 58 of up to 8,192 tokens, 8 MiB each; 1.5 GiB with latent attention
    ("llama3_8b", "0.5.10", "H100_80GB", {}, {}, 512 + 1.5 * 8192 + 2 * 256 + 128 + 58 * 8),
    ("llama3_70b", "0.5.10", "H100_80GB", {"tp": 4, "pp": 2}, {},
     512 + 1.5 * 8192 + 2 * 512 + 8 * 128),
    ("deepseek_v3", "0.5.10", "H200_141GB", {"tp": 8}, {},
     512 + 1.5 * 8192 + 2 * 512 + 8 * 128 + 1536),
    # attention replicas: 4.5 MiB for each sequence of the largest graph and replica
    ("deepseek_v3", "0.5.10", "H200_141GB", {"attention_dp": 8, "ep": 8}, {},
     512 + 1.5 * 8192 + 2 * 512 + 8 * 128 + 4.5 * 512 * 8),
    # drafting: 2, then 4 GiB, then none
    ("deepseek_v3", "0.5.9", "H200_141GB", {"tp": 8}, {"speculative_tokens": 1},
     512 + 1.5 * 8192 + 2 * 512 + 8 * 128 + 2048),
    ("deepseek_v3", "0.5.12", "H200_141GB", {"tp": 8}, {"speculative_tokens": 1},
     512 + 1.5 * 8192 + 2 * 512 + 8 * 128 + 4096),
    ("deepseek_v3", "0.5.14", "H200_141GB", {"tp": 8}, {"speculative_tokens": 1},
     512 + 1.5 * 8192 + 2 * 512 + 8 * 128),
    # devices of 24 GiB: 2,048 tokens and graphs of 24 until 0.5.18, 4,096 and 48 in 0.5.20
    ("llama3_2_1b", "0.5.18", "RTX_4090", {}, {}, 512 + 1.5 * 2048 + 2 * 24 + 128 + 42 * 8),
    ("llama3_2_1b", "0.5.20", "RTX_4090", {}, {}, 512 + 1.5 * 4096 + 2 * 48 + 128 + 50 * 8),
    ("llama3_2_1b", "0.5.20", "T4", {}, {}, 512 + 1.5 * 2048 + 2 * 8 + 128 + 42 * 8),
)  # fmt: skip


@pytest.mark.parametrize("case", _SHARES)
def test_the_static_fraction_of_sglang(case: Case) -> None:
    """_handle_gpu_memory_settings of SGLang 0.5.5 to 0.5.23, at these versions."""
    name, version, device, widths, told, left = case
    hardware = find_hardware(device)
    grid = make_grid(
        (Layout(**widths),), batches=(1,), inputs=(9,), outputs=(9,),
        engine=hardware.engine(find_engine("sglang", version)),
        techniques=Techniques(**told, acceptance_rate=0.5) if told else NO_TECHNIQUES,
    )  # fmt: skip
    memory = hardware.memory_bytes / 2**20
    left = max(left, 10 * 1024) if memory > 60 * 1024 else left
    found = static_fraction(architecture(find_model(name)), hardware, grid)
    assert found == round((memory - left) / memory, 3)


def test_each_layout_has_its_own_static_fraction() -> None:
    hardware = find_hardware("H100_80GB")
    layouts = (Layout(), Layout(tp=8))
    engine = hardware.engine(find_engine("sglang", "0.5.9"))
    model = architecture(find_model("llama3_70b"))
    grid = make_grid(layouts, batches=(1, 2), inputs=(9,), outputs=(9,), engine=engine)
    found = memory_budget(model, hardware, None, grid)
    whole = hardware.visible_bytes - held_before(hardware)
    assert np.ravel(found.device_bytes) == pytest.approx([0.835 * whole, 0.818 * whole])
    memory = device_memory(model, parse_precision("bf16"), grid)
    assert found.headroom(memory).shape == (2, 2, 1, 1)
