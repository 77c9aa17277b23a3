#!/usr/bin/env bash
# llm-analysis on four decoders that differ in their feed-forward layers alone: 2, 4 and 8 times as
# wide as the hidden size, and a mixture of 8 experts, of which a token visits two.
# Guess: FLOPs of a prompt are twice the active parameters for each token and some for attention, as
#   its paper-and-pencil checks of parameters and memory are; so they and the prefill grow with the width.
# llm-analysis 0.2.2: parameters, memory and decoding do; the FLOPs of a feed-forward layer are 16 b s
#   h^2 for all of them (get_num_flops_fwd_per_layer_mlp in llm_analysis/analysis.py), those of two
#   matrices four times as wide as the hidden size. Only a mixture's prefill is longer, by its weights.
# It matters: Llama 3, with three matrices 3.5 times as wide, does 21 b s h^2, and a mixture of top 2 the
#   work of two experts: prefills are that much too short, while memory and decoding look right.
# Seen on 2026-12-01 (parameters, active ones [10^9]; TFLOPs of 1,024 tokens; prefill and decode [ms]):
#   2 x hidden: 4.43, 4.43; 14.01; 45.57, 4.87
#   4 x hidden: 6.57, 6.57; 14.01; 45.57, 6.98
#   8 x hidden: 10.87, 10.87; 14.01; 45.57, 11.19
#   8 experts of 4 x hidden, top 2: 36.64, 10.87; 14.01; 52.13, 36.47
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet llm-analysis==0.2.2 transformers==4.31.0 setuptools==80.9.0
"$folder/env/bin/python" - <<'PYTHON'
import logging
import sys

logging.disable(logging.CRITICAL)
from llm_analysis.analysis import LLMAnalysis
from llm_analysis.config import ModelConfig, get_dtype_config_by_name, get_gpu_config_by_name

def ask(times, experts=1, visited=1):
    model = ModelConfig(
        name="decoder", num_layers=32, n_head=32, num_key_value_heads=32, hidden_dim=4096,
        vocab_size=32000, max_seq_len=4096, ffn_embed_dim=times * 4096,
        moe_num_experts=experts, moe_top_k=visited,
    )
    found = LLMAnalysis(
        model, get_gpu_config_by_name("a100-sxm-80gb"), get_dtype_config_by_name("w16a16e16"),
        flops_efficiency=1, hbm_memory_efficiency=1,
    )
    times_of = found.inference(batch_size_per_gpu=1, seq_len=1024, num_tokens_to_generate=8)
    return [
        round(value, 2)
        for value in (
            found.get_num_params_total() / 1e9,
            found.get_num_active_params_total() / 1e9,
            found.get_num_flops_fwd_total(1, 1024) / 1e12,
            times_of["prefill_latency"] * 1e3,
            times_of["decode_latency"] * 1e3,
        )
    ]

asked = {
    "2 x hidden": (2,), "4 x hidden": (4,), "8 x hidden": (8,),
    "8 experts of 4 x hidden, top 2": (4, 8, 2),
}
seen = {name: ask(*how) for name, how in asked.items()}
for name, (every, active, work, prefill, decode) in seen.items():
    print(f"{name}: {every}, {active}; {work}; {prefill}, {decode}")
if [*seen.values()] != [
    [4.43, 4.43, 14.01, 45.57, 4.87], [6.57, 6.57, 14.01, 45.57, 6.98],
    [10.87, 10.87, 14.01, 45.57, 11.19], [36.64, 10.87, 14.01, 52.13, 36.47],
]:
    sys.exit("CHANGED: FLOPs, parameters or times are counted in another way")
print("AS DESCRIBED: FLOPs are the same whatever the width and the experts visited")
PYTHON
