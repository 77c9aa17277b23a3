"""What a call means where it says nothing: each value once."""

from __future__ import annotations

INPUT_TOKENS = 2000
"""Length of a prompt [tokens]."""

GUIDE_INPUT_TOKENS = 2048
"""The same of the guide's estimates of one plan, as in the package that it was written for."""

OUTPUT_TOKENS = 256
"""Generated tokens of a request [tokens]."""

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Sequences in flight per replica that are tried [1]."""

MEMORY_FRACTION = 0.9
"""Part of a device's memory that engines use where they are told none [1]: TensorRT-LLM of what is
free (``free_gpu_memory_fraction``), vLLM until 0.20 of all; of others assumed."""

MOST_CANDIDATES = 20_000_000
"""Candidates of a request that are worked out unless more are asked for [1]: a frame of 5 GB."""

DEVICES = 8
"""Devices to plan for [1]: one server, as most have."""

HARDWARE = "A100_80GB"
"""The device of the guide's functions, as in the package that the guide was written for."""

CONCURRENCY = 32
"""Requests in flight of continuous batching [1]."""

NUM_PROMPTS = 1000
"""Requests that are sent to a simulated server: those of ``vllm bench serve`` [1]."""
