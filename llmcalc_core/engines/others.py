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

LMDEPLOY = Engine(name="lmdeploy", label="LMDeploy", spellings=("turbomind",), offered=False)
