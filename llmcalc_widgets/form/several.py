"""Settings and controls of questions that are about several devices at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from os import PathLike
from typing import Any

import traitlets
from traitlets import TraitError

from llmcalc_core import Hardware, ModelConfig, Precision, list_hardware
from llmcalc_widgets.form.checked import checked
from llmcalc_widgets.form.controls import make_fields
from llmcalc_widgets.form.fields import Commit, Field
from llmcalc_widgets.form.inputs import Inputs
from llmcalc_widgets.form.lists import ListField
from llmcalc_widgets.form.names import name_of
from llmcalc_widgets.form.settings import DEFAULTS, TOGETHER, check_together
from llmcalc_widgets.form.techniques import TECHNIQUES, TechniqueValues

FOLDED = {"Techniques": tuple(TECHNIQUES)}
"""Settings that are folded away."""

Device = str | Mapping[str, Any] | Hardware

USUAL_HARDWARE = (
    "A100_80GB", "H100_80GB", "H200_141GB", "B200_180GB", "B300_270GB", "L40S", "RTX_PRO_6000",
    "MI300X", "MI355X", "Gaudi3", "TPUv6e",
)  # fmt: skip
"""Of the makers whose devices most clouds have."""

FIELDS = (
    "model", "hardware", "precision", "stage", "engine", "devices", "devices_min", "workload",
    "input_tokens", "output_tokens", "tpot_limit_ms", "ttft_limit_ms", "batch_min", "batch_max",
    "memory_fraction",
)  # fmt: skip
_ABOUT = "The accelerators: click for one, Ctrl and click to add or remove, Shift for a range"


class SeveralValues(TechniqueValues, total=False):
    """What every question about several devices can be asked."""

    model: str | PathLike[str] | Mapping[str, Any] | ModelConfig
    hardware: Device | Sequence[Device]
    devices: int
    engine: str
    input_tokens: int
    output_tokens: int
    precision: str | Precision
    memory_fraction: float
    tpot_limit_ms: float | None
    ttft_limit_ms: float | None
    workload: str | None


class Several(Inputs):
    """The settings of :class:`Inputs`, with several devices as ``hardware``.

    Attributes
    ----------
    hardware : tuple of str or Hardware
        What is compared; a single one may be given as itself.
    """

    hardware = traitlets.Any(USUAL_HARDWARE)
    stage = traitlets.Any("serving")
    devices_min = traitlets.Any(1)

    @traitlets.validate(*DEFAULTS)
    def _check(self, proposal: Any) -> Any:  # noqa: ANN401 - traitlets' proposal is untyped
        name, value = proposal["trait"].name, proposal["value"]
        try:
            found = checked_devices(value) if name == "hardware" else checked(name, value)
            if name in TOGETHER:
                check_together({**self.settings(), name: found})
        except ValueError as error:
            raise TraitError(str(error)) from None
        return found


def checked_devices(value: Device | Sequence[Device]) -> tuple[str | Hardware, ...]:
    """Return devices in their canonical form, each once.

    Raises
    ------
    ValueError
        For none, or an unknown one.

    Examples
    --------
    >>> checked_devices(["h100", "H100_80GB", "T4"])
    ('H100_80GB', 'T4')
    """
    several: Sequence[Any] = value if isinstance(value, (list, tuple)) else (value,)
    if not several:
        msg = "hardware must be one device or more, got none"
        raise ValueError(msg)
    return tuple(dict.fromkeys(checked("hardware", one) for one in several))


def several_fields(
    committer: Callable[[str], Commit], names: Collection[str] = FIELDS
) -> dict[str, Field]:
    """Make the controls of some settings; all but the devices are as in the explorer's form."""
    fields = make_fields(committer, [name for name in names if name != "hardware"])
    fields["hardware"] = ListField(
        "Hardware", list_hardware(), committer("hardware"), name_of, about=_ABOUT
    )
    return {name: fields[name] for name in FIELDS if name in fields}
