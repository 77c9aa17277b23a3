#!/usr/bin/env bash
# torch's FlopCounterMode counts a forward pass of one layer of a small mixture of experts.
# Guess: the same FLOPs however transformers computes the experts, those of the 2 experts of 8 that
#   each token goes to among them, and the same on the CPU as on the device "meta".
# torch 2.13.0 counts an operator if torch/utils/flop_counter.py has a formula for it, and takes any
#   other for 0 without a word. That has none for grouped matrix products, which transformers 5.20.2
#   takes for experts by default (get_correct_experts_implementation in modeling_utils.py), nor for
#   the attention kernel of CPUs. The attention is counted whole on "meta", though half is masked.
# It matters: a default mixture of experts counts as if it had no experts, which is most of its
#   FLOPs; utilisation derived from that is too low. The table of formulas is the same for GPUs.
# Seen on 2026-11-30 (MFLOP; by hand: dense parts 14.81, experts 6.29, attention 2.10):
#   cpu, experts by default: 14.81
#   cpu, experts grouped_mm: 14.81
#   cpu, experts batched_mm: 21.10
#   cpu, experts eager: 21.10
#   meta, experts by default: 16.91
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR="$folder" HF_HOME="$folder/hub" HF_HUB_OFFLINE=1 CUDA_VISIBLE_DEVICES=""
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0 transformers==5.20.2 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import sys

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

tokens, hidden, heads, groups, width, inner, vocabulary = 64, 128, 4, 2, 32, 64, 512
experts, chosen = 8, 2
dense = hidden * width * 2 * (heads + groups) + hidden * experts + hidden * vocabulary
by_hand = {
    "dense": 2 * tokens * dense,
    "experts": 2 * tokens * chosen * 3 * hidden * inner,
    "attention": 2 * 2 * tokens**2 * heads * width,
}

def count(device, implementation):
    config = Qwen3MoeConfig(
        hidden_size=hidden, num_hidden_layers=1, num_attention_heads=heads,
        num_key_value_heads=groups, head_dim=width, moe_intermediate_size=inner,
        num_experts=experts, num_experts_per_tok=chosen, vocab_size=vocabulary,
        dtype="bfloat16", experts_implementation=implementation,
    )
    with torch.device(device):
        model = Qwen3MoeForCausalLM._from_config(config)
        prompt = torch.arange(tokens)[None]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(prompt)
    name = implementation or "by default"
    print(f"{device}, experts {name}: {counter.get_total_flops() / 1e6:.2f}")
    return counter.get_total_flops()

print("by hand:", {part: round(flops / 1e6, 2) for part, flops in by_hand.items()})
seen = [count("cpu", name) for name in (None, "grouped_mm", "batched_mm", "eager")]
seen.append(count("meta", None))
rest, mixture, attention = by_hand.values()
if seen != [rest, rest, rest + mixture, rest + mixture, rest + attention]:
    sys.exit("CHANGED: other parts of the model are counted")
print("AS DESCRIBED: by default no expert is counted, and on the CPU no attention")
PYTHON
