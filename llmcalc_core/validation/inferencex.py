"""What InferenceX's scripts set in the servers that its rows were measured on.

Rows do not record it. From benchmarks/ of SemiAnalysisAI/InferenceX, at the commits named below;
read 2026-11-28 and 29. Later and earlier commits differ in places, as do the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from llmcalc_core.engines import release_of
from llmcalc_core.engines.told import UNTOLD, Told
from llmcalc_core.validation.cases import Case
from llmcalc_core.workload.requests import SHORTEST_SHARE

_BUSY = 16
"""Concurrency from which SGLang is told to look for requests less often."""

_BATCH_WAIT = 20.0
"""``batch_wait_timeout_iters`` of TensorRT-LLM with Llama 70B at 1024 to 1024 tokens on fewer than
8 devices (70b_fp4_b200_trt_slurm.sh and 70b_fp8_h200_trt_slurm.sh, 73ef922)."""

_DEEPSEEK_WAIT = 40.0
"""That of DeepSeek R1 in FP8 on B200 at 1024 to 1024 tokens (dsr1_fp8_b200_trt.sh, 7458eea)."""

_WITH_A_FLOOR = (1, 2)
"""Release of TensorRT-LLM from which on steps of DeepSeek R1 have room for 8,192 tokens."""

_SHORT, _WIDEST = 1024, 8

_SENT_AT_ONCE = ("0.5.9",)
"""Versions of SGLang among the rows that are taken to send the first token at once whatever the
interval of a stream, as scheduler_output_processor_mixin.py does at 004ec01 of sgl-project/sglang
(it compares the count with 1, earlier code with 0). Since which release was not found: that 0.5.9
does, and rows without a version do not, is told by the rows' own times."""


_NIGHTLY = "0.5.9"
"""What rows of SGLang without a release are read as: their images are of nights from 2026-02-16 to
2026-03-28, or ``glm5-hopper``, all before 0.5.10 (.github/configs/nvidia-master.yaml, 475cc1d)."""

_FIRST_VLLM, _NEXT_VLLM, _VLLM_OF_APRIL = "0.10.2", "0.11.2", "0.19"
"""What rows of vLLM without a release are read as: the image of Llama 3.1 70B was v0.10.2 from
2025-09-25 to the end (c198b20), that of gpt-oss then v0.11 (8136816), and of MiniMax-M2.5 one of a
night between those of v0.18 and v0.19.0 (534927b)."""

_LONG_GRAPHS = 2048
"""``max-cudagraph-capture-size`` [tokens]."""

