#!/usr/bin/env bash
# The cache of a small Gemma 3, of which five layers of six attend to a window of 16 tokens: what its
# layers have after a prompt of 60 tokens, after one more, and after another 30.
# Guess: a layer with a window keeps as many tokens as the window has, so that after a long prompt
#   the cache is as small as the model's card says, and that is what `keys.shape` shows.
# transformers 5.24.0: such a layer shows 15 tokens (the next one makes 16), but they are a view of
#   the keys of the whole prompt (DynamicSlidingWindowLayer.update in cache_utils.py): all 60 stay in
#   memory until the next call joins 15 of them and the new one into an array of their own.
# It matters: right after a prefill, where memory is fullest, windows save nothing; who keeps caches
#   of prompts (a prefix cache, a pool of prefilled requests that wait) holds all of them for as long
#   as he keeps them, while shapes add up to a quarter of it. Copying the keys once sets it right.
# Seen on 2026-12-01 (tokens shown, tokens held, by layer):
#   after a prompt of 60: shown 15 15 15 15 15 60, held 60 60 60 60 60 60
#   after one token: shown 15 15 15 15 15 61, held 16 16 16 16 16 61
#   after 30 more: shown 15 15 15 15 15 91, held 45 45 45 45 45 91
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder" CUDA_VISIBLE_DEVICES=""
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0
"$folder/env/bin/python" - <<'PYTHON'
import sys
import warnings

import torch
from transformers import AutoModelForCausalLM, DynamicCache, Gemma3TextConfig
from transformers.utils import logging

warnings.simplefilter("ignore")
logging.set_verbosity_error()
heads, width = 1, 16
config = Gemma3TextConfig(
    vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=6,
    num_attention_heads=2, num_key_value_heads=heads, head_dim=width, sliding_window=16,
    layer_types=["sliding_attention"] * 5 + ["full_attention"],
)
model = AutoModelForCausalLM.from_config(config).eval()
cache = DynamicCache(config=config)

def read(tokens):
    with torch.no_grad():
        model(torch.zeros((1, tokens), dtype=torch.long), past_key_values=cache, use_cache=True)
    shown = [layer.keys.shape[-2] for layer in cache.layers]
    each = heads * width * cache.layers[0].keys.element_size()
    held = [layer.keys.untyped_storage().nbytes() // each for layer in cache.layers]
    return shown, held

seen = []
for name, tokens in (("a prompt of 60", 60), ("one token", 1), ("30 more", 30)):
    seen.append(read(tokens))
    print(f"after {name}: shown", *seen[-1][0], "held" , *seen[-1][1])
if seen != [
    ([15] * 5 + [60], [60] * 6), ([15] * 5 + [61], [16] * 5 + [61]), ([15] * 5 + [91], [45] * 5 + [91]),
]:
    sys.exit("CHANGED: layers with a window hold another number of tokens")
print("AS DESCRIBED: layers with a window hold the whole prompt until the next token")
PYTHON
