"""What lies beside weights and cache: what the driver keeps, the sampler, what is outside."""

from __future__ import annotations

import numpy as np
import pytest

from llmcalc_core import find_hardware, find_model, parse_precision
from llmcalc_core.architecture.model import architecture
from llmcalc_core.engines import find_engine
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.memory.profiled import (
    ALONE_GIB,
    GRAPHS_GIB,
    TOGETHER_GIB,
    reserved_bytes,
    sampler_bytes,
)
from llmcalc_core.memory.static_fraction import static_fraction
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout

# Total that CUDA sees, in start-up logs of vLLM [GiB].
VISIBLE = [("H100_80GB", 79.18), ("T4", 14.74), ("L40S", 44.40), ("RTX_3090", 23.58),
           ("A100_40GB", 39.56), ("V100_32GB", 31.74)]  # fmt: skip

# Vocabulary, requests at once, and peak of activations in logs of vLLM [GiB]: Llama 3.1 8B, Qwen3
# 32B and gpt-oss-120b on an H100, Llama 3.2 3B on an A100, Llama 3.1 8B on a T4.
PEAKS = [(128_256, 1024, 4.76), (151_936, 1024, 5.64), (201_088, 1024, 7.38),
         (128_256, 320, 1.49), (128_256, 160, 0.74)]  # fmt: skip


def grid_of(engine: str = "vllm", version: str | None = None, **layout: int) -> Grid:
    return make_grid(
        (Layout(**layout),), batches=(1,), inputs=(1000,), outputs=(100,),
        engine=find_engine(engine, version),
    )  # fmt: skip


@pytest.mark.parametrize(("name", "gib"), VISIBLE)
def test_what_cuda_sees_is_less_than_the_driver_reports(name: str, gib: float) -> None:
    device = find_hardware(name)
    assert device.visible_bytes / 2**30 == pytest.approx(gib, rel=0.002)
    assert device.usable_bytes(0.5) == device.visible_bytes / 2
    assert device.replace(price_per_hour=1.0).visible_bytes == device.visible_bytes


@pytest.mark.parametrize(("vocabulary", "requests", "gib"), PEAKS)
def test_the_sampler_of_a_dummy_step(vocabulary: int, requests: int, gib: float) -> None:
    engine = find_engine("vllm").told(max_num_seqs=requests)
    grid = make_grid((Layout(),), batches=(1,), inputs=(9,), outputs=(9,), engine=engine)
    assert sampler_bytes(vocabulary, grid) / 2**30 == pytest.approx(gib, rel=0.025)


def test_the_sampler_is_not_divided_and_the_batch_does_not_matter() -> None:
    model = architecture(find_model("llama3_8b"))
    held = {
        (tp, batch): device_memory(
            model, parse_precision("bf16"),
            make_grid((Layout(tp=tp),), batches=(batch,), inputs=(100,), outputs=(9,)),
        ).activations.item()
        for tp in (1, 8) for batch in (1, 64)
    }  # fmt: skip
    assert set(held.values()) == {39.0 * 1024 * 128_256}


def test_what_is_outside_and_graphs_by_version() -> None:
    alone, several = grid_of(), grid_of(tp=2)
    assert reserved_bytes(alone) == pytest.approx((ALONE_GIB + GRAPHS_GIB) * 2**30)
    assert reserved_bytes(several) == pytest.approx((TOGETHER_GIB + GRAPHS_GIB) * 2**30)
    assert reserved_bytes(grid_of(version="0.11")) == pytest.approx(ALONE_GIB * 2**30)
    eager = make_grid(
        (Layout(),), batches=(1,), inputs=(9,), outputs=(9,),
        engine=find_engine("vllm").told(enforce_eager=True),
    )  # fmt: skip
    assert reserved_bytes(eager) == pytest.approx(ALONE_GIB * 2**30)


@pytest.mark.parametrize(
    ("gib", "chunk", "tp", "share"),
    [(79.65, 8192, 1, 0.843), (79.65, 8192, 8, 0.829), (23.99, 2048, 1, 0.834)],
)
def test_the_static_fraction_of_sglang(gib: float, chunk: int, tp: int, share: float) -> None:
    """By hand: 512 + 1.5 x chunk + 2 x graphs + 128 x devices MiB, of large ones 10 GiB."""
    graphs = {(79.65, 1): 256, (79.65, 8): 512, (23.99, 1): 24}[gib, tp]
    reserved = 512 + 1.5 * chunk + 2 * graphs + 128 * tp
    if gib > 60:
        reserved = max(reserved, 10 * 1024)
    expected = round((gib * 1024 - reserved) / (gib * 1024), 3)
    found = static_fraction(gib * 2**30, chunk, devices=tp, tp=tp)
    assert found == expected
    assert found == pytest.approx(share, abs=0.02)


def test_experts_of_gpt_oss_are_padded_by_vllm_alone() -> None:
    """3,072 x 2,944 for 2,880 x 2,880: 65.97 GiB logged (vLLM, issue 23278), 60.8 in the file."""
    config = find_model("openai/gpt-oss-120b")
    model = architecture(config)
    assert config.precision is not None
    held = {
        engine: device_memory(model, config.precision, grid_of(engine)).weights.item() / 2**30
        for engine in ("vllm", "sglang")
    }
    assert held["vllm"] == pytest.approx(65.97, rel=0.01)
    assert held["sglang"] == pytest.approx(60.8, rel=0.01)
    four = device_memory(model, config.precision, grid_of(tp=4)).weights.item() / 2**30
    assert four > held["vllm"] / 4  # slices of 720 are padded to 768


def test_windows_take_what_their_groups_do() -> None:
    """Of many requests each holds the steady blocks of its groups; none is held for one alone."""
    model = architecture(find_model("google/gemma-3-27b-pt"))
    grid = make_grid((Layout(),), batches=(1, 100), inputs=(8000,), outputs=(192,))
    one, many = np.ravel(device_memory(model, parse_precision("bf16"), grid).kv_cache)
    block = 10 * 16 * 16 * 2 * 128 * 2
    steady = (8192 / 16 + 6 * (1024 + 15) / 16) * block
    assert (many - one) / 99 == pytest.approx(steady)
    assert one == pytest.approx((500 + 6 * 500) * block)  # the windows of a whole prompt


def test_messages_name_the_heads_of_the_configuration() -> None:
    model = architecture(find_model("deepseek_v4_flash"))
    with pytest.raises(ValueError, match=r"64 attention heads of .* in 8 groups.*, got 3"):
        check_layout(model, tp=3, pp=1, ep=1)
