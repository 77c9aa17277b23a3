"""What InferenceX's scripts set in the servers that its rows were measured on.

Rows do not record it. From benchmarks/ of SemiAnalysisAI/InferenceX, at the commits named below;
read 2026-11-28 and 29. Later and earlier commits differ in places, as do the rows.
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


_NIGHTLY = "0.5.9"
"""What rows of SGLang without a version are read as: their images are of nights from 2026-02-16 to
2026-03-28, or ``glm5-hopper``, all before 0.5.10 (.github/configs/nvidia-master.yaml, 475cc1d)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server was told.

    Attributes
    ----------
    held_steps : float
        Decode steps for which it holds a prompt, or its first token, back.
    kv_cache : str
        Type of the KV cache; '' where it is what the engine chooses.
    engine_version : str
        Version of an image that is named by a day; '' where rows state it.
    experts_apart : bool
        Whether it keeps whole experts on each device, though the row says that it divides them.
    """

    held_steps: float = 0.0
    kv_cache: str = ""
    engine_version: str = ""
    experts_apart: bool = False


def settings(case: Case) -> Settings:
    """Look up what the server of a row was told, by model, device and engine."""
    of_engine = {"trtllm": _of_trtllm, "vllm": _of_vllm, "sglang": _of_sglang}
    if case.engine not in of_engine:
        return Settings()
    return of_engine[case.engine](case, blackwell=case.hardware.rate("fp4")[0] == "fp4")


def _of_trtllm(case: Case, *, blackwell: bool) -> Settings:
    name = case.model.model
    if "Llama-3.1-70B" in name:
        short = max(case.input_tokens, case.output_tokens) < _SHORT  # on average
        return Settings(held_steps=_BATCH_WAIT if short and case.layout.tp < _WIDEST else 0.0)
    if name.startswith("openai/gpt-oss"):
        # dtype: auto on H200 (gptoss_fp4_h200_trt_slurm.sh, 2e46dba), fp8 on B200
        # (gptoss_fp4_b200_trt_slurm.sh, 0d8d7d1).
        return Settings(kv_cache="fp8" if blackwell else "bf16")
    return Settings()


def _of_vllm(case: Case, *, blackwell: bool) -> Settings:
    name = case.model.model
    if "Llama-3.1-70B" in name and case.precision.weights != "bf16":
        # --kv-cache-dtype fp8 (70b_fp8_b200_docker.sh, bb4c7f9, 70b_fp8_h200_slurm.sh, 409e9a4).
        return Settings(kv_cache="fp8")
    if "MiniMax" in name:
        # --kv-cache-dtype fp8 on Blackwell (minimaxm2.5_fp4_b200.sh, a52c31a, and
        # minimaxm2.5_fp8_b300.sh, 5632483), not on H200 (minimaxm2.5_fp8_h200.sh, 1c3aa8b); there
        # --enable-expert-parallel whatever EP_SIZE is (f2931b4 of a fork): eighths of its experts
        # would not be whole blocks of 128, which have one scale.
        apart = not blackwell and case.layout.tp == _WIDEST
        return Settings(kv_cache="fp8" if blackwell else "", experts_apart=apart)
    return Settings()


def _of_sglang(case: Case, *, blackwell: bool) -> Settings:
    name, version = case.model.model, case.engine_version or _NIGHTLY
    # --scheduler-recv-interval 10, and 30 from 16 requests in flight on: half of it on average.
    polled = (5.0 if case.batch < _BUSY else 15.0) if blackwell else 0.0
    if "DeepSeek" in name:
        # --stream-interval 10 (dsr1_fp4_b200.sh and dsr1_fp8_h200.sh, 1fc5d73), 30 in
        # dsr1_fp8_b200.sh, whose rows without a version are quicker than that: they are taken for
        # later ones. --kv-cache-dtype fp8_e4m3 on B200.
        later = case.engine_version in _SENT_AT_ONCE
        later |= blackwell and case.precision.weights == "fp8"
        sent = 0.0 if later else 10.0
        return Settings(polled + sent, "fp8" if blackwell else "", version)
    if "Qwen3.5" in name:
        # A later SGLang; --kv-cache-dtype fp8_e4m3 on H200 (qwen3.5_fp8_h200.sh, 2116fc4), none on
        # B200, in 16 bits (qwen3.5_bf16_b200.sh, 29d69fa).
        return Settings(polled, "" if blackwell else "fp8", version)
    return Settings(engine_version=version)
