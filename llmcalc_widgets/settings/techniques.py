"""Techniques and prices, one entry each: settings that are neutral at first and folded away."""

from functools import partial
from typing import Annotated, Any, TypedDict

from llmcalc_core import list_models
from llmcalc_widgets.settings.checks import check_price, request_field, technique, whole
from llmcalc_widgets.settings.rules import (
    acceptance_disabled,
    acceptance_missing,
    chunks_disabled,
    listed_words,
    rank_disabled,
)
from llmcalc_widgets.settings.setting import Choice, Entry, Search, Setting, Slider, Values
from llmcalc_widgets.settings.values import Model, canonical_model, doublings
from llmcalc_widgets.text.units import counted_text, number_text, percent_text

_MOST_WIDTH = 1024
_OFFLOADED = (0, 0.1, 0.25, 0.5)
_SHARE = Slider(stops=tuple(percent / 100 for percent in range(0, 101, 5)), words=percent_text)


def _widths(settings: Values) -> dict[str, Any]:
    widest = settings["context_parallel_max"]
    return {} if widest is None else {"context_parallel": doublings(1, widest)}


class TechniqueValues(TypedDict, total=False):
    """What a deployment does with its requests."""

    prefix_hit_rate: Annotated[
        float,
        Setting(
            default=0.0,
            check=technique(),
            group="techniques",
            control=_SHARE,
            label="Prefix hit rate",
            usual=lambda: (0, 0.25, 0.5, 0.75, 0.9),
            help="Prefix caching: share of the prompt, 0 to 1, whose KV cache is there already, so "
            "that prefill computes the rest only",
        ),
    ]
    prefill_chunk_tokens: Annotated[
        int | None,
        Setting(
            default=None,
            optional=True,
            check=technique(1_000_000),
            group="techniques",
            disabled=chunks_disabled,
            control=Entry(hint="the engine's own"),
            label="Prefill chunk [tokens]",
            usual=lambda: (512, 1024, 2048, 4096, 8192, 16384),
            help="Chunked prefill: most tokens that a step of continuous batching computes; longer "
            "prompts are read in parts",
        ),
    ]
    speculative_tokens: Annotated[
        int,
        Setting(
            default=0,
            check=technique(64),
            group="techniques",
            control=Slider(stops=(*range(9), 10, 12, 16), words=counted_text("token")),
            label="Drafted tokens",
            usual=lambda: (0, 1, 2, 3, 4, 6, 8),
            help="Speculative decoding: tokens of each sequence that are drafted before a step, "
            "which verifies them all",
        ),
    ]
    acceptance_rate: Annotated[
        float,
        Setting(
            default=0.0,
            check=technique(),
            group="techniques",
            disabled=acceptance_disabled,
            remark=acceptance_missing,
            control=_SHARE,
            label="Acceptance rate",
            usual=lambda: (0.5, 0.6, 0.7, 0.8, 0.9),
            help="Probability, 0 to 1, that a drafted token is accepted if those before it were; "
            "at 0 none is drafted",
        ),
    ]
    draft_model: Annotated[
        Model | None,
        Setting(
            default=None,
            optional=True,
            check=canonical_model,
            group="techniques",
            control=Search(options=list_models, hint="none: type to search"),
            label="Draft model",
            help="What drafts: a small model of the same vocabulary, or none where the model "
            "predicts several tokens itself (MTP)",
        ),
    ]
    context_parallel_max: Annotated[
        int | None,
        Setting(
            default=None,
            optional=True,
            check=whole("context_parallel", _MOST_WIDTH),
            group="techniques",
            request=_widths,
            control=Entry(hint="automatic"),
            label="Context parallel to",
            usual=lambda: (1, 2, 4, 8),
            help="Widest context parallel: the tokens of a prompt are divided over so many groups "
            "of devices; powers of two up to it are tried",
        ),
    ]
    lora_adapters: Annotated[
        int,
        Setting(
            default=0,
            check=technique(10_000),
            group="techniques",
            control=Slider(
                stops=(0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512), words=counted_text("adapter")
            ),
            label="LoRA adapters",
            usual=lambda: (0, 8, 32, 128),
            help="Low-rank adapters held in memory, of which every request uses one",
        ),
    ]
    lora_rank: Annotated[
        int,
        Setting(
            default=16,
            check=technique(4096),
            group="techniques",
            disabled=rank_disabled,
            control=Slider(stops=(8, 16, 32, 64, 128, 256)),
            label="LoRA rank",
            help="Rank of each adapter",
        ),
    ]
    weights_offload: Annotated[
        float,
        Setting(
            default=0.0,
            check=technique(),
            group="techniques",
            control=_SHARE,
            label="Weights offloaded",
            usual=lambda: _OFFLOADED,
            help="Share of the layers' weights, 0 to 1, that stays in the host's memory and "
            "crosses its link in every pass",
        ),
    ]
    weights_offload_gib: Annotated[
        float,
        Setting(
            default=0.0,
            check=technique(100_000),
            group="techniques",
            control=Slider(
                stops=(0, 1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128),
                words=lambda gib: f"{number_text(gib)} GiB a device",
            ),
            label="Weights offloaded [GiB]",
            usual=lambda: (0, 4, 8, 16, 32),
            help="The same as GiB of every device (cpu_offload_gb of vLLM), in place of a share; "
            "at most what its layers weigh",
        ),
    ]
    kv_offload: Annotated[
        float,
        Setting(
            default=0.0,
            check=technique(),
            group="techniques",
            control=_SHARE,
            label="KV cache offloaded",
            usual=lambda: _OFFLOADED,
            help="Share of the KV cache, 0 to 1, that stays in the host's memory and crosses its "
            "link in every step",
        ),
    ]
    offload_to_fit: Annotated[
        bool,
        Setting(
            default=False,
            check=technique(),
            group="techniques",
            control=Choice(
                options=lambda: (False, True),
                name_of={False: "no", True: "yes, what must be"}.__getitem__,
            ),
            label="Offload to fit",
            usual=lambda: (False, True),
            help="Whether every plan also offloads what it must to fit on its devices, weights "
            "first, then KV cache",
        ),
    ]


