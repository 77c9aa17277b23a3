"""Start-up logs of engines, and pools that vLLM's own planning made: a row becomes a question.

A log names a checkpoint and a device as people write them in an issue: the words behind a name
(``bnb-4bit``, ``+ EAGLE``, ``(ROCm)``) are read where they mean a type, and left out where not. A
device that is not named has the memory that the row gives; without it nothing is said of its pool.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from llmcalc_core.architecture.model import architecture
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.engines import find_engine, told_engine, versions_of
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.hub.models import find_model
from llmcalc_core.memory.cache_groups import cache_groups
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.memory.held_blocks import printed_concurrency, running_requests
from llmcalc_core.memory.start_up import ServerSettings, start_up
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import PLAIN, Precision, parse_precision
from llmcalc_core.validation.cases import Case
from llmcalc_core.validation.cells import (
    CannotPredictError,
    measured_number,
    optional_count,
    stated_count,
    stated_number,
)
from llmcalc_core.validation.names import checkpoint_precision
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import NO_TECHNIQUES, Techniques

COLUMNS = (
    "id", "source", "engine", "engine_version", "model", "checkpoint_precision", "kv_dtype",
    "device", "tp", "pp", "max_model_len", "gpu_memory_utilization", "max_num_seqs",
    "max_num_batched_tokens",
)  # fmt: skip
"""Columns of logs that a row is read from; what was logged may be absent."""

METRICS = ("weights_gib", "kv_cache_gib", "kv_tokens", "max_concurrency")

POOL_COLUMNS = (
    "model", "tp", "input_tokens", "output_tokens", "available_bytes", "kv_cache_dtype",
    "max_model_len", "max_num_batched_tokens", "max_num_seqs",
)  # fmt: skip
"""Columns of planned pools."""

POOL_METRICS = ("num_blocks", "printed_tokens", "printed_concurrency", "peak_running")

_ADAPTED = Techniques(lora_adapters=1, lora_rank=32)
"""Buffers of one adapter, where a log says that they were enabled; of its rank it says nothing (32
is assumed, between the default of vLLM, 16, and that of Unsloth, 64)."""

_REQUEST = 1024, 128
"""Prompt and answer of the requests that nothing is asked about [tokens]."""

_OWNERS = {"unsloth", "redhatai", "techxgenus", "thebloke", "gensyn", "cyankiwi", "lukealonso"}
_ENDINGS = re.compile(
    r"[- ](?:unsloth|bnb|4bit|8bit|awq|gptq|int4|int8|nvfp4|fp8|block|mtp|hf|w8a8|w4a16|dynamic|"
    r"instruct|eagle3?|it|bf16|\d{4})(?=[- ]|$)",
    re.IGNORECASE,
)
_SAME_DECODER = {
    "qwen2.5-vl-3b": ("Qwen/Qwen2.5-3B", 0.67e9), "qwen2.5-vl-7b": ("Qwen/Qwen2.5-7B", 0.68e9),
    "qwen2.5-vl-32b": ("Qwen/Qwen2.5-32B", 0.69e9),
    "qwen2.5-vl-72b": ("Qwen/Qwen2.5-72B", 0.75e9),
    "internvl3_5-14b": ("Qwen/Qwen3-14B", 0.33e9), "glm-4.5v": ("zai-org/GLM-4.5-Air", 0.9e9),
    "qwen3.8-27b": ("Qwen/Qwen3.5-27B", 0.0),
    "deepseek-r1-distill-qwen-1.5b": ("Qwen/Qwen2.5-1.5B", 0.0),
}  # fmt: skip
"""Checkpoints whose decoder is another model's, and the parameters of their encoder of images
(config.json and model cards, recalled)."""

_NF4_BITS = 0.127
"""Bits of scales beside each weight of NF4: 8 bits for 64, whose scale has 32 for 256 (QLoRA,
arXiv:2305.14314, section 3)."""

_NAMED = {"amd instinct": "MI300X", "h100 96gb": "GH200_96GB"}
"""Devices that logs name by less than their name, told by their memory."""

_BITS_PER_WEIGHT = re.compile(r"([\d.]+) BPW")
_DRIVER_GIB = 0.45


def source_of_log(fields: Mapping[str, str]) -> str:
    """Say who logged a row."""
    return fields["source"]


def source_of_pool(fields: Mapping[str, str]) -> str:  # noqa: ARG001 - one maker
    """Say what made a row."""
    return "vLLM"


def read_log(fields: Mapping[str, str]) -> Case:
    """Predict what an engine of a row logs when it starts.

    Raises
    ------
    CannotPredictError
        If its model or engine is not known.
    ValueError
        For a cell that is no number.
    """
    config, images = checkpoint_model(fields["model"])
    if fields["engine"].strip().casefold() == "llama.cpp":
        return _llama_cpp(fields, config)
    name = _engine(fields["engine"])
    hardware = logged_device(fields)
    precision = logged_precision(fields, config, hardware, name)
    told = told_engine(
        name, _version(fields, config, name), max_num_seqs=optional_count(fields, "max_num_seqs")
    )
    engine = (hardware or _UNKNOWN).engine(told)
    budget = optional_count(fields, "max_num_batched_tokens")
    engine = replace(engine, token_budget=budget or engine.token_budget)
    model = architecture(config)
    longest = optional_count(fields, "max_model_len") or model.max_context or sum(_REQUEST)
    fraction = measured_number(fields, "gpu_memory_utilization")
    layout = Layout(tp=stated_count(fields, "tp"), pp=optional_count(fields, "pp") or 1)
    adapted = "lora enabled" in fields.get("note", "").casefold()
    found = start_up(
        model, hardware or _UNKNOWN, precision, layout, engine=engine,
        settings=ServerSettings(
            max_model_len=longest,
            memory_fraction=None if math.isnan(fraction) else fraction,
            prompt=_REQUEST[0],
            answer=_REQUEST[1],
        ),
        techniques=_ADAPTED if adapted else NO_TECHNIQUES,
    )  # fmt: skip
    encoder = images * 2 / layout.tp
    weights = (found.weights_bytes + encoder) / 2**30
    pool = (found.pool_bytes - encoder) / 2**30
    kept = 1 - encoder / found.pool_bytes if found.pool_bytes > 0 else 1.0
    cache = (pool, math.floor(found.tokens * kept), found.concurrency * kept)
    unknown = (math.nan,) * len(cache)
    predicted = (weights, *(cache if hardware else unknown))
    return _log_case(fields, (config, hardware or _UNKNOWN, name, precision, layout), predicted)


def _log_case(
    fields: Mapping[str, str],
    plan: tuple[ModelConfig, Hardware, str, Precision, Layout],
    predicted: tuple[float, ...],
) -> Case:
    config, hardware, engine, precision, layout = plan
    return Case(
        id=fields["id"],
        source=fields["source"],
        model=config,
        hardware=hardware,
        engine=engine,
        precision=precision,
        layout=layout,
        kind="start_up",
        batch=0,
        input_tokens=_REQUEST[0],
        output_tokens=_REQUEST[1],
        metrics=METRICS,
        measured=tuple(measured_number(fields, metric) for metric in METRICS),
        predicted=predicted,
    )


def _llama_cpp(fields: Mapping[str, str], config: ModelConfig) -> Case:
    """Predict the buffers of llama.cpp: weights, and a cache of the whole context.

    ``llama_kv_cache`` allocates all tokens of ``n_ctx`` at the start (src/llama-kv-cache.cpp, read
    2026-11-30); its weights are those of the file.
    """
    hardware = logged_device(fields) or _UNKNOWN
    precision = logged_precision(fields, config, hardware, "lmdeploy")
    layout = Layout(tp=stated_count(fields, "tp"))
    model, context = architecture(config), stated_count(fields, "max_model_len")
    grid = make_grid((layout,), batches=(1,), inputs=(context,), outputs=(1,), engine="lmdeploy")
    each = sum(
        count * page.token_bytes
        for part, count in zip(model.parts, np.ravel(section_counts(model)).tolist(), strict=False)
        for page in part.cache_pages(precision.kv_bytes, layout.tp)
    )
    held = device_memory(model, precision, grid)
    predicted = (held.weights.item() / 2**30, context * each / 2**30, float(context), 1.0)
    return _log_case(fields, (config, hardware, "lmdeploy", precision, layout), predicted)


def _version(fields: Mapping[str, str], config: ModelConfig, engine: str) -> str | None:
    """Read a version; a log of vLLM that does not say it is of one that knows its model.

    Most such logs are of versions about 0.11; models of 2026 came with versions from 0.20 on. A
    version beyond those that are known is the nearest of them.
    """
    stated = re.match(r"\d+\.\d+", fields["engine_version"].strip())
    if stated:
        try:
            return find_engine(engine, stated[0]).version
        except ValueError:
            known = versions_of(engine)
            return known[-1] if known and stated[0].startswith("0") else None
    if engine != "vllm":
        return None
    if fields["model"].endswith(_OF_JULY):
        return "0.26"
    return "0.20" if any(word in config.model for word in _OF_2026) else "0.11"


_OF_JULY = ("-0731",)
"""Endings of checkpoints of July 2026."""

_OF_2026 = ("DeepSeek-V4", "gemma-4", "GLM-5", "Kimi-K3", "Qwen3.8")

_UNKNOWN = find_hardware("H100_80GB").replace(name="a device that is not named")


def read_pool(fields: Mapping[str, str]) -> Case:
    """Predict what vLLM's planning and scheduler make of a pool.

    Raises
    ------
    CannotPredictError
        If its model is not known or keeps nothing.
    ValueError
        For a cell that is no number.
    """
    config, _ = checkpoint_model(fields["model"])
    element = 1.0 if fields["kv_cache_dtype"].startswith("fp8") else 2.0
    groups = cache_groups(architecture(config), element, stated_count(fields, "tp"))
    if groups is None:
        msg = f"{config.model} keeps nothing of a request"
        raise CannotPredictError(msg)
    prompt, answer, length, budget, seqs = (
        float(stated_count(fields, column))
        for column in (
            "input_tokens", "output_tokens", "max_model_len", "max_num_batched_tokens",
            "max_num_seqs",
        )
    )  # fmt: skip
    blocks = float(stated_number(fields, "available_bytes") // groups.block_bytes)
    concurrency = float(
        printed_concurrency(groups, blocks=blocks, length=length, in_flight=2 * budget)
    )
    running = running_requests(
        groups, blocks=blocks, prompt=prompt, answer=answer, token_budget=budget,
        in_flight=2 * budget,
    )  # fmt: skip
    return Case(
        id=fields["id"],
        source="vLLM",
        model=config,
        hardware=_UNKNOWN,
        engine="vllm",
        precision=PLAIN,
        layout=Layout(tp=stated_count(fields, "tp")),
        kind="start_up",
        batch=0,
        input_tokens=int(prompt),
        output_tokens=int(answer),
        metrics=POOL_METRICS,
        measured=tuple(measured_number(fields, metric) for metric in POOL_METRICS),
        predicted=(
            blocks, math.floor(concurrency * length), concurrency, min(float(running), seqs),
        ),
    )  # fmt: skip


def checkpoint_model(name: str) -> tuple[ModelConfig, float]:
    """Find the model of a checkpoint, and the parameters of its encoder of images.

    Raises
    ------
    CannotPredictError
        If the catalogue has no such model.

    Examples
    --------
    >>> checkpoint_model("unsloth/Llama-3.2-3B-Instruct")[0].model
    'meta-llama/Llama-3.2-3B'
    >>> checkpoint_model("Qwen--Qwen3.5-27B")[0].model
    'Qwen/Qwen3.5-27B'
    """
    plain = re.sub(r"\(.*?\)|\+ EAGLE.*", "", name.replace("--", "/")).strip()
    owner, _, short = plain.rpartition("/")
    bare = _ENDINGS.sub("", short).strip()
    if (known := _SAME_DECODER.get(bare.casefold())) is not None:
        return find_model(known[0]), known[1]
    tried = [plain, *(() if owner.casefold() in _OWNERS else (f"{owner}/{bare}",)), short, bare]
    for one in (*tried, re.sub(r"^meta-", "", bare, flags=re.IGNORECASE)):
        try:
            return find_model(one.strip("/")), 0.0
        except ValueError:
            continue
    msg = f"model {name!r} is not in the catalogue"
    raise CannotPredictError(msg)


def logged_device(fields: Mapping[str, str]) -> Hardware | None:
    """Find the device of a log; one that is not named has the memory that the row gives, if any."""
    total = measured_number(fields, "total_gib")
    name = re.sub(r"\(.*?\)", "", fields["device"]).strip()
    try:
        return find_hardware(_NAMED.get(name.casefold(), name)) if name else _of_memory(total)
    except ValueError:
        size = re.search(r"(\d+) ?GB", name)
        return _of_memory(float(size[1]) - _DRIVER_GIB if size and math.isnan(total) else total)


def _of_memory(gib: float) -> Hardware | None:
    if math.isnan(gib):
        return None
    return _UNKNOWN.replace(name=f"a device of {gib:g} GiB", memory_bytes=gib * 2**30)


def _engine(name: str) -> str:
    try:
        return find_engine(name).name
    except ValueError:
        msg = f"engine {name!r} is not modelled"
        raise CannotPredictError(msg) from None


def logged_precision(
    fields: Mapping[str, str], config: ModelConfig, hardware: Hardware | None, engine: str
) -> Precision:
    """Read the types of a checkpoint and of its cache from the words of a log.

    Checkpoints that NVIDIA quantised to four bits hold scales of an FP8 cache, which is then the
    default of their servers.

    Examples
    --------
    >>> from llmcalc_core.hub.models import find_model
    >>> words = {"model": "", "checkpoint_precision": "AWQ int4 g128", "kv_dtype": "auto"}
    >>> logged_precision(words, find_model("llama3_8b"), None, "vllm").label
    'int4'
    """
    words = fields["checkpoint_precision"].casefold()
    own = config.precision or PLAIN
    named = _named_precision(words, config, hardware or _UNKNOWN, engine)
    cache = fields["kv_dtype"].casefold()
    if cache.startswith(("fp8", "bf16", "f16", "fp16")):
        return replace(named, kv_cache="fp8" if cache.startswith("fp8") else "bf16")
    keeps_narrow = own.kv_cache == "fp8" and own.weights != "bf16" and "fp8" in words
    scaled = fields["model"].startswith("nvidia/") and named.kv_cache == "fp8"
    return replace(named, kv_cache="fp8" if keeps_narrow or scaled else "bf16")


def _named_precision(words: str, config: ModelConfig, hardware: Hardware, engine: str) -> Precision:
    own = config.precision or PLAIN
    if "mxfp4" in words or "experts fp4" in words:
        return own
    if (bits := _BITS_PER_WEIGHT.search(words.upper())) is not None:
        each = float(bits[1])
        return Precision(weights="int4", scale_bits=each - 4, stored_bits={"head": each})
    if "fp8" in words and "nvfp4" not in words:
        return _eight_bits(words, own)
    kind = next((kind for word, kind in _KINDS.items() if word in words), "")
    if kind in _WHOLE:
        return _WHOLE[kind]
    return checkpoint_precision(kind, model=config, hardware=hardware, engine=engine)


_WHOLE = {
    "": PLAIN,
    "nf4": Precision(weights="int4", scale_bits=_NF4_BITS),
    "w8a8": parse_precision("w8a8"),
}
"""Types of checkpoints that are the same in all parts."""

_KINDS = {
    "nvfp4": "nvfp4", "nf4": "nf4", "w8a8": "w8a8", "int4": "w4a16", "awq": "w4a16",
    "gptq": "w4a16",
}  # fmt: skip
"""Kinds of checkpoints by a word of a log, in the order in which they are looked for."""


def _eight_bits(words: str, own: Precision) -> Precision:
    """Read an FP8 checkpoint: of some the attention, or all but experts, stays in 16 bits."""
    if words.startswith("fp8 experts"):
        return Precision(experts="fp8", expert_activations="fp8", shared="fp8")
    if "attention" in words:
        return Precision(weights="fp8", activations="fp8", attention="bf16")
    return own if own.weights == "fp8" else Precision(weights="fp8", activations="fp8")
