"""Engines that few still deploy, and how published runs of them behaved."""

from __future__ import annotations

from llmcalc_core.engines.engine import Engine

# Reserve: what its smallest models use beyond weights and cache in the memory column of its GPT
# guide, 2.9 to 3.1 GiB.
FASTERTRANSFORMER = Engine(
    name="fastertransformer",
    label="FasterTransformer",
    offered=False,
    chunks_prompts=False,
    runtime_reserve_bytes=3 * 2.0**30,
)

# model.generate of a batch with its dynamic cache (transformers, docs/source/en/kv_cache.md: the
# default, which grows with each token): PyTorch eager, prompts in one pass, a step on the host
# after the other. What its host takes for a step is assumed to be as with servers.
TRANSFORMERS = Engine(
    name="transformers",
    label="Transformers (eager)",
    spellings=("hf", "hf-transformers", "transformers (eager)"),
    offered=False,
    calls_per_kernel=3.0,  # as of SGLang, which is PyTorch eager where it captures nothing
    joins_batches=False,
    captured_sequences=0.0,
    token_budget=2**20,
    kv_block_tokens=1,
)

LMDEPLOY = Engine(name="lmdeploy", label="LMDeploy", spellings=("turbomind",), offered=False)
