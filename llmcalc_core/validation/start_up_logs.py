"""Start-up logs of engines: a row becomes a question, and what an engine would have logged.

A device that is not named is the one that has the memory that the row gives, or has that memory;
without it nothing is said of its pool.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from llmcalc_core.architecture.model import Model, TokenPrediction, architecture
from llmcalc_core.costmodel.pipeline import section_counts
from llmcalc_core.engines import find_engine, told_engine
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.memory.server import ServerSettings
from llmcalc_core.memory.start_up import start_up
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.precision import Precision
from llmcalc_core.validation.cases import Case
from llmcalc_core.validation.cells import (
    CannotPredictError,
    measured_number,
    optional_count,
    stated_count,
)
from llmcalc_core.validation.logged_names import (
    UNKNOWN_DEVICE,
    checkpoint_model,
    logged_device,
    logged_precision,
)
from llmcalc_core.validation.logged_versions import logged_version
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import Techniques

COLUMNS = (
    "id", "source", "engine", "engine_version", "model", "checkpoint_precision", "kv_dtype",
    "device", "tp", "pp", "max_model_len", "gpu_memory_utilization", "max_num_seqs",
    "max_num_batched_tokens",
)  # fmt: skip
"""Columns of logs that a row is read from; what was logged may be absent."""

METRICS = ("weights_gib", "kv_cache_gib", "kv_tokens", "max_concurrency")

_ADAPTER = {"lora_adapters": 1, "lora_rank": 32}
"""Buffers of one adapter, where a log says that they were enabled; of its rank it says nothing (32
is assumed, between the default of vLLM, 16, and that of Unsloth, 64)."""

_DRAFTED = {"speculative_tokens": 1, "acceptance_rate": 0.5}
"""What drafts, where the name of a checkpoint says that something does: weights and a cache."""

_STATES = re.compile(r"(\d+) state slots")

_REQUEST = 1024, 128
"""Prompt and answer of the requests that nothing is asked about [tokens]."""


def source_of_log(fields: Mapping[str, str]) -> str:
    """Say who logged a row."""
    return fields["source"]


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
    named = logged_device(fields)
    hardware = named or UNKNOWN_DEVICE
    precision = logged_precision(fields, config, named, name)
    told = told_engine(
        name, logged_version(fields, config, name),
        max_num_seqs=optional_count(fields, "max_num_seqs"),
        enforce_eager="eager" in fields.get("note", "").casefold(),
    )  # fmt: skip
    model, techniques = _drafting(fields, architecture(config))
    layout = Layout(tp=stated_count(fields, "tp"), pp=optional_count(fields, "pp") or 1)
    found = start_up(
        model, hardware, precision, layout, engine=hardware.engine(told),
        settings=_settings(fields, model), techniques=techniques,
    )  # fmt: skip
    encoder = images * 2 / layout.tp
    weights = (found.weights_bytes + encoder) / 2**30
    pool = (found.pool_bytes - encoder) / 2**30
    kept = 1 - encoder / found.pool_bytes if found.pool_bytes > 0 else 1.0
    cache = (pool, math.floor(found.tokens * kept), found.concurrency * kept)
    unknown = (math.nan,) * len(cache)
    predicted = (weights, *(cache if named else unknown))
    return _log_case(fields, (config, hardware, name, precision, layout), predicted)


def _settings(fields: Mapping[str, str], model: Model) -> ServerSettings:
    """Read what a server was told; states where the words beside a row count them."""
    fraction = measured_number(fields, "gpu_memory_utilization")
    states = _STATES.search(fields.get("note", ""))
    longest = optional_count(fields, "max_model_len") or model.max_context or sum(_REQUEST)
    return ServerSettings(
        max_model_len=longest,
        memory_fraction=None if math.isnan(fraction) else fraction,
        max_num_batched_tokens=optional_count(fields, "max_num_batched_tokens"),
        prompt=_REQUEST[0],
        answer=_REQUEST[1],
        states=int(states[1]) if states else None,
        max_num_seqs=optional_count(fields, "max_num_seqs"),
    )


def _drafting(fields: Mapping[str, str], model: Model) -> tuple[Model, Techniques]:
    """Read whether something drafts: prediction modules, or a layer like the last one (EAGLE)."""
    used: dict[str, float] = {}
    if "lora enabled" in fields.get("note", "").casefold():
        used |= _ADAPTER
    if "+ eagle" in fields["model"].casefold():
        layer, hidden = model.layers[model.sequence[-1]], model.hidden
        head = TokenPrediction(
            layer=layer,
            count=1,
            joining_parameters=2 * hidden * hidden,
            norm_parameters=0,
            final_parameters=hidden,
        )
        model = replace(model, prediction=head)
        used |= _DRAFTED
    elif fields["model"].endswith("-MTP") and model.prediction is not None:
        used |= _DRAFTED
    return model, Techniques(**used)  # type: ignore[arg-type]  # counts and shares by name


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
    hardware = logged_device(fields) or UNKNOWN_DEVICE
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


def _engine(name: str) -> str:
    try:
        return find_engine(name).name
    except ValueError:
        msg = f"engine {name!r} is not modelled"
        raise CannotPredictError(msg) from None
