"""vidur, the simulator of Microsoft and Georgia Tech, set up to serve the same trace.

Its wheel has no profiles: it loads those of Llama 3 8B, or what its options name, from the Hugging
Face Hub. Here it is given tables of llmcalc's step times in the same form, so that both time the
same server, offline, and trains its forests on them.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmcalc_core.simulation.step_times import StepTimes
from tests.benchmarks.side import Server, Side, Trace, ask, call

VIDUR = "0.0.26"

LAYERS, HEADS, KV_HEADS, HIDDEN, FFN, VOCABULARY = 80, 64, 8, 8192, 28672, 128256
"""Of ``meta-llama/Llama-3-70B`` as vidur 0.0.26 knows it (vidur/config/model_config.py): the shape
of Llama 3.1 70B."""

_GRANULARITY = 64
"""To which vidur rounds caches up where it looks up attention [tokens]."""

_CHUNK = 32
"""To which it rounds parts of prompts up [tokens]."""

_NAMES = ("llmcalc/llama-3-70b-h100", "llmcalc/h100-dgx")
"""Of its two data sets of profiles, in the cache of the Hub's client that it reads."""

_DECODE, _PREFILL = "time_stats.attn_decode.median", "time_stats.attn_prefill.median"

VIDUR_CODE = """
import json, sys, time
from vidur.config import SimulationConfig
from vidur.simulator import Simulator
from vidur.utils.random import set_seeds
config = SimulationConfig.create_from_cli_args()
set_seeds(config.seed)
simulator = Simulator(config)
events = sorted(simulator._event_queue, key=lambda one: one[0])
requests = [event._request for _, event in events]
output_tokens = [int(one.num_decode_tokens) for one in requests]
start, used = time.perf_counter(), time.process_time()
simulator.run()
runs = [[time.perf_counter() - start, time.process_time() - used]]
print(json.dumps({
    "runs": runs,
    "ttft_s": [one.prefill_completed_at - one.arrived_at for one in requests],
    "e2e_s": [one.completed_at - one.arrived_at for one in requests],
    "output_tokens": output_tokens,
}))
"""


