"""What an engine holds once it has started, in the words of its log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Unpack

from llmcalc_core.api.make_request import (
    HardwareLike,
    ModelLike,
    PrecisionLike,
    find_technique,
    resolve,
)
from llmcalc_core.checks import truth, whole_number
from llmcalc_core.defaults import HARDWARE, INPUT_TOKENS, OUTPUT_TOKENS
from llmcalc_core.engines import DEFAULT_ENGINE, told_engine
from llmcalc_core.memory.cache_groups import BLOCK_TOKENS
from llmcalc_core.memory.server import ServerSettings, StartUp
from llmcalc_core.memory.start_up import start_up
from llmcalc_core.planning.asked import Asked
from llmcalc_core.planning.engine_rules import engine_words, refused
from llmcalc_core.planning.legality import check_layout
from llmcalc_core.precision import CHECKPOINT
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.techniques import TechniqueArguments, takes_techniques

if TYPE_CHECKING:
    from llmcalc_core.api.budget_frame import BudgetFrame


@takes_techniques
def memory_budget(
    model: ModelLike,
    hardware: HardwareLike = HARDWARE,
    *,
    tensor_parallel: int = 1,
    pipeline_parallel: int = 1,
    expert_parallel: int = 1,
    attention_data_parallel: int | None = None,
    bits: PrecisionLike = CHECKPOINT,
    engine: str = DEFAULT_ENGINE,
    engine_version: str | None = None,
    max_model_len: int | None = None,
    memory_fraction: float | None = None,
    max_num_seqs: int | None = None,
    max_num_batched_tokens: int | None = None,
    enforce_eager: bool = False,
    block_size: int | None = None,
    prefix_caching: bool | None = None,
    images_per_prompt: int | None = None,
    input_tokens: int = INPUT_TOKENS,
    output_tokens: int = OUTPUT_TOKENS,
    **techniques: Unpack[TechniqueArguments],
) -> BudgetFrame:
    """Budget the memory of a device as an engine does when it starts.

    Parameters
    ----------
    model : name, path, dict or ModelConfig
        The model.
    hardware : name, path, dict or Hardware
        The device.
    tensor_parallel, pipeline_parallel, expert_parallel, attention_data_parallel : int
        The plan of a replica; replicas of the attention follow from the others where not given.
    bits : str or Precision
        Types of weights, activations and cache; 'checkpoint': those of the model's own checkpoint.
    engine, engine_version : str
        What serves, and its version, such as '0.17.1'; the newest that is known where not given.
    max_model_len : int, optional
        Longest context [tokens]; the model's own, or that of ``input_tokens`` and
        ``output_tokens`` where the model has none.
    memory_fraction : float, optional
        ``gpu_memory_utilization`` of vLLM, ``mem_fraction_static`` of SGLang,
        ``free_gpu_memory_fraction`` of TensorRT-LLM [1]; the engine's own default where not given.
    max_num_seqs, max_num_batched_tokens : int, optional
        Most requests and tokens of a step [1], [tokens]; the engine's defaults on this device.
    enforce_eager : bool, default False
        Whether nothing is captured.
    block_size : int, optional
        Tokens of a block of vLLM's cache, where no layer asks for more [tokens]; 16 if not given.
    prefix_caching : bool, optional
        Whether prefixes are kept, which states of recurrent layers are copied for; as the version
        does where not given. With SGLang False is ``--disable-radix-cache``.
    images_per_prompt : int, optional
        Most images of a request [1], which vLLM runs through the encoder before it sizes its cache:
        none at 0; as many as fill a step where not given.
    input_tokens, output_tokens : int
        Requests whose number at once is told [tokens].
    **techniques : optional
        As of :func:`explore`.

    Returns
    -------
    DataFrame
        A row for each part: ``part``, ``value``, ``unit``, and ``log``, the words of the engine's
        log beside which to hold it; those with which it refuses to start beside ``starts``, which
        is 0 then, or where the longest context has no room. ``check(log_text)`` reads such a log
        and tells line by line what agrees.

    Raises
    ------
    ValueError
        For an unknown name, a plan that the model can't have, or a value out of range.

    Examples
    --------
    An H100 of 79.18 GiB holds 51.38 GiB of cache beside Llama 3.1 8B (vLLM before 0.21, at 16,000
    tokens, as its log says; lambda.ai, read 2026-11-30).

    >>> found = memory_budget("meta-llama/Llama-3.1-8B", "H100_80GB", engine_version="0.11.0",
    ...                       max_model_len=16_000)
    >>> round(float(found.value_of("KV cache pool")), 1)
    51.4
    """
    target = resolve(model, hardware, bits, memory_fraction)
    layout = check_layout(
        target.model, tp=tensor_parallel, pp=pipeline_parallel, ep=expert_parallel,
        attention_dp=attention_data_parallel,
    )  # fmt: skip
    own = target.hardware.engine(
        told_engine(engine, engine_version, max_num_seqs=max_num_seqs, enforce_eager=enforce_eager)
    )
    tokens = max_num_batched_tokens
    if tokens is not None:
        tokens = whole_number("max_num_batched_tokens", tokens)
    images = images_per_prompt
    if images is not None:
        images = whole_number("images_per_prompt", images, least=0)
    prompt = whole_number("input_tokens", input_tokens)
    answer = whole_number("output_tokens", output_tokens)
    longest = max_model_len or target.model.max_context or prompt + answer
    settings = ServerSettings(
        max_model_len=whole_number("max_model_len", longest),
        memory_fraction=target.memory_fraction,
        prompt=prompt,
        answer=answer,
        max_num_batched_tokens=tokens,
        max_num_seqs=max_num_seqs,
        block_size=BLOCK_TOKENS if block_size is None else whole_number("block_size", block_size),
        prefix_caching=None if prefix_caching is None else truth("prefix_caching", prefix_caching),
        images_per_prompt=images,
    )
    used = find_technique(techniques, target.model)
    found = start_up(
        target.model, target.hardware, target.precision, layout,
        engine=own, settings=settings, techniques=used,
    )  # fmt: skip
    grid = make_grid(
        (layout,), batches=(1,), inputs=(max(settings.max_model_len - 1, 1),), outputs=(1,),
        engine=own, techniques=used,
    )  # fmt: skip
    broken = refused(
        Asked(
            model=target.model, hardware=target.hardware, precision=target.precision, grid=grid
        )
    )  # fmt: skip
    words = "; ".join(engine_words(reason) for reason in broken)
    from llmcalc_core.api.budget_frame import (  # noqa: PLC0415 - half of the time of an import
        BudgetFrame,
    )

    return BudgetFrame(list(_parts(found, own.name, settings, refusal=words)))


class BudgetPart(NamedTuple):
    """A row of the budget."""

    part: str
    value: float
    unit: str
    log: str


_LOGS = {
    "vllm": {
        "weights": "Model loading took", "activations": "PyTorch activation peak memory",
        "outside": "non-torch forward memory", "graphs": "Estimated CUDA graph memory",
        "pool": "Available KV cache memory", "blocks": "num_gpu_blocks",
        "tokens": "GPU KV cache size", "concurrency": "Maximum concurrency for",
        "longest": "the estimated maximum model length is",
    },
    "sglang": {
        "weights": "Load weight end. mem usage", "states": "Mamba Cache is allocated",
        "pool": "KV Cache is allocated", "tokens": "max_total_num_tokens",
    },
    "trtllm": {"pool": "Allocated", "tokens": "Max KV cache tokens"},
    "llama.cpp": {
        "weights": "model buffer size", "activations": "compute buffer size",
        "pool": "KV buffer size", "tokens": "llama_kv_cache: size",
    },
}  # fmt: skip
"""Words of the logs of engines at start-up, by what they say."""


def _parts(
    found: StartUp, engine: str, settings: ServerSettings, *, refusal: str
) -> Iterator[BudgetPart]:
    words = _LOGS.get(engine, {})
    gib = 2.0**30
    sizes = [
        ("visible memory", found.visible_bytes, ""), ("allowed memory", found.allowed_bytes, ""),
        ("weights", found.weights_bytes, "weights"),
        ("activation peak", found.activations_bytes, "activations"),
        ("outside of the allocator", found.outside_bytes, "outside"),
        ("captured graphs", found.graphs_bytes, "graphs"),
        ("pool of states", found.state_bytes, "states"),
        ("KV cache pool", found.pool_bytes, "pool"),
    ]  # fmt: skip
    for name, size, word in sizes:
        yield BudgetPart(name, size / gib, "GiB", words.get(word, ""))
    length = f"{settings.max_model_len:,} tokens per request"
    concurrency = f"{words['concurrency']} {length}" if "concurrency" in words else ""
    yield BudgetPart("tokens of a block", found.block_tokens, "tokens", "")
    yield BudgetPart("blocks", found.blocks, "1", words.get("blocks", ""))
    yield BudgetPart("tokens", found.tokens, "tokens", words.get("tokens", ""))
    yield BudgetPart("concurrency", found.concurrency, "1", concurrency)
    yield BudgetPart("requests that run at once", found.running, "1", "")
    yield BudgetPart("longest context", found.longest, "tokens", words.get("longest", ""))
    yield BudgetPart("starts", float(found.starts and not refusal), "1", refusal)
