"""Rules between settings, and words about settings that are of no account beside others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from llmcalc_core import Hardware, find_engine, find_hardware, find_model, make_request
from llmcalc_widgets.settings.setting import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What several settings must keep together.

    Attributes
    ----------
    names : tuple of str
        The settings.
    check : callable
        Takes all settings, and raises a ValueError where they do not agree.
    """

    names: tuple[str, ...]
    check: Callable[[Values], None]


def check_drafting(settings: Values) -> None:
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


def check_offloading(settings: Values) -> None:
    """Check that what of the weights is offloaded is said in one way.

    Raises
    ------
    ValueError
        If it is said in two.
    """
    share, gib = settings["weights_offload"], settings["weights_offload_gib"]
    if share and gib:
        msg = (
            "either weights_offload or weights_offload_gib must be 0, as they say the same in two "
            f"ways, got {share:g} and {gib:g}"
        )
        raise ValueError(msg)


def check_version(settings: Values) -> None:
    """Check that the engine has the version.

    Raises
    ------
    ValueError
        With the nearest that is known.
    """
    find_engine(settings["engine"], settings["engine_version"])


def outdated(settings: Values) -> dict[str, None]:
    """Give what to set where another engine has come that has not this version: the newest holds.

    Examples
    --------
    >>> outdated({"engine": "sglang", "engine_version": "0.11"})
    {'engine_version': None}
    >>> outdated({"engine": "vllm", "engine_version": "0.11"})
    {}
    """
    try:
        check_version(settings)
    except ValueError:
        return {"engine_version": None}
    return {}


def with_version(changes: Values, settings: Values) -> dict[str, Any]:
    """Give changes of settings, and with another engine that its newest version holds.

    Examples
    --------
    >>> with_version({"engine": "sglang"}, {"engine": "vllm", "engine_version": "0.11"})
    {'engine_version': None, 'engine': 'sglang'}
    >>> with_version({"devices": 2}, {"engine": "vllm", "engine_version": "0.11"})
    {'devices': 2}
    """
    if "engine" not in changes or "engine_version" in changes:
        return dict(changes)
    after = {**settings, **changes}
    known = {name: after[name] for name in ("engine", "engine_version")}
    return {**outdated(known), **changes}


def version_disabled(settings: Values) -> str:
    """Say why an engine takes no version; empty where it does.

    Examples
    --------
    >>> version_disabled({"engine": "lmdeploy"}), version_disabled({"engine": "vllm"})
    ('Versions of LMDeploy are not told apart.', '')
    """
    engine = find_engine(settings["engine"])
    return "" if engine.version else f"Versions of {engine.label} are not told apart."


def newest_version(settings: Values) -> str:
    """Name the version that holds while none is given.

    Examples
    --------
    >>> newest_version({"engine": "sglang"}), newest_version({"engine": "lmdeploy"})
    ('newest, 0.5.23', 'not told apart')
    """
    newest = find_engine(settings["engine"]).version
    return f"newest, {newest}" if newest else "not told apart"


def _check_range(least: str, most: str, settings: Values) -> None:
    low, high = settings[least], settings[most]
    if low is not None and low > high:
        msg = f"{least} must be at most {most}, which is {high:,.10g}, got {low:,.10g}"
        raise ValueError(msg)


def _range(least: str, most: str) -> Rule:
    return Rule(names=(least, most), check=partial(_check_range, least, most))


DRAFTING = Rule(names=("model", "speculative_tokens", "draft_model"), check=check_drafting)

RULES = (
    _range("batch_min", "batch_max"),
    _range("request_rate_min", "request_rate"),
    _range("devices_min", "devices"),
    DRAFTING,
    Rule(names=("engine", "engine_version"), check=check_version),
    Rule(names=("weights_offload", "weights_offload_gib"), check=check_offloading),
)
"""What settings must keep together."""

RULED = frozenset(name for rule in RULES for name in rule.names)
"""Settings that depend on others."""


