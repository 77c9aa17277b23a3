"""What the name of a checkpoint says beside the model's: tuning, and how it is quantised."""

from __future__ import annotations

import re
from dataclasses import replace

from llmcalc_core.dtypes import DATA_TYPES
from llmcalc_core.precision import Precision, parse_precision

# Endings of checkpoints that share the architecture of the model they are named after.
_TUNED = re.compile(r"-(?:hf|instruct|it|chat|base|pt)(?=-|$)")
_QUANTISED = re.compile(
    r"-(?P<type>fp8|fp4|nvfp4|mxfp4|int8|int4|awq|gptq|quantized|w\d+a(?:fp)?\d+|dynamic|static|"
    r"pertensor)(?=-|$)"
)

# Organisations whose quantised checkpoints keep the name of the model, but not its owner's.
_QUANTISERS = ("amd", "neuralmagic", "nvidia", "redhatai")

_MXFP4_SCALES = 8 / 32


def folded(spelling: str) -> str:
    """Write a name as they are compared: in lower case, with dashes alone between words.

    Examples
    --------
    >>> folded(" Qwen2.5_7B ")
    'qwen2-5-7b'
    """
    return re.sub(r"[\s_.]+", "-", spelling.strip().casefold())


def untuned(name: str) -> str:
    """Leave endings such as ``-instruct`` out of a folded name.

    Examples
    --------
    >>> untuned("llama-3-1-8b-instruct")
    'llama-3-1-8b'
    """
    return _TUNED.sub("", name)


def unquantised(name: str) -> str:
    """Leave endings such as ``-fp8`` out of a folded name, and the owner who only quantised it.

    Examples
    --------
    >>> unquantised("nvidia/deepseek-v3-1-nvfp4"), unquantised("qwen/qwen3-8b")
    ('deepseek-v3-1', 'qwen/qwen3-8b')
    """
    plain = _QUANTISED.sub("", name)
    owner, _, short = plain.rpartition("/")
    return short if plain != name and owner in _QUANTISERS else plain


def precision_in(name: str, *, mixture: bool) -> Precision | None:
    """Give the precision that the endings of a folded name say; None if they say none.

    Parameters
    ----------
    name : str
        A name that :func:`folded` has written.
    mixture : bool
        Whether the model has routed experts, which 4-bit checkpoints then quantise alone
        (assumed: the file of the checkpoint says).

    Returns
    -------
    Precision or None
        With a KV cache in FP8 where NVIDIA quantised it, whose checkpoints hold its scales
        (``hf_quant_config.json`` of all that were read), else in 16 bits.

    Examples
    --------
    >>> precision_in("redhatai/llama-3-1-8b-instruct-quantized-w4a16", mixture=False).label
    'int4'
    """
    words = [found["type"] for found in _QUANTISED.finditer(name)]
    known = [word for word in words if word not in ("quantized", "dynamic", "static", "pertensor")]
    if not known:
        return None
    kind = next((word for word in known if word not in ("awq", "gptq")), "w4a16")
    named = parse_precision({"int8": "w8a16"}.get(kind, kind))
    kv_cache = "fp8" if name.startswith("nvidia/") else "bf16"
    scales = _MXFP4_SCALES if kind == "mxfp4" else None
    if mixture and DATA_TYPES[named.weights].is_packed:
        return Precision(
            kv_cache=kv_cache,
            experts=named.weights,
            expert_activations=named.activations,
            scale_bits=scales,
        )
    return replace(named, kv_cache=kv_cache, scale_bits=scales)
