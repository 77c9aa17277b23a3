#!/usr/bin/env bash
# torchinfo's summary of two small decoders, for one token and for 256, with a head of its own and
# with one that is tied to the embedding.
# Guess: multiply-adds grow at least as the tokens do; an embedding, which is looked up, takes none;
#   parameters that two modules share are counted once, as in `model.parameters()`.
# torchinfo 1.8.0: of a linear layer the multiply-adds are its weights times the first axis of its
#   output, the batch, however many tokens are on the second (LayerInfo.calculate_macs in
#   torchinfo/layer_info.py); so are an embedding's; attention has no module and counts as nothing.
#   A layer with "Conv" in its name is taken for a convolution, and GPT-2's products are called
#   Conv1D: each weight counts once for every feature of the output. A tied head counts twice.
# It matters: FLOPs of a prompt from it are those of one token, or of no number of tokens at all,
#   and a small model with a large vocabulary looks half as large again as it is.
# Seen on 2026-12-01 (mult-adds of 1 and 256 tokens, of a batch of 8; parameters counted and real):
#   Llama, head of its own: 202048, 202048, 1616384; 202048 and 202048
#   Llama, tied head: 202048, 202048, 1616384; 202048 and 138048
#   GPT-2, tied head: 16111232, 16111232, 128660480; 260864 and 196864
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder" CUDA_VISIBLE_DEVICES=""
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0 transformers==5.24.0 torchinfo==1.8.0
"$folder/env/bin/python" - <<'PYTHON'
import sys

import torch
from torchinfo import summary
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig
from transformers.utils import logging

logging.set_verbosity_error()

def llama(tied):
    return LlamaConfig(
        vocab_size=1000, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, bos_token_id=1, eos_token_id=2,
        tie_word_embeddings=tied,
    )

def counted(config):
    model = AutoModelForCausalLM.from_config(config)
    found = [
        summary(model, input_data=torch.zeros(shape, dtype=torch.long), verbose=0)
        for shape in ((1, 1), (1, 256), (8, 256))
    ]
    real = sum(one.numel() for one in model.parameters())
    return [*(one.total_mult_adds for one in found), found[0].total_params, real]

models = {
    "Llama, head of its own": llama(False),
    "Llama, tied head": llama(True),
    "GPT-2, tied head": GPT2Config(
        vocab_size=1000, n_positions=512, n_embd=64, n_layer=2, n_head=4,
        bos_token_id=1, eos_token_id=2,
    ),
}
seen = {name: counted(config) for name, config in models.items()}
for name, (one, many, batch, parameters, real) in seen.items():
    print(f"{name}: {one}, {many}, {batch}; {parameters} and {real}")
# GPT-2's Conv1D: weights and biases, times the features that come out.
conv = sum(
    2 * (inputs + 1) * outputs * outputs
    for inputs, outputs in ((64, 192), (64, 64), (64, 256), (256, 64))
)
positions = 512 * 64  # one row of them for all of a batch
if seen != {
    "Llama, head of its own": [202048, 202048, 8 * 202048, 202048, 202048],
    "Llama, tied head": [202048, 202048, 8 * 202048, 202048, 138048],
    "GPT-2, tied head": [
        conv + 161408, conv + 161408, 8 * (conv + 128640) + positions, 260864, 196864,
    ],
}:
    sys.exit("CHANGED: multiply-adds or shared parameters are counted in another way")
print("AS DESCRIBED: multiply-adds are those of one token, and a tied head counts twice")
PYTHON
