"""The fronts beside the present one: pinned ones, and those of changed settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llmcalc_widgets.apps.chart_options import ChartOptions
from llmcalc_widgets.chart.compared_fronts import ComparedFront
from llmcalc_widgets.chart.view import ChartView
from llmcalc_widgets.runner.evaluations import EvaluationCache
from llmcalc_widgets.settings.compared import difference_words
from llmcalc_widgets.settings.registry import DEFAULTS, PRICES
from llmcalc_widgets.settings.request import to_request
from llmcalc_widgets.settings.rules import check_together
from llmcalc_widgets.settings.values import name_of
from llmcalc_widgets.settings.workloads import WORKLOAD_SETTINGS, WORKLOADS, workload_of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """Settings to evaluate, and what their front is called."""

    name: str
    kind: str
    at: int
    settings: dict[str, Any]


class ComparedFronts:
    """Evaluates what is pinned and compared, and keeps what it has evaluated."""

    def __init__(self) -> None:
        self._cache = EvaluationCache()

    def of(
        self, options: ChartOptions, settings: Mapping[str, Any], view: ChartView
    ) -> tuple[ComparedFront, ...]:
        """Give the fronts beside that of settings, seen along the axes of its view."""
        entries = _entries(options, settings)
        return tuple(self._front(entry, settings, view) for entry in entries)

    def _front(self, entry: _Entry, settings: Mapping[str, Any], view: ChartView) -> ComparedFront:
        found, trouble = None, ""
        stage = entry.settings["stage"]
        if stage != settings["stage"]:
            trouble = f"not drawn: it is of stage {stage}"
        else:
            try:
                check_together(entry.settings)
                found = self._cache.evaluate(to_request(entry.settings))
            except ValueError as error:
                trouble = str(error)
        return ComparedFront(
            name=entry.name,
            kind=entry.kind,
            at=entry.at,
            words=difference_words(entry.settings, settings),
            view=None if found is None else ChartView(evaluation=found, names=view.names),
            trouble=trouble,
        )


def _entries(options: ChartOptions, settings: Mapping[str, Any]) -> Iterator[_Entry]:
    names = {pin["name"] for pin in options.pins}
    for at, pin in enumerate(options.pins):
        yield _Entry(name=pin["name"], kind="pins", at=at, settings=pin["settings"])
    for at, changes in enumerate(options.compared):
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
    listed = {name: DEFAULTS[name] for name in PRICES} if other else {}
    return {**settings, **listed, **changes}
