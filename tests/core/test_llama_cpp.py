"""llama.cpp and its files: sizes of mixes, what kernels reach, and how layers are split."""

from __future__ import annotations

import numpy as np
import pytest

import llmcalc_core as llm
from llmcalc_core.architecture.model import architecture
from llmcalc_core.calibration.engine_kernels import back_end
from llmcalc_core.gguf import GGUF_CACHES, GGUF_TYPES
from llmcalc_core.hardware.catalogue import list_hardware
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout

LLAMA = "llama.cpp"

# Bits per weight of Llama 3.1 8B: tools/quantize/README.md of llama.cpp (311c2c9f)
SIZES = [("q8_0", 8.5008), ("q6_k", 6.5633), ("q5_k_m", 5.7036), ("q4_k_m", 4.8944),
         ("iq4_xs", 4.4597), ("fp16", 16.0005)]  # fmt: skip


def weights_of(model: str, precision: str) -> float:
    grid = make_grid((Layout(),), batches=(1,), inputs=(10,), outputs=(1,))
    found = device_memory(architecture(llm.find_model(model)), llm.parse_precision(precision), grid)
    return float(np.asarray(found.weights))


@pytest.mark.parametrize(("name", "bits"), SIZES)
def test_a_mix_is_as_large_as_llama_quantize_makes_it(name: str, bits: float) -> None:
    whole = llm.find_model("llama3_1_8b")
    weights = architecture(whole).parameters
    assert weights_of("llama3_1_8b", name) * 8 / weights == pytest.approx(bits, rel=1e-3)


# "Llama 3.1, quantized size (Q4_K_M)" of the same page, in 10^9 bytes: 43.1 and 249.1 (GiB are
# written as GB there: 40.1 and 232; the larger models have eight heads to a key)
@pytest.mark.parametrize(("model", "size"), [("llama3_1_70b", 42.5e9), ("llama3_1_405b", 243e9)])
def test_larger_models_are_about_as_large(model: str, size: float) -> None:
    assert weights_of(model, "q4_k_m") == pytest.approx(size, rel=0.02)


def test_names_are_as_people_write_them() -> None:
    assert llm.parse_precision("Q4_K_M") == llm.gguf_precision("q4-k-m")
    assert llm.gguf_precision("F16") == llm.parse_precision("fp16")
    assert {llm.parse_precision(name).label for name in GGUF_TYPES} == set(GGUF_TYPES)
    assert set(GGUF_TYPES) < set(llm.PRECISIONS)
    with pytest.raises(ValueError, match=r"q4_k_m.*got 'q4_k_n'; did you mean 'q4_k_m'"):
        llm.gguf_precision("Q4_K_N")
    with pytest.raises(ValueError, match="kv_cache must be one of f16, q8_0, q4_0, got 'q5_0'"):
        llm.gguf_precision("Q4_K_M", kv_cache="q5_0")


# A model that just fills a card runs: GPU-Benchmarks-on-LLM-Inference (XiongjieDai, 2024) has these
# rows of Llama 3, and none of 8B in 16 bits on 10 GB, or of 70B Q4_K_M on 24 GB.
FULL = [("llama3_8b", "RTX_4080", "fp16", ""), ("llama3_70b", "L40S", "q4_k_m", ""),
        ("llama3_8b", "RTX_3080", "fp16", "memory"),
        ("llama3_70b", "RTX_4090", "q4_k_m", "memory")]  # fmt: skip


@pytest.mark.parametrize(("model", "device", "bits", "reason"), FULL)
def test_what_fills_a_card(model: str, device: str, bits: str, reason: str) -> None:
    """No share is kept free; the buffers are those of a graph of 512 tokens."""
    frame = llm.explore(model, device, 1, batch=1, input_tokens=512, output_tokens=512,
                        precision=bits, engine=LLAMA)  # fmt: skip
    assert frame["rejected_for"].tolist() == [reason]


def test_buffers_are_those_of_the_log() -> None:
    """Llama 3 8B at 8,192 tokens: CUDA0 compute buffer size = 258.50 MiB (recalled)."""
    grid = make_grid((Layout(),), batches=(1,), inputs=(8000,), outputs=(192,), engine=LLAMA)
    model = architecture(llm.find_model("llama3_8b"))
    held = device_memory(model, llm.parse_precision("fp16"), grid)
    assert held.activations.item() / 2**20 == pytest.approx(258.5, rel=0.05)
    embedding = model.embedding_parameters * 2
    assert held.weights.item() == model.parameters * 2 - embedding  # which is with the host