_BUDGET = 8192
"""``max-num-batched-tokens`` of Llama 3.1 70B and gpt-oss with vLLM [tokens]."""


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
        The release that an image has or comes before; '' where rows state it.
    experts_apart : bool
        Whether it keeps whole experts on each device, though the row says that it divides them.
    told : Told
        What it was told about its steps.
    """

    held_steps: float = 0.0
    kv_cache: str = ""
    engine_version: str = ""
    experts_apart: bool = False
    told: Told = UNTOLD


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
        held = _waited(_BATCH_WAIT, case) if short and case.layout.tp < _WIDEST else 0.0
        return Settings(held_steps=held, told=Told(token_budget=16384))
    if name.startswith("openai/gpt-oss"):
        # dtype: auto on H200 (gptoss_fp4_h200_trt_slurm.sh, 2e46dba), fp8 on B200
        # (gptoss_fp4_b200_trt_slurm.sh, 0d8d7d1); --max_num_tokens 20000 in both.
        kv_cache = "fp8" if blackwell else "bf16"
        return Settings(kv_cache=kv_cache, told=Told(token_budget=20000))
    if "DeepSeek" in name:
        return _of_deepseek_with_trtllm(case, blackwell=blackwell)
    return Settings()


def _of_deepseek_with_trtllm(case: Case, *, blackwell: bool) -> Settings:
    # MAX_NUM_TOKENS: a prompt and a token of each request, in whole 64; from 2026-01-21 on 8,192 at
    # least (dsr1_fp8_h200_trt_slurm.sh, f83c74a and 5409158), as rows of 1.2 are taken to have it.
    # With these and FP8 on B200 prompts wait for others up to 40 steps from 64 short requests on
    # (batch_wait_timeout_iters), and steps that read them are captured in pieces, also from 128
    # with long answers and 64 with long prompts on (dsr1_fp8_b200_trt.sh, 7458eea).
    tokens = (case.batch + _longest(case) + 64 + 63) // 64 * 64
    if (release_of(case.engine_version) or ()) < _WITH_A_FLOOR:
        return Settings(told=Told(token_budget=tokens))
    tokens = max(tokens, 8192)
    told = Told(token_budget=tokens)
    if not blackwell or case.precision.weights != "fp8":
        return Settings(told=told)
    long_answers = case.output_tokens > _SHORT
    captured = case.batch >= (128 if long_answers else 64)
    short = max(case.input_tokens, case.output_tokens) < _SHORT  # on average
    held = _waited(_DEEPSEEK_WAIT, case) if captured and short else 0.0
    return Settings(held_steps=held, told=replace(told, captured_tokens=tokens if captured else 0))


def _waited(most: float, case: Case) -> float:
    """Give the steps that a prompt waits where the first does so for ``most``, and others join it.

    As many join as requests end meanwhile; they wait half as long in the mean.
    """
    joined = most * case.batch / case.output_tokens
    return most * (1 + joined / 2) / (1 + joined)


def _longest(case: Case) -> int:
    """Give the longest prompt that is drawn [tokens]."""
    return round(case.input_tokens / ((1 + SHORTEST_SHARE) / 2))


def _of_vllm(case: Case, *, blackwell: bool) -> Settings:
    name, stated = case.model.model, release_of(case.engine_version) is not None
    if "Llama-3.1-70B" in name and case.precision.weights != "bf16":
        # async-scheduling, --kv-cache-dtype fp8 (70b_fp8_b200_docker.sh, bb4c7f9, 24ea7de, and
        # 70b_fp8_h200_slurm.sh, 409e9a4); on B200 cudagraph_mode FULL_DECODE_ONLY.
        told = Told(token_budget=_BUDGET, overlaps_host=True)
        if blackwell:
            told = replace(told, captured_tokens=0, whole_decode_graphs=True)
        return Settings(kv_cache="fp8", engine_version="" if stated else _FIRST_VLLM, told=told)
    if name.startswith("openai/gpt-oss") and not blackwell:
        # max-cudagraph-capture-size, and VLLM_MXFP4_USE_MARLIN=1 from 2026-01-13 on
        # (gptoss_fp4_h200_slurm.sh, ca80028 and a351a60; gptoss_fp4_h100.sh, d04b625).
        told = Told(token_budget=_BUDGET, captured_tokens=_LONG_GRAPHS, overlaps_host=True)
        if stated:
            return Settings(told=replace(told, marlin=True))
        told = replace(told, whole_decode_graphs=False)  # cudagraph_mode PIECEWISE
        return Settings(engine_version=_NEXT_VLLM, told=told)
    if "MiniMax" in name:
        return _of_minimax(case, stated=stated, blackwell=blackwell)
    return Settings()


def _of_minimax(case: Case, *, stated: bool, blackwell: bool) -> Settings:
    # --kv-cache-dtype fp8 on Blackwell (minimaxm2.5_fp4_b200.sh, a52c31a, and
    # minimaxm2.5_fp8_b300.sh, 5632483), not on H200 (minimaxm2.5_fp8_h200.sh, 1c3aa8b); there
    # --enable-expert-parallel whatever EP_SIZE is (f2931b4 of a fork): eighths of its experts
    # would not be whole blocks of 128, which have one scale. On Blackwell since v0.19.0
    # --max-cudagraph-capture-size, and --max-num-batched-tokens of two prompts (13962fc).
    apart = not blackwell and case.layout.tp == _WIDEST
    if not blackwell:
        return Settings(experts_apart=apart)
    if not stated:
        return Settings(kv_cache="fp8", engine_version=_VLLM_OF_APRIL)
    told = Told(captured_tokens=_LONG_GRAPHS, token_budget=2 * _longest(case))
    return Settings(kv_cache="fp8", told=told)


def _of_sglang(case: Case, *, blackwell: bool) -> Settings:
    name, version = case.model.model, case.engine_version
    if release_of(version) is None:
        version = _NIGHTLY
    # --scheduler-recv-interval 10, and 30 from 16 requests in flight on: half of it on average.
    polled = (5.0 if case.batch < _BUSY else 15.0) if blackwell else 0.0
    if "DeepSeek" in name:
        # --stream-interval 10 (dsr1_fp4_b200.sh and dsr1_fp8_h200.sh, 1fc5d73), 30 in
        # dsr1_fp8_b200.sh, whose rows without a version are quicker than that: they are taken for
        # later ones. --kv-cache-dtype fp8_e4m3 on B200. --chunked-prefill-size 16384 in
        # dsr1_fp4_b200.sh (7215f1f), else 32768; in dsr1_fp8_b200.sh on four devices 8192.
        fp8 = case.precision.weights == "fp8"
        later = case.engine_version in _SENT_AT_ONCE
        later |= blackwell and fp8
        sent = 0.0 if later else 10.0
        chunk = 32768 if fp8 else 16384
        if blackwell and fp8 and case.layout.tp < _WIDEST:
            chunk, polled = 8192, 5.0
        told = Told(token_budget=chunk)
        return Settings(polled + sent, "fp8" if blackwell else "", version, told=told)
    if "Qwen3.5" in name:
        # A later SGLang; --kv-cache-dtype fp8_e4m3, --chunked-prefill-size 16384 on H200
        # (qwen3.5_fp8_h200.sh, 2116fc4), 16 bits, 32768 on B200 (qwen3.5_bf16_b200.sh, 29d69fa).
        told = Told(token_budget=32768 if blackwell else 16384)
        return Settings(polled, "" if blackwell else "fp8", version, told=told)
    if "GLM-5" in name and blackwell:
        # --chunked-prefill-size 131072, no --scheduler-recv-interval (glm5_fp4_b200.sh, 800f57a).
        return Settings(engine_version=version, told=Told(token_budget=131072))
    return Settings(engine_version=version)
