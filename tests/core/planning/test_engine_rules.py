"""Plans that engines refuse when they start, with their reasons and words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import llmcalc_core as llm
from llmcalc_core.architecture.model import architecture
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.hub.models import find_model
from llmcalc_core.planning.asked import Asked
from llmcalc_core.planning.engine_rules import ENGINE_RULES, engine_words, refused
from llmcalc_core.planning.verdict import REASONS
from llmcalc_core.precision import parse_precision
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout


def reasons(model: str, hardware: str, devices: int, **asked: object) -> dict[tuple[int, int], str]:
    """What one replica of each tensor and expert parallel width is rejected for."""
    usual: dict[str, object] = {"batch": 1, "input_tokens": 500, "output_tokens": 100}
    frame = llm.explore(model, hardware, devices, **(usual | asked))
    whole = frame[(frame["replicas"] == 1) & (frame["pp"] == 1) & (frame["attention_dp"] == 1)]
    rows = zip(whole["tp"], whole["ep"], whole["rejected_for"], strict=True)
    return {(int(tp), int(ep)): str(reason) for tp, ep, reason in rows}


def test_blocks_of_fp8_are_not_cut() -> None:
    """1,536 columns of an expert: 384 on each of 4 devices are 3 blocks, 192 on each of 8 are not.

    Qwen3-235B-A22B-FP8 at TP 8 needs --enable-expert-parallel (vLLM, issue 17569 and others).
    """
    four = reasons("Qwen/Qwen3-235B-A22B-FP8", "H200_141GB", 4)
    eight = reasons("Qwen/Qwen3-235B-A22B-FP8", "H200_141GB", 8)
    assert four[4, 1] == ""
    assert eight[8, 1] == "quantised blocks"
    assert eight[8, 8] == ""  # whole experts
    plain = reasons("Qwen/Qwen3-235B-A22B", "H200_141GB", 8, precision="bf16")
    assert plain[8, 1] == ""
    fp8 = llm.Precision(weights="fp8", activations="fp8")
    asked = reasons("Qwen/Qwen3-235B-A22B", "H200_141GB", 8, precision=fp8)
    assert asked[8, 1] == "quantised blocks"  # as its maker publishes it
    whole = replace(fp8, fp8_blocks=False)  # as vLLM narrows 16 bits when it starts
    assert reasons("Qwen/Qwen3-235B-A22B", "H200_141GB", 8, precision=whole)[8, 1] == ""


def test_vllm_divides_experts_over_all_devices_or_none() -> None:
    found = reasons("mixtral_8x7b", "H200_141GB", 4, precision="bf16")
    assert {key: found[key] for key in ((4, 1), (4, 2), (4, 4))} == {
        (4, 1): "", (4, 2): "expert parallel", (4, 4): "",
    }  # fmt: skip
    other = reasons("mixtral_8x7b", "H200_141GB", 4, precision="bf16", engine="sglang")
    assert other[4, 2] == ""


@pytest.mark.parametrize(
    ("hardware", "precision", "reason"),
    [("V100_32GB", "fp8", "data type"), ("V100_32GB", "nvfp4", "data type"),
     ("V100_32GB", "w4a16", ""), ("T4", "w4a16", ""), ("L4", "fp8", ""),
     ("V100_32GB", "w8a8", "data type"), ("T4", "w8a8", ""),  # CompressedTensorsW8A8Int8: 75
     ("V100_32GB", "bf16", "data type"), ("V100_32GB", "fp16", ""),
     ("V100_32GB", "checkpoint", ""),  # bf16, for which dtype="auto" takes float16 there
     ("T4", "fp8", "data type"),  # its cache; weights have Marlin's kernels from 7.5 on
     ("A100_40GB", "fp8", ""), ("A100_40GB", "nvfp4", ""), ("H100_80GB", "nvfp4", "")],
)  # fmt: skip
def test_types_without_kernels(hardware: str, precision: str, reason: str) -> None:
    """Least compute capabilities of vLLM 0.33 (get_min_capability, supported_dtypes)."""
    assert reasons("llama3_8b", hardware, 1, precision=precision)[1, 1] == reason


def test_fp8_weights_beside_a_wide_cache_start_on_a_t4() -> None:
    """Marlin's kernels unpack FP8 from 7.5 on; it is an FP8 cache that has none."""
    wide = llm.Precision(weights="fp8", activations="fp8", kv_cache="fp16")
    assert reasons("llama3_8b", "T4", 1, precision=wide)[1, 1] == ""


