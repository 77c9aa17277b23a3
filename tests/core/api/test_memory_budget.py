"""A memory budget beside the log of an engine."""

from __future__ import annotations

import pytest

import llmcalc_core as llm

LOG = """
INFO 09-10 [gpu_model_runner.py:2392] Model loading took 14.9889 GiB and 12.1 seconds
INFO 09-10 [gpu_worker.py:298] Available KV cache memory: 51.38 GiB
INFO 09-10 [kv_cache_utils.py:864] GPU KV cache size: 420,912 tokens
INFO 09-10 [kv_cache_utils.py:868] Maximum concurrency for 16,000 tokens per request: 26.31x
INFO 09-10 [core.py:210] something else
"""
ASKED = {"model": "meta-llama/Llama-3.1-8B", "hardware": "H100_80GB", "max_model_len": 16_000}


def test_a_budget_agrees_with_its_log() -> None:
    found = llm.memory_budget(**ASKED, engine_version="0.11.0").check(LOG)
    assert found["part"].tolist() == ["weights", "KV cache pool", "tokens", "concurrency"]
    assert found["agrees"].all()
    assert found["error"].abs().max() < 0.01


# Lines as each engine writes them (public issues and notebooks), with what is budgeted for them.
WRITTEN = [
    ("vllm", ("model weights take 14.99GiB; non_torch_memory takes 0.12GiB; PyTorch activation "
     "peak memory takes 1.19GiB; the rest of the memory reserved for KV Cache is 54.93GiB."),
     {"weights": 14.99, "outside of the allocator": 0.12, "activation peak": 1.19,
      "KV cache pool": 54.93}),
    ("vllm", "Loading model weights took 14.9888 GB", {"weights": 14.9888}),
    ("vllm", "Model loading took 14.99 GiB memory and 3.65 seconds", {"weights": 14.99}),
    ("vllm", ("GPU KV cache size: 158,656 tokens, Maximum concurrency for 32,768 tokens per "
     "request: 4.84x"), {"tokens": 158_656, "concurrency": 4.84}),
    ("vllm", "# cuda blocks: 1394, # CPU blocks: 1820", {"blocks": 1394}),
    ("sglang", "Load weight end. elapsed=9.1 s, type=A, avail mem=62.2 GB, mem usage=14.98 GB.",
     {"weights": 14.98}),
    ("sglang", ("KV Cache is allocated. dtype: torch.bfloat16, #tokens: 430913, K size: 26.30 GB, "
     "V size: 26.30 GB"), {"KV cache pool": 52.6, "tokens": 430_913}),
    ("sglang", "[a] KV Cache is allocated. dtype: torch.bfloat16, #tokens: 100, KV size: 7.50 GB",
     {"KV cache pool": 7.5, "tokens": 100}),
    ("sglang", ("Mamba Cache is allocated. max_mamba_cache_size: 360, conv_state size: 0.99GB, "
     "ssm_state size: 50.77GB "), {"pool of states": 51.76}),
    ("sglang", "max_total_num_tokens=430913, chunked_prefill_size=8192, context_len=4096",
     {"tokens": 430_913}),
    ("trtllm", "[MemUsageChange] Allocated 166.02 GiB for max tokens in paged KV cache (5073440).",
     {"KV cache pool": 166.02, "tokens": 5_073_440}),
    ("llama.cpp", "load_tensors:        CUDA0 model buffer size =  4096.00 MiB", {"weights": 4.0}),
    ("llama.cpp", "load_tensors:   CPU_Mapped model buffer size =   410.98 MiB", {}),
    ("llama.cpp", "llama_kv_cache: CUDA0 KV buffer size =  1024.00 MiB", {"KV cache pool": 1.0}),
    ("llama.cpp", "llama_kv_cache: size = 1024.00 MiB (  8192 cells,  32 layers)",
     {"tokens": 8192}),
    ("llama.cpp", "llama_context:      CUDA0 compute buffer size =   256.00 MiB",
     {"activation peak": 0.25}),
    ("llama.cpp", "llama_context:  CUDA_Host compute buffer size =    24.01 MiB", {}),
]  # fmt: skip


@pytest.mark.parametrize(("engine", "line", "logged"), WRITTEN)
def test_lines_of_logs_are_read(engine: str, line: str, logged: dict[str, float]) -> None:
    asked = ASKED | {"max_model_len": 8192}
    budget = llm.memory_budget(**asked, engine=engine)
    found = budget.check(f"{line}\ntotal_gpu_memory (79.18GiB)").set_index("part")["logged"]
    assert found.drop("visible memory").to_dict() == pytest.approx(logged)


