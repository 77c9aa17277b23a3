"""Which control each setting has, in the order of the form, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from llmcalc_core import (
    CHECKPOINT,
    ENGINES,
    PHASES,
    PRECISIONS,
    find_engine,
    list_hardware,
    list_models,
)
from llmcalc_widgets.form.choices import ChoiceField, ExplainedChoice, SearchField, SwitchField
from llmcalc_widgets.form.fields import Commit, Field, NumberField
from llmcalc_widgets.form.names import name_of
from llmcalc_widgets.form.numbers import counted_text
from llmcalc_widgets.form.workloads import WORKLOADS
from llmcalc_widgets.text.units import percent_text

_POWERS = tuple(2**power for power in range(11))
_DEVICES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112,
            128, 160, 192, 224, 256, 384, 512, 768, 1024)  # fmt: skip
_TOKENS = (1, 16, 32, 64, 128, 256, 512, 768, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 12_000,
           16_000, 24_000, 32_000, 48_000, 64_000, 96_000, 128_000)  # fmt: skip
_SHARES = tuple(percent / 100 for percent in range(50, 101))

_OWN = "own values"

_ABOUT = {
    "model": "What is deployed: type part of a name to search",
    "hardware": "The accelerator: type part of a name to search",
    "precision": "Number formats of weights, activations and KV cache",
    "stage": "serving: continuous batching; decode, prefill: one batch that starts and ends "
    "together",
    "engine": "The serving engine, whose overheads and scheduling were measured",
    "devices": "Accelerators in all; every plan uses as many, or one of the counts from the fewest",
    "devices_min": "Fewest accelerators: this count, the powers of two above it, and Devices are "
    "all tried",
    "workload": "Usual lengths and limits of a kind of use; choosing one sets them",
    "input_tokens": "Prompt tokens of a request",
    "output_tokens": "Generated tokens of a request",
    "batch_min": "Sequences in a replica's batch, in serving its concurrency: the fewest requests "
    "in flight; powers of two between are tried",
    "batch_max": "Sequences in a replica's batch, in serving its concurrency: the most requests "
    "in flight",
    "memory_fraction": "Part of a device's memory that may be used, from 0 to 1",
    "tpot_limit_ms": "Longest time per output token (TPOT) in ms, or the rate of a user, such as "
    "25 tokens/s",
    "ttft_limit_ms": "Longest time to the first token (TTFT) in ms",
}
_BATCH_LABELS = {
    "batch_min": ("Batch from", "Requests in flight from"),
    "batch_max": ("Batch to", "Requests in flight to"),
}


def make_fields(
    committer: Callable[[str], Commit], names: Collection[str] | None = None
) -> dict[str, Field]:
    """Make the controls.

    Parameters
    ----------
    committer : callable
        Makes the function that the control of a setting calls with what it was set to.
    names : collection of str, optional
        The settings; all where not given.

    Returns
    -------
    dict of str to Field
        By setting.
    """

    def number(name: str, label: str, stops: tuple[float, ...], what: str) -> Field:
        say = counted_text(what) if what else percent_text
        return NumberField(label, stops, committer(name), about=_ABOUT[name], say=say)

    def typed(name: str, label: str, hint: str) -> Field:
        return NumberField(label, (), committer(name), about=_ABOUT[name], hint=hint)

    def search(name: str, label: str, names: Sequence[str]) -> Field:
        return SearchField(label, names, committer(name), name_of, about=_ABOUT[name])

    def choice(name: str, label: str, names: tuple[str, ...], words: dict[str, str]) -> Field:
        return ChoiceField(
            label,
            names,
            committer(name),
            name_of=lambda value: words.get(value, str(value)),
            about=_ABOUT[name],
        )

    labels = {name: find_engine(name).label for name in ENGINES}
    offered = tuple(name for name in ENGINES if find_engine(name).offered)
    makers: dict[str, Callable[[], Field]] = {
        "model": lambda: search("model", "Model", list_models()),
        "hardware": lambda: search("hardware", "Hardware", list_hardware()),
        "precision": lambda: choice("precision", "Precision", (CHECKPOINT, *PRECISIONS), {}),
        "stage": lambda: SwitchField(
            "Stage", tuple(reversed(PHASES)), committer("stage"), about=_ABOUT["stage"]
        ),
        "engine": lambda: choice("engine", "Engine", offered, labels),
        "devices": lambda: number("devices", "Devices", _DEVICES, "device"),
        "devices_min": lambda: typed("devices_min", "Fewest devices", "the same"),
        "workload": lambda: ExplainedChoice(
            "Workload",
            {"": "", **{name: one.about for name, one in WORKLOADS.items()}},
            committer("workload"),
            name_of=lambda name: WORKLOADS[name].label if name else _OWN,
            about=_ABOUT["workload"],
        ),
        "input_tokens": lambda: number("input_tokens", "Input tokens", _TOKENS, "token"),
        "output_tokens": lambda: number("output_tokens", "Output tokens", _TOKENS, "token"),
        "tpot_limit_ms": lambda: typed("tpot_limit_ms", "TPOT limit [ms]", "none"),
        "ttft_limit_ms": lambda: typed("ttft_limit_ms", "TTFT limit [ms]", "none"),
        "batch_min": lambda: number(
            "batch_min", label_of("batch_min", "decode"), _POWERS, "sequence"
        ),
        "batch_max": lambda: number(
            "batch_max", label_of("batch_max", "decode"), _POWERS, "sequence"
        ),
        "memory_fraction": lambda: number("memory_fraction", "Memory share", _SHARES, ""),
    }
    return {name: make() for name, make in makers.items() if names is None or name in names}


def label_of(name: str, stage: str) -> str:
    """Name an end of the range of batches as it is called in a stage."""
    batch, flight = _BATCH_LABELS[name]
    return flight if stage == "serving" else batch
