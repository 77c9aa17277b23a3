"""Names that files of measurements use: devices, engines, models, and the types of checkpoints."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from llmcalc_core.engines import find_engine, release_of, versions_of
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.hub.models import find_model
from llmcalc_core.hub.published_fp8 import as_published
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import Precision, parse_precision
from llmcalc_core.validation.cells import CannotPredictError

# Pope et al. ran static batches without a server, as FasterTransformer does.
_ENGINES = {
    "tensorrt": "trtllm",
    "trtllm": "trtllm",
    "vllm": "vllm",
    "sglang": "sglang",
    "llama.cpp": "llama.cpp",
    "fastertransformer": "fastertransformer",
    "lmdeploy": "lmdeploy",
    "google jax/xla": "fastertransformer",
}

_GPT = re.compile(
    r"(?P<name>GPT-\S+) \(h=(?P<hidden>\d+),L=(?P<layers>\d+),heads=(?P<heads>\d+),MHA,"
    r"ffn=(?P<widths>\d+)h,vocab=(?P<vocab>\d+)\)"
)
_PALM = re.compile(
    r"(?P<name>PaLM-\S+) \(h=(?P<hidden>\d+),L=(?P<layers>\d+),\d+->(?P<heads>\d+) heads,"
    r"d_head (?P<head>\d+),MQA,ffn (?P<widths>\d+)h SwiGLU,parallel block\)"
)
_PALM_VOCABULARY = 256_000
"""Tokens of PaLM's vocabulary (arXiv:2204.02311, section 2)."""


def device(name: str) -> Hardware:
    """Find the device of a file in the catalogue.

    Raises
    ------
    CannotPredictError
        If the catalogue has no such device.

    Examples
    --------
    >>> device("A100_SXM_80GB").name
    'A100_80GB'
    """
    try:
        return find_hardware(name)
    except ValueError:
        msg = f"device {name!r} is not in the catalogue"
        raise CannotPredictError(msg) from None


def engine(name: str) -> str:
    """Find the engine that a file's spelling means.

    Raises
    ------
    CannotPredictError
        If no estimate knows the engine.

    Examples
    --------
    >>> engine("TensorRT-LLM"), engine("vLLM(ROCm)"), engine("LMDeploy-TurboMind")
    ('trtllm', 'vllm', 'lmdeploy')
    """
    folded = name.strip().casefold()
    for start, known in _ENGINES.items():
        if folded.startswith(start):
            return known
    msg = f"engine {name!r} is not modelled"
    raise CannotPredictError(msg)


def release(engine_name: str, stated: str) -> str:
    """Give the release of an engine that stands for the one a file states.

    Parameters
    ----------
    engine_name : str
        One of ``ENGINES``.
    stated : str
        As the file has it.

    Returns
    -------
    str
        The oldest that is known for an older one; '', for the newest, where it states none that can
        be read, such as a nightly build, or the engine's are not told apart.

    Examples
    --------
    >>> release("vllm", "0.19.1rc1.dev339+gedc364896"), release("vllm", "0.4.3")
    ('0.19.1', '0.6')
    >>> release("trtllm", "TensorRT 10.2.0, CUDA 12.4"), release("sglang", "nightly-dev")
    ('', '')
    """
    numbers, known = release_of(stated), versions_of(engine_name)
    if numbers is None or not known:
        return ""
    if numbers < (release_of(known[-1]) or ()):
        return known[-1]
    asked = ".".join(map(str, numbers))
    try:
        return find_engine(engine_name, asked).version
    except ValueError:  # newer than the newest that is known
        return ""


def model(name: str) -> ModelConfig:
    """Find a model by its name, or by the shape that the name spells out.

    Raises
    ------
    CannotPredictError
        If the catalogue has no such model and the name describes none.

    Examples
    --------
    >>> model("GPT-6.7B (h=4096,L=32,heads=32,MHA,ffn=4h,vocab=51200)").intermediate_size
    16384
    """
    for pattern, describe in ((_GPT, _gpt), (_PALM, _palm)):
        found = pattern.fullmatch(name.strip())
        if found:
            return describe(found["name"], found)
    try:
        return find_model(name)
    except ValueError:
        msg = f"model {name!r} is not in the catalogue"
        raise CannotPredictError(msg) from None


def _gpt(name: str, shape: re.Match[str]) -> ModelConfig:
    """Describe a GPT-3: plain feed-forward layers, biases, layer norms, tied embeddings."""
    hidden = int(shape["hidden"])
    return ModelConfig(
        model=name,
        vocab_size=int(shape["vocab"]),
        hidden_size=hidden,
        num_decoder_layers=int(shape["layers"]),
        num_attention_heads=int(shape["heads"]),
        intermediate_size=int(shape["widths"]) * hidden,
        num_ffi=1,
        norm="layernorm",
        qkv_bias=True,
        attention_output_bias=True,
        mlp_bias=True,
        tie_word_embeddings=True,
    )


