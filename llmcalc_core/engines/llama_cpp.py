"""llama.cpp: one sequence or a few, on whatever is there."""

from __future__ import annotations

from llmcalc_core.engines.engine import Engine

# tools/server/README.md of llama.cpp (00dc8057, read 2026-11-30): n_batch 2,048, n_ubatch 512,
# split by layer. Memory: no share of a device; --fit, which leaves 1,024 MiB free, changes only
# what is not asked for. The embedding stays with the host (dev_input of src/llama-model.cpp: there
# is very little benefit to offloading the input layer). What CUDA takes for a program is
# assumed. Slots: --parallel is auto, four in
# start-up logs of its server of May 2026; a slot's tokens are decoded beside prompts (continuous
# batching, on by default). Its decode steps are graphs on CUDA (NVIDIA, Optimizing llama.cpp AI
# inference with CUDA graphs, 2024), and its host is no Python: scheduling and sampling of a step
# are assumed to take as little as any engine needs.
LLAMA_CPP = Engine(
    name="llama.cpp",
    label="llama.cpp",
    spellings=("llamacpp", "llama-cpp", "llama_cpp", "llama cpp"),
    token_budget=2048,
    max_num_seqs=4,
    memory_fraction_of="nothing",
    graph_tokens=512,
    embeds_on_host=True,
    runtime_reserve_bytes=400 * 2.0**20,
    splits_layers_only=True,
    has_own_kernels=True,
    step_s=0.0002,
    sequence_step_s=5e-6,
)
