"""The controls of techniques and prices, which are folded away at first."""

from __future__ import annotations

from collections.abc import Callable, Collection

from llmcalc_core import list_models
from llmcalc_widgets.form.choices import ChoiceField, SearchField
from llmcalc_widgets.form.fields import Commit, Field, NumberField
from llmcalc_widgets.form.names import name_of
from llmcalc_widgets.form.numbers import counted_text
from llmcalc_widgets.form.techniques import PRICES, TECHNIQUES
from llmcalc_widgets.text.units import number_text, percent_text

FOLDED = {"Techniques": tuple(TECHNIQUES), "Prices": tuple(PRICES)}
"""Settings in each folded part of the form."""

_SHARES = tuple(percent / 100 for percent in range(0, 101, 5))
_DRAFTED = (*range(9), 10, 12, 16)
_ADAPTERS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_RANKS = (8, 16, 32, 64, 128, 256)
_GIB = (0, 1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128)

_ABOUT = {
    "prefix_hit_rate": "Prefix caching: share of the prompt, 0 to 1, whose KV cache is there "
    "already, so that prefill computes the rest only",
    "prefill_chunk_tokens": "Chunked prefill: most tokens that a step of continuous batching "
    "computes; longer prompts are read in parts",
    "speculative_tokens": "Speculative decoding: tokens of each sequence that are drafted before a "
    "step, which verifies them all",
    "acceptance_rate": "Probability, 0 to 1, that a drafted token is accepted if those before it "
    "were; at 0 none is drafted",
    "draft_model": "What drafts: a small model of the same vocabulary, or none where the model "
    "predicts several tokens itself (MTP)",
    "lora_adapters": "Low-rank adapters held in memory, of which every request uses one",
    "lora_rank": "Rank of each adapter",
    "weights_offload": "Share of the layers' weights, 0 to 1, that stays in the host's memory and "
    "crosses its link in every pass",
    "weights_offload_gib": "The same as GiB of every device (cpu_offload_gb of vLLM), in place of "
    "a share; at most what its layers weigh",
    "kv_offload": "Share of the KV cache, 0 to 1, that stays in the host's memory and crosses its "
    "link in every step",
    "offload_to_fit": "Whether every plan also offloads what it must to fit on its devices, "
    "weights first, then KV cache",
    "context_parallel_max": "Widest context parallel: the tokens of a prompt are divided over so "
    "many groups of devices; powers of two up to it are tried",
    "price_per_hour": "Price of the chosen device [USD per hour], in place of the listed one; "
    "other devices that are compared keep theirs",
    "power_watts": "Design power of the chosen device [W], in place of the listed one; other "
    "devices that are compared keep theirs",
}


def technique_fields(
    committer: Callable[[str], Commit], names: Collection[str]
) -> dict[str, Field]:
    """Make the controls of some techniques or prices.

    Parameters
    ----------
    committer : callable
        Makes the function that the control of a setting calls with what it was set to.
    names : collection of str
        The settings.

    Returns
    -------
    dict of str to Field
        By setting.
    """

    def share(name: str, label: str) -> Field:
        return NumberField(label, _SHARES, committer(name), about=_ABOUT[name], say=percent_text)

    def count(name: str, label: str, stops: tuple[int, ...], what: str) -> Field:
        say = counted_text(what)
        return NumberField(label, stops, committer(name), about=_ABOUT[name], say=say)

    def typed(name: str, label: str, hint: str) -> Field:
        return NumberField(label, (), committer(name), about=_ABOUT[name], hint=hint)

    makers: dict[str, Callable[[], Field]] = {
        "prefix_hit_rate": lambda: share("prefix_hit_rate", "Prefix hit rate"),
        "prefill_chunk_tokens": lambda: typed(
            "prefill_chunk_tokens", "Prefill chunk [tokens]", "the engine's own"
        ),
        "speculative_tokens": lambda: count(
            "speculative_tokens", "Drafted tokens", _DRAFTED, "token"
        ),
        "acceptance_rate": lambda: share("acceptance_rate", "Acceptance rate"),
        "draft_model": lambda: SearchField(
            "Draft model",
            list_models(),
            committer("draft_model"),
            lambda value: "" if value is None else name_of(value),
            about=_ABOUT["draft_model"],
            hint="none: type to search",
        ),
        "context_parallel_max": lambda: typed(
            "context_parallel_max", "Context parallel to", "automatic"
        ),
        "lora_adapters": lambda: count("lora_adapters", "LoRA adapters", _ADAPTERS, "adapter"),
        "lora_rank": lambda: count("lora_rank", "LoRA rank", _RANKS, ""),
        "weights_offload": lambda: share("weights_offload", "Weights offloaded"),
        "weights_offload_gib": lambda: NumberField(
            "Weights offloaded [GiB]",
            _GIB,
            committer("weights_offload_gib"),
            about=_ABOUT["weights_offload_gib"],
            say=lambda gib: f"{number_text(gib)} GiB a device",
        ),
        "kv_offload": lambda: share("kv_offload", "KV cache offloaded"),
        "offload_to_fit": lambda: ChoiceField(
            "Offload to fit",
            (False, True),
            committer("offload_to_fit"),
            {False: "no", True: "yes, what must be"}.__getitem__,
            about=_ABOUT["offload_to_fit"],
        ),
        "price_per_hour": lambda: typed("price_per_hour", "Price [USD/h]", ""),
        "power_watts": lambda: typed("power_watts", "Power [W]", ""),
    }
    return {name: makers[name]() for name in names}