def test_the_cache_may_be_narrower() -> None:
    asked = {"model": "llama3_8b", "batch_size": 1, "input_tokens": 4000, "engine": LLAMA,
             "system_name": "RTX_4090"}  # fmt: skip
    found = {
        name: llm.estimate_decode_performance(
            **asked, bits=llm.gguf_precision("q4_k_m", kv_cache=name)
        )
        for name in GGUF_CACHES
    }
    sizes = [one["memory_by_kind_bytes"]["kv_cache"] for one in found.values()]
    assert np.divide(sizes, sizes[0]) == pytest.approx([1, 8.5 / 16, 4.5 / 16])
    times = [one["latency"] for one in found.values()]
    assert times == sorted(times, reverse=True)


# Tokens per second of one sequence, and of prompts; what the tables are derived from, and others.
RUNS = [
    # pull request 15802, RTX 3090, 8B Q4_0, with physical batches of one
    ("llama3_8b", "RTX_3090", "q4_0", 512, 155, None),
    # pull request 4766, RTX 4090, 7B: F16 61.0 and 11,048, Q8_0 98.1 and 7,664
    ("llama2_7b", "RTX_4090", "fp16", 512, 61.0, 11_048),
    ("llama2_7b", "RTX_4090", "q8_0", 512, 98.1, 7_664),
    # benches/dgx-spark.md: Qwen2.5 7B Q8_0, Qwen3 30B A3B Q8_0, gpt-oss-120b
    ("Qwen/Qwen2.5-7B-Instruct", "DGX_Spark", "q8_0", 512, 29.2, 2_380),
    ("qwen3_30b_a3b", "DGX_Spark", "q8_0", 2048, 60.9, 3_176),
    ("openai/gpt-oss-120b", "DGX_Spark", "checkpoint", 2048, 59.0, 1_938),
    # pull request 16894, M2 Ultra, Qwen2.5 7B Q8_0
    ("Qwen/Qwen2.5-7B-Instruct", "M2_Ultra", "q8_0", 512, 79.0, 1_519),
]  # fmt: skip


@pytest.mark.parametrize("run", RUNS)
def test_published_runs(run: tuple[str, str, str, int, float, float | None]) -> None:
    model, device, bits, tokens, decoded, read = run
    asked = {"model": model, "system_name": device, "bits": bits, "engine": LLAMA}
    step = llm.estimate_decode_performance(**asked, input_tokens=tokens, output_tokens=64)
    assert 1e3 / step["latency"] == pytest.approx(decoded, rel=0.3)
    if read is not None:
        prompt = llm.estimate_prefill_performance(**asked, input_tokens=tokens)
        assert prompt["throughput"] == pytest.approx(read, rel=0.35)


@pytest.mark.parametrize("device", ["RTX_4090", "H100_80GB", "M2_Ultra", "Xeon_8480"])
@pytest.mark.parametrize("bits", ["fp16", "q4_k_m"])
def test_no_token_is_faster_than_its_bytes(device: str, bits: str) -> None:
    hardware = llm.find_hardware(device)
    read = weights_of("llama3_8b", bits) - 128_256 * 4096 * (2 if bits == "fp16" else 4.5 / 8)
    found = llm.estimate_decode_performance(
        "llama3_8b", 1, input_tokens=1, system_name=device, bits=bits, engine=LLAMA
    )
    assert found["latency"] > 1e3 * read / hardware.memory_bandwidth
    assert found["basis"] == "assumed"
    assert found["basis_reason"] == "No run of llama.cpp was ever fitted."


def test_layers_are_split_and_nothing_else() -> None:
    frame = llm.explore("llama3_70b", "RTX_4090", 4, engine=LLAMA, precision="q4_k_m", batch=4)
    assert frame["tp"].unique().tolist() == frame["ep"].unique().tolist() == [1]
    assert (frame["pp"] * frame["replicas"] == 4).all()
    # One after the other: four cards hold more, and are as fast as one would be.
    one, four = (
        llm.estimate_decode_performance(
            "llama3_8b", 4, system_name="RTX_4090", bits="q4_k_m", engine=LLAMA,
            pipeline_parallel=stages,
        )
        for stages in (1, 4)
    )  # fmt: skip
    assert four["latency"] > one["latency"]
    assert four["throughput"] < one["throughput"]
    for estimate in (llm.estimate_decode_performance, llm.estimate_serving_performance):
        with pytest.raises(ValueError, match=r"llama\.cpp splits layers .*is pipeline_parallel 2"):
            estimate("llama3_8b", system_name="RTX_4090", engine=LLAMA, tensor_parallel=2)


