"""inference-lab, a simulator in Rust, set up to serve the same plan by its package for npm.

Latencies are taken from its samples: ``e2e_mean``, ``ttft_mean`` and ``per_token_mean`` of 0.2.1
are no means of them. It counts the first token at the end of the step after the prompt's.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from tests.benchmarks.side import Server, Side, Workload, ask, call

INFERENCE_LAB = "0.2.1"

PARAMETERS, LAYERS, HIDDEN, HEADS, KV_HEADS, HEAD = 70_553_706_496, 80, 8192, 64, 8, 128
"""Of Llama 3.1 70B."""

INFERENCE_LAB_CODE = """
import { readFileSync } from "node:fs";
import { initSync, run_simulation } from "@doublewordai/inference-lab";
const wasm = "node_modules/@doublewordai/inference-lab/inference_lab_bg.wasm";
initSync({ module: readFileSync(wasm) });
const question = readFileSync("question.json", "utf8");
const runs = [];
let found;
for (let run = 0; run < 2; run++) {
  const start = performance.now(), used = process.cpuUsage();
  found = run_simulation(question);
  const cpu = process.cpuUsage(used);
  runs.push([(performance.now() - start) / 1e3, (cpu.user + cpu.system) / 1e6]);
}
const one = found.latency_samples, lengths = found.distributions;
console.log(JSON.stringify({
  runs,
  preemptions: found.metrics.total_preemptions,
  ttft_s: one.ttft_samples.map((ms) => ms / 1e3),
  e2e_s: one.e2e_samples.map((ms) => ms / 1e3),
  input_tokens: lengths.input_lengths,
  output_tokens: lengths.output_lengths,
  arrival_s: one.e2e_timestamps.map((end, at) => end - one.e2e_samples[at] / 1e3),
}));
"""


def ask_inference_lab(folder: Path, server: Server, workload: Workload) -> Side:
    """Install inference-lab from npm where it isn't yet, and let it draw and serve requests."""
    folder.mkdir(exist_ok=True)
    name = f"@doublewordai/inference-lab@{INFERENCE_LAB}"
    call(["npm", "install", "--no-audit", "--no-fund", name], folder)
    (folder / "run.mjs").write_text(INFERENCE_LAB_CODE, encoding="utf-8")
    return ask(["node", "run.mjs"], folder, _configuration(server, workload))


def _configuration(server: Server, workload: Workload) -> dict[str, Any]:
    """Write the plan and the workload as inference-lab 0.2 is told them.

    A step takes the longer of two times (its src/compute/engine.rs): weights and caches over a
    bandwidth, and two operations of each weight a token, with those of attention, over a rate. Both
    are set so that a step at the mean load and one that reads a mean prompt too last as ours.
    """
    settings, times, decoding = server.settings, server.times, server.running[0]
    cache_bytes = 2 * KV_HEADS * HEAD * LAYERS * 2
    answered = workload.output_tokens * math.exp(workload.sigma**2) / 2  # longer ones run longer
    new, held = round(workload.input_tokens), decoding * round(workload.input_tokens + answered)
    attended = 4 * LAYERS * HIDDEN * (held + new * new)
    computed = 2 * PARAMETERS * (decoding + new) + attended
    moved = 2 * PARAMETERS + held * cache_bytes
    cache = settings.kv_blocks * settings.block_tokens * cache_bytes
    return {
        "hardware": {
            "name": f"{server.devices} devices",
            "compute_flops": computed / times.mixed(decoding, held, [(new, 0)]),
            "memory_bandwidth": moved / times.decode(decoding, held),
            "memory_capacity": 2 * PARAMETERS + cache,
            "kv_cache_capacity": cache,
            "bytes_per_param": 2,
        },
        "model": {
            "name": "Llama-3.1-70B",
            "num_parameters": PARAMETERS,
            "num_layers": LAYERS,
            "hidden_dim": HIDDEN,
            "num_heads": HEADS,
            "num_kv_heads": KV_HEADS,
            "max_seq_len": 131072,
        },
        "scheduler": {
            "max_num_batched_tokens": settings.token_budget,
            "max_num_seqs": settings.max_num_seqs,
            "policy": "fcfs",
            "enable_chunked_prefill": True,
            "block_size": settings.block_tokens,
        },
        "workload": {
            "arrival_pattern": "poisson",
            "arrival_rate": workload.request_rate,
            "num_requests": workload.count,
            "seed": workload.seed,
            "input_len_dist": _lognormal(workload.input_tokens, workload.sigma),
            "output_len_dist": _lognormal(workload.output_tokens, workload.sigma),
        },
        "simulation": {"log_interval": 1_000_000},
    }


def _lognormal(mean: float, sigma: float) -> dict[str, Any]:
    return {"type": "lognormal", "mean": math.log(mean) - sigma**2 / 2, "std_dev": sigma}