def _palm(name: str, shape: re.Match[str]) -> ModelConfig:
    """Describe a PaLM with the heads it was padded to; its parallel block has one norm."""
    hidden = int(shape["hidden"])
    return ModelConfig(
        model=name,
        vocab_size=_PALM_VOCABULARY,
        hidden_size=hidden,
        num_decoder_layers=int(shape["layers"]),
        num_attention_heads=int(shape["heads"]),
        num_key_value_heads=1,
        head_dim=int(shape["head"]),
        intermediate_size=int(shape["widths"]) * hidden,
        norms_per_layer=1,
        tie_word_embeddings=True,
    )


_NVFP4: dict[str, dict[str, Any]] = {
    "Qwen/Qwen3-": {},
    "Llama-4": {},
    "DeepSeek-V3": {"attention": "bf16", "attention_output": "fp4"},
    "DeepSeek-R1": {"attention": "bf16", "attention_output": "fp4"},
    "GLM-5": {"attention": "bf16", "attention_output": "bf16"},
}
"""What NVIDIA's NVFP4 checkpoints of mixtures keep in another type: the others keep all but routed
experts in 16 bits. From ``exclude_modules`` of the ``hf_quant_config.json`` of
nvidia/Qwen3-235B-A22B-NVFP4, nvidia/DeepSeek-V3.1-NVFP4 and nvidia/GLM-5-NVFP4 (of those read only
Qwen3.5's, MiniMax-M2.5's and Kimi-K2.6's leave out more); projections of attention are packed in
nvidia/Llama-4-Scout-17B-16E-Instruct-NVFP4 too (sgl-project/sglang, pull request 35032)."""


def checkpoint_precision(
    weights: str, *, model: ModelConfig, hardware: Hardware, engine: str, kv_cache: str = ""
) -> Precision:
    """Precision of a served checkpoint.

    Parameters
    ----------
    weights : str
        Such as 'fp8', 'nvfp4', 'w4a16'; blank means the model's own 16-bit type.
    model, hardware, engine
        What it is a checkpoint of, and what serves it.
    kv_cache : str, optional
        Where the file states it; else what the engine chooses: FP8 where TensorRT-LLM serves
        an FP8 or FP4 checkpoint and for every NVFP4 checkpoint, 16 bits otherwise.

    Returns
    -------
    Precision
        Of MXFP4 and INT4 checkpoints of mixtures the routed experts alone are narrow, of NVFP4
        ones what ``_NVFP4`` says; those in FP8 are as published, in blocks or not. The MXFP4
        experts of gpt-oss multiply FP8 activations on a device with FP4 units (Blackwell) and
        16-bit ones on others.

    Raises
    ------
    ValueError
        For a name that is no precision.

    Examples
    --------
    >>> from llmcalc_core import find_hardware, find_model
    >>> checkpoint_precision("nvfp4", model=find_model("llama3_1_70b"),
    ...     hardware=find_hardware("B200_180GB"), engine="trtllm").label
    'fp4'
    """
    if engine == "llama.cpp":  # files have no word for its types: four bits are its usual mix
        mix = "q4_k_m" if weights.strip() == "w4a16" else weights.strip()
        return parse_precision(mix or "fp16")
    named = parse_precision(weights.strip() or "bf16")
    if named.weights in ("fp8", "fp4"):
        named = replace(named, kv_cache="fp8" if engine == "trtllm" else "bf16")
    own = next((kept for name, kept in _NVFP4.items() if name in model.model), None)
    if named.weights == "fp4" and own is not None:
        named = replace(named, **own, kv_cache="fp8")
    elif model.num_experts > 1 and named.weights in ("fp4", "int4"):
        named = _narrow_experts(named, model, hardware)
    elif named.weights == "fp4":
        named = replace(named, kv_cache="fp8")
    named = as_published(named, model.model)
    return replace(named, kv_cache=kv_cache.strip() or named.kv_cache)


def _narrow_experts(named: Precision, model: ModelConfig, hardware: Hardware) -> Precision:
    """Give the routed experts the 4-bit type, and 16 bits to everything else."""
    kv_cache = named.kv_cache
    if named.weights == "int4":
        entering = "bf16"
    elif model.model.startswith("openai/gpt-oss"):
        entering = "fp8" if hardware.rate("fp4")[0] == "fp4" else "bf16"
    else:
        entering, kv_cache = "fp4", "fp8"
    return Precision(
        weights="bf16",
        activations="bf16",
        kv_cache=kv_cache,
        experts=named.weights,
        expert_activations=entering,
    )
