"""The fronts beside the present one: pinned ones, and those of changed settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llmcalc_widgets.apps.chart_options import Outlook
from llmcalc_widgets.cache import Kept
from llmcalc_widgets.chart.compared_fronts import ComparedFront
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.form.names import name_of
from llmcalc_widgets.form.rivals import difference_words
from llmcalc_widgets.form.settings import check_together, to_request
from llmcalc_widgets.form.techniques import PRICES
from llmcalc_widgets.form.workloads import WORKLOAD_SETTINGS, WORKLOADS, workload_of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """Settings to evaluate, and what the rival is called."""

    name: str
    kind: str
    at: int
    settings: dict[str, Any]


class Rivals:
    """Evaluates what is compared, and keeps what it has evaluated."""

    def __init__(self) -> None:
        self._kept = Kept()

    def of(
        self, outlook: Outlook, settings: Mapping[str, Any], scene: ChartView
    ) -> tuple[ComparedFront, ...]:
        """Give the rivals of the present settings, seen along the axes of their scene."""
        return tuple(self._rival(entry, settings, scene) for entry in _entries(outlook, settings))

    def _rival(self, entry: _Entry, settings: Mapping[str, Any], scene: ChartView) -> ComparedFront:
        found, trouble = None, ""
        stage = entry.settings["stage"]
        if stage != settings["stage"]:
            trouble = f"not drawn: it is of stage {stage}"
        else:
            try:
                check_together(entry.settings)
                found = self._kept.evaluated(to_request(entry.settings))
            except ValueError as error:
                trouble = str(error)
        return ComparedFront(
            name=entry.name,
            kind=entry.kind,
            at=entry.at,
            words=difference_words(entry.settings, settings),
            view=None if found is None else ChartView(evaluation=found, names=scene.names),
            trouble=trouble,
        )


def _entries(outlook: Outlook, settings: Mapping[str, Any]) -> Iterator[_Entry]:
    names = {pin["name"] for pin in outlook.pins}
    for at, pin in enumerate(outlook.pins):
        yield _Entry(name=pin["name"], kind="pins", at=at, settings=pin["settings"])
    for at, changes in enumerate(outlook.compared):
        called = _called(changes)
        name = str(at + 1) if called in names else called or str(at + 1)
        names.add(name)
        yield _Entry(name=name, kind="compared", at=at, settings=_changed(settings, changes))


def _called(changes: Mapping[str, Any]) -> str:
    """Call what is compared by its device, model, precision or workload; empty if it is by more."""
    if set(changes) == set(WORKLOAD_SETTINGS):
        workload = workload_of(changes)
        return WORKLOADS[workload].label if workload else ""
    ((setting, value), *others) = changes.items()
    named = setting in ("hardware", "model", "precision") and not others
    return name_of(value).rpartition("/")[2] if named else ""


def _changed(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change settings; a price or power that is set is that of its device, not of another one."""
    other = changes.get("hardware", settings["hardware"]) != settings["hardware"]
    return {**settings, **(PRICES if other else {}), **changes}
