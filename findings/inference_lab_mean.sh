#!/usr/bin/env bash
# inference-lab 0.2.1 (npm) simulates 500 chat requests and is asked for mean latencies.
# Guess: `metrics.e2e_mean` is the mean of `latency_samples.e2e_samples` in the same answer, and so
#   are `ttft_mean` and `per_token_mean` those of their samples.
# inference-lab 0.2.1: StreamingQuantiles::mean (src/metrics/quantile.rs in its repository) averages
#   its eleven markers: minimum, p1, p10, p25, p50, p75, p90, p95, p99, p99.9 and maximum, all with
#   the same weight. Up to 11 values these are the values, so that a first try shows nothing.
# It matters: a long tail counts many times; the "mean" can lie above the p90 beside it. Whoever
#   plans by it buys too much: average the samples.
# Seen on 2026-11-30:
#   5 requests, e2e: mean said 1536.98 ms, mean of its samples 1536.98 ms, p90 said 868.01 ms
#   5 requests, ttft: mean said 14.07 ms, mean of its samples 14.07 ms, p90 said 15.33 ms
#   5 requests, per_token: mean said 5.71 ms, mean of its samples 5.38 ms, p90 said 5.41 ms
#   500 requests, e2e: mean said 5116.95 ms, mean of its samples 1628.79 ms, p90 said 3915.29 ms
#   500 requests, ttft: mean said 49.03 ms, mean of its samples 21.32 ms, p90 said 32.40 ms
#   500 requests, per_token: mean said 12.39 ms, mean of its samples 6.26 ms, p90 said 6.33 ms
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --cache "$folder/cache" @doublewordai/inference-lab@0.2.1
cat >run.mjs <<'JAVASCRIPT'
import { readFileSync } from "node:fs";
import { initSync, run_simulation } from "@doublewordai/inference-lab";

const wasm = "node_modules/@doublewordai/inference-lab/inference_lab_bg.wasm";
initSync({ module: readFileSync(wasm) });

const lognormal = (mean) => ({ type: "lognormal", mean: Math.log(mean) - 0.5, std_dev: 1 });
const simulate = (requests) => run_simulation(JSON.stringify({
  hardware: {
    name: "1 PFLOP/s, 3 TB/s", compute_flops: 1e15, memory_bandwidth: 3e12,
    memory_capacity: 80e9, kv_cache_capacity: 60e9, bytes_per_param: 2,
  },
  model: {
    name: "8B", num_parameters: 8e9, num_layers: 32, hidden_dim: 4096, num_heads: 32,
    num_kv_heads: 8, max_seq_len: 131072,
  },
  scheduler: {
    max_num_batched_tokens: 2048, max_num_seqs: 256, policy: "fcfs",
    enable_chunked_prefill: true, block_size: 16,
  },
  workload: {
    arrival_pattern: "poisson", arrival_rate: 10, num_requests: requests, seed: 1,
    input_len_dist: lognormal(500), output_len_dist: lognormal(250),
  },
  simulation: { log_interval: 1000000 },
}));

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const table = { e2e: "e2e_samples", ttft: "ttft_samples", per_token: "tpot_samples" };
const ratios = [5, 500].map((requests) => {
  const { metrics, latency_samples: samples } = simulate(requests);
  return Object.entries(table).map(([name, column]) => {
    const [said, own] = [metrics[`${name}_mean`], mean(samples[column])];
    console.log(`${requests} requests, ${name}: mean said ${said.toFixed(2)} ms,`,
      `mean of its samples ${own.toFixed(2)} ms, p90 said ${metrics[`${name}_p90`].toFixed(2)} ms`);
    return said / own;
  });
});
const [few, many] = ratios;
if (Math.abs(few[0] - 1) > 1e-6 || Math.abs(few[1] - 1) > 1e-6 || !many.every((r) => r > 1.5)) {
  console.log("CHANGED: the means differ from their samples in another way");
  process.exit(1);
}
console.log("AS DESCRIBED: what is called mean is 1.5 times the mean or more");
JAVASCRIPT
node run.mjs
