"""Engines: what each does unlike the others, and what a new one needs."""

from __future__ import annotations

import pytest

import llmcalc_core as llm
from llmcalc_core.engines import DEFAULT_ENGINE, ENGINE_RECORDS, Engine, find_engine

# (name, label, spelling, what it does unlike vLLM); sources in llmcalc_core/engines
KNOWN = [
    ("vllm", "vLLM", " VLLM ", {}),
    ("trtllm", "TensorRT-LLM", "TensorRT_LLM",
     {"memory_fraction_of": "free", "caches_whole_context": True}),
    ("sglang", "SGLang", "SGLang",
     {"overlaps_host": False, "prefill_first": True, "token_budget": 16384,
      "memory_fraction_of": "static"}),
    ("llama.cpp", "llama.cpp", "llama-cpp",
     {"overlaps_host": False, "token_budget": 2048, "memory_fraction_of": "nothing",
      "runtime_reserve_bytes": 400 * 2**20}),
    ("transformers", "Transformers (eager)", "HF",
     {"offered": False, "overlaps_host": False, "token_budget": 2**20, "kv_block_tokens": 1}),
    ("fastertransformer", "FasterTransformer", "FasterTransformer",
     {"offered": False, "overlaps_host": False, "chunks_prompts": False,
      "runtime_reserve_bytes": 3 * 2**30}),
    ("lmdeploy", "LMDeploy", "TurboMind", {"offered": False, "overlaps_host": False}),
]  # fmt: skip
VLLM = {
    "offered": True, "overlaps_host": True, "prefill_first": False, "chunks_prompts": True,
    "token_budget": 8192, "memory_fraction_of": "device", "runtime_reserve_bytes": 2**30,
    "kv_block_tokens": 16, "caches_whole_context": False,
}  # fmt: skip
ASKED = {"model": "llama3_8b", "system_name": "H100_80GB", "input_tokens": 1001,
         "output_tokens": 100}  # fmt: skip


@pytest.mark.parametrize("case", KNOWN, ids=[name for name, *_ in KNOWN])
def test_each_engine_has_its_own_defaults(case) -> None:
    name, label, spelling, unlike = case
    found = find_engine(spelling)
    assert found is find_engine(name) is llm.find_engine(label)
    assert (found.name, found.label) == (name, label)
    assert {field: getattr(found, field) for field in VLLM} == VLLM | unlike


DEFAULTS = [  # of vLLM's server (EngineArgs.get_batch_defaults) and of SGLang's (server_args.py)
    ("vllm", "H100_80GB", 8192, 1024),
    ("vllm", "H200_141GB", 8192, 1024),
    ("vllm", "B200_180GB", 16384, 1024),
    ("vllm", "MI300X", 16384, 1024),
    ("vllm", "DGX_Spark", 2048, 256),
    ("vllm", "A100_80GB", 2048, 256),
    ("vllm", "L40S", 2048, 256),
    ("sglang", "RTX_4090", 4096, 1024),
    ("sglang", "L40S", 4096, 1024),
    ("sglang", "H200_141GB", 8192, 1024),
    ("sglang", "B200_180GB", 16384, 1024),
    ("trtllm", "L40S", 8192, 1024),
]


@pytest.mark.parametrize(("engine", "device", "budget", "most"), DEFAULTS)
def test_an_engine_has_the_limits_of_its_device(
    engine: str, device: str, budget: int, most: int
) -> None:
    found = llm.find_hardware(device).engine(engine)
    assert (found.name, found.token_budget, found.max_num_seqs) == (engine, budget, most)
    settings = llm.simulate(
        "llama3_2_1b",
        device,
        input_tokens=10,
        output_tokens=2,
        num_prompts=1,
        concurrency=1,
        engine=engine,
    ).settings
    assert (settings.token_budget, settings.max_num_seqs) == (budget, most)


def test_estimates_and_searches_know_the_limits_of_a_device() -> None:
    # Of 2,048 tokens at the most, a prompt of 4,000 is read in two steps, not in one.
    asked = {"batch": 8, "input_tokens": 4000, "output_tokens": 100, "phase": "serving"}
    usual, small, same = (
        llm.explore("llama3_8b", "A100_80GB", 1, **asked, **more).iloc[0]
        for more in ({}, {"prefill_chunk_tokens": 8192}, {"prefill_chunk_tokens": 2048})
    )
    assert usual["ttft_s"] == pytest.approx(same["ttft_s"])
    assert usual["ttft_s"] != pytest.approx(small["ttft_s"], rel=5e-4)
    found = llm.estimate_serving_performance("llama3_8b", 8, 4000, 100, "A100_80GB")
    assert found["ttft_ms"] == pytest.approx(usual["ttft_s"] * 1e3)


