"""What is deployed: model, devices, precision, engine and phase, one entry each."""

from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

from llmcalc_core import (
    CHECKPOINT,
    DEFAULT_ENGINE,
    ENGINES,
    PHASES,
    PRECISIONS,
    Precision,
    find_engine,
    list_hardware,
    list_models,
)
from llmcalc_widgets.settings.checks import (
    check_release,
    request_field,
    whole,
)
from llmcalc_widgets.settings.rules import newest_version, version_disabled
from llmcalc_widgets.settings.setting import (
    Buttons,
    Choice,
    Entry,
    MultipleChoice,
    Search,
    Setting,
    Slider,
    Values,
    asks_nothing,
)
from llmcalc_widgets.settings.values import (
    Device,
    Model,
    canonical_devices,
    canonical_hardware,
    canonical_model,
    canonical_precision,
    doublings,
)
from llmcalc_widgets.text.units import counted_text

_DEVICES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112,
            128, 160, 192, 224, 256, 384, 512, 768, 1024)  # fmt: skip


def _devices(settings: Values) -> dict[str, Any]:
    return {"devices": doublings(settings["devices_min"], settings["devices"])}


class DeploymentValues(TypedDict, total=False):
    """What is deployed on what."""

    model: Annotated[
        Model,
        Setting(
            default="gpt_oss_120b",
            check=canonical_model,
            shared=True,
            control=Search(options=list_models),
            label="Model",
            usual=list_models,
            help="What is deployed: type part of a name to search",
        ),
    ]
    hardware: Annotated[
        Device | Sequence[Device],
        Setting(
            default="H100_80GB",
            check=canonical_hardware,
            shared=True,
            control=Search(options=list_hardware),
            label="Hardware",
            usual=list_hardware,
            help="The accelerator: type part of a name to search",
        ),
    ]
    devices: Annotated[
        int,
        Setting(
            default=8,
            check=whole("devices"),
            request=_devices,
            shared=True,
            control=Slider(stops=_DEVICES, words=counted_text("device")),
            label="Devices",
            help="Accelerators in all; every plan uses as many, or one of the counts from the "
            "fewest",
        ),
    ]
    devices_min: Annotated[
        int | None,
        Setting(
            rare=True,
            default=None,
            optional=True,
            check=whole("devices"),
            request=asks_nothing,
            control=Entry(hint="the same"),
            label="Fewest devices",
            help="Fewest accelerators: this count, the powers of two above it, and Devices are all "
            "tried",
        ),
    ]
    precision: Annotated[
        str | Precision,
        Setting(
            default=CHECKPOINT,
            check=canonical_precision,
            shared=True,
            control=Choice(options=lambda: (CHECKPOINT, *PRECISIONS)),
            label="Precision",
            usual=lambda: PRECISIONS,
            help="Number formats of weights, activations and KV cache; fp8 and nvfp4 have an "
            "FP8 cache, which vLLM keeps in 16 bits unless told",
        ),
    ]
    engine: Annotated[
        str,
        Setting(
            default=DEFAULT_ENGINE,
            check=request_field("engine"),
            shared=True,
            control=Choice(
                options=lambda: tuple(name for name in ENGINES if find_engine(name).offered),
                name_of=lambda name: find_engine(name).label,
            ),
            label="Engine",
            help="The serving engine, whose overheads and scheduling were measured",
        ),
    ]
    engine_version: Annotated[
        str | None,
        Setting(
            rare=True,
            default=None,
            optional=True,
            check=check_release,
            shared=True,
            disabled=version_disabled,
            control=Entry(hint=newest_version, read=str),
            label="Engine version",
            none_words="the newest",
            help="A release of the engine, such as 0.11, of what changed times between versions: "
            "captured graphs, scheduling ahead, budgets; the newest known where none is given",
        ),
    ]
    phase: Annotated[
        str,
        Setting(
            default="serving",
            check=request_field("phase"),
            control=Buttons(options=lambda: tuple(reversed(PHASES))),
            label="Phase",
            help="serving: continuous batching; decode, prefill: one batch that starts and ends "
            "together",
        ),
    ]


class MemoryValues(TypedDict, total=False):
    """How much of a device's memory may be used."""

    memory_fraction: Annotated[
        float | None,
        Setting(
            rare=True,
            default=None,
            optional=True,
            check=request_field("memory_fraction"),
            shared=True,
            control=Entry(hint="the engine's own"),
            label="Memory share",
            none_words="the engine's own",
            help="Part of a device's memory that may be used, such as 0.9 or 90 %; the engine's "
            "own default where none is given",
        ),
    ]


USUAL_HARDWARE = (
    "A100_80GB", "H100_80GB", "H200_141GB", "B200_180GB", "B300_270GB", "L40S", "RTX_PRO_6000",
    "MI300X", "MI355X", "Gaudi3", "TPUv6e",
)  # fmt: skip
"""Of the makers whose devices most clouds have."""

SEVERAL_HARDWARE = Setting(
    name="hardware",
    default=USUAL_HARDWARE,
    check=canonical_devices,
    control=MultipleChoice(options=list_hardware),
    label="Hardware",
    help="The accelerators: type part of a name to add one, press one to take it away",
    shared=True,
)
"""The setting of questions that are about several devices at once."""
