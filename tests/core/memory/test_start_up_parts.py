"""What lies beside weights and cache: what the driver keeps, the sampler, what is outside."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import llmcalc_core as llm
from llmcalc_core import find_hardware, find_model, parse_precision
from llmcalc_core.architecture.drafting import draft_of
from llmcalc_core.architecture.model import architecture
from llmcalc_core.engines import find_engine
from llmcalc_core.memory.cache_groups import cache_groups
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.memory.profiled import (
    CONTEXT_GIB,
    GRAPHS_GIB,
    default_share,
    outside_bytes,
    reserved_bytes,
    sampler_bytes,
)
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.workload.grid import Grid, make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import Techniques

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
    engine = find_engine("vllm", "0.11").told(max_num_seqs=requests)
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
    assert set(held.values()) == {14.0 * 1024 * 128_256}


def test_nothing_is_sorted_since_a_kernel_masks_logits() -> None:
    """Logits of 16 bits, their copy, probabilities and draws in 32, where 39 bytes were before."""
    held = {
        version: sampler_bytes(1000, grid_of(version=version)) for version in ("0.16", "0.17", None)
    }
    assert held == {"0.16": 39 * 1024e3, "0.17": 14 * 1024e3, None: 14 * 1024e3}


def test_what_is_outside_and_graphs_by_version() -> None:
    def gib(version: str | None, **layout: int) -> float:
        return float(reserved_bytes(grid_of(version=version, **layout))) / 2**30

    assert gib(None) == pytest.approx(0.13 + GRAPHS_GIB)
    assert gib(None, tp=2) == pytest.approx(0.54 + GRAPHS_GIB)
    assert gib("0.11") == pytest.approx(0.13)
    # all that is in use was counted, the context with it, until 0.9.2; not in the first engine
    # from 0.6.6 on
    assert gib("0.8.5") == gib("0.9.1") == gib("0.6.4") == pytest.approx(0.13 + CONTEXT_GIB[1])
    assert gib("0.9.2") == gib("0.7.3") == pytest.approx(0.13)
    eager = make_grid(
        (Layout(),), batches=(1,), inputs=(9,), outputs=(9,),
        engine=find_engine("vllm").told(enforce_eager=True),
    )  # fmt: skip
    assert reserved_bytes(eager) == pytest.approx(0.13 * 2**30)


@pytest.mark.parametrize(
    ("device", "tp", "gib"),
    # T4, A100 of 40 GB, H100 alone and of two; of eight A100 2.10, of several RTX 3090 0.20
    [("T4", 1, 0.05), ("A100_40GB", 1, 0.09), ("H100_80GB", 1, 0.13), ("H100_80GB", 2, 0.54),
     ("A100_40GB", 8, 1.88), ("RTX_3090", 8, 0.20), ("DGX_Spark", 1, 4.13)],
)  # fmt: skip
def test_what_is_outside_by_device(device: str, tp: int, gib: float) -> None:
    engine = find_hardware(device).engine("vllm")
    found = outside_bytes(engine, stage_devices=tp, stages=1) / 2**30
    assert found == pytest.approx(gib)


def test_a_share_by_version_and_no_sampler_on_a_tpu() -> None:
    assert [default_share(find_engine("vllm", one)) for one in ("0.11", "0.19", "0.22")] == [
        0.9, 0.9, 0.92,
    ]  # fmt: skip
    assert not find_hardware("TPU_v5p").engine("vllm").profiles_sampler


# Llama 3.1 8B on an RTX 3090 (vLLM 0.6.4, issue 10517): peak of PyTorch less 14.99 GiB of weights.
WHOLE = [(20_000, 17.06 - 14.99), (29_000, 17.98 - 14.99)]


@pytest.mark.parametrize(("length", "gib"), WHOLE)
def test_a_first_engine_profiles_whole_prompts(length: int, gib: float) -> None:
    asked = {"hardware": "RTX_3090", "max_model_len": length, "engine_version": "0.6.4"}
    found = llm.memory_budget("meta-llama/Llama-3.1-8B", **asked)
    assert found.value_of("activation peak") == pytest.approx(gib, rel=0.01)
    told = llm.memory_budget("meta-llama/Llama-3.1-8B", **asked, max_num_batched_tokens=2048)
    assert told.value_of("activation peak") == pytest.approx(39 * 256 * 128_256 / 2**30)


def test_images_are_profiled() -> None:
    """Qwen3.5-35B-A3B on an RTX 5090: 28.24 - 21.05 - 5.18 = 2.01 GiB (vLLM 0.17, issue 36973).

    Its sampler of 256 requests takes 0.83 GiB; 65,536 patches of the largest image the rest.
    """
    asked = {"hardware": "RTX_5090", "engine_version": "0.17.1", "bits": "w4a16"}
    found = llm.memory_budget("Qwen/Qwen3.5-35B-A3B", **asked)
    assert found.value_of("activation peak") + 0.05 == pytest.approx(2.01, rel=0.15)
    text = dataclasses.replace(llm.find_model("Qwen/Qwen3.5-35B-A3B"), vision=None)
    alone = llm.memory_budget(text, **asked)
    assert alone.value_of("activation peak") == pytest.approx(14 * 256 * 248_320 / 2**30)


def test_sparse_latents_have_a_workspace_of_five_contexts() -> None:
    """GLM-5.1 on eight devices: 0.68 GiB less of a pool at 202,752 tokens than at 65,536."""
    long, short = (
        llm.memory_budget(
            "zai-org/GLM-5.1", "RTX_PRO_6000", tensor_parallel=8, max_model_len=length,
            max_num_seqs=64, bits="nvfp4",
        ).value_of("activation peak")
        for length in (202_752, 65_536)
    )  # fmt: skip
    assert long - short == pytest.approx(0.68, rel=0.1)


def test_experts_come_out_wider_than_they_go_in() -> None:
    """Of 8 experts 512 wide on two devices each: 8 x (2,304 + 512) elements (Kimi-Linear)."""
    model = architecture(find_model("moonshotai/Kimi-Linear-48B-A3B-Instruct"))
    assert (8 * 1024, 8 * 2304) in model.activation_widths


def test_a_draft_has_a_cache_in_the_pool() -> None:
    """GLM-5.1 logs 62,242 bytes a token with its prediction module, 79 layers for 78."""
    model = architecture(find_model("zai-org/GLM-5.1"))
    drafts = draft_of(model, Techniques(speculative_tokens=1, acceptance_rate=0.5))
    alone, beside = (cache_groups(model, 1.0, 8, draft=one) for one in (None, drafts))
    assert alone is not None
    assert beside is not None
    assert beside.block_bytes / alone.block_bytes == pytest.approx(79 / 78)


def test_mxfp4_experts_are_padded_more_on_blackwell() -> None:
    """2,880 columns of gpt-oss on eight devices: 360 become 384, or 512 (vLLM 0.14)."""
    config = find_model("openai/gpt-oss-120b")
    assert config.precision is not None
    held = []
    for device in ("H100_80GB", "B200_180GB"):
        engine = find_hardware(device).engine("vllm")
        grid = make_grid((Layout(tp=8),), batches=(1,), inputs=(9,), outputs=(9,), engine=engine)
        held.append(device_memory(architecture(config), config.precision, grid).weights.item())
    more = 36 * 128 * 3 * 3072 * (512 - 384) * 4.25 / 8
    assert held[1] - held[0] == pytest.approx(more, rel=1e-3)


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
