"""What a deployment does with its requests, and what it pays: settings neutral at first."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any, TypedDict

from llmcalc_core import Hardware, ModelConfig, Techniques, find_hardware, find_model, make_request
from llmcalc_widgets.form.canonical import canonical_model

Drafting = str | PathLike[str] | Mapping[str, Any] | ModelConfig | None


class TechniqueValues(TypedDict, total=False):
    """What can be set of techniques."""

    prefix_hit_rate: float
    prefill_chunk_tokens: int | None
    speculative_tokens: int
    acceptance_rate: float
    draft_model: Drafting
    context_parallel_max: int | None
    lora_adapters: int
    lora_rank: int
    weights_offload: float
    weights_offload_gib: float
    kv_offload: float
    offload_to_fit: bool


class PriceValues(TypedDict, total=False):
    """What can be set of prices."""

    price_per_hour: float | None
    power_watts: float | None


TECHNIQUES = TechniqueValues(
    prefix_hit_rate=0.0,
    prefill_chunk_tokens=None,
    speculative_tokens=0,
    acceptance_rate=0.0,
    draft_model=None,
    context_parallel_max=None,
    lora_adapters=0,
    lora_rank=16,
    weights_offload=0.0,
    weights_offload_gib=0.0,
    kv_offload=0.0,
    offload_to_fit=False,
)
PRICES = PriceValues(price_per_hour=None, power_watts=None)

OPTIONAL_TECHNIQUES = ("prefill_chunk_tokens", "draft_model", "context_parallel_max", *PRICES)
"""Those that may be None."""

DRAFTING = ("model", "speculative_tokens", "draft_model")
"""Settings that must agree: tokens are drafted by a draft model, or by the model itself."""

OFFLOADING = ("weights_offload", "weights_offload_gib")
"""Settings of which one says what the other would: a share of the weights, or GiB of them."""

_SERVING_ONLY = ("prefill_chunk_tokens",)
_BESIDE: dict[str, dict[str, int]] = {
    "acceptance_rate": {"speculative_tokens": 1},
    "speculative_tokens": {"acceptance_rate": 1},
    "lora_rank": {"lora_adapters": 1},
}
"""Values of no account unless others are set, which are set while they are checked."""

_MOST = {"prefill_chunk_tokens": 1_000_000, "speculative_tokens": 64, "lora_adapters": 10_000,
         "lora_rank": 4096, "weights_offload_gib": 100_000}  # fmt: skip
"""Beyond these a figure is a slip of the pen."""


def checked_technique(name: str, value: Any) -> Any:  # noqa: ANN401 - each has its own type
    """Return the value of a technique in its canonical form.

    Raises
    ------
    ValueError
        For a value out of range.

    Examples
    --------
    >>> checked_technique("prefix_hit_rate", 1), checked_technique("lora_rank", 8.0)
    (1.0, 8)
    """
    if name == "draft_model":
        return canonical_model(value)
    found = getattr(Techniques(**{**_BESIDE.get(name, {}), name: value}), name)
    most = _MOST.get(name, found)
    if found > most:
        msg = f"{name} must be at most {most:,}, got {found:,}"
        raise ValueError(msg)
    return found


def checked_price(name: str, value: Any) -> float:  # noqa: ANN401 - as above
    """Return a price or a power as a number.

    Raises
    ------
    ValueError
        For what is no number above zero.

    Examples
    --------
    >>> checked_price("price_per_hour", 3)
    3.0
    """
    found = getattr(find_hardware("H100_80GB").replace(**{name: value}), name)
    if not found:
        msg = f"{name} must be above 0, got {value!r}; empty for the device's own"
        raise ValueError(msg)
    return float(found)


def technique_arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is not neutral as arguments of :func:`llmcalc_core.explore`.

    Examples
    --------
    >>> technique_arguments({**TECHNIQUES, "stage": "decode", "prefix_hit_rate": 0.5})
    {'prefix_hit_rate': 0.5}
    """
    return {
        name: settings[name]
        for name, neutral in TECHNIQUES.items()
        if settings[name] != neutral
        and name != "context_parallel_max"
        and (settings["stage"] == "serving" or name not in _SERVING_ONLY)
    }


