"""Fronts beside the present one: pinned settings, changes of settings, and how they are typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmcalc_widgets.settings.registry import DEFAULTS, SETTINGS, checked_settings
from llmcalc_widgets.settings.renamed import RENAMED
from llmcalc_widgets.settings.rules import check_together
from llmcalc_widgets.settings.values import name_of
from llmcalc_widgets.text.units import number_text

MOST_FRONTS = 12
"""More fronts than this are a tangle."""

_SEVERAL = "drafted tokens: 4; acceptance rate: 0.7"


def checked_pins(name: str, pins: Any) -> tuple[dict[str, Any], ...]:  # noqa: ANN401
    """Return pins with complete settings in their canonical form.

    Raises
    ------
    ValueError
        For what is no pin, a name twice, or wrong settings.
    """
    found = []
    for pin in _several(name, pins):
        title, settings = pin.get("name"), pin.get("settings")
        if not (isinstance(title, str) and title and isinstance(settings, Mapping)):
            msg = f"pins must be dicts with a 'name' and 'settings', got {pin!r}"
            raise ValueError(msg)
        complete = {**DEFAULTS, **checked_settings(settings)}
        check_together(complete)
        found.append({"name": title, "settings": complete})
    names = [str(pin["name"]) for pin in found]
    if len(set(names)) < len(names):
        msg = f"pins must have different names, got {', '.join(names)}"
        raise ValueError(msg)
    return tuple(found)


def checked_compared(name: str, compared: Any) -> tuple[dict[str, Any], ...]:  # noqa: ANN401
    """Return changes of settings in their canonical form.

    Raises
    ------
    ValueError
        For what changes no setting, or wrong settings.
    """
    found = []
    for changes in _several(name, compared):
        if not changes:
            msg = "compared must be dicts of one setting or more, got an empty one"
            raise ValueError(msg)
        found.append(checked_settings(changes))
    return tuple(found)


def difference_words(settings: Mapping[str, Any], others: Mapping[str, Any]) -> str:
    """Say in what settings differ from the present ones.

    Examples
    --------
    >>> difference_words({**DEFAULTS, "devices": 4}, DEFAULTS)
    'devices 4 instead of 8'
    """
    words = [
        f"{SETTINGS[name].words} {SETTINGS[name].value_words(value)} "
        f"instead of {SETTINGS[name].value_words(others[name])}"
        for name, value in settings.items()
        if value != others[name]
    ]
    return "; ".join(words) or "the present settings"


def settings_text(settings: Mapping[str, Any]) -> str:
    """Write what is set in a line that :func:`typed_changes` reads, to be sent to somebody.

    Raises
    ------
    ValueError
        For a model or a device of one's own, which a line cannot describe.

    Examples
    --------
    >>> settings_text({**DEFAULTS, "model": "qwen3_8b", "devices": 16, "tpot_limit_ms": 40.0})
    'model: qwen3_8b; devices: 16; tpot_limit_ms: 40'
    """
    written = {name: value for name, value in settings.items() if value != DEFAULTS[name]}
    text = "; ".join(f"{name}: {_text_of(name, value)}" for name, value in written.items())
    if typed_changes(text) != written:
        own = ", ".join(name for name, value in written.items() if not _plain(value))
        msg = (
            f"{own or 'a setting'} must be known by its name to be written in a line: use to_config"
        )
        raise ValueError(msg)
    return text


def _plain(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _text_of(name: str, value: object) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number_text(value)
    return SETTINGS[name].value_words(value) if value is not None else "none"


def usual_comparisons() -> list[str]:
    """List what is usually compared, as it is typed."""
    usual = [
        f"{setting.words}: {name_of(value)}"
        for setting in SETTINGS.values()
        for value in setting.usual()
    ]
    return [*usual, _SEVERAL]


def typed_changes(text: str) -> Mapping[str, Any]:
    """Read the changes of settings that were typed; what names no setting by its value.

    Examples
    --------
    >>> typed_changes("L4"), typed_changes("precision: fp8")
    ({'hardware': 'L4'}, {'precision': 'fp8'})
    >>> typed_changes("qwen3_8b; nvfp4; sglang")
    {'model': 'qwen3_8b', 'precision': 'nvfp4', 'engine': 'sglang'}
    >>> typed_changes("drafted tokens: 4; acceptance rate: 0.7")
    {'speculative_tokens': 4, 'acceptance_rate': 0.7}
    """
    return dict(_typed_change(part) for part in text.split(";") if part.strip())


def _typed_change(text: str) -> tuple[str, Any]:
    words, _, value = (part.strip() for part in text.partition(":"))
    words = RENAMED.get(words, words)
    for name, setting in SETTINGS.items():
        if words in {name, setting.words} and value:
            return name, setting.read(value)
    return _called(words) if not value else "hardware", text.strip()


def _called(words: str) -> str:
    """Say which setting a value is of that was typed alone, such as 'qwen3_8b' or 'fp8'."""
    for name in _ALONE:
        try:
            SETTINGS[name].checked(words)
        except ValueError:
            continue
        return name
    return "hardware"


_ALONE = ("hardware", "precision", "engine", "phase", "workload", "model")
"""Settings whose values tell by themselves what they are of."""


def _several(name: str, values: Any) -> Iterable[Mapping[str, Any]]:  # noqa: ANN401
    several = isinstance(values, (list, tuple))
    if not several or not all(isinstance(one, Mapping) for one in values):
        msg = f"{name} must be a list of dicts, got {values!r}"
        raise ValueError(msg)
    if len(values) > MOST_FRONTS:
        msg = f"{name} must be at most {MOST_FRONTS}, got {len(values)}"
        raise ValueError(msg)
    return tuple(values)
