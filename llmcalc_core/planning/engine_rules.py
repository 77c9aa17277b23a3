"""Plans that an engine refuses when it starts: a table of its rules, each in its own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from llmcalc_core.architecture.model import Model
from llmcalc_core.engines import Engine
from llmcalc_core.formulas import Values
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.layers.feed_forward import FeedForward
from llmcalc_core.planning.asked import Asked, Mask
from llmcalc_core.planning.kernel_rules import is_too_old, lacks_kernels, lacks_sparse_attention
from llmcalc_core.precision import Precision
from llmcalc_core.workload.grid import make_grid
from llmcalc_core.workload.layout import Layout
from llmcalc_core.workload.techniques import Techniques


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRule:
    """A rule of engines.

    Attributes
    ----------
    reason : str
        What ``rejected_for`` says of a plan that breaks it.
    engines : tuple of str
        Those that have it.
    words : str
        What their logs say.
    source : str
        Where it was read.
    breaks : function
        Gives the plans and workloads that break it, in a shape that broadcasts to the grid.
    """

    reason: str
    engines: tuple[str, ...]
    words: str
    source: str
    breaks: Callable[[Asked], Mask]


_BLOCK = 128
"""Columns of a block that has a scale, and weights of a group (AWQ, GPTQ)."""

_WHOLE_COLUMNS, _PADDING = 8 * _BLOCK, 0.005
"""What makers pad the columns of 4-bit checkpoints to, so that eight devices have whole groups, and
by how much at most: ``intermediate_size`` 29,696 in the config.json of Qwen2.5-72B-Instruct-AWQ and
-GPTQ-Int4, 29,568 in that of Qwen2.5-72B (recalled)."""


def _cuts_blocks(asked: Asked) -> Mask:
    """Tell where the columns of a device cut blocks of FP8 or groups of four bits."""
    precision, grid = asked.precision, asked.grid
    broken = np.zeros((), bool)
    for mixture in asked.model.mixtures:
        if _has_blocks(precision.experts, precision):
            width = _stored_width(mixture.width, precision.experts)
            broken = broken | _cut(width, grid.stage_devices / grid.ep)
        if mixture.shared_width and _has_blocks(precision.shared, precision):
            width = _stored_width(mixture.shared_width, precision.shared)
            broken = broken | _cut(width, grid.tp)
    if _has_blocks(precision.weights, precision):
        for part in asked.model.parts:
            if isinstance(part, FeedForward):
                broken = broken | _cut(_stored_width(part.width, precision.weights), grid.tp)
    return broken


def _stored_width(width: int, weights: str) -> int:
    """Give the columns that a checkpoint has: makers pad 4-bit ones that lack a little."""
    whole = -(-width // _WHOLE_COLUMNS) * _WHOLE_COLUMNS
    return whole if weights == "int4" and whole <= width * (1 + _PADDING) else width


def _has_blocks(weights: str, precision: Precision) -> bool:
    return weights == "int4" or (weights == "fp8" and precision.fp8_blocks is True)


def _cut(width: int, slices: Values) -> Mask:
    """Tell whether slices of a width are no whole blocks; one that is whole has what it has."""
    return np.asarray((slices > 1) & (width / slices % _BLOCK != 0))


def _part_of_the_experts(asked: Asked) -> Mask:
    """Tell where experts are divided over a part of the devices of a stage alone."""
    grid = asked.grid
    return np.asarray((grid.ep > 1) & (grid.ep != grid.stage_devices))


def _drafts_other_tokens(asked: Asked) -> Mask:
    """Tell whether a model drafts that has another vocabulary."""
    draft = asked.grid.techniques.draft_model
    return np.asarray(draft is not None and draft.vocab_size != asked.model.vocabulary)


def _exceeds_positions(asked: Asked) -> Mask:
    """Tell which requests are longer than the positions that the model was trained for."""
    longest = asked.model.max_context
    if longest is None:
        return np.zeros((), bool)
    answer = asked.grid.outputs if asked.model.generates else 0
    return np.asarray(asked.grid.inputs + answer > longest)


_TOO_LONG = EngineRule(
    reason="context length",
    engines=("vllm", "sglang", "trtllm"),
    words="max_model_len is greater than the derived max_model_len (max_position_embeddings)",
    source="vLLM, _get_and_verify_max_len of vllm/config/model.py 0.33; read 2026-11-30",
    breaks=_exceeds_positions,
)

ENGINE_RULES = (
    _TOO_LONG,
    EngineRule(
        reason="expert parallel",
        engines=("vllm",),
        words="--enable-expert-parallel divides experts over all devices of tensor and data "
        "parallelism",
        source="vLLM, FusedMoEParallelConfig.make of fused_moe/config.py 0.33; read 2026-11-30",
        breaks=_part_of_the_experts,
    ),
    EngineRule(
        reason="quantised blocks",
        engines=("vllm", "sglang"),
        words="the output_size of gate's and up's weight is not divisible by weight quantization "
        "block_n = 128; the input size is not aligned with the quantized weight shape",
        source="vLLM, Fp8MoEMethod.create_weights and validate_fp8_block_shape of "
        "quantization/fp8.py, AWQ of awq.py 0.33; SGLang has both; read 2026-11-30",
        breaks=_cuts_blocks,
    ),
    EngineRule(
        reason="draft vocabulary",
        engines=("vllm", "sglang", "trtllm"),
        words="target and draft model should have the same vocabulary size",
        source="vLLM, SpeculativeConfig.verify_equal_vocab_size_if_draft_model of "
        "vllm/config/speculative.py 0.33 (use_heterogeneous_vocab is off); read 2026-11-30",
        breaks=_drafts_other_tokens,
    ),
    EngineRule(
        reason="data type",
        engines=("vllm", "sglang"),
        words="the quantization method is not supported for the current GPU: minimum capability; "
        "Bfloat16 is only supported on GPUs with compute capability of at least 8.0; FP8 KV cache "
        "is not supported by the Triton attention backend",
        source="vLLM, VllmConfig._get_quantization_config, CudaPlatformBase.check_if_supports_dtype"
        " of platforms/cuda.py and TritonAttentionImpl 0.33; read 2026-12-01",
        breaks=lacks_kernels,
    ),
    EngineRule(
        reason="attention kernel",
        engines=("vllm",),
        words="No valid attention backend found for cuda with use_sparse=True",
        source="vLLM, CudaPlatformBase.get_attn_backend_cls of platforms/cuda.py 0.33; read "
        "2026-12-01",
        breaks=lacks_sparse_attention,
    ),
    EngineRule(
        reason="device",
        engines=("sglang",),
        words="SGLang only supports sm75 and above.",
        source="SGLang, maybe_downgrade_dtype_for_legacy_gpu of model_runner_components/"
        "load_model_utils.py 0.5.23; read 2026-12-01",
        breaks=is_too_old,
    ),
)
"""Rules by engine, from what is told first to what is told last of a plan that breaks several."""

ENGINE_REASONS = tuple(rule.reason for rule in ENGINE_RULES)
"""What ``rejected_for`` says of plans that engines refuse."""


def refused(asked: Asked) -> Mapping[str, Mask]:
    """Tell which plans the engine of a grid refuses, by reason.

    Parameters
    ----------
    asked : Asked
        What would start.

    Returns
    -------
    mapping of str to array of bool
        By the reasons of the rules that any plan breaks; neither it nor its arrays can be changed,
        as they are kept.
    """
    grid = asked.grid
    case = asked.model, asked.hardware, asked.precision
    refused_plans = _refused_at_any_length(case, grid.layouts, grid.techniques, grid.engine)
    too_long = _exceeds_positions(asked)
    if grid.engine.name not in _TOO_LONG.engines or not too_long.any():
        return refused_plans
    return {_TOO_LONG.reason: too_long, **refused_plans}


@lru_cache(maxsize=256)
def _refused_at_any_length(
    case: tuple[Model, Hardware, Precision],
    layouts: tuple[Layout, ...],
    techniques: Techniques,
    engine: Engine,
) -> Mapping[str, Mask]:
    """Tell which plans break rules that know no lengths; these are asked again and again."""
    grid = make_grid(
        layouts, batches=(1,), inputs=(1,), outputs=(1,), techniques=techniques, engine=engine
    )
    asked = Asked(model=case[0], hardware=case[1], precision=case[2], grid=grid)
    rules = (rule for rule in ENGINE_RULES if rule is not _TOO_LONG and engine.name in rule.engines)
    broken = {rule.reason: rule.breaks(asked) for rule in rules}
    found = {reason: mask for reason, mask in broken.items() if mask.any()}
    for mask in found.values():
        mask.setflags(write=False)
    return MappingProxyType(found)


def starts(asked: Asked) -> Mask:
    """Tell with which plans an engine starts, whatever the lengths of requests.

    Parameters
    ----------
    asked : Asked
        What would start.

    Returns
    -------
    array of bool
        In a shape that broadcasts to the grid.
    """
    found = np.ones((), bool)
    for reason, broken in refused(asked).items():
        if reason != _TOO_LONG.reason:
            found = found & ~broken
    return found


def whether_it_starts(asked: Asked, *, fits: bool) -> dict[str, bool | str]:
    """Tell whether one plan starts, and why not, under the names that figures have.

    Parameters
    ----------
    asked : Asked
        One layout and workload.
    fits : bool
        Whether its memory is enough.

    Returns
    -------
    dict
        ``fits``, and ``rejected_for``: what the engine refuses, else 'memory' where that is not
        enough; empty if it starts.
    """
    reason = ("" if fits else "memory", *refused(asked))[-1]
    return {"fits": not reason, "rejected_for": reason}


def engine_words(reason: str) -> str:
    """Give the words with which engines refuse a plan for a reason; empty for any other.

    Examples
    --------
    >>> engine_words("expert parallel").split(" divides")[0]
    '--enable-expert-parallel'
    """
    return next((rule.words for rule in ENGINE_RULES if rule.reason == reason), "")