def check_drafting(settings: Mapping[str, Any]) -> None:
    """Check that something drafts the tokens that are to be drafted.

    Raises
    ------
    ValueError
        If nothing does.
    """
    drafted = settings["speculative_tokens"]
    if not drafted or settings["draft_model"] is not None:
        return
    try:
        make_request(
            settings["model"], "H100_80GB", 1, speculative_tokens=drafted, acceptance_rate=1
        )
    except ValueError:
        model = find_model(settings["model"]).model or "the model"
        msg = (
            f"speculative_tokens need a draft_model, such as a small model of the same family, "
            f"because {model} predicts no tokens ahead itself (MTP); got {drafted} without one"
        )
        raise ValueError(msg) from None


def check_offloading(settings: Mapping[str, Any]) -> None:
    """Check that what of the weights is offloaded is said in one way.

    Raises
    ------
    ValueError
        If it is said in two.
    """
    share, gib = (settings[name] for name in OFFLOADING)
    if share and gib:
        msg = (
            "either weights_offload or weights_offload_gib must be 0, as they say the same in two "
            f"ways, got {share:g} and {gib:g}"
        )
        raise ValueError(msg)


def undrafted(settings: Mapping[str, Any]) -> dict[str, int]:
    """Give what to set where another model has come that cannot draft: no tokens are drafted.

    Examples
    --------
    >>> undrafted({"model": "llama2_7b", "speculative_tokens": 2, "draft_model": None})
    {'speculative_tokens': 0}
    """
    try:
        check_drafting(settings)
    except ValueError:
        return {"speculative_tokens": 0}
    return {}


def idle_words(name: str, settings: Mapping[str, Any]) -> str:
    """Say why a setting is of no account beside others; empty if it counts.

    Examples
    --------
    >>> idle_words("lora_rank", {"stage": "serving", "lora_adapters": 0})
    'Without LoRA adapters there is no rank.'
    """
    stage = settings["stage"]
    if name in _SERVING_ONLY and stage != "serving":
        return f"In stage serving only: in {stage} prompts are read together."
    if name == "tpot_limit_ms" and stage == "prefill":
        return "Of no account in stage prefill, which generates nothing."
    if name == "acceptance_rate" and not settings["speculative_tokens"]:
        return "Without drafted tokens none is accepted."
    if name == "lora_rank" and not settings["lora_adapters"]:
        return "Without LoRA adapters there is no rank."
    return ""


def neutral_words(name: str, settings: Mapping[str, Any]) -> str:
    """Say what a setting that counts is still missing to change anything; empty if nothing.

    Examples
    --------
    >>> neutral_words("acceptance_rate", {"speculative_tokens": 3, "acceptance_rate": 0.0})
    'At 0 no token is drafted, as none would be kept.'
    >>> neutral_words("acceptance_rate", {"speculative_tokens": 3, "acceptance_rate": 0.7})
    ''
    """
    if name != "acceptance_rate" or not settings["speculative_tokens"] or settings[name]:
        return ""
    return "At 0 no token is drafted, as none would be kept."


def listed_words(name: str, hardware: str | Hardware | tuple[str | Hardware, ...]) -> str:
    """Say what a price or power is where none is set.

    Examples
    --------
    >>> listed_words("power_watts", "H100_80GB"), listed_words("price_per_hour", ("T4", "L4"))
    ('700 listed', "each device's own")
    """
    if isinstance(hardware, tuple):
        return "each device's own"
    device = hardware if isinstance(hardware, Hardware) else find_hardware(hardware)
    own = getattr(device, name)
    return "not listed" if own is None else f"{own:g} listed"
