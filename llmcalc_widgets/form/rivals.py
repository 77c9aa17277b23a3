"""Settings to be compared with the present ones: kept as they are, or as changes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmcalc_widgets.form.checked import checked
from llmcalc_widgets.form.comparing import TECHNIQUE_LABELS
from llmcalc_widgets.form.names import name_of
from llmcalc_widgets.form.settings import DEFAULTS, check_names, check_together
from llmcalc_widgets.form.techniques import PRICES
from llmcalc_widgets.form.workloads import with_workload

MOST_RIVALS = 12
"""More fronts than this are a tangle."""

_LABELS = {
    "tpot_limit_ms": "TPOT limit [ms]",
    "ttft_limit_ms": "TTFT limit [ms]",
    "devices_min": "fewest devices",
    "batch_min": "in flight from",
    "batch_max": "in flight to",
    "memory_fraction": "memory share",
    "price_per_hour": "price [USD/h]",
    "power_watts": "power [W]",
    **TECHNIQUE_LABELS,
}


def checked_pins(pins: Any) -> tuple[dict[str, Any], ...]:  # noqa: ANN401
    """Return pins with complete settings in their canonical form.

    Raises
    ------
    ValueError
        For what is no pin, a name twice, or wrong settings.
    """
    found = []
    for pin in _several("pins", pins):
        name, settings = pin.get("name"), pin.get("settings")
        if not (isinstance(name, str) and name and isinstance(settings, Mapping)):
            msg = f"pins must be dicts with a 'name' and 'settings', got {pin!r}"
            raise ValueError(msg)
        complete = {**DEFAULTS, **_checked_settings(settings)}
        check_together(complete)
        found.append({"name": name, "settings": complete})
    names = [str(pin["name"]) for pin in found]
    if len(set(names)) < len(names):
        msg = f"pins must have different names, got {', '.join(names)}"
        raise ValueError(msg)
    return tuple(found)


def checked_compared(compared: Any) -> tuple[dict[str, Any], ...]:  # noqa: ANN401
    """Return changes of settings in their canonical form.

    Raises
    ------
    ValueError
        For what changes no setting, or wrong settings.
    """
    found = []
    for changes in _several("compared", compared):
        if not changes:
            msg = "compared must be dicts of one setting or more, got an empty one"
            raise ValueError(msg)
        found.append(_checked_settings(changes))
    return tuple(found)


def difference_words(settings: Mapping[str, Any], others: Mapping[str, Any]) -> str:
    """Say in what settings differ from the present ones.

    Examples
    --------
    >>> difference_words({**DEFAULTS, "devices": 4}, DEFAULTS)
    'devices 4 instead of 8'
    """
    words = [
        f"{_LABELS.get(name, name.replace('_', ' '))} {_value_words(name, value)} "
        f"instead of {_value_words(name, others[name])}"
        for name, value in settings.items()
        if value != others[name]
    ]
    return "; ".join(words) or "the present settings"


def _value_words(name: str, value: object) -> str:
    return "as listed" if value is None and name in PRICES else name_of(value)


def _several(name: str, values: Any) -> Iterable[Mapping[str, Any]]:  # noqa: ANN401
    several = isinstance(values, (list, tuple))
    if not several or not all(isinstance(one, Mapping) for one in values):
        msg = f"{name} must be a list of dicts, got {values!r}"
        raise ValueError(msg)
    if len(values) > MOST_RIVALS:
        msg = f"{name} must be at most {MOST_RIVALS}, got {len(values)}"
        raise ValueError(msg)
    return tuple(values)


def _checked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    try:
        check_names(settings, (*DEFAULTS, "workload"))
    except TypeError as error:
        raise ValueError(str(error)) from None
    given = with_workload(settings)
    return {name: checked(name, value) for name, value in given.items()}