def check_together(settings: Values) -> None:
    """Check the settings that depend on each other.

    Raises
    ------
    ValueError
        If a smallest number is above its largest, nothing drafts what is to be drafted, or what is
        offloaded is said in two ways.
    """
    for rule in RULES:
        rule.check(settings)


def partners(name: str) -> tuple[str, ...]:
    """Give the settings that may be right again when a setting changes.

    Examples
    --------
    >>> partners("batch_min"), partners("engine")
    (('batch_max',), ('engine_version',))
    """
    return tuple(other for rule in RULES if name in rule.names
                 for other in rule.names if other != name)  # fmt: skip


def undrafted(settings: Values) -> dict[str, int]:
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


def chunks_disabled(settings: Values) -> str:
    """Say why chunks of prompts are of no account; empty in serving."""
    phase = settings["phase"]
    if phase == "serving":
        return ""
    return f"In phase serving only: in {phase} prompts are read together."


def by_rate(settings: Values) -> bool:
    """Say whether requests come at a rate, whatever is in flight.

    Examples
    --------
    >>> by_rate({"phase": "serving", "load_as": "request_rate"})
    True
    >>> by_rate({"phase": "decode", "load_as": "request_rate"})
    False
    """
    return bool(settings["phase"] == "serving" and settings["load_as"] == "request_rate")


def not_serving(settings: Values) -> bool:
    """Say whether nothing is served, so that requests neither come nor wait."""
    return bool(settings["phase"] != "serving")


def percentile_disabled(settings: Values) -> str:
    """Say why nothing served has percentiles, in the core's words; empty where it has."""
    return "" if not_serving(settings) else _percentile_refused(rate=by_rate(settings))


@cache
def _percentile_refused(*, rate: bool) -> str:
    load: dict[str, Any] = {"request_rate": 1.0} if rate else {}
    try:
        make_request("llama2_7b", "H100_80GB", 1, phase="serving", percentile=0.5, **load)
    except ValueError as error:
        rule, _, _ = str(error).replace("request_rate", "requests per second").partition(", got ")
        return f"{rule[:1].upper()}{rule[1:]}."
    return ""


def tpot_disabled(settings: Values) -> str:
    """Say why a limit on TPOT is of no account; empty where tokens are generated."""
    if settings["phase"] != "prefill":
        return ""
    return "Of no account in phase prefill, which generates nothing."


def acceptance_disabled(settings: Values) -> str:
    """Say why an acceptance rate is of no account; empty where tokens are drafted."""
    return "" if settings["speculative_tokens"] else "Without drafted tokens none is accepted."


def acceptance_missing(settings: Values) -> str:
    """Say that an acceptance rate is missing for drafted tokens to change anything.

    Examples
    --------
    >>> acceptance_missing({"speculative_tokens": 3, "acceptance_rate": 0.0})
    'At 0 no token is drafted, as none would be kept.'
    >>> acceptance_missing({"speculative_tokens": 3, "acceptance_rate": 0.7})
    ''
    """
    if not settings["speculative_tokens"] or settings["acceptance_rate"]:
        return ""
    return "At 0 no token is drafted, as none would be kept."


def rank_disabled(settings: Values) -> str:
    """Say why a rank is of no account; empty where there are LoRA adapters."""
    return "" if settings["lora_adapters"] else "Without LoRA adapters there is no rank."


def listed_words(name: str, settings: Values) -> str:
    """Say what a price or power is where none is set.

    Examples
    --------
    >>> listed_words("power_watts", {"hardware": "H100_80GB"})
    '700 listed'
    >>> listed_words("price_per_hour", {"hardware": ("T4", "L4")})
    "each device's own"
    """
    hardware: Any = settings["hardware"]
    if isinstance(hardware, tuple):
        return "each device's own"
    device = hardware if isinstance(hardware, Hardware) else find_hardware(hardware)
    own = getattr(device, name)
    return "not listed" if own is None else f"{own:g} listed"
