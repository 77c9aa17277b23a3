"""The settings in the order of the form: what every widget is asked, and the request they make.

A new setting is an entry of one of the classes that :class:`SettingValues` joins: its traits,
checks, control, label, tooltip, configuration, words in comparisons and code follow from it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from llmcalc_core import EvaluationRequest, make_request
from llmcalc_widgets.settings.deployment import DeploymentValues, MemoryValues
from llmcalc_widgets.settings.presets import with_workload
from llmcalc_widgets.settings.renamed import renamed
from llmcalc_widgets.settings.setting import Values, settings_of
from llmcalc_widgets.settings.techniques import EngineValues, PriceValues, TechniqueValues
from llmcalc_widgets.settings.workload import WorkloadValues


class SettingValues(
    DeploymentValues,
    WorkloadValues,
    MemoryValues,
    TechniqueValues,
    EngineValues,
    PriceValues,
    total=False,
):
    """Everything that can be set of a question."""


SETTINGS = settings_of(SettingValues)
"""Every setting of a question by name, in the order of the form."""

DEFAULTS = {name: one.default for name, one in SETTINGS.items() if not one.alias}
"""What is asked where nothing is set."""

TECHNIQUES = tuple(name for name, one in SETTINGS.items() if one.group == "techniques")
PRICES = tuple(name for name, one in SETTINGS.items() if one.group == "prices")


_RATES = frozenset({"request_rate", "request_rate_min"})


def to_request(settings: Values) -> EvaluationRequest:
    """Make the request that checked settings ask for.

    Examples
    --------
    >>> from llmcalc_widgets.settings.registry import DEFAULTS
    >>> to_request({**DEFAULTS, "batch_min": 3, "batch_max": 10}).batches
    (3, 4, 8, 10)
    """
    arguments: dict[str, Any] = {}
    for setting in SETTINGS.values():
        arguments |= setting.arguments(settings)
    return make_request(**arguments)


def checked_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in their canonical form, those of a workload in its place.

    Raises
    ------
    ValueError
        For an unknown name or a value out of range.

    Examples
    --------
    >>> checked_settings({"devices": 16.0, "workload": "batch"})["devices"]
    16
    """
    try:
        given = renamed(values)
        check_names(given, SETTINGS)
    except TypeError as error:
        raise ValueError(str(error)) from None
    return {name: SETTINGS[name].checked(one) for name, one in in_full(given).items()}


def in_full(values: Mapping[str, Any]) -> dict[str, Any]:
    """Put the settings of a workload in its place; where a rate is given, load is given as one.

    Raises
    ------
    ValueError
        For an unknown workload.

    Examples
    --------
    >>> in_full({"request_rate": 20})
    {'request_rate': 20, 'load_as': 'request_rate'}
    """
    given = with_workload(values)
    implied = {"load_as": "request_rate"} if not _RATES.isdisjoint(given) else {}
    return {**given, **({} if "load_as" in given else implied)}


def check_names(
    names: Mapping[str, object], known: Collection[str], *, owner: str = "ParetoExplorer"
) -> None:
    """Refuse a keyword that is no setting.

    Raises
    ------
    TypeError
        With the nearest setting.
    """
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1, cutoff=0.4)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            msg = f"{owner} has no setting {name!r}; {hint}"
            raise TypeError(msg)
