"""What InferenceX's scripts set in the servers that its rows were measured on.

Rows do not record it. From benchmarks/ of SemiAnalysisAI/InferenceX, at the commits named below;
read 2026-11-28. Later and earlier commits differ in places, as do the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmcalc_core.validation.cases import Case

_BUSY = 16
"""Concurrency from which SGLang is told to look for requests less often."""

_BATCH_WAIT = 20.0
"""``batch_wait_timeout_iters`` of TensorRT-LLM with Llama 70B at 1024 to 1024 tokens on fewer than
8 devices (70b_fp4_b200_trt_slurm.sh and 70b_fp8_h200_trt_slurm.sh, 73ef922)."""

_SHORT, _WIDEST = 1024, 8

_SENT_AT_ONCE = ("0.5.9",)
"""Versions of SGLang among the rows that are taken to send the first token at once whatever the
interval of a stream, as scheduler_output_processor_mixin.py does at 004ec01 of sgl-project/sglang
(it compares the count with 1, earlier code with 0). Since which release was not found: that 0.5.9
does, and rows without a version do not, is told by the rows' own times."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server was told.

    Attributes
    ----------
    held_steps : float
        Decode steps for which it holds a prompt, or its first token, back.
    kv_cache : str
        Type of the KV cache; '' where it is what the engine chooses.
    """

    held_steps: float = 0.0
    kv_cache: str = ""


def settings(case: Case) -> Settings:
    """Look up what the server of a row was told, by model, device and engine."""
    name = case.model.model
    blackwell = case.hardware.rate("fp4")[0] == "fp4"
    if case.engine == "trtllm" and "Llama-3.1-70B" in name:
        short = max(case.input_tokens, case.output_tokens) < _SHORT  # on average
        return Settings(held_steps=_BATCH_WAIT if short and case.layout.tp < _WIDEST else 0.0)
    if case.engine == "trtllm" and name.startswith("openai/gpt-oss"):
        # dtype: auto on H200 (gptoss_fp4_h200_trt_slurm.sh, 2e46dba), fp8 on B200
        # (gptoss_fp4_b200_trt_slurm.sh, 0d8d7d1).
        return Settings(kv_cache="fp8" if blackwell else "bf16")
    if case.engine != "sglang":
        return Settings()
    # --scheduler-recv-interval 10, and 30 from 16 requests in flight on: half of it on average.
    polled = (5.0 if case.batch < _BUSY else 15.0) if blackwell else 0.0
    if "DeepSeek" in name:
        # --stream-interval 10 (dsr1_fp4_b200.sh and dsr1_fp8_h200.sh, 1fc5d73), and
        # --kv-cache-dtype fp8_e4m3 on B200.
        sent = 0.0 if case.engine_version in _SENT_AT_ONCE else 10.0
        return Settings(held_steps=polled + sent, kv_cache="fp8" if blackwell else "")
    if "Qwen3.5" in name:
        # A later SGLang (qwen3.5_fp8_b200.sh, 01fa35c, and qwen3.5_fp8_h200.sh, 2116fc4);
        # --kv-cache-dtype fp8_e4m3.
        return Settings(held_steps=polled, kv_cache="fp8")
    return Settings()
