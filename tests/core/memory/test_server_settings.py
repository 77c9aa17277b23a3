"""What a server is told, and what it then holds: states, prefixes, blocks, images."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmcalc_core import find_hardware, find_model, memory_budget
from llmcalc_core.architecture.model import architecture
from llmcalc_core.engines import find_engine
from llmcalc_core.memory.static_fraction import static_fraction
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout


def held(part: str, model: str, device: str = "H100_80GB", **told: object) -> float:
    return float(memory_budget(model, device, **told).value_of(part))  # type: ignore[arg-type]


def test_without_prefixes_sglang_has_a_state_for_each_request() -> None:
    # A DGX Spark with Qwen3.8-27B, the same decoder, at a share of 0.8 and 32 requests, without
    # radix cache: 535,124 tokens in 32.66 GB (SGLang 0.5.15; mudler/vllm.cpp, read 2026-11-30).
    told = {"engine": "sglang", "memory_fraction": 0.8, "max_num_seqs": 32,
            "prefix_caching": False, "max_model_len": 2048}  # fmt: skip
    pool = held("KV cache pool", "Qwen/Qwen3.5-27B", "DGX_Spark", **told)
    assert pool == pytest.approx(32.66, rel=0.05)
    # 360 slots and one that pads take 51.76 GB (SGLang, nvidia/Qwen3.8-27B-NVFP4).
    states = held("pool of states", "Qwen/Qwen3.5-27B", "DGX_Spark", **told)
    assert states == pytest.approx(33 * 51.76 / 361, rel=0.01)


def test_with_prefixes_the_share_of_states_is_that_of_the_pools() -> None:
    told = {"engine": "sglang", "max_num_seqs": 32}
    pool = held("KV cache pool", "Qwen/Qwen3.5-27B", **told)
    assert held("pool of states", "Qwen/Qwen3.5-27B", **told) == pytest.approx(0.9 * pool)


def test_images_lower_the_share_of_sglang() -> None:
    # adjust_mem_fraction_for_vlm of server_args.py 0.5.9, by hand for SigLIP of Gemma 3: 27 layers
    # of 1,152 are 1.4238 of 24 of 1,024, so 0.95 x (1 - 0.1 x 0.4238).
    model, device = find_model("google/gemma-3-27b-pt"), find_hardware("H100_80GB")
    grid = make_grid(
        (Layout(),), batches=(1,), inputs=(9,), outputs=(9,),
        engine=device.engine(find_engine("sglang", "0.5.9")),
    )  # fmt: skip
    plain, images = (
        float(static_fraction(architecture(one), device, grid))
        for one in (replace(model, vision=None), model)
    )
    assert images / plain == pytest.approx(0.95 * (1 - 0.1 * 0.423828), rel=1e-6)


def test_a_server_without_images_runs_no_encoder_before_it_sizes_its_cache() -> None:
    # Images of 256 tokens: a step of 16,384 has room for 64, two requests bring as many as they
    # may each. Patches of an image: 64 x 64, with 28,784 bytes each alive.
    none, few, some, most = (
        held("activation peak", "google/gemma-3-27b-pt", "H200", images_per_prompt=images,
             max_num_seqs=2, max_num_batched_tokens=16_384)
        for images in (0, 1, 24, None)
    )  # fmt: skip
    assert none == few < some
    assert some / most == pytest.approx(48 / 64)


def test_blocks_are_as_large_as_asked_for() -> None:
    for asked in (16, 64):
        assert held("tokens of a block", "llama3_8b", block_size=asked) == asked
    whole = held("tokens", "llama3_8b", block_size=64)
    assert whole % 64 == 0
    # Beside states blocks grow until a state has room, whatever is asked for.
    assert held("tokens of a block", "Qwen/Qwen3.5-27B", block_size=16) > 16


def test_states_are_not_copied_where_prefixes_are_not_kept() -> None:
    running = [
        held("concurrency", "Qwen/Qwen3.5-27B", max_model_len=2048, prefix_caching=kept)
        for kept in (True, False)
    ]
    assert running[1] > 1.5 * running[0]


def test_what_an_engine_refuses_does_not_start_and_is_in_its_words() -> None:
    budget = memory_budget("gpt2", max_model_len=4000)  # of 1,024 positions
    assert budget.value_of("starts") == 0
    assert "max_position_embeddings" in budget["log"].iloc[-1]
    assert held("starts", "llama3_8b", "V100_32GB", bits="fp8", max_model_len=2048) == 0
    assert held("starts", "gpt2") == 1


@pytest.mark.parametrize("told", [{"block_size": 0}, {"images_per_prompt": -1}])
def test_a_setting_out_of_range_is_named(told: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(told))):
        memory_budget("llama3_8b", **told)  # type: ignore[arg-type]