def test_mxfp4_needs_ampere() -> None:
    """Mxfp4Config.get_min_capability of vLLM 0.33 is 80; NVFP4's is 75."""
    assert reasons("openai/gpt-oss-20b", "T4", 2)[2, 1] == "data type"
    assert reasons("openai/gpt-oss-20b", "A10", 1)[1, 1] == ""


def test_a_checkpoint_in_bf16_is_served_in_fp16_where_a_device_has_no_bf16() -> None:
    frame = llm.explore("llama3_8b", ["V100_32GB", "A100_40GB"], 1, batch=1, input_tokens=500)
    served = dict(zip(frame["hardware"], frame["precision"], strict=True))
    assert served == {"V100_32GB": "fp16", "A100_40GB": "bf16"}
    assert (frame["rejected_for"] == "").all()


def test_sglang_needs_turing_and_computes_in_fp16_there() -> None:
    """maybe_downgrade_dtype_for_legacy_gpu of SGLang 0.5.23."""
    asked = {"precision": "bf16", "engine": "sglang"}
    assert reasons("llama3_2_1b", "T4", 1, **asked)[1, 1] == ""
    assert reasons("llama3_2_1b", "V100_32GB", 1, **asked)[1, 1] == "device"


def test_sparse_latent_attention_needs_hopper() -> None:
    """Every sparse MLA backend of vLLM 0.33 is of compute capability 9, 10 or 12."""
    frames = {
        name: reasons("deepseek-ai/DeepSeek-V3.2", name, 16, precision="bf16")
        for name in ("A100_80GB", "H200_141GB")
    }
    assert frames["A100_80GB"][16, 1] == "attention kernel"
    assert frames["H200_141GB"][16, 1] == ""


def test_what_is_kept_of_refusals_cannot_be_changed() -> None:
    model = architecture(find_model("llama3_8b"))
    grid = make_grid((Layout(),), batches=(1,), inputs=(9,), outputs=(9,), engine="vllm")
    asked = Asked(
        model=model,
        hardware=find_hardware("V100_32GB"),
        precision=parse_precision("fp8"),
        grid=grid,
    )
    found = refused(asked)
    with pytest.raises(TypeError):
        found["memory"] = np.ones(1, bool)  # type: ignore[index]  # what is tried
    with pytest.raises(ValueError, match="read-only"):
        found["data type"][...] = False
    assert refused(asked)["data type"].all()


def test_columns_that_makers_pad_are_not_cut() -> None:
    """Qwen2.5-72B-Instruct-AWQ has 29,696 columns for 29,568, whose halves cut a group."""
    assert reasons("Qwen/Qwen2.5-72B", "A100_80GB", 2, precision="w4a16")[2, 1] == ""


def test_a_draft_of_another_vocabulary_is_refused() -> None:
    drafts = {"speculative_tokens": 3, "acceptance_rate": 0.7, "draft_model": "llama_3_2_1b"}
    assert reasons("llama3_8b", "H100_80GB", 1, **drafts)[1, 1] == ""
    assert reasons("llama2_7b", "H100_80GB", 1, **drafts)[1, 1] == "draft vocabulary"
    for estimate in (llm.estimate_decode_performance, llm.estimate_serving_performance):
        with pytest.raises(ValueError, match=r"must have the 32,000 tokens of .*has 128,256"):
            estimate("llama2_7b", system_name="H100_80GB", **drafts)


def test_requests_beyond_the_positions_of_a_model() -> None:
    frame = llm.explore("gpt2", "H100_80GB", 1, batch=1, input_tokens=[500, 4000], output_tokens=9)
    assert frame["rejected_for"].tolist() == ["", "context length"]
    assert not frame["on_front"].to_numpy()[1]


def test_each_rule_has_its_words_and_source() -> None:
    for rule in ENGINE_RULES:
        assert rule.reason in REASONS
        assert rule.words == engine_words(rule.reason)
        assert "read 20" in rule.source
    assert not engine_words("memory")


def test_rejected_plans_are_on_no_front() -> None:
    frame = llm.explore("Qwen/Qwen3-235B-A22B-FP8", "H200_141GB", [4, 8], batch=[1, 64])
    refused = frame["rejected_for"].isin([rule.reason for rule in ENGINE_RULES]).to_numpy()
    assert refused.any()
    assert not np.any(frame["on_front"].to_numpy() & refused)
