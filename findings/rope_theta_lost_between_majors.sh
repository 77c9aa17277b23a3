#!/usr/bin/env bash
# transformers 5 saves config.json of three models of long context; transformers 4 reads it.
# Guess: 4 finds the RoPE base, as the file holds it, or it refuses a file of a newer major version.
# transformers 5.20.2 writes base and scaling under one name, `rope_parameters`, and no `rope_theta`
#   nor `rope_scaling` beside it (save_pretrained in configuration_utils.py; the names are moved in
#   modeling_rope_utils.py). transformers 4.57.6 takes `rope_parameters` for an attribute that it
#   does not know, keeps it unread, and fills in the default base and no scaling (__init__ in
#   models/llama/configuration_llama.py and its likes); it does not look at the version in the file.
# It matters: a checkpoint that was loaded and saved again (a fine-tune, a quantised one) is served
#   by an older stack, or sized by a tool that reads `rope_theta`, with other positions and without
#   its long context, and no word is said: weights and shapes fit.
# Seen on 2026-11-30:
#   LlamaConfig: saved base 500000, scaling llama3; read base 10000, scaling None
#   Qwen2Config: saved base 1000000, scaling yarn; read base 10000, scaling None
#   Qwen3MoeConfig: saved base 1000000, scaling default; read base 10000, scaling None
#   warnings while reading: 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR="$folder" HF_HOME="$folder/hub" HF_HUB_OFFLINE=1
export TRANSFORMERS_NO_ADVISORY_WARNINGS=1
for version in 5.20.2 4.57.6; do
    python3.11 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet "transformers==$version"
done
cat >"$folder/save.py" <<'PYTHON'
import sys

from transformers import LlamaConfig, Qwen2Config, Qwen3MoeConfig

plain, length = {"rope_type": "default"}, "original_max_position_embeddings"
llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
yarn = {"rope_type": "yarn", "factor": 4.0, length: 32768}
for kind, base, rope in (
    (LlamaConfig, 5e5, llama3 | {length: 8192}),
    (Qwen2Config, 1e6, yarn),
    (Qwen3MoeConfig, 1e6, plain),
):
    config = kind(rope_parameters=rope | {"rope_theta": base}, max_position_embeddings=131072)
    config.save_pretrained(f"{sys.argv[1]}/{kind.__name__}")
    back = kind.from_pretrained(f"{sys.argv[1]}/{kind.__name__}").rope_parameters
    if (back["rope_theta"], back["rope_type"]) != (base, rope["rope_type"]):
        sys.exit("CHANGED: transformers 5 does not read back what it saved")
PYTHON
cat >"$folder/read.py" <<'PYTHON'
import json
import logging
import sys
import warnings
from pathlib import Path

from transformers import AutoConfig
from transformers.utils import logging as log

class Count(logging.Handler):
    said = 0

    def emit(self, record):
        Count.said += 1

log.get_logger("transformers").addHandler(Count())
seen = []
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    for name in ("LlamaConfig", "Qwen2Config", "Qwen3MoeConfig"):
        saved = json.loads(Path(sys.argv[1], name, "config.json").read_text())["rope_parameters"]
        config = AutoConfig.from_pretrained(f"{sys.argv[1]}/{name}")
        print(f"{name}: saved base {saved['rope_theta']:.0f}, scaling {saved['rope_type']};",
              f"read base {config.rope_theta:.0f}, scaling {config.rope_scaling}")
        seen.append((config.rope_theta, config.rope_scaling))
print("warnings while reading:", Count.said + len(warned))
if seen != [(1e4, None)] * 3 or Count.said + len(warned):
    sys.exit("CHANGED: transformers 4 reads another base, or says that it does not know it")
print("AS DESCRIBED: base and scaling become the defaults, in silence")
PYTHON
"$folder/5.20.2/bin/python" "$folder/save.py" "$folder"
"$folder/4.57.6/bin/python" "$folder/read.py" "$folder"
