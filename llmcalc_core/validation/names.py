"""Names that files of measurements use: devices, engines and models described by their shape."""

from __future__ import annotations

import re

from llmcalc_core.engines import find_engine, release_of, versions_of
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.hub.models import find_model
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.validation.cells import CannotPredictError

# Pope et al. ran static batches without a server, as FasterTransformer does.
_ENGINES = {
    "tensorrt": "trtllm",
    "trtllm": "trtllm",
    "vllm": "vllm",
    "sglang": "sglang",
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