def test_a_few_run_at_once() -> None:
    asked = {"model": "llama3_8b", "input_tokens": 500, "output_tokens": 100, "engine": LLAMA,
             "system_name": "RTX_4090", "bits": "q4_k_m"}  # fmt: skip
    few = llm.estimate_serving_performance(**asked, concurrency=8)
    many = llm.estimate_serving_performance(**asked, concurrency=8, max_num_seqs=8)
    assert (few["running"], many["running"]) == (4, 8)
    assert many["requests_per_s"] > few["requests_per_s"]


def test_it_runs_on_what_it_runs_on() -> None:
    for name in list_hardware():
        if name.startswith(("TPU", "Trainium", "Inferentia", "Gaudi")):
            with pytest.raises(ValueError, match=rf"llama.cpp does not run on {name}"):
                back_end(LLAMA, name)
        else:
            assert back_end(LLAMA, name).find("gemm", "int8").compute > 0
    with pytest.raises(ValueError, match=r"llama\.cpp does not run on TPUv5e"):
        llm.explore("llama3_8b", "TPUv5e", 1, engine=LLAMA)
    with pytest.raises(ValueError, match="whose scheduler is known"):
        llm.simulate("llama3_8b", "RTX_4090", concurrency=1, engine=LLAMA)


def test_an_adjusted_device_is_still_adjusted() -> None:
    rows = [{"model": "llama2_7b", "tensor_parallel": 1, "concurrency": batch, "input_tokens": 512,
             "output_tokens": 128, "kind": "static", "precision": "q8_0", "tpot_ms": 12.0 * more,
             "engine": LLAMA} for batch, more in ((1, 1.0), (2, 1.1), (4, 1.2))]  # fmt: skip
    own = llm.calibrate(rows, "RTX_4090").hardware
    asked = {"model": "llama2_7b", "input_tokens": 512, "output_tokens": 128, "bits": "q8_0",
             "engine": LLAMA}  # fmt: skip
    before, after = (
        llm.estimate_decode_performance(**asked, system_name=one)["latency"]
        for one in ("RTX_4090", own)
    )
    assert abs(after - 12.0) < abs(before - 12.0)


def test_transformers_is_eager_and_static() -> None:
    asked = {"model": "llama3_8b", "batch_size": 1, "system_name": "H100_80GB"}
    eager, vllm = (
        llm.estimate_decode_performance(**asked, engine="transformers"),
        llm.estimate_decode_performance(**asked, engine_version="0.11", enforce_eager=True),
    )
    # Three calls of the host for each kernel instead of 2.2, and nearly all of a step is theirs.
    assert vllm["latency"] < eager["latency"] < 3 / 2.2 * vllm["latency"]
    assert eager["basis"] == "assumed"
    for ask in (
        lambda: llm.estimate_serving_performance("llama3_8b", engine="transformers"),
        lambda: llm.explore("llama3_8b", "H100", 1, engine="transformers", phase="serving"),
        lambda: llm.explore_disaggregated("llama3_8b", "H100", devices=2, engine="transformers"),
    ):
        with pytest.raises(ValueError, match="got 'transformers', whose batches start together"):
            ask()


def test_pools_are_of_engines_that_send_caches() -> None:
    with pytest.raises(ValueError, match=r"sends caches from pool to pool.*got 'llama.cpp'"):
        llm.explore_disaggregated("llama3_8b", "H100", devices=2, engine="llama.cpp")


@pytest.mark.parametrize("device", ["TPUv5e", "Trainium2", "Gaudi3"])
def test_a_device_whose_stack_is_not_here_is_assumed_and_says_so(device: str) -> None:
    found = llm.estimate_decode_performance("llama3_8b", 1, system_name=device)
    assert found["basis"] == "assumed"
    assert found["basis_reason"].endswith("the peaks alone are known.")
