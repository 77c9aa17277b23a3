"""Commands that start plans: every flag that a plan needs, of those that the engines take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import llmcalc_core as llm
from tests.launch_flags.__main__ import PLANS

# Recorded by ``python -m tests.launch_flags`` from the engines' own parsers.
KNOWN = json.loads((Path(__file__).parents[2] / "launch_flags" / "known.json").read_text("utf-8"))
ENGINES = {"vllm": "vllm serve", "sglang": "sglang", "trtllm": "trtllm", "llama.cpp": "llama.cpp"}


def started(engine: str | None = None, at: int = 0, **asked: Any) -> llm.Launch:
    request = llm.make_request(**{"phase": "serving", **asked})
    frame = llm.evaluate(request).frame
    return llm.launch(request, frame[frame["rejected_for"] == ""].iloc[at], engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("asked", PLANS, ids=str)
def test_every_flag_is_one_that_the_engine_takes(engine: str, asked: dict[str, Any]) -> None:
    try:
        made = started(engine, **asked)
    except llm.NotRunnableError:
        assert engine in {"trtllm", "llama.cpp"}
        return
    known = set(KNOWN[ENGINES[engine]]["flags"])
    flags = [one for one in made.arguments if one.startswith("--")]
    assert set(flags) - known - {"--model-path"} == set()
    asks = {one for one in made.benchmark if one.startswith("--")}
    assert asks <= set(KNOWN["vllm bench serve"]["flags"])


def test_devices_of_the_flags_are_those_of_the_plan() -> None:
    asked = {"model": "deepseek_v3", "hardware": "H200_141GB", "devices": 16, "batch": 64}
    request = llm.make_request(phase="serving", **asked)
    frame = llm.evaluate(request).frame
    for _, plan in frame[frame["rejected_for"] == ""].iterrows():
        made = llm.launch(request, plan)
        widths = [
            int(str(made.flags.get(f"--{name}-parallel-size", 1)))
            for name in ("tensor", "pipeline", "data", "prefill-context")
        ]
        tp, pp, dp, cp = widths
        assert tp * pp * dp * cp == made.devices
        assert made.devices * made.replicas == plan["devices"] == 16
        assert ("--enable-expert-parallel" in made.flags) == (plan["ep"] > 1)


def test_sglang_counts_devices_and_requests_over_attention_replicas() -> None:
    # ServerArgs of 0.5.14: tp_size has all devices of a stage; requests and chunks are divided.
    request = llm.make_request("deepseek_v3", "H200_141GB", 8, phase="serving", batch=64)
    frame = llm.evaluate(request).frame
    wide = frame[(frame["attention_dp"] == 8) & (frame["pp"] == 1) & (frame["ep"] == 8)].iloc[0]
    flags = llm.launch(request, wide, "sglang").flags
    assert (flags["--tp-size"], flags["--dp-size"], flags["--ep-size"]) == (8, 8, 8)
    assert "--enable-dp-attention" in flags
    assert flags["--max-running-requests"] == 64
    assert llm.launch(request, wide, "trtllm").files["config.yaml"] == "enable_attention_dp: true"


def test_what_was_reckoned_with_is_said() -> None:
    made = started(
        model="llama3_8b", hardware="H100_80GB", devices=1, batch=32, precision="fp8",
        lora_adapters=4, weights_offload_gib=2, enforce_eager=True, memory_fraction=0.8,
        input_tokens=1000, output_tokens=200, prefill_chunk_tokens=2048,
    )  # fmt: skip
    assert made.flags == {
        "--max-model-len": 1200, "--max-num-seqs": 32, "--max-num-batched-tokens": 2048,
        "--gpu-memory-utilization": 0.8, "--quantization": "fp8", "--kv-cache-dtype": "fp8",
        "--enforce-eager": None, "--enable-lora": None, "--max-loras": 4, "--max-lora-rank": 16,
        "--cpu-offload-gb": 2.0,
    }  # fmt: skip
    assert made.command.startswith("vllm serve meta-llama/Llama-3.1-8B \\\n  --max-model-len 1200")
    asks = made.benchmark_command
    assert "--random-input-len 1000 --random-output-len 200 --max-concurrency 32" in asks


def test_drafts_are_the_models_own_or_anothers() -> None:
    told = {"speculative_tokens": 3, "acceptance_rate": 0.8}
    own = started(model="deepseek_v3", hardware="H200_141GB", devices=8, **told)
    assert json.loads(str(own.flags["--speculative-config"])) == {
        "method": "mtp", "num_speculative_tokens": 3,
    }  # fmt: skip
    other = started(
        model="llama3_70b", hardware="H100_80GB", devices=4, draft_model="llama3_8b", **told
    )
    assert json.loads(str(other.flags["--speculative-config"])) == {
        "method": "draft_model", "model": "meta-llama/Llama-3.1-8B", "num_speculative_tokens": 3,
    }  # fmt: skip


def test_another_checkpoint_is_asked_for_where_types_are_not_its_own() -> None:
    made = started(model="llama3_8b", hardware="H100_80GB", devices=1, precision="w4a16")
    assert "serve one whose weights are" in made.notes[0]
    assert "--quantization" not in made.flags
    plain = started(model="llama3_8b", hardware="H100_80GB", devices=1)
    assert plain.notes == ()


@pytest.mark.parametrize(
    ("engine", "asked", "says"),
    [
        ("llama.cpp", {"devices": 2}, "vLLM cannot|llama.cpp refuses|layers are divided"),
        ("vllm", {"devices": 1, "kv_offload": 0.5}, "vLLM cannot start .* kv offload: no flag"),
        ("trtllm", {"devices": 1, "lora_adapters": 2}, "TensorRT-LLM cannot start .* adapters"),
        ("lmdeploy", {"devices": 1}, "engine must be one of vllm, sglang, trtllm, llama.cpp"),
    ],
)
def test_what_an_engine_cannot_start_is_said(engine: str, asked: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        started(engine, at=-1, model="llama3_8b", hardware="H100_80GB", **asked)


def test_a_plan_that_breaks_a_rule_of_the_engine_is_refused_in_its_words() -> None:
    request = llm.make_request("qwen3_30b_a3b", "H100_80GB", 4, phase="serving", engine="sglang")
    frame = llm.evaluate(request).frame
    part = frame[(frame["ep"] == 2) & (frame["tp"] * frame["attention_dp"] == 4)].iloc[0]
    with pytest.raises(llm.NotRunnableError, match=r"vLLM refuses .* --enable-expert-parallel"):
        llm.launch(request, part, "vllm")


def test_manifests_are_of_one_node_or_several() -> None:
    one = started(model="llama3_8b", hardware="H100_80GB", devices=4, batch=8)
    text = one.kubernetes(name="chat")
    assert 'kind: "Deployment"' in text
    assert f"  replicas: {one.replicas}\n" in text
    assert f"nvidia.com/gpu: {one.devices}\n" in text
    assert '- "--max-num-seqs"\n        - "8"\n' in text
    request = llm.make_request("deepseek_v3", "H200_141GB", 16, phase="serving", batch=16)
    frame = llm.evaluate(request).frame
    wide = frame[(frame["replicas"] == 1) & (frame["tp"] == 8) & (frame["pp"] == 2)].iloc[0]
    made = llm.launch(request, wide)
    assert 'kind: "LeaderWorkerSet"' in made.kubernetes()
    assert "size: 2\n" in made.kubernetes()
    assert "nvidia.com/gpu: 8\n" in made.kubernetes()
    assert "over 2 nodes of 8 devices" in made.notes[0]
