"""What a start-up log names: a checkpoint, a device and types, as people write them in an issue.

The words behind a name (``bnb-4bit``, ``+ EAGLE``, ``(ROCm)``) are read where they mean a type, and
left out where not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from llmcalc_core.hardware.catalogue import list_hardware
from llmcalc_core.hardware.device import Hardware
from llmcalc_core.hardware.find import find_hardware
from llmcalc_core.hub.models import find_model
from llmcalc_core.hub.published_fp8 import as_published
from llmcalc_core.model.config import ModelConfig
from llmcalc_core.model.vision import VisionTower
from llmcalc_core.precision import PLAIN, Precision, parse_precision
from llmcalc_core.validation.cells import CannotPredictError, measured_number
from llmcalc_core.validation.names import checkpoint_precision

_OWNERS = {"unsloth", "redhatai", "techxgenus", "thebloke", "gensyn", "cyankiwi", "lukealonso"}
_SMALL_GROUPS = {"cyankiwi"}
"""Who makes checkpoints of 4 bits with a scale of 16 for 32 weights (model cards, recalled)."""

_PREDICTS = "-MTP"
"""End of the names of quantised checkpoints that have modules of multi-token prediction, which they
leave in 16 bits."""

_ENDINGS = re.compile(
    r"[- ](?:unsloth|bnb|4bit|8bit|awq|gptq|int4|int8|nvfp4|fp8|block|mtp|hf|w8a8|w4a16|dynamic|"
    r"instruct|eagle3?|it|bf16|\d{4})(?=[- ]|$)",
    re.IGNORECASE,
)


def _qwen2_5_tower(out: int, inner: int = 3420) -> VisionTower:
    """Describe the encoder of Qwen2.5-VL, whose images have at most 16,384 tokens."""
    hidden, wide = 1280, 4 * 1280
    return VisionTower(
        layers=32, hidden_size=hidden, intermediate_size=inner, patch_size=14, merge_size=2,
        num_ffi=2, windowed_layers=28, window_patches=64, most_tokens=16_384,
        layer_parameters=4 * hidden * (hidden + 1) + (3 * inner + 2) * hidden + 2 * inner + hidden,
        outside_parameters=2 * 3 * 14 * 14 * hidden,
        projector_parameters=hidden + wide * (wide + 1) + out * (wide + 1),
    )  # fmt: skip


_SAME_DECODER: dict[str, tuple[str, VisionTower | float]] = {
    "qwen2.5-vl-3b": ("Qwen/Qwen2.5-3B", _qwen2_5_tower(2048)),
    "qwen2.5-vl-7b": ("Qwen/Qwen2.5-7B", _qwen2_5_tower(3584)),
    "qwen2.5-vl-32b": ("Qwen/Qwen2.5-32B", _qwen2_5_tower(5120, 3456)),
    "qwen2.5-vl-72b": ("Qwen/Qwen2.5-72B", _qwen2_5_tower(8192, 3456)),
    "internvl3_5-14b": ("Qwen/Qwen3-14B", 0.33e9), "glm-4.5v": ("zai-org/GLM-4.5-Air", 0.9e9),
    "qwen3.8-27b": ("Qwen/Qwen3.5-27B", 0.0),
}  # fmt: skip
"""Checkpoints whose decoder is another model's, and their encoder of images, or its parameters
(config.json and model cards, recalled)."""

_UNTIED = {"deepseek-r1-distill-qwen-1.5b": "Qwen/Qwen2.5-1.5B"}
"""Checkpoints that are another model with a head of its own (tie_word_embeddings of its config.json
is false, recalled)."""

_NF4_BITS = 0.127
"""Bits of scales beside each weight of NF4: 8 bits for 64, whose scale has 32 for 256 (QLoRA,
arXiv:2305.14314, section 3)."""

_NAMED = {"amd instinct": "MI300X", "h100 96gb": "GH200_96GB"}
"""Devices that logs name by less than their name, told by their memory."""

_BITS_PER_WEIGHT = re.compile(r"([\d.]+) BPW")
_DRIVER_GIB = 0.45


def checkpoint_model(name: str) -> tuple[ModelConfig, float]:
    """Find the model of a checkpoint, and the parameters of an encoder that is not described.

    Raises
    ------
    CannotPredictError
        If the catalogue has no such model.

    Examples
    --------
    >>> checkpoint_model("unsloth/Llama-3.2-3B-Instruct")[0].model
    'meta-llama/Llama-3.2-3B'
    >>> checkpoint_model("Qwen--Qwen3.5-27B")[0].model
    'Qwen/Qwen3.5-27B'
    """
    plain = re.sub(r"\(.*?\)|\+ EAGLE.*", "", name.replace("--", "/")).strip()
    owner, _, short = plain.rpartition("/")
    bare = _ENDINGS.sub("", short).strip()
    if (known := _SAME_DECODER.get(bare.casefold())) is not None:
        config, encoder = find_model(known[0]), known[1]
        if isinstance(encoder, VisionTower):
            return replace(config, vision=encoder), 0.0
        return config, encoder
    if (tied := _UNTIED.get(bare.casefold())) is not None:
        return replace(find_model(tied), tie_word_embeddings=False), 0.0
    tried = [plain, *(() if owner.casefold() in _OWNERS else (f"{owner}/{bare}",)), short, bare]
    for one in (*tried, re.sub(r"^meta-", "", bare, flags=re.IGNORECASE)):
        try:
            return find_model(one.strip("/")), 0.0
        except ValueError:
            continue
    msg = f"model {name!r} is not in the catalogue"
    raise CannotPredictError(msg)


def logged_device(fields: Mapping[str, str]) -> Hardware | None:
    """Find the device of a log; one that is not named has the memory that the row gives, if any."""
    total = measured_number(fields, "total_gib")
    name = re.sub(r"\(.*?\)", "", fields["device"]).strip()
    try:
        return find_hardware(_NAMED.get(name.casefold(), name)) if name else _of_memory(total)
    except ValueError:
        size = re.search(r"(\d+) ?GB", name)
        return _of_memory(float(size[1]) - _DRIVER_GIB if size and math.isnan(total) else total)


def _of_memory(gib: float) -> Hardware | None:
    """Give the device that has this memory alone among all, else one that is not named."""
    if math.isnan(gib):
        return None
    alike = [one for one, visible in _visible() if abs(visible - gib) < _ALIKE_GIB]
    if len(alike) == 1:
        return find_hardware(alike[0])
    return UNKNOWN_DEVICE.replace(name=f"a device of {gib:g} GiB", memory_bytes=gib * 2**30)


@lru_cache(maxsize=1)
def _visible() -> tuple[tuple[str, float], ...]:
    """Give what a program sees of each device of the catalogue [GiB]."""
    return tuple((name, find_hardware(name).visible_bytes / 2**30) for name in list_hardware())


_ALIKE_GIB = 0.006
"""How far a total of two digits may be from that of the device [GiB]."""

UNKNOWN_DEVICE = find_hardware("H100_80GB").replace(name="a device that is not named")
"""What stands for a device that a log does not name."""


def logged_precision(
    fields: Mapping[str, str], config: ModelConfig, hardware: Hardware | None, engine: str
) -> Precision:
    """Read the types of a checkpoint and of its cache from the words of a log.

    Checkpoints that NVIDIA quantised to four bits hold scales of an FP8 cache, which is then the
    default of their servers.

    Examples
    --------
    >>> from llmcalc_core.hub.models import find_model
    >>> words = {"model": "", "checkpoint_precision": "AWQ int4 g128", "kv_dtype": "auto"}
    >>> logged_precision(words, find_model("llama3_8b"), None, "vllm").label
    'int4'
    """
    words = fields["checkpoint_precision"].casefold()
    own = config.precision or PLAIN
    owner = fields["model"].partition("/")[0].casefold()
    named = _named_precision(words, config, hardware or UNKNOWN_DEVICE, engine)
    named = as_published(named, config.model)
    if named.scale_bits is None and owner in _SMALL_GROUPS:
        named = replace(named, scale_bits=16 / 32)
    if fields["model"].endswith(_PREDICTS):
        named = replace(named, stored_bits=dict(named.stored_bits) | {"mtp": 16.0})
    cache = fields["kv_dtype"].casefold()
    if cache.startswith(("fp8", "bf16", "f16", "fp16")):
        return replace(named, kv_cache="fp8" if cache.startswith("fp8") else "bf16")
    keeps_narrow = own.kv_cache == "fp8" and own.weights != "bf16" and "fp8" in words
    scaled = fields["model"].startswith("nvidia/") and named.kv_cache == "fp8"
    return replace(named, kv_cache="fp8" if keeps_narrow or scaled else "bf16")


def _named_precision(words: str, config: ModelConfig, hardware: Hardware, engine: str) -> Precision:
    own = config.precision or PLAIN
    if "mxfp4" in words or "experts fp4" in words:
        return own
    if (bits := _BITS_PER_WEIGHT.search(words.upper())) is not None:
        each = float(bits[1])
        return Precision(weights="int4", scale_bits=each - 4, stored_bits={"head": each})
    if "fp8" in words and "nvfp4" not in words:
        return _eight_bits(words, own)
    kind = next((kind for word, kind in _KINDS.items() if word in words), "")
    if kind in _WHOLE:
        return _WHOLE[kind]
    return checkpoint_precision(kind, model=config, hardware=hardware, engine=engine)


_WHOLE = {
    "": PLAIN,
    "nf4": Precision(weights="int4", scale_bits=_NF4_BITS),
    "w8a8": parse_precision("w8a8"),
}
"""Types of checkpoints that are the same in all parts."""

_KINDS = {
    "nvfp4": "nvfp4", "nf4": "nf4", "w8a8": "w8a8", "int4": "w4a16", "awq": "w4a16",
    "gptq": "w4a16",
}  # fmt: skip
"""Kinds of checkpoints by a word of a log, in the order in which they are looked for."""


def _eight_bits(words: str, own: Precision) -> Precision:
    """Read an FP8 checkpoint: of some the attention, or all but experts, stays in 16 bits."""
    if words.startswith("fp8 experts"):
        return Precision(experts="fp8", expert_activations="fp8", shared="fp8")
    if "attention" in words:
        return Precision(weights="fp8", activations="fp8", attention="bf16")
    return own if own.weights == "fp8" else Precision(weights="fp8", activations="fp8")