def test_every_engine_is_known_and_one_is_the_default() -> None:
    assert [name for name, *_ in KNOWN] == list(llm.ENGINES)
    assert llm.DEFAULT_ENGINE == DEFAULT_ENGINE == "vllm"
    plain = llm.estimate_serving_performance(concurrency=8, **ASKED)
    assert plain == llm.estimate_serving_performance(concurrency=8, engine="vllm", **ASKED)
    assert llm.make_request("llama3_8b", "H100_80GB").engine == "vllm"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vlm", "engine must be one of vllm, .*got 'vlm'; did you mean 'vllm'"),
        (None, "got None"),
        (["vllm"], "engine must be one of"),
    ],
)
def test_an_unknown_engine_is_refused_with_the_nearest(name, message) -> None:
    with pytest.raises(ValueError, match=message):
        llm.find_engine(name)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine of a record alone: no constants and no kernels of its own."""
    own = Engine(
        name="toy", label="Toy", token_budget=512, kv_block_tokens=64,
        runtime_reserve_bytes=2 * 2.0**30,
    )  # fmt: skip
    monkeypatch.setitem(ENGINE_RECORDS, "toy", own)
    return own


def test_a_new_engine_needs_its_record_alone(toy: Engine) -> None:
    asked = {"input_tokens": 1001, "output_tokens": 100, "batch": 4}
    vllm, own = (
        llm.explore("llama3_8b", "H100_80GB", 1, engine=engine, **asked).iloc[0]
        for engine in ("vllm", toy.name)
    )
    # 1,101 tokens are 69 blocks of 16 and 18 of 64; 32 layers x 2 x 8 heads of 128 in 16 bits
    blocks = 4 * (18 * 64 - 69 * 16) * 32 * 2 * 8 * 128 * 2
    assert own["kv_cache_bytes"] - vllm["kv_cache_bytes"] == blocks
    # 4 x 1,001 tokens are read in a step of vLLM's, 512 in one of the toy's
    assert own["activations_bytes"] < vllm["activations_bytes"]
    held = {name: own[name] - vllm[name] for name in ("activations_bytes", "device_memory_bytes")}
    more = 2 * 2**30 - 0.73 * 2**30  # its own reserve, less what vLLM finds outside
    assert held["device_memory_bytes"] == pytest.approx(blocks + more + held["activations_bytes"])
    assert own["tpot_s"] > 0


def test_an_engine_that_was_never_measured_is_assumed(toy: Engine) -> None:
    asked = {"model": "llama2_70b", "hardware": "H100_80GB", "precision": "fp8", "batch": 8}
    for stage in llm.PHASES:
        frame = llm.explore(**asked, engine=toy.name, phase=stage)
        assert set(frame["basis"]) == {"assumed"}
        assert "assumed" not in set(llm.explore(**asked, phase=stage)["basis"])


@pytest.mark.parametrize("engine", llm.ENGINES)
def test_a_search_holds_what_a_single_estimate_does(engine: str) -> None:
    asked = {"input_tokens": 500, "output_tokens": 100, "engine": engine}
    split = "pp" if find_engine(engine).splits_layers_only else "tp"
    row = llm.explore("llama2_7b", "A100_80GB", 2, batch=8, **asked).set_index(split).loc[2]
    widths = {"pipeline_parallel" if split == "pp" else "tensor_parallel": 2}
    one = llm.estimate_decode_performance(
        "llama2_7b", 8, system_name="A100_80GB", **widths, **asked
    )
    assert row["device_memory_bytes"] == one["memory_bytes"]


def test_a_budget_that_is_not_given_is_the_engines_own(toy: Engine) -> None:
    asked = {"phase": "serving", "batch": 8, "prefill_chunk_tokens": [None, 1024]}
    own, vllm = (
        llm.explore("llama3_8b", "H100_80GB", 1, engine=engine, **asked)["prefill_chunk_tokens"]
        for engine in (toy.name, "vllm")
    )
    assert own.unique().tolist() == [512, 1024]
    assert vllm.unique().tolist() == [8192, 1024]


@pytest.mark.parametrize(
    ("version", "tokens", "measured_ms"),
    [("0.5.9", 129, 16.6), ("0.5.9", 513, 16.4), ("0.5.14", 129, 5.7)],
)
def test_eager_steps_wait_for_the_host(version: str, tokens: int, measured_ms: float) -> None:
    """Qwen3-4B in an engine with SGLang's layers (pull request 46 of wejoncy/sfllm; its device
    is not stated)."""
    asked = {"system_name": "H100_80GB", "engine": "sglang", "engine_version": version}
    found = llm.estimate_prefill_performance("Qwen/Qwen3-4B", 1, tokens, **asked)["ttft_ms"]
    assert measured_ms / 1.5 < found < measured_ms * 1.5


def test_sparse_latent_attention_reads_prompts_with_whole_tiles_of_heads() -> None:
    """SGLang pads a device's heads to 64, on Blackwell to 128 (_forward_flashmla_sparse)."""
    hopper, blackwell = (
        [
            llm.estimate_prefill_performance(
                "zai-org/GLM-5", 1, 8000, system_name=device, engine="sglang", tensor_parallel=tp
            )["time_by_kind_ms"]["attention"]
            for tp in (1, 2, 8)
        ]
        for device in ("H200_141GB", "B200_180GB")
    )
    assert hopper == pytest.approx([hopper[0]] * 3, rel=0.1)
    assert blackwell == pytest.approx([blackwell[0]] * 3, rel=0.1)
    assert find_engine("sglang").sparse_head_tile == 64
    assert llm.find_hardware("B200_180GB").engine("sglang").sparse_head_tile == 128
    assert llm.find_hardware("B200_180GB").engine("trtllm").sparse_head_tile == 1


@pytest.mark.parametrize("device", ["MI300X", "RTX_PRO_6000", "DGX_Spark", "TPUv6e", "A100_80GB"])
def test_flash_mla_is_made_for_hopper_and_data_centres_blackwell(device: str) -> None:
    """sm_90a and sm_100 alone (README of FlashMLA): others compute the heads that there are."""
    assert llm.find_hardware(device).engine("sglang").sparse_head_tile == 1
