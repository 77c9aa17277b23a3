"""Flags of ``llama-server``.

Read in llama.cpp, tools/server/README.md of ggml-org/llama.cpp, which its own parser writes, read
2026-11-30: ``--ctx-size`` is that of
all slots together, of which ``--parallel`` divides it evenly.
"""

from __future__ import annotations

from llmcalc_core.api.selected_plan import SelectedPlan
from llmcalc_core.deploy.server import (
    Flags,
    Launch,
    context_of,
    layout_notes,
    nodes_of,
    refuse,
    sequences_of,
    vllm_benchmark,
)

VERSION = "of 2026"


def launch(plan: SelectedPlan) -> Launch:
    """Write the command that starts a plan with llama.cpp.

    Raises
    ------
    NotRunnableError
        If llama.cpp cannot start it.
    """
    layout, techniques = plan.layout, plan.techniques
    refuse(
        plan, "llama.cpp",
        tensor_parallel=None if layout.tp == layout.ep == layout.attention_dp == 1 else
        "layers are divided over devices, and nothing else",
        offloading=None if not techniques.offloads else
        "it keeps whole layers with the host (--n-gpu-layers), not shares of all",
    )  # fmt: skip
    slots = sequences_of(plan)
    flags: Flags = {
        "--ctx-size": slots * context_of(plan),
        "--parallel": slots,
        "--n-gpu-layers": "all",
        "--port": 8000,
    }
    if plan.precision.kv_cache == "int8":
        flags |= {"--cache-type-k": "q8_0", "--cache-type-v": "q8_0"}
    if techniques.speculative_tokens:
        drafts = techniques.draft_model
        flags |= (
            {"--spec-type": "draft-mtp"}
            if drafts is None
            else {"--model-draft": f"{_file_name(drafts.model)}.gguf"}
        ) | {"--spec-draft-n-max": techniques.speculative_tokens}
    return Launch(
        engine=f"llama.cpp {VERSION}",
        program=("llama-server", "--model", f"{_file_name(plan.model.name)}.gguf"),
        flags=flags,
        devices=layout.devices,
        nodes=nodes_of(plan),
        replicas=plan.replicas,
        environment={"GGML_CUDA_DISABLE_GRAPHS": "1"} if plan.request.enforce_eager else {},
        benchmark=vllm_benchmark(plan),
        notes=(f"a GGUF file with {plan.precision.label} weights", *layout_notes(plan)),
    )


def _file_name(model: str) -> str:
    return model.rsplit("/", maxsplit=1)[-1]