def test_llama_cpp_allocates_the_whole_context() -> None:
    """Llama 2 7B F16 at 512 tokens: 0.25 GiB of cache (RTX A6000, GPU-Benchmarks on LLaMA 2)."""
    found = llm.memory_budget(
        "llama2_7b", "RTX_A6000", engine="llama.cpp", bits="fp16", max_model_len=512
    )
    assert found.value_of("KV cache pool") == pytest.approx(0.25)
    assert (found.value_of("tokens"), found.value_of("starts")) == (512, 1)
    small = llm.memory_budget("llama2_13b", "RTX_4090", engine="llama.cpp", bits="fp16")
    assert not small.value_of("starts")


def test_another_server_does_not_agree() -> None:
    found = llm.memory_budget(**ASKED, memory_fraction=0.6).check(LOG)
    assert found.set_index("part")["agrees"].to_dict() == {
        "weights": True, "KV cache pool": False, "tokens": False, "concurrency": False,
    }  # fmt: skip


def test_parts_of_what_is_allowed_sum_to_it() -> None:
    found = llm.memory_budget("llama3_70b", "H100_80GB", tensor_parallel=4)
    parts = ("weights", "activation peak", "outside of the allocator", "captured graphs",
             "KV cache pool")  # fmt: skip
    assert sum(map(found.value_of, parts)) == pytest.approx(found.value_of("allowed memory"))
    assert found.value_of("allowed memory") == pytest.approx(
        0.92 * found.value_of("visible memory")  # CacheConfig of 0.33
    )
    assert found.value_of("starts") == 1


def test_a_sampler_of_fewer_requests_leaves_more() -> None:
    many, few = (
        llm.memory_budget(
            "llama3_70b",
            "H100_80GB",
            tensor_parallel=2,
            max_num_seqs=seqs,
            max_model_len=8192,
            engine_version="0.11",
        )
        for seqs in (1024, 64)
    )
    assert not many.value_of("starts")  # 8,192 tokens have no room beside 65.7 GiB
    assert few.value_of("KV cache pool") > many.value_of("KV cache pool") + 3.5
    assert few.value_of("starts")


def test_the_longest_context_starts_and_one_more_token_does_not() -> None:
    asked = {"model": "google/gemma-3-27b-pt", "hardware": "H100_80GB", "max_num_seqs": 64,
             "memory_fraction": 0.75}  # fmt: skip
    longest = int(llm.memory_budget(**asked).value_of("longest context"))
    assert 0 < longest < 131_072
    assert llm.memory_budget(**asked, max_model_len=longest).value_of("starts")
    assert not llm.memory_budget(**asked, max_model_len=longest + 32).value_of("starts")


def test_sglang_divides_a_static_share() -> None:
    """Qwen3-235B in FP8 on four H100 at 0.93: 16.46 GiB, 367,404 tokens (vLLM, issue 21348)."""
    narrow = llm.Precision(weights="fp8", activations="fp8")
    found = llm.memory_budget(
        "Qwen/Qwen3-235B-A22B", "H100_80GB", tensor_parallel=4, bits=narrow, engine="sglang",
        memory_fraction=0.93,
    )  # fmt: skip
    assert found.value_of("KV cache pool") == pytest.approx(16.46, rel=0.12)
    each = found.value_of("KV cache pool") * 2**30 / found.value_of("tokens")
    assert each == pytest.approx(16.46 * 2**30 / 367_404, rel=1e-3)
    with_states = llm.memory_budget("Qwen/Qwen3.5-27B", "H100_80GB", engine="sglang")
    states, tokens = with_states.value_of("pool of states"), with_states.value_of("KV cache pool")
    assert states == pytest.approx(0.9 * tokens)


def test_tensorrt_llm_gives_a_share_of_what_is_free() -> None:
    found = llm.memory_budget("llama3_8b", "H100_80GB", engine="trtllm", memory_fraction=0.5)
    beside = sum(map(found.value_of, ("weights", "activation peak", "outside of the allocator")))
    free = found.value_of("visible memory") - beside
    assert found.value_of("KV cache pool") == pytest.approx(free / 2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"engine_version": "new"}, r"engine_version of vLLM must be a release .* got 'new'"),
        ({"max_model_len": 0.5}, "max_model_len must be a whole number"),
        ({"memory_fraction": 1.2}, "memory_fraction"),
        ({"tensor_parallel": 3}, "tensor_parallel must divide"),
        ({"engine": "vlm"}, "engine"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        llm.memory_budget(**(ASKED | wrong))


def test_a_log_without_memory_and_an_unknown_part_are_refused() -> None:
    found = llm.memory_budget(**ASKED)
    with pytest.raises(ValueError, match=r"the log must have lines .* got none of them"):
        found.check("all is well")
    with pytest.raises(ValueError, match=r"part must be one of .* did you mean 'weights'"):
        found.value_of("weigths")