_MOST_AT_ONCE = 65_536

_EAGER = Choice(options=lambda: (False, True), name_of={False: "no", True: "yes"}.__getitem__)


class EngineValues(TypedDict, total=False):
    """What an engine is told when it starts, by the names of its arguments."""

    max_num_seqs: Annotated[
        int | None,
        Setting(
            default=None,
            optional=True,
            check=whole("batches", _MOST_AT_ONCE),
            group="techniques",
            control=Entry(hint="the engine's own"),
            label="Requests at once, most",
            usual=lambda: (64, 128, 256, 512, 1024),
            help="Most requests that an engine runs at once (max_num_seqs); others wait",
        ),
    ]
    enforce_eager: Annotated[
        bool,
        Setting(
            default=False,
            check=request_field("enforce_eager"),
            group="techniques",
            control=_EAGER,
            label="Eager",
            usual=lambda: (False, True),
            help="Whether kernels start one by one, without captured graphs (enforce_eager)",
        ),
    ]


def in_words(message: str) -> str:
    """Write the names of techniques in a message as words.

    Examples
    --------
    >>> in_words("offload_to_fit must be left out")
    'offload to fit must be left out'
    """
    for name in sorted(TechniqueValues.__annotations__, key=len, reverse=True):
        message = message.replace(name, name.replace("_", " "))
    return message


class PriceValues(TypedDict, total=False):
    """What a device costs and draws."""

    price_per_hour: Annotated[
        float | None,
        Setting(
            default=None,
            optional=True,
            check=check_price,
            group="prices",
            none_words="as listed",
            control=Entry(hint=partial(listed_words, "price_per_hour")),
            label="Price [USD/h]",
            help="Price of the chosen device [USD per hour], in place of the listed one; other "
            "devices that are compared keep theirs",
        ),
    ]
    power_watts: Annotated[
        float | None,
        Setting(
            default=None,
            optional=True,
            check=check_price,
            group="prices",
            none_words="as listed",
            control=Entry(hint=partial(listed_words, "power_watts")),
            label="Power [W]",
            help="Design power of the chosen device [W], in place of the listed one; other devices "
            "that are compared keep theirs",
        ),
    ]
