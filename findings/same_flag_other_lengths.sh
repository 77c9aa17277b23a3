#!/usr/bin/env bash
# Two load generators with one flag: `vllm bench serve` and `sglang.bench_serving`, each told
# `--random-input-len 1000 --random-range-ratio R` (SGLang with `--dataset-name random-ids`).
# Guess: prompts of both are drawn from the same range, around or up to 1,000 tokens, and R = 0,
#   which is the default of both, means that all have 1,000.
# vLLM 0.33.0 draws from 1000 (1 - R) to 1000 (1 + R) (get_sampling_params in
#   vllm/benchmarks/datasets/utils.py), SGLang 0.5.23 from 1000 R, at least 1, to 1000
#   (compute_random_lens in sglang/benchmark/datasets/common.py): R = 0 is no spread for one and all
#   of it for the other, R = 1 the reverse, which vLLM refuses.
# It matters: at the defaults SGLang reads and writes half of the tokens that were asked for, a
#   quarter of the attention; a server looks twice as fast by requests per second as beside vLLM's.
#   Where the command alone is published, its lengths depend on the program that ran it.
# Seen on 2026-12-01 (shortest, mean and longest of 20,000 prompts):
#   R = 0: vLLM 1000 1000 1000, SGLang 1 500 1000
#   R = 0.5: vLLM 500 1000 1500, SGLang 500 750 1000
#   R = 0.8: vLLM 200 1000 1800, SGLang 800 900 1000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR="$folder" HOME="$folder" CUDA_VISIBLE_DEVICES=""
export VLLM_LOGGING_LEVEL=CRITICAL VLLM_NO_USAGE_STATS=1 VLLM_PLUGINS=""
python3.11 -m venv "$folder/env"
cat >"$folder/import.txt" <<'LIST'
torch==2.13.0
numpy==2.4.6
transformers==5.20.2
aiohttp==3.14.5
cachetools==8.0.2
cbor2==6.3.0
cloudpickle==3.1.3
einops==0.8.2
fastapi==0.136.3
llguidance==1.7.6
msgspec==0.23.0
openai==3.57.0
openai-harmony==0.0.8
partial-json-parser==0.2.1.1.post7
pillow==13.0.0
prometheus_client==0.26.0
psutil==7.2.2
py-cpuinfo==9.0.0
pybase64==1.5.1
pyzmq==27.3.0
requests==2.34.2
uvloop==0.23.0
xgrammar==0.2.8
LIST
"$folder/env/bin/pip" install --quiet -r "$folder/import.txt"
"$folder/env/bin/pip" install --quiet --no-deps vllm==0.33.0 sglang==0.5.23
"$folder/env/bin/python" - <<'PYTHON'
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
from vllm.benchmarks.datasets.utils import get_sampling_params

# SGLang's file by itself, which needs numpy alone: the package would load its whole runtime.
file = Path(find_spec("sglang").origin).parent / "benchmark" / "datasets" / "common.py"
spec = spec_from_file_location("sglang_lengths", file)
sglang_lengths = sys.modules[spec.name] = module_from_spec(spec)
spec.loader.exec_module(sglang_lengths)

class Tokenizer:
    """As much of one as lengths need: it adds nothing to a prompt."""

    vocab_size = 32000

    def num_special_tokens_to_add(self):
        return 0

def of_vllm(ratio):
    given = dict(num_requests=20000, range_ratio=ratio, input_len=1000, output_len=1)
    return get_sampling_params(np.random.default_rng(0), tokenizer=Tokenizer(), **given)[0]

def of_sglang(ratio):
    np.random.seed(0)
    return np.array(sglang_lengths.compute_random_lens(1000, ratio, 20000))

def three(lengths):
    return int(lengths.min()), round(float(lengths.mean()), -1), int(lengths.max())

expected = {
    0.0: ((1000, 1000, 1000), (1, 500, 1000)),
    0.5: ((500, 1000, 1500), (500, 750, 1000)),
    0.8: ((200, 1000, 1800), (800, 900, 1000)),
}
for ratio, described in expected.items():
    seen = three(of_vllm(ratio)), three(of_sglang(ratio))
    print(f"R = {ratio:g}: vLLM {seen[0]}, SGLang {seen[1]}")
    # The shortest and longest of 20,000 draws may miss the ends of a range by one.
    if not np.allclose(seen, described, atol=2):
        sys.exit("CHANGED: the lengths of one of them are drawn in another way")
print("AS DESCRIBED: the same flag is a spread for one and the least share for the other")
PYTHON