def ask_vidur(folder: Path, trace: Trace, server: Server, *, writes: bool) -> Side:
    """Install vidur from PyPI where it isn't yet, and replay a trace with tables of step times.

    Its two runs are processes of their own: a second simulator in one fails, as replicas are
    numbered on.

    Parameters
    ----------
    folder : Path
        Of its environment and its files.
    trace : dict
        What is sent.
    server : Server
        What its profiles are filled from.
    writes : bool
        Whether it collects and writes its metrics, plots and trace of events, as it does by itself;
        then it runs once.
    """
    folder.mkdir(exist_ok=True)
    python = folder / "environment" / "bin" / "python"
    if not python.exists():
        call([sys.executable, "-m", "venv", "environment"], folder)
    call([python, "-m", "pip", "install", "--quiet", f"vidur=={VIDUR}"], folder)
    longest = max(map(sum, zip(trace["input_tokens"], trace["output_tokens"], strict=True)))
    tokens = -(-int(longest) // _GRANULARITY) * _GRANULARITY
    settings, sequences = server.settings, len(server.times.decode_base) - 1
    # vidur stores predictions by its options, whatever its tables hold.
    digest = hashlib.sha256(repr((server, tokens)).encode()).hexdigest()[:8]
    cache = f"cache-{digest}"
    _write_profiles(folder / cache, server, tokens=tokens)
    pd.DataFrame(
        {
            "Time": trace["arrival_s"],
            "PromptTokenCount": trace["input_tokens"],
            "CompletionTokenCount": trace["output_tokens"],
            "Date": "2023-08-21",
        }
    ).to_csv(folder / "trace.csv", index=False)
    forest, requests = "random_forrest_execution_time_predictor", "trace_request_generator"
    options: dict[str, object] = {
        "replica_config_model_name": "meta-llama/Llama-3-70B",
        "replica_config_device": "h100",
        "replica_config_network_device": "h100_dgx",
        "replica_config_tensor_parallel_size": server.devices,
        "replica_config_num_pipeline_stages": 1,
        "cache_config_block_size": settings.block_tokens,
        "cache_config_num_blocks": settings.kv_blocks,
        "cache_config_watermark_blocks_fraction": 0,
        "replica_scheduler_config_type": "sarathi",
        "sarathi_scheduler_config_batch_size_cap": settings.max_num_seqs,
        "sarathi_scheduler_config_chunk_size": settings.token_budget,
        "request_generator_config_type": "trace_replay",
        f"{requests}_config_trace_file": "trace.csv",
        f"{requests}_config_max_tokens": tokens,
        f"{requests}_config_prefill_scale_factor": 1,
        f"{requests}_config_time_scale_factor": 1,
        f"{forest}_config_model_profiling_dataset": _NAMES[0],
        f"{forest}_config_network_profiling_dataset": _NAMES[1],
        f"{forest}_config_cache_dir": cache,
        f"{forest}_config_kv_cache_prediction_granularity": _GRANULARITY,
        f"{forest}_config_prediction_max_prefill_chunk_size": settings.token_budget,
        f"{forest}_config_prediction_max_batch_size": sequences,
        f"{forest}_config_prediction_max_tokens_per_request": max(
            tokens, settings.token_budget + sequences
        ),
        f"{forest}_config_attention_decode_batching_overhead_fraction": 0,
        f"{forest}_config_nccl_cpu_launch_overhead_ms": 0,
        # One forest, not the best of 27: the tables are smooth, and training is not timed.
        f"{forest}_config_k_fold_cv_splits": 2,
        f"{forest}_config_num_training_job_threads": 1,
        f"{forest}_config_num_estimators": 50,
        f"{forest}_config_max_depth": 32,
        f"{forest}_config_min_samples_split": 2,
        "log_level": "warning",
    }
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    if not writes:
        unwritten = ("write_metrics", "enable_chrome_trace", "store_plots")
        flags += [f"--no-metrics_config_{one}" for one in unwritten]
    command = [str(python), "-c", VIDUR_CODE, *flags]
    quiet = {"HF_HUB_OFFLINE": "1", "WANDB_MODE": "disabled"}
    sides = [ask(command, folder, {}, **quiet) for _ in range(1 if writes else 2)]
    return replace(sides[-1], runs=[run for side in sides for run in side.runs])


def _write_profiles(cache: Path, server: Server, *, tokens: int) -> None:
    """Write step times as vidur's tables: milliseconds of a layer, by operation.

    It adds a time by all tokens of a step, one of attention by the number of sequences that decode
    and their mean cache, and one of attention for each part of a prompt. All that is no attention
    is told as one operation, that with the most of it.
    """
    times, devices, budget = server.times, server.devices, server.settings.token_budget
    shape = {"n_embd": HIDDEN, "n_kv_head": KV_HEADS, "num_tensor_parallel_workers": devices}
    per_layer = 1e3 / LAYERS
    passes = _rest_of_steps(times, budget, server.running)
    matrix = pd.DataFrame({"num_tokens": passes[0]}).assign(
        **shape, n_head=HEADS, n_expanded_embd=FFN, vocab_size=VOCABULARY, use_gated_mlp=True
    )
    for one in ("attn_pre_proj", "attn_post_proj", "mlp_down_proj", "mlp_act", "input_layernorm",
                "post_attention_layernorm", "attn_rope", "add"):  # fmt: skip
        matrix[f"time_stats.{one}.median"] = 0.0
    matrix["time_stats.mlp_up_proj.median"] = passes[1] * per_layer
    attention = pd.concat(
        [_decode_attention(times, tokens), _prompt_attention(times, budget, tokens)]
    ).assign(**shape, n_q_head=HEADS, block_size=server.settings.block_tokens)
    for one in ("attn_decode", "attn_prefill"):
        attention[f"time_stats.{one}.median"] *= per_layer
    attention["time_stats.attn_kv_cache_save.median"] = 0.0
    messages = pd.DataFrame({"size": 2 * HIDDEN * passes[0]}).assign(
        num_workers=devices, devices_per_node=devices, collective="all_reduce"
    )
    messages["time_stats.all_reduce.median"] = 0.0
    model = {"model": "meta-llama/Llama-3-70B", "device_sku": "h100"}
    _write_dataset(
        cache / "profiling_data" / "compute", _NAMES[0], model,
        {"mlp": matrix, "attention": attention},
    )  # fmt: skip
    _write_dataset(
        cache / "profiling_data" / "network", _NAMES[1], {"sku": "h100_dgx"},
        {"all_reduce": messages},
    )  # fmt: skip


def _rest_of_steps(
    times: StepTimes, budget: int, running: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Time steps but for attention by all their tokens, which is what vidur looks them up by.

    A step of up to as many tokens as sequences ever run decodes them all; one of more reads a
    prompt beside the mean number of sequences.
    """
    mean, most = running
    last = len(times.decode_base) + budget + 8
    tokens = np.unique(np.r_[1:most, most:last:8]).astype(np.int64)
    rest = []
    for one in tokens.tolist():
        decoding = one if one <= most else mean
        context = 1024 * decoding  # its attention is taken off again
        attention = times._decode_attention(decoding, context)
        if one <= most:
            whole = times.decode(decoding, context)
        else:
            whole = times.mixed(decoding, context, [(one - mean, 0)])
            attention += times._attention(one - mean, 0)
        rest.append(max(whole - attention, 0.0))
    return tokens, np.array(rest)


def _decode_attention(times: StepTimes, tokens: int) -> pd.DataFrame:
    """Time attention of decode steps; caches lie half a granule below what they are rounded to."""
    sequences = np.arange(1, len(times.decode_base), 4)
    caches = np.arange(0, tokens + 1, _GRANULARITY)
    rows = [
        (one, cache, times._decode_attention(one, one * max(cache - _GRANULARITY // 2, 1)))
        for one in sequences.tolist()
        for cache in caches.tolist()
    ]
    frame = pd.DataFrame(rows, columns=["batch_size", "kv_cache_size", _DECODE])
    return frame.assign(prefill_chunk_size=0, **{_PREFILL: 0.0})


def _prompt_attention(times: StepTimes, budget: int, tokens: int) -> pd.DataFrame:
    """Time attention of parts of prompts; the cache that vidur names holds the part as well."""
    rows = []
    for new in range(_CHUNK, min(budget, tokens) + 1, _CHUNK):
        for cache in range(0, tokens + 1, 4 * _GRANULARITY):
            before = max(cache - new, 0) // _GRANULARITY * _GRANULARITY
            rows.append((new, cache, times._attention(new - _CHUNK // 2, before)))
    frame = pd.DataFrame(rows, columns=["prefill_chunk_size", "kv_cache_size", _PREFILL])
    return frame.assign(batch_size=1, **{_DECODE: 0.0})


def _write_dataset(
    cache: Path, name: str, configuration: dict[str, str], tables: dict[str, pd.DataFrame]
) -> None:
    """Write tables where the client of the Hub looks for a data set that it has downloaded."""
    folder = cache / f"datasets--{name.replace('/', '--')}"
    revision = "0" * 40
    snapshot = folder / "snapshots" / revision
    snapshot.mkdir(parents=True, exist_ok=True)
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text(revision, encoding="utf-8")
    (snapshot / "config.json").write_text(json.dumps(configuration), encoding="utf-8")
    for table, frame in tables.items():
        with lzma.open(snapshot / f"{table}.csv.xz", "wt") as file:
            frame.to_csv(file, index=False)
